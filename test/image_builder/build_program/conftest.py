from pathlib import Path

import pytest

from test.image_builder.build_program.recorder import Machine


class FakeTime:
    """Time that passes only by sleeping."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.install()
    return made


@pytest.fixture
def local(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The machine, with its programs on the path of this process."""
    for name, value in machine.environment.items():
        monkeypatch.setenv(name, value)
    return machine
