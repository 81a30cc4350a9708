"""What the emulated account deploys: a stack with a Runtime whose image comes from this library or a peer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_bedrockagentcore as agentcore
from aws_cdk import aws_ecr_assets as ecr_assets
from cdklabs.deploy_time_build import ContainerImageBuild

from arm64_agent_image import ImageBuild
from test.rehearsal import apps
from test.rehearsal.environment import AMD64_BASE, BUSYBOX_BASE

Artifact = agentcore.AgentRuntimeArtifact
Connect = Callable[[agentcore.Runtime], None]
Image = Callable[[cdk.Stack, Path], tuple[Artifact, Connect]]
ARM64 = ecr_assets.Platform.LINUX_ARM64
BUILD_ARGS = {"BASE_IMAGE": BUSYBOX_BASE}


def deploy_time_build_by_tag(scope: cdk.Stack, directory: Path) -> tuple[Artifact, Connect]:
    return deploy_time_build(scope, directory, "latest")


def deploy_time_build_by_image_tag(scope: cdk.Stack, directory: Path) -> tuple[Artifact, Connect]:
    return deploy_time_build(scope, directory, None)


def deploy_time_build(scope: cdk.Stack, directory: Path, tag: str | None) -> tuple[Artifact, Connect]:
    build = ContainerImageBuild(
        scope, "Image", directory=str(directory), platform=ARM64, build_args=BUILD_ARGS, tag=tag
    )
    artifact = Artifact.from_ecr_repository(build.repository, tag or build.image_tag)
    return artifact, lambda runtime: runtime.node.add_dependency(build)


def from_asset(_scope: cdk.Stack, directory: Path) -> tuple[Artifact, Connect]:
    return Artifact.from_asset(str(directory), platform=ARM64, build_args=BUILD_ARGS), lambda _runtime: None


def local(scope: cdk.Stack, directory: Path) -> tuple[Artifact, Connect]:
    return this_construct(scope, directory, ImageBuild.local())


def code_build(scope: cdk.Stack, directory: Path) -> tuple[Artifact, Connect]:
    return this_construct(scope, directory, ImageBuild.code_build())


def this_construct(scope: cdk.Stack, directory: Path, build: ImageBuild) -> tuple[Artifact, Connect]:
    image = apps.image(scope, "Image", directory, build=build)
    return image.agent_runtime_artifact, image.bind_runtime


SUBJECTS: dict[str, Image] = {
    "deploy-time-build, tag": deploy_time_build_by_tag,
    "deploy-time-build, image_tag": deploy_time_build_by_image_tag,
    "fromAsset": from_asset,
    "local": local,
    "CodeBuild": code_build,
}


def stack(image: Image, directory: Path, description: str = "agent", fails: bool = False) -> apps.Fill:
    """A stack with an image and a Runtime; one that fails has a second Runtime, with an amd64 image."""

    def fill(scope: cdk.Stack) -> None:
        artifact, connect = image(scope, directory)
        name = scope.stack_name
        agent = agentcore.Runtime(
            scope,
            "Agent",
            runtime_name=f"{name}_Agent",
            description=description,
            agent_runtime_artifact=artifact,
        )
        connect(agent)
        if fails:
            refused = agentcore.Runtime(
                scope,
                "Refused",
                runtime_name=f"{name}_Refused",
                agent_runtime_artifact=Artifact.from_image_uri(AMD64_BASE),
            )
            refused.node.add_dependency(agent)

    return fill
