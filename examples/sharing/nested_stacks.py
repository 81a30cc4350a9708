"""Nested stacks with a Runtime each, as `backend.createStack` makes them, and one with the image."""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_bedrockagentcore as agentcore
from constructs import Construct

from arm64_agent_image import Arm64AgentRuntimeArtifact

EXAMPLES = Path(__file__).resolve().parents[1]


class BackendStack(cdk.Stack):
    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        image = Arm64AgentRuntimeArtifact(
            cdk.NestedStack(self, "Images"), "AgentImage", directory=str(EXAMPLES / "agent")
        )
        for name in ("Researcher", "Writer"):
            runtime = agentcore.Runtime(
                cdk.NestedStack(self, name),
                "Runtime",
                agent_runtime_artifact=image.agent_runtime_artifact,
                environment_variables={"AGENT": name},
            )
            image.bind_runtime(runtime)


app = cdk.App()
BackendStack(app, "Backend")
app.synth()
