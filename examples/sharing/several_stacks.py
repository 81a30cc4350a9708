"""Several stacks with a Runtime each, and one stack with the image that all of them run."""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_bedrockagentcore as agentcore
from constructs import Construct

from arm64_agent_image import Arm64AgentRuntimeArtifact

EXAMPLES = Path(__file__).resolve().parents[1]


class ImageStack(cdk.Stack):
    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        self.image = Arm64AgentRuntimeArtifact(self, "AgentImage", directory=str(EXAMPLES / "agent"))


class AgentStack(cdk.Stack):
    def __init__(self, scope: Construct, id: str, *, image: Arm64AgentRuntimeArtifact) -> None:
        super().__init__(scope, id)
        runtime = agentcore.Runtime(
            self,
            "Runtime",
            agent_runtime_artifact=image.agent_runtime_artifact,
            environment_variables={"AGENT": id},
        )
        image.bind_runtime(runtime)


app = cdk.App()
images = ImageStack(app, "Images")
for name in ("Researcher", "Writer"):
    AgentStack(app, name, image=images.image)
app.synth()
