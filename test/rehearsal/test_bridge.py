"""Private engines that run at the same time share a bridge, and give their containers different addresses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from . import bridge, engine
from .environment import PROJECT, Environment
from .processes import RehearsalError

RESERVE = """
import sys
from pathlib import Path
from test.rehearsal.bridge import reserved_range
with reserved_range(Path(sys.argv[1])) as addresses:
    print(addresses, flush=True)
    sys.stdin.read()
"""


def test_two_engines_of_one_process_have_different_ranges(tmp_path: Path) -> None:
    with bridge.reserved_range(tmp_path) as first, bridge.reserved_range(tmp_path) as second:
        assert first != second


def test_a_range_is_free_again_once_its_engine_has_stopped(tmp_path: Path) -> None:
    with bridge.reserved_range(tmp_path) as first:
        pass
    with bridge.reserved_range(tmp_path) as second:
        assert first == second


def test_a_range_of_another_process_is_free_again_once_that_process_is_killed(tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", RESERVE, str(tmp_path)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout
    theirs = other.stdout.readline().strip()
    with bridge.reserved_range(tmp_path) as own:
        assert own != theirs
    other.kill()
    other.communicate()
    with bridge.reserved_range(tmp_path) as own:
        assert own == theirs


def test_one_engine_too_many_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "RANGES", 1)
    with (
        bridge.reserved_range(tmp_path),
        pytest.raises(RehearsalError, match="1 private Docker engines run on this machine"),
        bridge.reserved_range(tmp_path),
    ):
        pass


def test_containers_of_two_engines_have_different_addresses(environment: Environment) -> None:
    if not environment.engine.private:
        pytest.skip("the engine of this machine is the only one")
    with engine.engine() as other:
        ranges = {
            each.run("network", "inspect", "bridge", "--format={{(index .IPAM.Config 0).IPRange}}")
            for each in (environment.engine, other)
        }
    assert len(ranges) == 2
