"""README's blocks and the API's examples compile as printed, and jsii translates them to Python."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROSETTA = ROOT / "node_modules/.bin/jsii-rosetta"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The compiled library without what jsii-rosetta would leave behind in it."""
    for name in (".jsii", "package.json", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("lib", "node_modules", "rosetta"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def test_every_example_compiles_and_is_translated(project: Path) -> None:
    command: list[str | Path] = [ROSETTA, "extract", "--strict", "--fail", project]
    extracted = subprocess.run(command, capture_output=True, text=True, check=False)
    assert extracted.returncode == 0, extracted.stdout + extracted.stderr
    snippets = json.loads((project / ".jsii.tabl.json").read_text())["snippets"].values()
    translations = [snippet["translations"]["python"]["source"] for snippet in snippets]
    assert len(translations) > (project / ".jsii").read_text().count('"example"')
    for translated in translations:
        ast.parse(translated)
