"""Deploy-time half of arm64-agent-image: builds the linux/arm64 image of a ``Custom::Arm64AgentImage``.

``handler`` runs in AWS Lambda, for AWS CloudFormation's requests and for every step of the execution in
AWS Step Functions that waits for a build. ``build`` runs in AWS CodeBuild.
"""
