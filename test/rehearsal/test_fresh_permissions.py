"""While IAM propagates permissions, every caller waits for them and nothing is built twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import apps
from .environment import Environment

CALLS = {
    "states:StartExecution": 2,
    "ecr:BatchGetImage": 3,
    "codebuild:ListBuildsForProject": 2,
    "s3:GetObject": 1,
    "ecr:GetAuthorizationToken": 1,
}


@pytest.fixture
def output(tmp_path: Path, environment: Environment) -> Iterator[Path]:
    """The output of the app; its stack is deleted at the end."""
    yield tmp_path / "out"
    environment.delete_stacks(tmp_path / "out")


def deploy(environment: Environment, output: Path) -> list[str]:
    """Deploy one image for the first time; its builds."""
    began = environment.aws.now()
    directory = apps.source(output.parent / "agent", "1")
    outcome = environment.cdk.deploy(apps.synthesize(output, Fresh=apps.agent(directory)))
    assert outcome.succeeded, outcome.output
    return environment.aws.builds(began)


def test_function_and_build_wait_until_their_calls_are_allowed(
    environment: Environment, output: Path
) -> None:
    began = environment.aws.now()
    for action, times in CALLS.items():
        environment.aws.plan_fault("AccessDenied", action=action, times=times)
    environment.aws.plan_fault(
        "StartBuild", code="AccessDeniedException", message="not authorized to perform: codebuild:StartBuild"
    )
    assert len(deploy(environment, output)) == 1
    refused = Counter(event.get("action", "") for event in environment.aws.journal("refused", began))
    assert refused == {**CALLS, "": 1}, "StartBuild's refusal names no action"


def test_a_build_that_fails_before_its_first_command_is_retried_once(
    environment: Environment, output: Path
) -> None:
    message = "The policy's default version does not allow AWS CodeBuild to create Amazon CloudWatch Logs"
    environment.aws.plan_fault("Build", status="FAILED", phase="QUEUED", code="CLIENT_ERROR", message=message)
    assert len(deploy(environment, output)) == 2
