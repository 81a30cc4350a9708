"""One image for several Runtimes, which differ in their environment."""

import aws_cdk as cdk
from aws_cdk import aws_bedrockagentcore as agentcore
from constructs import Construct

from arm64_agent_image import Arm64AgentRuntimeArtifact


class SeveralRuntimesStack(cdk.Stack):
    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        image = Arm64AgentRuntimeArtifact(self, "AgentImage", directory="../agent")
        for part in ("Researcher", "Writer"):
            runtime = agentcore.Runtime(
                self,
                part,
                agent_runtime_artifact=image.agent_runtime_artifact,
                environment_variables={"PART": part},
            )
            image.bind_runtime(runtime)


app = cdk.App()
SeveralRuntimesStack(app, "SeveralRuntimes")
app.synth()
