"""Deploy-time half of arm64-agent-image: builds the linux/arm64 image of a ``Custom::Arm64AgentImage``.

``handler`` runs in AWS Lambda. It serves AWS CloudFormation's requests, and each step of the AWS Step
Functions execution that waits for a build. ``build_program`` runs in AWS CodeBuild.
"""
