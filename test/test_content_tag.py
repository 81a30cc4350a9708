"""The content tag changes exactly when the image would change, and is the same on every machine."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from arm64_agent_image import ImageBuild
from test.synth import IMAGE, Assembly, canonical, synthesize_image, write_files

pytestmark = pytest.mark.parametrize("mode", ["local", "codebuild"])

BUILDS: dict[str, Callable[[], ImageBuild]] = {"local": ImageBuild.local, "codebuild": ImageBuild.code_build}


def synthesize(output: Path, directory: Path, mode: str, **props: object) -> Assembly:
    return synthesize_image(output, directory, **{"image_build": BUILDS[mode](), **props})


def uri(output: Path, directory: Path, mode: str, **props: object) -> str:
    return canonical(synthesize(output, directory, mode, **props).only.container_uri)


def test_two_syntheses_give_identical_templates(tmp_path: Path, agent: Path, mode: str) -> None:
    (one, two) = (synthesize(tmp_path / name, agent, mode).only.text for name in ("one", "two"))
    assert one == two


def test_one_changed_byte_changes_the_runtime(tmp_path: Path, agent: Path, mode: str) -> None:
    before = uri(tmp_path / "before", agent, mode)
    (agent / "server.py").write_bytes((agent / "server.py").read_bytes()[:-1] + b"!")
    assert uri(tmp_path / "after", agent, mode) != before


def test_synthesis_into_the_same_directory_notices_a_changed_byte(
    tmp_path: Path, agent: Path, mode: str
) -> None:
    before = uri(tmp_path / "out", agent, mode)
    (agent / "server.py").write_text("print('Agent')\n")
    assert uri(tmp_path / "out", agent, mode) != before


def test_a_changed_byte_counts_even_if_time_and_size_stay_the_same(
    tmp_path: Path, agent: Path, mode: str
) -> None:
    source = agent / "server.py"
    os.utime(source, (1_700_000_000, 1_700_000_000))
    before = uri(tmp_path / "before", agent, mode)
    source.write_text("print('Agent')\n")
    os.utime(source, (1_700_000_000, 1_700_000_000))
    assert uri(tmp_path / "after", agent, mode) != before


@pytest.mark.parametrize(
    ("one", "two"),
    [(b"#!/bin/sh\n", b"#!/bin/sh\r\n"), (b"caf\xe9", b"caf\xe8"), (b"", b"\n")],
    ids=["line endings", "invalid UTF-8", "an empty file and a newline"],
)
def test_every_byte_counts(tmp_path: Path, agent: Path, mode: str, one: bytes, two: bytes) -> None:
    uris = set()
    for name, content in (("one", one), ("two", two)):
        (agent / "server.py").write_bytes(content)
        uris.add(uri(tmp_path / name, agent, mode))
    assert len(uris) == 2


@pytest.mark.parametrize(
    "change", ["rename", "add", "remove", "executable", "empty directory", "link target"]
)
def test_every_change_visible_to_docker_changes_the_runtime(
    tmp_path: Path, agent: Path, mode: str, change: str
) -> None:
    (agent / "link").symlink_to("server.py")
    before = uri(tmp_path / "before", agent, mode)
    if change == "rename":
        (agent / "server.py").rename(agent / "agent.py")
    elif change == "add":
        (agent / "empty").touch()
    elif change == "remove":
        (agent / "server.py").unlink()
    elif change == "executable":
        (agent / "server.py").chmod(0o755)
    elif change == "empty directory":
        (agent / "data").mkdir()
    else:
        (agent / "link").unlink()
        (agent / "link").symlink_to("Dockerfile")
    assert uri(tmp_path / "after", agent, mode) != before


@pytest.mark.parametrize("change", ["mtime", "ignored file", "__pycache__", "umask"])
def test_changes_invisible_to_docker_change_nothing(
    tmp_path: Path, agent: Path, mode: str, change: str
) -> None:
    write_files(agent, {".dockerignore": "*.log\nsecrets\n", "debug.log": "1", "secrets/.env": "KEY=1"})
    before = synthesize(tmp_path / "before", agent, mode).only.text
    if change == "mtime":
        for path in [agent, *agent.rglob("*")]:
            os.utime(path, (1, 1))
    elif change == "ignored file":
        write_files(agent, {"debug.log": "22", "secrets/.env": "KEY=2", "secrets/more": "3"})
    elif change == "__pycache__":
        write_files(agent, {"__pycache__/a.pyc": "x", "package/__pycache__/b.pyc": "y"})
        (agent / "package").rename(agent / "secrets" / "package")
        write_files(agent / "__pycache__", {"c.pyc": "z"})
    else:
        (agent / "server.py").chmod(0o664)
    assert synthesize(tmp_path / "after", agent, mode).only.text == before


def test_the_checkout_path_does_not_change_the_template(tmp_path: Path, agent: Path, mode: str) -> None:
    (agent / "link").symlink_to("server.py")
    elsewhere = tmp_path / "some where" / "else"
    shutil.copytree(agent, elsewhere, symlinks=True)
    assert (
        synthesize(tmp_path / "one", agent, mode).only.text
        == synthesize(tmp_path / "two", elsewhere, mode).only.text
    )


def test_a_symbolic_link_to_the_directory_does_not_change_the_template(
    tmp_path: Path, agent: Path, mode: str
) -> None:
    (tmp_path / "linked").symlink_to(agent)
    assert (
        synthesize(tmp_path / "one", agent, mode).only.text
        == synthesize(tmp_path / "two", tmp_path / "linked", mode).only.text
    )


def test_the_output_directory_does_not_change_the_template(tmp_path: Path, agent: Path, mode: str) -> None:
    templates = set()
    for output in (tmp_path / "cdk.out", agent / "cdk.out", agent / "other", tmp_path / "else"):
        templates.add(synthesize(output, agent, mode).only.text)
        shutil.rmtree(output)
    assert len(templates) == 1


def test_a_relative_directory_is_relative_to_the_working_directory(
    tmp_path: Path, agent: Path, mode: str
) -> None:
    relative = Path(os.path.relpath(agent))
    assert uri(tmp_path / "one", relative, mode) == uri(tmp_path / "two", agent, mode)


@pytest.mark.parametrize(
    "props",
    [
        {"extra_hash": "python:3.13-slim@sha256:1"},
        {"build_args": {"VERSION": "1"}},
        {"target": "agent"},
        {"build_contexts": {"base": "docker-image://alpine"}},
        {"exclude": ["server.py"]},
    ],
    ids=lambda props: next(iter(props)),
)
def test_every_option_visible_to_docker_is_part_of_the_tag(
    tmp_path: Path, agent: Path, mode: str, props: dict[str, object]
) -> None:
    (agent / "Dockerfile").write_text("FROM python:3.13-slim AS agent\nCOPY . /app\n")
    assert uri(tmp_path / "with", agent, mode, **props) != uri(tmp_path / "without", agent, mode)


def test_the_order_of_build_arguments_does_not_matter(tmp_path: Path, agent: Path, mode: str) -> None:
    one = synthesize(tmp_path / "one", agent, mode, build_args={"A": "1", "B": "2"}).only.text
    two = synthesize(tmp_path / "two", agent, mode, build_args={"B": "2", "A": "1"}).only.text
    assert one == two


def test_build_arguments_with_swapped_values_are_not_confused(tmp_path: Path, agent: Path, mode: str) -> None:
    one = uri(tmp_path / "one", agent, mode, build_args={"A": "1", "B": ""})
    two = uri(tmp_path / "two", agent, mode, build_args={"A": "", "B": "1"})
    assert one != two


def test_the_upload_changes_with_the_source(tmp_path: Path, agent: Path, mode: str) -> None:
    (agent / "server.py").write_bytes(b"#!/bin/sh\n")
    one = synthesize(tmp_path / "one", agent, mode)
    (agent / "server.py").write_bytes(b"#!/bin/sh\r\n")
    two = synthesize(tmp_path / "two", agent, mode)
    assert one.source_asset.name != two.source_asset.name
    if mode == "codebuild":
        locations = [a.only.only(IMAGE).properties["Source"] for a in (one, two)]
        assert locations[0] != locations[1]
