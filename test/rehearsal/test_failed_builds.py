"""A build that fails: the user reads why and what to do, and the stack keeps its image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from . import apps
from .environment import AMD64_BASE, AMD64_INDEX, Environment
from .failing_updates import Failure, UpdatedStack, updated_stack

PINNED = "FROM --platform=linux/amd64 python:3.13\nCOPY version.txt /\n"
PINNED_LATE = "ARG BASE_IMAGE\nFROM --platform=${BUILDOS}/amd64 ${BASE_IMAGE}\nCOPY version.txt /\n"
NO_ARM_BUILDS = "Cannot have more than 0 builds in queue for the account"
FAILURES = {
    "a command of the Dockerfile fails": Failure(
        ("failed (FAILED in phase BUILD)",
         'process "/bin/sh -c no-such-program" did not complete successfully: exit code: 127',
         "log: https://console.aws.amazon.com"),
        dockerfile=f"{apps.DOCKERFILE}RUN no-such-program\n",
    ),
    "a command of the Dockerfile fails, and the log is late": Failure(
        ("failed (FAILED in phase BUILD)", "did not complete successfully: exit code: 127"),
        dockerfile=f"{apps.DOCKERFILE}RUN no-such-program\n",
        fault={"kind": "LateLog", "seconds": 5},
    ),
    "a copied file is missing": Failure(
        ("failed (FAILED in phase BUILD)",
         "hint: a file that the Dockerfile copies is not in the build context"),
        dockerfile=f"{apps.DOCKERFILE}COPY nowhere.txt /\n",
    ),
    "the push fails": Failure(
        ("failed (FAILED in phase POST_BUILD)", "failed commit on ref", "400 Bad Request",
         "error: docker push"),
        fault={"kind": "Push", "times": 20, "status": 400, "code": "MANIFEST_INVALID",
               "message": "manifest invalid"},
    ),
    "the Dockerfile pins amd64": Failure(
        ("exec format error", "hint: the build ran a program for another architecture",
         "remove '--platform=...' from the Dockerfile's FROM lines"),
        dockerfile=f"{PINNED_LATE}RUN true\n",
        base=AMD64_BASE,
    ),
    "the base image has no arm64": Failure(
        ("no match for platform in manifest", "hint: a base image does not support linux/arm64"),
        base=AMD64_INDEX,
    ),
    "the base image has one platform, not arm64": Failure(
        ("exec format error", "use base images that support linux/arm64"),
        dockerfile=f"{apps.DOCKERFILE}RUN true\n",
        base=AMD64_BASE,
    ),
    "CodeBuild has a fault": Failure(
        ("failed because of a fault in CodeBuild (FAULT in phase BUILD)", "hint: deploy again"),
        fault={"kind": "Build", "status": "FAULT", "phase": "BUILD", "message": "Internal Service Error"},
    ),
    "CodeBuild cannot provision a host": Failure(
        ("failed (FAILED in phase PROVISIONING)", "customer's container image", "hint: deploy again"),
        fault={"kind": "Build", "status": "FAILED", "phase": "PROVISIONING",
               "code": "BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE",
               "message": "Unable to pull customer's container image"},
    ),
    "the account may run no ARM builds": Failure(
        ("this account may not run ARM builds in CodeBuild yet", NO_ARM_BUILDS, "ask AWS Support"),
        fault={"kind": "StartBuild", "times": 99, "code": "AccountLimitExceededException",
               "message": NO_ARM_BUILDS},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def stack(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpdatedStack]:
    with updated_stack(environment, tmp_path_factory.mktemp("failing")) as deployed:
        yield deployed


@pytest.mark.parametrize("name", FAILURES)
def test_user_reads_cause_and_remedy_when(stack: UpdatedStack, name: str) -> None:
    stack.fail(name, FAILURES[name])


def test_synthesis_refuses_a_final_stage_pinned_to_amd64(tmp_path: Path) -> None:
    directory = apps.source(tmp_path / "agent", "1", PINNED)
    with pytest.raises(RuntimeError, match="to the platform linux/amd64"):
        apps.synthesize(tmp_path / "out", Pinned=apps.agent(directory))
