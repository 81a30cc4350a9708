"""An agent's directory becomes an AgentCore Runtime."""

import os

import aws_cdk as cdk
from aws_cdk import aws_bedrockagentcore as agentcore
from constructs import Construct

from arm64_agent_image import Arm64AgentRuntimeArtifact


class AgentStack(cdk.Stack):
    def __init__(self, scope: Construct, id: str, *, env: cdk.Environment) -> None:
        super().__init__(scope, id, env=env)
        base_image = self.node.try_get_context("base-image")

        image = Arm64AgentRuntimeArtifact(
            self,
            "AgentImage",
            directory="../agent",
            build_args={"BASE_IMAGE": base_image} if base_image else None,
        )
        runtime = agentcore.Runtime(
            self,
            "Runtime",
            runtime_name="python_app_agent",
            agent_runtime_artifact=image.agent_runtime_artifact,
        )
        image.bind_runtime(runtime)

        cdk.CfnOutput(self, "RuntimeArn", value=runtime.agent_runtime_arn)
        cdk.CfnOutput(self, "ImageUri", value=image.image_uri)
        cdk.CfnOutput(self, "BuildMode", value=f"{image.build_mode.name}: {image.build_mode_reason}")


app = cdk.App()
environment = cdk.Environment(
    account=os.environ.get("CDK_DEFAULT_ACCOUNT"), region=os.environ.get("CDK_DEFAULT_REGION")
)
AgentStack(app, "PythonAppAgent", env=environment)
app.synth()
