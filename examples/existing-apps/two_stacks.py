"""The image in one stack and its Runtime in another."""

import aws_cdk as cdk
from aws_cdk import aws_bedrockagentcore as agentcore
from constructs import Construct

from arm64_agent_image import Arm64AgentRuntimeArtifact


class ImageStack(cdk.Stack):
    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        base_image = self.node.try_get_context("base-image")
        self.image = Arm64AgentRuntimeArtifact(
            self,
            "AgentImage",
            directory=self.node.try_get_context("agent") or "../agent",
            build_args={"BASE_IMAGE": base_image} if base_image else None,
        )


class AgentStack(cdk.Stack):
    def __init__(self, scope: Construct, id: str, *, image: Arm64AgentRuntimeArtifact) -> None:
        super().__init__(scope, id)
        runtime = agentcore.Runtime(self, "Runtime", agent_runtime_artifact=image.agent_runtime_artifact)
        image.bind_runtime(runtime)


app = cdk.App()
images = ImageStack(app, "Image")
AgentStack(app, "Agent", image=images.image)
app.synth()
