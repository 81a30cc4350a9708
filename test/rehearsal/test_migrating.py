"""From deploy-time-build's real construct and from a ZIP archive to this construct: docs/migrating.md."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_bedrockagentcore as agentcore
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecr_assets as ecr_assets
from cdklabs.deploy_time_build import ContainerImageBuild

from arm64_agent_image import Arm64AgentRuntimeArtifact

from . import apps, queries
from .cdk_cli import Outcome
from .environment import BUSYBOX_BASE, Environment

STACK, RUNTIME = "Migrated", "Migrated_Agent"

builds_with_the_peer = pytest.mark.skipif(
    not (shutil.which("unzip") and shutil.which("curl")),
    reason="deploy-time-build's build needs unzip and curl",
)


@dataclass
class MigratedStack:
    """A stack, before and after its migration."""

    environment: Environment
    folder: Path
    directory: Path
    old_repository: str = ""

    def try_to_deploy(self, fill: apps.Fill) -> Outcome:
        """Deploy the stack with these contents."""
        output = self.folder / fill.__name__
        return self.environment.cdk.deploy(apps.synthesize(output, **{STACK: fill}))

    def deploy(self, fill: apps.Fill) -> dict[str, Any]:
        """The same, without a failure; returns the stack's Runtime."""
        outcome = self.try_to_deploy(fill)
        assert outcome.succeeded, outcome.output
        return queries.runtimes(self.environment.aws)[RUNTIME]

    def before(self, stack: cdk.Stack) -> None:
        """The image of deploy-time-build."""
        self._runtime_of(self._peer(stack))

    def retained(self, stack: cdk.Stack) -> None:
        """Step 1 of "Keeping the old images"."""
        build = self._peer(stack)
        build.repository.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        self._runtime_of(build)

    def kept(self, stack: cdk.Stack) -> None:
        """deploy-time-build's image, used through this construct."""
        build = self._peer(stack)
        image = Arm64AgentRuntimeArtifact.from_image_tag(
            stack, "AgentImage", repository=build.repository, tag=build.image_tag, dependencies=[build]
        )
        apps.runtime(stack, "Agent", image)

    def replaced(self, stack: cdk.Stack) -> None:
        """This construct's own image."""
        apps.runtime(stack, "Agent", apps.image(stack, "AgentImage", self.directory))

    def replaced_and_kept(self, stack: cdk.Stack) -> None:
        """Step 2 of "Keeping the old images"."""
        runtime = apps.runtime(stack, "Agent", apps.image(stack, "AgentImage", self.directory))
        old = ecr.Repository.from_repository_name(stack, "OldImages", self.old_repository)
        old.grant_pull(runtime)

    def archive(self, stack: cdk.Stack) -> None:
        """A Runtime that runs code from a ZIP archive."""
        artifact = agentcore.AgentRuntimeArtifact.from_code_asset(
            path=str(self.directory),
            runtime=agentcore.AgentCoreRuntime.PYTHON_3_12,
            entrypoint=["version.txt"],
        )
        agentcore.Runtime(stack, "Agent", runtime_name=RUNTIME, agent_runtime_artifact=artifact)

    def archive_and_image(self, stack: cdk.Stack) -> None:
        """The archive, and a second Runtime with an image."""
        self.archive(stack)
        apps.runtime(stack, "Image", apps.image(stack, "AgentImage", self.directory))

    def _peer(self, stack: cdk.Stack) -> ContainerImageBuild:
        return ContainerImageBuild(
            stack,
            "Image",
            directory=str(self.directory),
            platform=ecr_assets.Platform.LINUX_ARM64,
            build_args={"BASE_IMAGE": BUSYBOX_BASE},
        )

    def _runtime_of(self, build: ContainerImageBuild) -> None:
        artifact = agentcore.AgentRuntimeArtifact.from_ecr_repository(build.repository, build.image_tag)
        runtime = agentcore.Runtime(
            cdk.Stack.of(build), "Agent", runtime_name=RUNTIME, agent_runtime_artifact=artifact
        )
        runtime.node.add_dependency(build)


@pytest.fixture
def stack(environment: Environment, tmp_path: Path) -> Iterator[MigratedStack]:
    """The stack, deleted at the end."""
    yield MigratedStack(environment, tmp_path, apps.source(tmp_path / "agent", "1"))
    environment.aws.delete_stack(STACK)


@builds_with_the_peer
def test_the_build_is_kept_without_a_new_one(stack: MigratedStack) -> None:
    before = stack.deploy(stack.before)
    began = stack.environment.aws.now()
    assert stack.deploy(stack.kept) == before
    assert stack.environment.aws.builds(began) == []


@builds_with_the_peer
def test_replacing_the_build_updates_the_runtime_in_place_and_deletes_the_old_repository(
    stack: MigratedStack,
) -> None:
    aws = stack.environment.aws
    before = stack.deploy(stack.before)
    old = queries.repository_of(before["uri"])
    after = stack.deploy(stack.replaced)
    assert (after["arn"], after["version"]) == (before["arn"], before["version"] + 1)
    assert old not in queries.repositories(aws)
    assert queries.platform(aws, after["uri"]) == "linux/arm64"


@builds_with_the_peer
def test_the_old_images_are_kept_if_the_policy_was_deployed_first(stack: MigratedStack) -> None:
    aws = stack.environment.aws
    before = stack.deploy(stack.retained)
    old = queries.repository_of(before["uri"])
    stack.old_repository = old
    stack.deploy(stack.replaced_and_kept)
    assert old in queries.pullable_repositories(aws, STACK)
    assert queries.tags(aws, old) == {before["uri"].rpartition(":")[2]}
    aws.client("ecr").delete_repository(repositoryName=old, force=True)


def test_a_runtime_keeps_its_archive_and_a_second_one_runs_the_image(stack: MigratedStack) -> None:
    before = stack.deploy(stack.archive)
    outcome = stack.try_to_deploy(stack.replaced)
    assert not outcome.succeeded
    assert "Agent artifact type cannot be updated" in outcome.one_line
    assert stack.deploy(stack.archive_and_image)["arn"] == before["arn"]
    second = queries.runtimes(stack.environment.aws)["Migrated_Image"]
    assert second["arn"] != before["arn"]
    assert queries.platform(stack.environment.aws, second["uri"]) == "linux/arm64"
