"""The CDK app of a monorepo: the build context is the whole repository, the Dockerfile is the agent's."""

import aws_cdk as cdk
from aws_cdk import aws_bedrockagentcore as agentcore
from constructs import Construct

from arm64_agent_image import Arm64AgentRuntimeArtifact


class MonorepoStack(cdk.Stack):
    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        image = Arm64AgentRuntimeArtifact(self, "AgentImage", directory="..", file="apps/agent/Dockerfile")
        runtime = agentcore.Runtime(self, "Runtime", agent_runtime_artifact=image.agent_runtime_artifact)
        image.bind_runtime(runtime)


app = cdk.App()
MonorepoStack(app, "Monorepo")
app.synth()
