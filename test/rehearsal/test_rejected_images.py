"""An image that AgentCore would refuse never gets its tag, and the user reads why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import apps, queries
from .environment import AMD64_BASE, Environment
from .failing_updates import Failure, UpdatedStack, updated_stack

PINNED = "ARG BASE_IMAGE\nFROM --platform=${BUILDOS}/amd64 ${BASE_IMAGE}\nCOPY version.txt /\n"
REJECTED = {
    "the base image has one platform, and no step runs a program": Failure(
        ("failed (FAILED in phase POST_BUILD)",
         "/bin/sh, which the image starts, is for machine 9, not for arm64",
         "hint: the image would not start: use base images that support linux/arm64"),
        dockerfile=f'{apps.DOCKERFILE}CMD ["sh"]\n',
        base=AMD64_BASE,
    ),
    "the Dockerfile pins amd64, and no step runs a program": Failure(
        ("/bin/sh, which the image starts, is for machine 9, not for arm64",
         "remove '--platform=...' from the Dockerfile's FROM lines"),
        dockerfile=f'{PINNED}CMD ["sh"]\n',
        base=AMD64_BASE,
    ),
    "the build finds the image too large": Failure(
        ("failed (FAILED in phase POST_BUILD)", "the compressed size of the image exceeds 2 GB"),
        fault={"kind": "ImageSize", "bytes": 3_000_000_000},
    ),
    "the function finds the image too large": Failure(
        ("has a compressed size of 2.79 GB, AgentCore Runtime allows 2 GB", "; the image is being deleted"),
        fault={"kind": "LayerSize", "bytes": 3_000_000_000},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def stack(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpdatedStack]:
    with updated_stack(environment, tmp_path_factory.mktemp("failing")) as deployed:
        yield deployed


@pytest.mark.parametrize("name", REJECTED)
def test_the_image_never_gets_its_tag_when(stack: UpdatedStack, name: str) -> None:
    began = stack.environment.aws.now()
    stack.fail(name, REJECTED[name])
    assert tag_of_build(stack, began) not in queries.tags(stack.environment.aws, stack.repository)


def tag_of_build(stack: UpdatedStack, began: float) -> str:
    """The tag that the newest build was to push."""
    (build,) = stack.environment.aws.builds(began)
    found = stack.environment.aws.client("codebuild").batch_get_builds(ids=[build])["builds"][0]
    variables = found["environment"]["environmentVariables"]
    return str(next(v["value"] for v in variables if v["name"] == "IMAGE_TAG"))


def test_user_reads_the_reason_when_agentcore_finds_the_image_too_large(stack: UpdatedStack) -> None:
    words, fault = ("over the limit of 1000 bytes",), {"kind": "SizeLimit", "bytes": 1000}
    stack.fail("too large for AgentCore", Failure(words, fault=fault))


def test_a_rejected_image_is_built_again_by_the_next_deployment(stack: UpdatedStack) -> None:
    aws, began = stack.environment.aws, stack.environment.aws.now()
    aws.plan_fault("LayerSize", bytes=3_000_000_000)
    assert not stack.deploy("too large at first").succeeded
    outcome = stack.deploy("too large at first")
    assert outcome.succeeded, outcome.output
    assert len(aws.builds(began)) == 2
    stack.good_uri = stack.uri()
