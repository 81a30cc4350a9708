"""The engine of the build host: restarted with the containerd image store, or used as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import apps, queries
from .cdk_cli import Outcome
from .environment import Environment

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class App:
    """A stack with one image and one Runtime."""

    def __init__(self, environment: Environment, folder: Path, name: str) -> None:
        if not environment.engine.private:
            pytest.skip("this machine's own engine is never restarted")
        self.environment, self.folder, self.name = environment, folder, name
        self.output = folder / "out"
        self.began = environment.aws.now()

    def deploy(self, version: str = "1") -> Outcome:
        """Deploy this version of the source."""
        directory = apps.source(self.folder / "agent", version)
        self.output = self.folder / f"out-{version}"
        self.began = self.environment.aws.now()
        return self.environment.cdk.deploy(apps.synthesize(self.output, **{self.name: apps.agent(directory)}))

    def destroy(self) -> None:
        """Remove the stack."""
        self.environment.delete_stacks(self.output)

    @property
    def uri(self) -> str:
        """The image that the Runtime runs."""
        return str(queries.runtimes(self.environment.aws)[f"{self.name}_Agent"]["uri"])

    @property
    def log(self) -> str:
        """What the builds of the last deployment printed."""
        return "\n".join(event["line"] for event in self.environment.aws.journal("log", self.began))

    @property
    def caches(self) -> list[str]:
        """The layer caches in the repository."""
        name = self.uri.partition("/")[2].rpartition(":")[0]
        images = self.environment.aws.client("ecr").list_images(repositoryName=name)["imageIds"]
        return [i["imageTag"] for i in images if i.get("imageTag", "").startswith("cache-")]


def test_a_build_works_without_a_cache_when_the_engine_does_not_restart(
    environment: Environment, tmp_path: Path
) -> None:
    app = App(environment, tmp_path, "NoRestart")
    environment.aws.plan_fault("EngineRestart")
    outcome = app.deploy()
    assert outcome.succeeded, outcome.output
    assert "notice: the Docker engine did not start with the containerd image store" in app.log
    assert "notice: the Docker engine cannot export a layer cache" in app.log
    assert queries.manifest(environment.aws, app.uri)["mediaType"] == DOCKER_MANIFEST
    assert queries.platform(environment.aws, app.uri) == "linux/arm64"
    assert app.caches == []
    app.destroy()


def test_a_cache_that_cannot_be_written_does_not_fail_the_build(
    environment: Environment, tmp_path: Path
) -> None:
    app = App(environment, tmp_path, "NoCache")
    environment.aws.plan_fault(
        "Push", times=20, reference="cache-", status=403, code="DENIED", message="not allowed"
    )
    outcome = app.deploy()
    assert outcome.succeeded, outcome.output
    assert environment.aws.ends_of_builds(app.began) == ["SUCCEEDED"]
    assert "notice: could not write the layer cache" in app.log
    assert app.caches == []
    app.destroy()


def test_a_deployment_ends_at_the_push_while_the_cache_is_still_exported(
    environment: Environment, tmp_path: Path
) -> None:
    app = App(environment, tmp_path, "AtThePush")
    environment.aws.plan_fault("HeldPush", reference="cache-")
    outcome = app.deploy()
    assert outcome.succeeded, outcome.output
    assert [event["status"] for event in environment.aws.journal("build", app.began)] == ["IN_PROGRESS"]
    assert queries.platform(environment.aws, app.uri) == "linux/arm64"
    assert app.caches == []
    environment.aws.clear_faults()
    assert environment.aws.ends_of_builds(app.began) == ["SUCCEEDED"]
    assert len(app.caches) == 1
    app.destroy()
