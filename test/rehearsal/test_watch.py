"""`cdk watch` with the real CLI: each change of a file is a deployment."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import apps, queries
from .cdk_cli import Session
from .environment import PROJECT, Environment

APP = """
from pathlib import Path

from test.rehearsal import apps

apps.synthesize(Path("cdk.out"), "{mode}", {stack}=apps.agent(Path("agent")))
"""
BINDINGS = os.pathsep.join([str(PROJECT), str(PROJECT / "build/bindings/python/src")])
DEPLOYED = "Total time:"


class App:
    """A project's folder with `cdk.json`, an app and an agent, as `cdk watch` needs it."""

    def __init__(self, environment: Environment, folder: Path, mode: str) -> None:
        self.environment, self.folder, self.mode = environment, folder, mode
        self.stack = f"Watch{mode.capitalize()}"
        (folder / "app.py").write_text(APP.format(mode=mode, stack=self.stack))
        settings = {"app": f"{sys.executable} app.py", "watch": {"include": ["agent/**"]}}
        (folder / "cdk.json").write_text(json.dumps(settings))
        apps.source(folder / "agent", "1")
        outcome = environment.cdk.run(
            "deploy", "--require-approval=never", cwd=folder, more={"PYTHONPATH": BINDINGS}
        )
        assert outcome.succeeded, outcome.output

    def write(self, version: str) -> None:
        """Save a version of the agent, as editors do: in one step."""
        new = self.folder / "version.txt.new"
        new.write_text(version)
        new.replace(self.folder / "agent/version.txt")

    @contextlib.contextmanager
    def watched(self, *arguments: str) -> Iterator[Session]:
        """Run `cdk watch`, which deploys once at its start."""
        with self.environment.cdk.session(
            "watch", *arguments, cwd=self.folder, more={"PYTHONPATH": BINDINGS}
        ) as session:
            session.expect(DEPLOYED)
            yield session

    def uri(self) -> str:
        """The image that the Runtime runs."""
        return str(queries.runtimes(self.environment.aws)[f"{self.stack}_Agent"]["uri"])


@pytest.fixture
def app(request: pytest.FixtureRequest, environment: Environment, tmp_path: Path) -> Iterator[App]:
    """The app, deployed with its first version."""
    made = App(environment, tmp_path, request.param)
    yield made
    assert environment.cdk.destroy(tmp_path / "cdk.out").succeeded


@pytest.mark.parametrize("app", ["local"], indirect=True)
def test_a_change_is_hotswapped_where_docker_builds_locally(app: App) -> None:
    before = app.uri()
    with app.watched() as session:
        began = app.environment.aws.now()
        app.write("2")
        assert "hotswapped" in session.expect(DEPLOYED)
    assert app.uri() != before
    assert [event["status"] for event in app.environment.aws.journal("hotswap", began)] == ["SUCCESS"]
    assert app.environment.aws.journal("resource", began) == []


@pytest.mark.parametrize("app", ["codebuild"], indirect=True)
def test_a_change_that_codebuild_builds_is_left_out_by_default_and_named(app: App) -> None:
    before = app.uri()
    with app.watched() as session:
        began = app.environment.aws.now()
        app.write("2")
        said = session.expect(DEPLOYED)
    assert "non-hotswappable changes were found" in said
    assert "AgentRuntimeArtifact" in said
    assert app.uri() == before
    assert app.environment.aws.builds(began) == []


@pytest.mark.parametrize("flag", ["--hotswap-fallback", "--no-hotswap"])
@pytest.mark.parametrize("app", ["codebuild"], indirect=True)
def test_a_change_that_codebuild_builds_is_deployed_fully_with_a_flag(app: App, flag: str) -> None:
    uris = [app.uri()]
    with app.watched(flag) as session:
        began = app.environment.aws.now()
        for version in ("2", "3"):
            app.write(version)
            session.expect(DEPLOYED)
            uris.append(app.uri())
    assert len(set(uris)) == len(uris)
    assert len(app.environment.aws.builds(began)) == 2
