"""Two stacks share one repository and deploy at once: the same source is one image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ecr as ecr

from arm64_agent_image import ImageBuild

from . import apps, queries
from .environment import Environment

NAME = "shared/agents"
STACKS = ("SharedOne", "SharedTwo")


@pytest.fixture(params=["IMMUTABLE", "MUTABLE"])
def repository(request: pytest.FixtureRequest, environment: Environment) -> Iterator[str]:
    """A repository outside the stacks, with mutable or immutable tags."""
    client = environment.aws.client("ecr")
    client.create_repository(repositoryName=NAME, imageTagMutability=request.param)
    yield NAME
    client.delete_repository(repositoryName=NAME, force=True)


def agent(directory: Path) -> apps.Fill:
    """An image in the shared repository, and its Runtime."""

    def fill(stack: cdk.Stack) -> None:
        build = ImageBuild.code_build(
            repository=ecr.Repository.from_repository_name(stack, "Repository", NAME)
        )
        apps.runtime(stack, "Agent", apps.image(stack, "Image", directory, build=build))

    return fill


@pytest.fixture
def output(repository: str, environment: Environment, tmp_path: Path) -> Iterator[Path]:
    """The app of both stacks, which are deleted at the end; the repository keeps its image."""
    directory = apps.source(tmp_path / "agent", "1")
    yield apps.synthesize(tmp_path / "out", **dict.fromkeys(STACKS, agent(directory)))
    environment.delete_stacks(tmp_path / "out")
    assert len(queries.tags(environment.aws, repository)) == 1


def digests(environment: Environment) -> set[str]:
    """The digests of all images in the repository, with and without a tag."""
    images = environment.aws.client("ecr").list_images(repositoryName=NAME)["imageIds"]
    return {image["imageDigest"] for image in images}


def test_parallel_deploys_of_the_same_source_both_succeed(environment: Environment, output: Path) -> None:
    began = environment.aws.now()
    outcome = environment.cdk.deploy(output, "--concurrency=2")
    assert outcome.succeeded, outcome.output
    assert len({queries.runtimes(environment.aws)[f"{stack}_Agent"]["uri"] for stack in STACKS}) == 1
    assert set(environment.aws.ends_of_builds(began)) == {"SUCCEEDED"}


def test_a_build_that_comes_second_leaves_the_image_of_the_first_in_place(
    environment: Environment, output: Path
) -> None:
    environment.aws.limit_builds(1)
    began = environment.aws.now()
    outcome = environment.cdk.deploy(output, "--concurrency=2")
    assert outcome.succeeded, outcome.output
    assert environment.aws.ends_of_builds(began) == ["SUCCEEDED"] * 2
    assert len(environment.aws.journal("push", began)) == len(digests(environment)) == 1


@pytest.mark.parametrize("repository", ["IMMUTABLE"], indirect=True)
def test_a_later_stack_with_the_same_source_builds_nothing(environment: Environment, output: Path) -> None:
    first = environment.cdk.deploy(output, stacks=STACKS[:1])
    assert first.succeeded, first.output
    began = environment.aws.now()
    second = environment.cdk.deploy(output, stacks=STACKS[1:])
    assert second.succeeded, second.output
    assert environment.aws.builds(began) == []
