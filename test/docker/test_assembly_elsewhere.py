"""The Docker engine that is there builds the images that are assembled by a plan of CodeBuild's version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from test.docker import assembly_corpus as corpus
from test.docker.assembly_corpus import FORMS
from test.docker.assembly_images import Images, archived, with_bases
from test.rehearsal import engine

NEWER_SYNTAX = {"exclude"}
ASSEMBLED = [name for name, form in FORMS.items() if form.is_assembled and name not in NEWER_SYNTAX]


@pytest.fixture(scope="module")
def curated() -> Iterator[Images]:
    """Docker of the curated images' version."""
    if sentence := engine.missing():
        pytest.skip(sentence)
    if not engine.has_curated():
        pytest.skip("the Docker engine that is there is the one that test_assembly.py compares with")
    with engine.curated(containerd_store=True) as running, with_bases(running) as prepared:
        yield prepared


@pytest.fixture(scope="module")
def present(curated: Images) -> Iterator[Images]:
    """The Docker engine that is there, of whatever version."""
    with engine.engine() as running, with_bases(running) as prepared:
        assert running.docker != curated.engine.docker
        yield prepared


@pytest.mark.parametrize("name", ASSEMBLED)
def test_another_engine_builds_what_is_assembled(
    name: str, curated: Images, present: Images, tmp_path: Path
) -> None:
    old = corpus.write(tmp_path / "old", FORMS[name])
    new = corpus.change_code(old, tmp_path / "new")
    image = curated.build(old)
    assembled = curated.assemble(image, archived(old, tmp_path), archived(new, tmp_path), image.plan)
    built = present.build(new)
    assert present.files(built) == curated.files(assembled)
    assert without_commands(present.config(built)) == without_commands(curated.config(assembled))


def without_commands(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The configuration without its history's commands, which versions of BuildKit spell differently."""
    history = [{k: v for k, v in entry.items() if k != "created_by"} for entry in config["history"]]
    return {**config, "history": history}
