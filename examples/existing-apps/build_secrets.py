"""Secrets for the build alone: they are in no template, log or image."""

import aws_cdk as cdk
from aws_cdk import aws_bedrockagentcore as agentcore
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from arm64_agent_image import (
    Arm64AgentRuntimeArtifact,
    BuildSecret,
    CodeBuildOptions,
    ImageBuild,
    LocalBuildOptions,
)


class BuildSecretsStack(cdk.Stack):
    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        index = secretsmanager.Secret.from_secret_name_v2(self, "PackageIndex", "package-index")
        certificate = ssm.StringParameter.from_string_parameter_name(
            self, "Certificate", "/package-index/certificate"
        )

        image = Arm64AgentRuntimeArtifact(
            self,
            "AgentImage",
            directory="..",
            file="existing-apps/build_secrets.Dockerfile",
            image_build=ImageBuild.auto(
                code_build=CodeBuildOptions(
                    build_secrets={
                        "index_url": BuildSecret.from_secrets_manager(index, "url"),
                        "certificate": BuildSecret.from_ssm_parameter(certificate),
                    }
                ),
                local=LocalBuildOptions(
                    build_secrets={"index_url": "env=PIP_INDEX_URL", "certificate": "src=certificate.pem"}
                ),
            ),
        )
        runtime = agentcore.Runtime(self, "Runtime", agent_runtime_artifact=image.agent_runtime_artifact)
        image.bind_runtime(runtime)


app = cdk.App()
BuildSecretsStack(app, "BuildSecrets")
app.synth()
