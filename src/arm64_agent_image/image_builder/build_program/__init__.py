"""The build of one image, a program of the standard library alone that AWS CodeBuild runs phase by phase.

It needs a build image with Docker and buildx, the AWS CLI, and Python 3.11 or newer.
"""
