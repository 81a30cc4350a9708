"""`cdk deploy --hotswap` with the real CLI, in both modes, as the Amplify sandbox and developers use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from . import apps, reading
from .cdk import Outcome
from .stage import Rehearsal

MODES = ("local", "codebuild")


class App:
    """One stack in one mode, deployed once."""

    def __init__(self, stage: Rehearsal, folder: Path, mode: str) -> None:
        self.stage, self.folder, self.mode = stage, folder, mode
        self.stack = f"Hot{mode.capitalize()}"

    def deploy(self, version: str, *arguments: str) -> Outcome:
        """Deploy this version; the assembly's folder stays the same, as in a project."""
        directory = apps.source(self.folder / "agent", version)
        output = apps.synthesize(self.folder / "cdk.out", self.mode, **{self.stack: apps.agent(directory)})
        return self.stage.cdk.deploy(output, *arguments)

    def uri(self) -> str:
        """The image that the Runtime runs."""
        return str(reading.runtimes(self.stage.account)[f"{self.stack}_Agent"]["uri"])

    def events(self, since: float) -> int:
        """How many resource events CloudFormation recorded."""
        return sum(event["stack"] == self.stack for event in self.stage.account.journal("resource", since))


@pytest.fixture(params=MODES)
def app(request: pytest.FixtureRequest, stage: Rehearsal, tmp_path: Path) -> Iterator[App]:
    """The app, deployed with its first version."""
    made = App(stage, tmp_path, request.param)
    outcome = made.deploy("1")
    assert outcome.succeeded, outcome.output
    yield made
    assert stage.cdk.destroy(tmp_path / "cdk.out").succeeded


@pytest.mark.parametrize("app", ["local"], indirect=True)
def test_local_change_is_swapped_in_by_cloud_control_without_a_deployment(app: App) -> None:
    before, began = app.uri(), app.stage.account.now()
    outcome = app.deploy("2", "--hotswap")
    assert outcome.succeeded, outcome.output
    assert "hotswapped" in outcome.output
    assert app.uri() != before
    assert [event["status"] for event in app.stage.account.journal("hotswap", began)] == ["SUCCESS"]
    assert app.events(began) == 0
    assert outcome.seconds < 20
    assert reading.platform(app.stage.account, app.uri()) == "linux/arm64"


@pytest.mark.parametrize("app", ["codebuild"], indirect=True)
def test_hotswap_fallback_deploys_a_codebuild_change_fully(app: App) -> None:
    before, began = app.uri(), app.stage.account.now()
    outcome = app.deploy("2", "--hotswap-fallback")
    assert outcome.succeeded, outcome.output
    assert app.uri() != before
    assert len(app.stage.account.builds(began)) == 1
    assert app.events(began) > 0
    assert app.stage.account.journal("hotswap", began) == []


@pytest.mark.parametrize("app", ["codebuild"], indirect=True)
def test_hotswap_alone_says_that_a_codebuild_change_was_left_out(app: App) -> None:
    before, began = app.uri(), app.stage.account.now()
    outcome = app.deploy("2", "--hotswap")
    printed = " ".join(outcome.output.split())
    assert "non-hotswappable changes were found" in printed, outcome.output
    assert "--hotswap-fallback" in printed
    assert "AgentRuntimeArtifact" in printed
    assert app.uri() == before
    assert app.stage.account.builds(began) == []

    plain = app.deploy("2")
    assert plain.succeeded, plain.output
    assert app.uri() != before
