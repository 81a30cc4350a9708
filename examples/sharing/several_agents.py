"""Several agents from one directory: an image for each stage of the Dockerfile, in one repository."""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_bedrockagentcore as agentcore
from aws_cdk import aws_ecr as ecr
from constructs import Construct

from arm64_agent_image import Arm64AgentRuntimeArtifact, CodeBuildOptions, ImageBuild

EXAMPLES = Path(__file__).resolve().parents[1]


class SeveralAgentsStack(cdk.Stack):
    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        repository = ecr.Repository(
            self,
            "Agents",
            repository_name="several-agents/agents",
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
        )
        for target in ("researcher", "writer"):
            image = Arm64AgentRuntimeArtifact(
                self,
                f"{target.title()}Image",
                directory=str(EXAMPLES),
                file="sharing/Dockerfile",
                target=target,
                image_build=ImageBuild.auto(code_build=CodeBuildOptions(repository=repository)),
            )
            runtime = agentcore.Runtime(
                self, target.title(), agent_runtime_artifact=image.agent_runtime_artifact
            )
            image.bind_runtime(runtime)


app = cdk.App()
SeveralAgentsStack(app, "SeveralAgents")
app.synth()
