"""A private base image in Amazon ECR, and pulls from Docker Hub with an account."""

import aws_cdk as cdk
from aws_cdk import aws_bedrockagentcore as agentcore
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from arm64_agent_image import (
    Arm64AgentRuntimeArtifact,
    CodeBuildOptions,
    ImageBuild,
    RegistryCredentials,
)

ACCOUNT, REGION, NAME = "444455556666", "eu-west-1", "base-images/python"


class PrivateBaseImageStack(cdk.Stack):
    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        base_images = ecr.Repository.from_repository_arn(
            self, "BaseImages", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{NAME}"
        )
        docker_hub = secretsmanager.Secret.from_secret_name_v2(self, "DockerHub", "docker-hub")

        image = Arm64AgentRuntimeArtifact(
            self,
            "AgentImage",
            directory="../agent",
            build_args={"BASE_IMAGE": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{NAME}:3.13"},
            image_build=ImageBuild.auto(
                code_build=CodeBuildOptions(
                    registry_credentials=[
                        RegistryCredentials.from_ecr_repository(base_images),
                        RegistryCredentials.from_secrets_manager("docker.io", docker_hub),
                    ]
                )
            ),
        )
        base_images.grant_pull(image)
        runtime = agentcore.Runtime(self, "Runtime", agent_runtime_artifact=image.agent_runtime_artifact)
        image.bind_runtime(runtime)


app = cdk.App()
PrivateBaseImageStack(app, "PrivateBaseImage")
app.synth()
