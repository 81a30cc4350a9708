"""The deploy-time half of arm64-agent-image: builds the linux/arm64 image of a ``Custom::Arm64AgentImage``.

``function`` runs in AWS Lambda: it handles AWS CloudFormation's requests and the steps of the AWS Step
Functions execution that waits for a build. ``build_program`` runs in AWS CodeBuild. Both use the modules
beside them.
"""
