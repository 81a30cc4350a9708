"""The apps that the scenarios deploy, synthesized in this process through the library's Python bindings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_bedrockagentcore as agentcore
from constructs import Construct

from arm64_agent_image import Arm64AgentRuntimeArtifact, CodeBuildOptions, ImageBuild

from .emulated_aws import ACCOUNT, DEFAULT_REGION, Region
from .environment import BUSYBOX_BASE

Fill = Callable[[cdk.Stack], None]
DOCKERFILE = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY version.txt /\n"


def source(folder: Path, version: str, dockerfile: str = DOCKERFILE) -> Path:
    """Write an agent's directory: a Dockerfile and one file whose content is the version."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Dockerfile").write_text(dockerfile)
    (folder / "version.txt").write_text(version)
    return folder


def synthesize(
    output: Path, mode: str = "codebuild", region: Region = DEFAULT_REGION, /, **stacks: Fill
) -> Path:
    """Synthesize an app with these stacks; the mode says who builds its images."""
    app = cdk.App(outdir=str(output), analytics_reporting=False, context={"arm64-agent-image:build": mode})
    for name, fill in stacks.items():
        fill(cdk.Stack(app, name, env=cdk.Environment(account=ACCOUNT, region=region.name)))
    app.synth()
    return output


def image(
    scope: Construct, name: str, directory: Path, base: str = BUSYBOX_BASE, build: ImageBuild | None = None
) -> Arm64AgentRuntimeArtifact:
    """An image that is built from this directory; without another option every change is built."""
    options = CodeBuildOptions(base_image_max_age=cdk.Duration.minutes(0))
    build = build or ImageBuild.auto(code_build=options)
    return Arm64AgentRuntimeArtifact(
        scope, name, directory=str(directory), build_args={"BASE_IMAGE": base}, image_build=build
    )


def runtime(scope: Construct, name: str, artifact: Arm64AgentRuntimeArtifact) -> agentcore.Runtime:
    """A Runtime bound to the image."""
    made = agentcore.Runtime(
        scope,
        name,
        runtime_name=f"{cdk.Stack.of(scope).stack_name}_{name}",
        agent_runtime_artifact=artifact.agent_runtime_artifact,
    )
    artifact.bind_runtime(made)
    return made


def agent(directory: Path, **options: object) -> Fill:
    """A stack with one image and one Runtime."""

    def fill(stack: cdk.Stack) -> None:
        runtime(stack, "Agent", image(stack, "Image", directory, **options))  # type: ignore[arg-type]

    return fill
