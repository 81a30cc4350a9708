"""What runs in AWS CodeBuild: the program that builds one image, one phase of CodeBuild at a time.

It uses the standard library only, and needs a build image with Docker and buildx, the AWS CLI, and Python
3.11 or newer.
"""
