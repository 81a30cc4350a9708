"""A repository of the app's own, with its own lifecycle rule."""

import aws_cdk as cdk
from aws_cdk import aws_bedrockagentcore as agentcore
from aws_cdk import aws_ecr as ecr
from constructs import Construct

from arm64_agent_image import Arm64AgentRuntimeArtifact, CodeBuildOptions, ImageBuild


class OwnRepositoryStack(cdk.Stack):
    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        repository = ecr.Repository(
            self,
            "Agents",
            repository_name="own-repository/agents",
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            lifecycle_rules=[
                ecr.LifecycleRule(tag_status=ecr.TagStatus.UNTAGGED, max_image_age=cdk.Duration.days(7))
            ],
        )

        image = Arm64AgentRuntimeArtifact(
            self,
            "AgentImage",
            directory="../agent",
            image_build=ImageBuild.auto(code_build=CodeBuildOptions(repository=repository)),
        )
        runtime = agentcore.Runtime(self, "Runtime", agent_runtime_artifact=image.agent_runtime_artifact)
        image.bind_runtime(runtime)


app = cdk.App()
OwnRepositoryStack(app, "OwnRepository")
app.synth()
