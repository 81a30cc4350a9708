"""The apps to compare: one Runtime for each directory, with its image from this library or from a peer.

`python -m bench.apps <variant> <output> <directory>...` synthesizes one. Imports are inside the functions,
because loading a package is part of what an app pays for it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_bedrockagentcore as agentcore

if TYPE_CHECKING:
    from arm64_agent_image import ImageBuild

EXISTING = "111122223333.dkr.ecr.us-east-1.amazonaws.com/agents:1"
Artifact = agentcore.AgentRuntimeArtifact
Variant = Callable[[cdk.Stack, str, str], agentcore.Runtime]


def bare_runtime(stack: cdk.Stack, name: str, _directory: str) -> agentcore.Runtime:
    return runtime(stack, name, Artifact.from_image_uri(EXISTING))


def same_resources(stack: cdk.Stack, name: str, file: str) -> agentcore.Runtime:
    """The resources of CodeBuild mode as plain as the CDK can define them, without this library."""
    for logical_id, resource in json.loads(Path(file).read_text()).items():
        plain = cdk.CfnResource(stack, logical_id, type=resource["Type"], properties=resource["Properties"])
        plain.override_logical_id(logical_id)
    return bare_runtime(stack, name, "")


def beside_log_groups(image: Variant) -> Variant:
    """An app with ten other resources."""

    def define(stack: cdk.Stack, name: str, directory: str) -> agentcore.Runtime:
        from aws_cdk import aws_logs as logs

        for number in range(10):
            logs.CfnLogGroup(stack, f"{name}Logs{number}")
        return image(stack, name, directory)

    return define


def from_asset(stack: cdk.Stack, name: str, directory: str) -> agentcore.Runtime:
    from aws_cdk import aws_ecr_assets as ecr_assets

    image = Artifact.from_asset(directory, platform=ecr_assets.Platform.LINUX_ARM64)
    return runtime(stack, name, image)


def smallest_example(stack: cdk.Stack, name: str, directory: str) -> agentcore.Runtime:
    return bound(stack, name, directory)


def code_build_with_options(stack: cdk.Stack, name: str, directory: str) -> agentcore.Runtime:
    from arm64_agent_image import ImageBuild

    return bound(stack, name, directory, ImageBuild.code_build(timeout=cdk.Duration.minutes(20)))


def deploy_time_build_by_tag(stack: cdk.Stack, name: str, directory: str) -> agentcore.Runtime:
    return deploy_time_build(stack, name, directory, "latest")


def deploy_time_build_by_image_tag(stack: cdk.Stack, name: str, directory: str) -> agentcore.Runtime:
    return deploy_time_build(stack, name, directory, None)


def bound(stack: cdk.Stack, name: str, directory: str, build: ImageBuild | None = None) -> agentcore.Runtime:
    from arm64_agent_image import Arm64AgentRuntimeArtifact

    image = Arm64AgentRuntimeArtifact(stack, f"{name}Image", directory=directory, image_build=build)
    agent = runtime(stack, name, image.agent_runtime_artifact)
    image.bind_runtime(agent)
    return agent


def deploy_time_build(stack: cdk.Stack, name: str, directory: str, tag: str | None) -> agentcore.Runtime:
    from aws_cdk import aws_ecr_assets as ecr_assets
    from cdklabs.deploy_time_build import ContainerImageBuild

    platform = ecr_assets.Platform.LINUX_ARM64
    build = ContainerImageBuild(stack, f"{name}Image", directory=directory, platform=platform, tag=tag)
    agent = runtime(stack, name, Artifact.from_ecr_repository(build.repository, tag or build.image_tag))
    agent.node.add_dependency(build)
    return agent


def runtime(stack: cdk.Stack, name: str, artifact: Artifact) -> agentcore.Runtime:
    return agentcore.Runtime(
        stack, name, agent_runtime_artifact=artifact, environment_variables={"STAGE": "bench"}
    )


VARIANTS: dict[str, Variant] = {
    "bare Runtime": bare_runtime,
    "fromAsset": from_asset,
    "local": smallest_example,
    "CodeBuild": smallest_example,
    "CodeBuild, with options": code_build_with_options,
    "same resources, plain": same_resources,
    "ten log groups": beside_log_groups(bare_runtime),
    "ten log groups, CodeBuild": beside_log_groups(smallest_example),
    "deploy-time-build, tag": deploy_time_build_by_tag,
    "deploy-time-build, image_tag": deploy_time_build_by_image_tag,
}


def main(variant: str, output: str, *directories: str) -> None:
    context = {"arm64-agent-image:build": "local" if variant == "local" else "codebuild"}
    app = cdk.App(outdir=output, analytics_reporting=False, context=context)
    stack = cdk.Stack(app, "Agents")
    for number, directory in enumerate(directories):
        VARIANTS[variant](stack, f"Agent{number}", directory)
    app.synth()


if __name__ == "__main__":
    main(*sys.argv[1:])
