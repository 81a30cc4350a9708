"""The generated commands against a real ``docker buildx build``: what arrives in the image, byte for byte."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from test.image_builder.fakes import TAG, URI
from test.image_builder.shell import until_failure
from test.image_builder.test_buildspec import HOSTILE, TOKEN, elf, uncached
from test.image_builder.test_fuzz import PASSABLE
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
        (self.root / "bin").mkdir(exist_ok=True)
        with contextlib.suppress(FileExistsError):
            (self.root / "bin/docker").symlink_to(self.engine.docker)
        phases = json.loads(document)["phases"]
        everything = [command for phase in phases.values() for command in phase["commands"]]
        (push,) = (number for number, command in enumerate(everything) if "docker push" in command)
        commands = [command for command in everything[:push] if "login" not in command]
        environment = {
            **os.environ,
            **self.engine.environment,
            "PATH": f"{self.root}/bin:/usr/bin:/bin",
            "HOME": str(self.root),
            "CANARY": str(self.root / "canary"),
        }
        return subprocess.run(
            ["bash", "-c", until_failure(commands)],
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


def labels_of(docker: Docker, arguments: Mapping[str, str]) -> list[str]:
    """What a Dockerfile that copies every build argument into a label makes of them."""
    labels = "".join(f'ARG {name}\nLABEL {name}="${name}"\n' for name in arguments)
    (docker.source / "Dockerfile").write_text(NOTHING + labels)
    done = docker.build(uncached(buildArgs=arguments))
    assert done.returncode == 0, done.stdout
    image = json.loads(docker.engine.run("image", "inspect", IMAGE))[0]
    assert (image["Os"], image["Architecture"]) == ("linux", "arm64")
    return [image["Config"]["Labels"][name] for name in arguments]


def test_build_arguments_arrive_byte_for_byte(docker: Docker) -> None:
    arguments = {f"ARG_{n}": value for n, value in enumerate(HOSTILE.values())}
    assert labels_of(docker, arguments) == list(HOSTILE.values())


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(PASSABLE, min_size=60, max_size=60))
def test_any_build_arguments_arrive_byte_for_byte(docker: Docker, values: list[str]) -> None:
    assert labels_of(docker, {f"ARG_{n}": value for n, value in enumerate(values)}) == values


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


SCRIPTS = {"start": "#!/usr/bin/env -S python3 -u\n", "windows": "#! /opt/agent/run \r\n"}
ARM64, X86_64 = 0xB7, 0x3E


@dataclass(frozen=True)
class Start:
    """How an image starts its program, and where that is; what else it holds is for another machine."""

    instructions: str
    program: str


STARTS = {
    "absolute path": Start('ENTRYPOINT ["/opt/agent/run"]', "/opt/agent/run"),
    "command without entrypoint": Start('CMD ["/opt/agent/run", "x"]', "/opt/agent/run"),
    "entrypoint before command": Start('ENTRYPOINT ["/opt/agent/run"]\nCMD ["/bin/sh"]', "/opt/agent/run"),
    "on the default path": Start('CMD ["python3", "agent.py"]', "/usr/local/bin/python3"),
    "on a path of its own": Start('ENV PATH="/no where:/opt/agent/"\nCMD ["run"]', "/opt/agent/run"),
    "first of two on the path": Start('ENV PATH=/opt/agent:/other\nCMD ["run"]', "/opt/agent/run"),
    "in the working directory": Start('WORKDIR /opt\nCMD ["agent/run"]', "/opt/agent/run"),
    "above the working directory": Start('WORKDIR /opt/agent\nCMD ["./run"]', "/opt/agent/./run"),
    "a script": Start('CMD ["/scripts/start"]', "/usr/bin/env"),
    "a script of another system": Start('CMD ["/scripts/windows"]', "/opt/agent/run"),
    "through links": Start('CMD ["/links/first"]', "/links/first"),
    "shell form": Start("CMD exec agent", "/bin/sh"),
    "a name with blanks": Start('CMD ["/odd/a $(touch $CANARY) b"]', "/odd/a $(touch $CANARY) b"),
}


def write_image(source: Path, start: Start, program: int, others: int) -> None:
    """An image of made-up programs, one of which is for another machine than the others."""
    shutil.rmtree(source / "root", ignore_errors=True)
    names = ["/opt/agent/run", "/other/run", "/usr/local/bin/python3", "/usr/bin/python3", "/usr/bin/env"]
    names += ["/bin/sh", "/odd/a $(touch $CANARY) b"]
    wanted = os.path.normpath(start.program).replace("/links/first", "/opt/agent/run")
    for name in names:
        path = source / "root" / name[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(elf(program if name == wanted else others))
    (source / "root/scripts").mkdir()
    for name, text in SCRIPTS.items():
        (source / "root/scripts" / name).write_bytes(text.encode())
    (source / "root/links").mkdir()
    (source / "root/links/first").symlink_to("../links/second")
    (source / "root/links/second").symlink_to("/opt/agent/run")
    (source / "Dockerfile").write_text(f"FROM scratch\nCOPY root /\n{start.instructions}\n")


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_program_of_the_image_is_found_and_read(start: Start, docker: Docker) -> None:
    write_image(docker.source, start, ARM64, X86_64)
    done = docker.build(uncached())
    assert done.returncode == 0, done.stdout
    assert f"\n{start.program}, which the image starts, is for arm64\n" in done.stdout
    write_image(docker.source, start, X86_64, ARM64)
    done = docker.build(uncached())
    assert done.returncode == 1
    assert done.stdout.endswith(f"\n{start.program}, which the image starts, is for x86-64, not for arm64\n")
    assert not docker.engine.containers()


@pytest.mark.parametrize("instructions", ["", 'CMD ["/mounted/later"]', 'CMD ["/opt"]', 'CMD ["/dangling"]'])
def test_image_without_a_program_is_not_refused(instructions: str, docker: Docker) -> None:
    (docker.source / "opt/x").mkdir(parents=True)
    (docker.source / "dangling").symlink_to("nothing")
    (docker.source / "Dockerfile").write_text(f"FROM scratch\nCOPY . /\n{instructions}\n")
    done = docker.build(uncached())
    assert done.returncode == 0, done.stdout
    assert "notice: what the image starts is not known" in done.stdout


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
