"""A build that times out, is stopped, or whose start fails at first."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import apps, queries
from .environment import Environment
from .failing_updates import Failure, UpdatedStack, updated_stack
from .patience import wait_for

SLOW = f"{apps.DOCKERFILE}RUN sleep 120\n"


@pytest.fixture(scope="module")
def stack(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpdatedStack]:
    with updated_stack(environment, tmp_path_factory.mktemp("failing")) as deployed:
        yield deployed


def test_user_reads_how_to_allow_more_time(stack: UpdatedStack) -> None:
    words = ("timed out (TIMED_OUT in phase BUILD)", "raise its 'timeout' (at most 40 minutes)")
    stack.fail("slow", Failure(words, dockerfile=SLOW, fault={"kind": "Timeout", "phase": "BUILD"}))


def test_user_reads_that_a_build_was_stopped(stack: UpdatedStack) -> None:
    aws, began = stack.environment.aws, stack.environment.aws.now()

    def stop_the_build() -> None:
        phases = functools.partial(aws.journal, "phase", began)
        wait_for(lambda: any(event["phase"] == "BUILD" for event in phases()), phases)
        aws.client("codebuild").stop_build(id=aws.builds(began)[0])

    stopper = threading.Thread(target=stop_the_build, daemon=True)
    stopper.start()
    outcome = stack.deploy("stopped", Failure((), dockerfile=SLOW))
    stopper.join(5)
    stack.assert_refused(outcome, ("was stopped (STOPPED in phase BUILD)", "somebody called StopBuild"))


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("other builds fill the queue once",
         {"code": "AccountLimitExceededException",
          "message": "Cannot have more than 1 builds in queue for the account"}),
        ("a permission is propagating",
         {"code": "AccessDeniedException", "times": 2,
          "message": "User: build is not authorized to perform: codebuild:StartBuild"}),
        ("StartBuild returns 500 after it took effect",
         {"code": "InternalFailure", "message": "Internal failure", "status": 500, "after": True}),
    ],
)  # fmt: skip
def test_one_build_suffices_although(stack: UpdatedStack, name: str, fault: dict[str, Any]) -> None:
    aws, began = stack.environment.aws, stack.environment.aws.now()
    aws.plan_fault("StartBuild", **fault)
    outcome = stack.deploy(name)
    assert outcome.succeeded, outcome.output
    assert len(aws.builds(began)) == 1
    assert stack.uri() != stack.good_uri
    stack.good_uri = stack.uri()


def test_delete_stops_a_build_that_still_runs(environment: Environment, tmp_path: Path) -> None:
    directory = apps.source(tmp_path / "agent", "1")
    output = apps.synthesize(tmp_path / "out", Going=apps.agent(directory))
    assert environment.cdk.deploy(output).succeeded
    codebuild = environment.aws.client("codebuild")
    (project,) = [name for name in codebuild.list_projects()["projects"] if "-going-" in name]
    spec = "version: 0.2\nphases:\n  build:\n    commands:\n      - sleep 300\n"
    build = codebuild.start_build(
        projectName=project, sourceTypeOverride="NO_SOURCE", buildspecOverride=spec
    )["build"]["id"]
    outcome = environment.cdk.destroy(output)
    assert outcome.succeeded, outcome.output

    def status() -> str:
        return str(codebuild.batch_get_builds(ids=[build])["builds"][0]["buildStatus"])

    wait_for(lambda: status() != "IN_PROGRESS", lambda: "the build still runs")
    assert status() == "STOPPED"
    assert not [name for name in queries.repositories(environment.aws) if "-going-" in name]
