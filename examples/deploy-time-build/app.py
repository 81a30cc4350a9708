"""An app that keeps deploy-time-build's `ContainerImageBuild` and binds its image to a Runtime."""

import aws_cdk as cdk
from aws_cdk import aws_bedrockagentcore as agentcore
from aws_cdk import aws_ecr_assets as ecr_assets
from cdklabs.deploy_time_build import ContainerImageBuild
from constructs import Construct

from arm64_agent_image import Arm64AgentRuntimeArtifact


class DeployTimeBuildStack(cdk.Stack):
    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        build = ContainerImageBuild(
            self, "Build", directory="../agent", platform=ecr_assets.Platform.LINUX_ARM64
        )

        image = Arm64AgentRuntimeArtifact.from_image_tag(
            self,
            "AgentImage",
            repository=build.repository,
            tag=build.image_tag,
            dependencies=[build],
        )
        runtime = agentcore.Runtime(self, "Runtime", agent_runtime_artifact=image.agent_runtime_artifact)
        image.bind_runtime(runtime)


app = cdk.App()
DeployTimeBuildStack(app, "DeployTimeBuild")
app.synth()
