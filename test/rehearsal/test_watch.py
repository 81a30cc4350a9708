"""`cdk watch` with the real CLI: each change of a file is deployed."""

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
        """Save a version of the agent in one step, as editors do."""
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


@pytest.fixture(scope="module")
def built_locally(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    made = App(environment, tmp_path_factory.mktemp("watch"), "local")
    yield made
    environment.delete_stacks(made.folder / "cdk.out")


@pytest.fixture(scope="module")
def built_by_codebuild(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    made = App(environment, tmp_path_factory.mktemp("watch"), "codebuild")
    yield made
    environment.delete_stacks(made.folder / "cdk.out")


def test_a_change_is_hotswapped_where_docker_builds_locally(built_locally: App) -> None:
    app = built_locally
    with app.watched() as session:
        before, began = app.uri(), app.environment.aws.now()
        app.write("hotswapped")
        assert "hotswapped" in session.expect(DEPLOYED)
    assert app.uri() != before
    assert [event["status"] for event in app.environment.aws.journal("hotswap", began)] == ["SUCCESS"]
    assert app.environment.aws.journal("resource", began) == []


def test_a_change_that_codebuild_builds_is_left_out_by_default_and_named(built_by_codebuild: App) -> None:
    app = built_by_codebuild
    with app.watched() as session:
        before, began = app.uri(), app.environment.aws.now()
        app.write("left out")
        said = session.expect(DEPLOYED)
    assert "non-hotswappable changes were found" in said
    assert "AgentRuntimeArtifact" in said
    assert app.uri() == before
    assert app.environment.aws.builds(began) == []


@pytest.mark.parametrize("flag", ["--hotswap-fallback", "--no-hotswap"])
def test_a_change_that_codebuild_builds_is_deployed_fully_with(built_by_codebuild: App, flag: str) -> None:
    app = built_by_codebuild
    with app.watched(flag) as session:
        uris, began = [app.uri()], app.environment.aws.now()
        for version in ("first", "second"):
            app.write(f"{version} with {flag}")
            session.expect(DEPLOYED)
            uris.append(app.uri())
    assert len(set(uris)) == len(uris)
    assert len(app.environment.aws.builds(began)) == 2
