"""`cdk deploy --express`: CloudFormation only waits for custom resources, and does not roll back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import apps, queries
from .aws.express import PROPAGATION
from .cdk_cli import Outcome
from .environment import Environment

LATE = {
    "states:StartExecution": 2,
    "ecr:BatchGetImage": 3,
    "codebuild:ListBuildsForProject": 2,
    "s3:GetObject": 1,
    "ecr:GetAuthorizationToken": 1,
}
BROKEN = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY missing.txt /\n"


class App:
    """One stack in one mode."""

    def __init__(self, environment: Environment, folder: Path, mode: str) -> None:
        self.environment, self.folder, self.mode = environment, folder, mode
        self.stack, self.began = f"Express{mode.capitalize()}", environment.aws.now()

    def deploy(self, version: str, *arguments: str, dockerfile: str = apps.DOCKERFILE) -> Outcome:
        """Deploy this version of the agent."""
        directory = apps.source(self.folder / "agent", version, dockerfile)
        output = apps.synthesize(self.folder / "cdk.out", self.mode, **{self.stack: apps.agent(directory)})
        return self.environment.cdk.deploy(output, *arguments)

    @property
    def status(self) -> str:
        """The status of the stack."""
        return queries.stack_status(self.environment.aws, self.stack)

    def runtime(self) -> dict[str, Any]:
        """The Runtime in the control plane."""
        return queries.runtimes(self.environment.aws)[f"{self.stack}_Agent"]


@pytest.fixture
def app(request: pytest.FixtureRequest, environment: Environment, tmp_path: Path) -> Iterator[App]:
    """A stack that is not deployed yet."""
    yield App(environment, tmp_path, request.param)
    environment.delete_stacks(tmp_path / "cdk.out")


@pytest.fixture(scope="module")
def deployed(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A stack that is deployed in express mode."""
    app = App(environment, tmp_path_factory.mktemp("express"), "codebuild")
    yield app
    environment.delete_stacks(app.folder / "cdk.out")


@pytest.mark.parametrize("app", ["codebuild"], indirect=True)
def test_first_deployment_and_new_code_wait_for_permissions_and_images(app: App) -> None:
    for action, times in LATE.items():
        app.environment.aws.plan_fault("AccessDenied", action=action, times=times)
    for version in (1, 2):
        outcome = app.deploy(str(version), "--express")
        assert outcome.succeeded, outcome.output
        assert "deployed using Express Mode" in outcome.output
        assert app.runtime()["version"] == version
        assert len(app.environment.aws.builds(outcome.began)) == 1
        events = app.environment.aws.journal("resource", outcome.began)
        kinds = [event["type"] for event in events if event["status"].endswith("E_COMPLETE")]
        assert kinds.index("Custom::Arm64AgentImage") < kinds.index("AWS::BedrockAgentCore::Runtime")
    refused = {event["action"] for event in app.environment.aws.journal("refused", app.began)}
    assert set(LATE) <= refused


def test_a_failed_build_leaves_the_runtime_alone_and_the_next_express_deployment_repairs_the_stack(
    deployed: App,
) -> None:
    app = deployed
    assert app.deploy("1", "--express").succeeded
    before = app.runtime()
    broken = app.deploy("2", "--express", dockerfile=BROKEN)
    assert not broken.succeeded
    assert "a file that the Dockerfile copies is not in the build context" in broken.one_line
    assert (app.status, app.runtime()) == ("UPDATE_FAILED", before)

    standard = app.deploy("3")
    assert not standard.succeeded
    assert "Follow-up operations must use the same DeploymentConfig" in standard.output
    assert app.deploy("3", "--express").succeeded
    assert (app.status, app.runtime()["version"]) == ("UPDATE_COMPLETE", before["version"] + 1)
    assert app.deploy("4").succeeded


def test_with_rollback_a_failed_build_leaves_the_stack_as_it_was(deployed: App) -> None:
    app = deployed
    assert app.deploy("1", "--express").succeeded
    before = app.runtime()
    assert not app.deploy("2", "--express", "--rollback", dockerfile=BROKEN).succeeded
    assert (app.status, app.runtime()["uri"]) == ("UPDATE_ROLLBACK_COMPLETE", before["uri"])


@pytest.mark.parametrize("app", ["local"], indirect=True)
def test_a_runtime_built_locally_may_precede_its_permissions_and_succeeds_when_deployed_again(
    app: App,
) -> None:
    first = app.deploy("1", "--express")
    assert not first.succeeded
    assert "Access denied while validating ECR URI" in first.one_line
    assert app.status == "CREATE_FAILED"
    time.sleep(PROPAGATION)
    again = app.deploy("1", "--express")
    assert again.succeeded, again.output
    assert queries.platform(app.environment.aws, str(app.runtime()["uri"])) == "linux/arm64"
