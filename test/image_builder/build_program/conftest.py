from pathlib import Path

import pytest

from test.image_builder.build_program.fake_host import FakeHost


class FakeTime:
    """Time that passes only when the code sleeps."""

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
def machine(tmp_path: Path) -> FakeHost:
    made = FakeHost(tmp_path)
    made.install()
    return made


@pytest.fixture
def local(machine: FakeHost, monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """The build host, with its programs on the PATH of this process."""
    for name, value in machine.environment.items():
        monkeypatch.setenv(name, value)
    return machine
