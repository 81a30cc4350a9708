"""The `Runtime` of the alpha module, whose classes are other types with the same names."""

import aws_cdk as cdk
from aws_cdk import aws_bedrock_agentcore_alpha as agentcore
from constructs import Construct

from arm64_agent_image import Arm64AgentRuntimeArtifact


class AlphaRuntimeStack(cdk.Stack):
    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        image = Arm64AgentRuntimeArtifact(self, "AgentImage", directory="../agent")
        runtime = agentcore.Runtime(
            self,
            "Runtime",
            agent_runtime_artifact=agentcore.AgentRuntimeArtifact.from_image_uri(image.image_uri),
        )
        image.bind_runtime(runtime)


app = cdk.App()
AlphaRuntimeStack(app, "AlphaRuntime")
app.synth()
