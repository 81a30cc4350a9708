"""The same stack, deployed by CodeBuild, by this machine, and by CodeBuild again: docs/images.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ecr as ecr

from arm64_agent_image import CodeBuildOptions, ImageBuild

from . import apps, queries
from .environment import Environment

STACK, RUNTIME = "Switched", "Switched_Agent"
OWN = "switched/agents"
NO_ASSEMBLY = cdk.Duration.minutes(0)


class SwitchedStack:
    """A stack whose builder changes with each deployment, while its source stays the same."""

    def __init__(self, environment: Environment, folder: Path, own_repository: bool) -> None:
        """Write the source."""
        self.environment, self.folder, self.own_repository = environment, folder, own_repository
        self.directory = apps.source(folder / "agent", "1")

    def deploy(self, mode: str) -> dict[str, Any]:
        """Deploy with this builder; returns the Runtime."""
        apps.synthesize(self.folder / mode, mode, **{STACK: self._fill})
        outcome = self.environment.cdk.deploy(self.folder / mode)
        assert outcome.succeeded, outcome.output
        return queries.runtimes(self.environment.aws)[RUNTIME]

    def _fill(self, stack: cdk.Stack) -> None:
        repository = self._repository(stack) if self.own_repository else None
        options = CodeBuildOptions(base_image_max_age=NO_ASSEMBLY, repository=repository, layer_cache=False)
        image = apps.image(stack, "Image", self.directory, build=ImageBuild.auto(code_build=options))
        apps.runtime(stack, "Agent", image)

    def _repository(self, stack: cdk.Stack) -> ecr.Repository:
        return ecr.Repository(
            stack, "Own", repository_name=OWN, removal_policy=cdk.RemovalPolicy.DESTROY, empty_on_delete=True
        )


@pytest.fixture
def stack(
    environment: Environment, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[SwitchedStack]:
    yield SwitchedStack(environment, tmp_path, own_repository=request.param)
    environment.aws.delete_stack(STACK)
    assert not {OWN} & queries.repositories(environment.aws)


@pytest.mark.parametrize("stack", [False], ids=["the construct's repository"], indirect=True)
def test_a_change_of_builder_deletes_the_construct_s_repository_and_updates_the_runtime_in_place(
    stack: SwitchedStack,
) -> None:
    aws = stack.environment.aws
    built = stack.deploy("codebuild")
    repository = queries.repository_of(built["uri"])
    assert queries.pullable_repositories(aws, STACK) == {repository}

    local = stack.deploy("local")
    assert (local["arn"], local["version"]) == (built["arn"], 2)
    assert "/cdk-hnb659fds-container-assets-" in local["uri"]
    assert repository not in queries.repositories(aws)
    assert repository not in queries.pullable_repositories(aws, STACK)

    began = aws.now()
    again = stack.deploy("codebuild")
    assert again == {"arn": built["arn"], "uri": built["uri"], "version": 3}
    assert queries.tags(aws, repository) == {built["uri"].rpartition(":")[2]}
    assert aws.ends_of_builds(began) == ["SUCCEEDED"], "the image was deleted, so it is built again"


@pytest.mark.parametrize("stack", [True], ids=["a repository of the app"], indirect=True)
def test_a_change_of_builder_keeps_a_repository_of_the_app_with_images_and_permission(
    stack: SwitchedStack,
) -> None:
    aws = stack.environment.aws
    built = stack.deploy("codebuild")
    image = queries.manifest(aws, built["uri"])

    local = stack.deploy("local")
    assert (local["arn"], local["version"]) == (built["arn"], 2)
    assert queries.manifest(aws, built["uri"]) == image
    assert OWN in queries.pullable_repositories(aws, STACK)

    began = aws.now()
    assert stack.deploy("codebuild") == {"arn": built["arn"], "uri": built["uri"], "version": 3}
    assert aws.builds(began) == []
