"""The generated commands against a real ``docker buildx build``: what arrives in the image, byte for byte."""

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from test.image_builder.fakes import TAG, URI
from test.image_builder.test_buildspec import HOSTILE, TOKEN, uncached
from test.rehearsal import engine

IMAGE = f"{URI}:{TAG}"
NOTHING = "FROM scratch\nCOPY Dockerfile /\n"


@dataclass
class Docker:
    """A real engine, and a folder with a source."""

    engine: engine.Engine
    root: Path

    @property
    def source(self) -> Path:
        return self.root / "source"

    def build(self, document: str) -> "subprocess.CompletedProcess[str]":
        """Runs what the buildspec does between logging in and pushing."""
        (self.root / "bin").mkdir()
        (self.root / "bin/docker").symlink_to(self.engine.docker)
        phases = json.loads(document)["phases"]
        commands = [c for c in phases["pre_build"]["commands"] if "login" not in c] + phases["build"][
            "commands"
        ]
        environment = {
            **os.environ,
            **self.engine.environment,
            "PATH": f"{self.root}/bin:/usr/bin:/bin",
            "HOME": str(self.root),
            "CANARY": str(self.root / "canary"),
        }
        return subprocess.run(
            ["bash", "-c", "\n".join(["set -e", *commands])],
            cwd=self.source,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )


@pytest.fixture(scope="module")
def real_engine() -> Iterator[engine.Engine]:
    if sentence := engine.missing():
        pytest.skip(sentence)
    with engine.engine() as running:
        yield running


@pytest.fixture
def docker(real_engine: engine.Engine, tmp_path: Path) -> Iterator[Docker]:
    made = Docker(real_engine, tmp_path)
    made.source.mkdir()
    yield made
    assert not (tmp_path / "canary").exists()
    assert (tmp_path / ".arm64-agent-image" / TOKEN).is_dir()
    real_engine.run("image", "rm", "--force", IMAGE, check=False)


def test_build_arguments_arrive_byte_for_byte(docker: Docker) -> None:
    arguments = {f"ARG_{n}": value for n, value in enumerate(HOSTILE.values())}
    labels = "".join(f'ARG {name}\nLABEL {name}="${name}"\n' for name in arguments)
    (docker.source / "Dockerfile").write_text(NOTHING + labels)
    done = docker.build(uncached(buildArgs=arguments))
    assert done.returncode == 0, done.stdout
    image = json.loads(docker.engine.run("image", "inspect", IMAGE))[0]
    assert (image["Os"], image["Architecture"]) == ("linux", "arm64")
    assert image["Config"]["Labels"] == arguments


@pytest.mark.parametrize(
    "file",
    ["-f", "a b/Docker file", 'it\'s "$HOME" $(touch $CANARY)', "`touch $CANARY`;x", "näme"],
)
def test_dockerfiles_of_any_name_are_found(file: str, docker: Docker) -> None:
    path = docker.source / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(NOTHING.replace("Dockerfile", "."))
    done = docker.build(uncached(file=file))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("target", ["$(touch $CANARY)", "--push", "a b"])
def test_targets_are_taken_as_they_are(target: str, docker: Docker) -> None:
    (docker.source / "Dockerfile").write_text(NOTHING)
    done = docker.build(uncached(target=target))
    assert done.returncode != 0
    assert f'target stage "{target}" could not be found' in done.stdout


def test_context_holds_links_and_empty_directories(docker: Docker) -> None:
    (docker.source / "Dockerfile").write_text("FROM scratch\nCOPY . /context\n")
    (docker.source / "lib").mkdir()
    (docker.source / "lib/file").write_text("x")
    links = {"modules/lib": "../lib", "modules/file é": "../lib/file", "dangling": "no where"}
    done = docker.build(uncached(symbolicLinks=links, emptyDirectories=["tmp/a b"]))
    assert done.returncode == 0, done.stdout
    container = docker.engine.run("create", "--platform=linux/arm64", IMAGE, "none")
    try:
        copied = subprocess.run(
            [docker.engine.docker, "cp", f"{container}:/context", "-"],
            env={**os.environ, **docker.engine.environment},
            stdout=subprocess.PIPE,
            check=True,
        )
    finally:
        docker.engine.run("container", "rm", container)
    with tarfile.open(fileobj=io.BytesIO(copied.stdout)) as archive:
        entries = {entry.name.removeprefix("context/"): entry for entry in archive.getmembers()}
    assert {name: entry.linkname for name, entry in entries.items() if entry.issym()} == links
    assert entries["tmp/a b"].isdir()
