"""A snapshot of an app matches in another checkout, on another kind of machine and in Amplify Console."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.hosts import environment

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def run(folder: Path, architecture: str, **variables: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder), str(ROOT / "build/bindings/python/src")])
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir=."],
        cwd=folder,
        env={**environment(architecture, **variables), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The example and its agent, in another folder."""
    leave_out = shutil.ignore_patterns("__pycache__", ".venv", ".pytest_cache")
    for name in ("agent", "snapshot-tests"):
        shutil.copytree(EXAMPLES / name, tmp_path / "elsewhere" / name, ignore=leave_out)
    return tmp_path / "elsewhere" / "snapshot-tests"


@pytest.mark.parametrize(
    ("architecture", "variables"), [("arm64", {}), ("x64", {"AWS_BRANCH": "main", "CI": "true"})]
)
def test_the_snapshot_matches_on_other_machines(
    checkout: Path, architecture: str, variables: dict[str, str]
) -> None:
    (checkout.parent / "agent" / "__pycache__").mkdir()
    (checkout.parent / "agent" / "__pycache__" / "server.cpython-313.pyc").write_bytes(b"other")
    result = run(checkout, architecture, **variables)
    assert result.returncode == 0, result.stdout
    assert "1 snapshot passed" in result.stdout


def test_fails_when_the_stack_changes(checkout: Path) -> None:
    stack = checkout / "agent_stack.py"
    stack.write_text(stack.read_text().replace('"Runtime"', '"Renamed"'))
    assert run(checkout, "arm64").returncode != 0


def test_a_code_change_does_not_change_the_snapshot(checkout: Path) -> None:
    (checkout.parent / "agent" / "server.py").write_text("print('new')\n")
    assert run(checkout, "arm64").returncode == 0
