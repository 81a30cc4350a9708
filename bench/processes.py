"""What a process costs: wall time, CPU time and memory, its own and its children's."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
BINDINGS = ROOT / "build/bindings/python/src"
SILENT = {
    "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
    "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
}
WITHOUT_VALIDATION = {"CDK_VALIDATION": "false"}


@dataclass(frozen=True)
class Cost:
    """The cost of one run of a process. The memory is that of its largest process."""

    wall: float
    cpu: float
    megabytes: float
    output: str


def python(*arguments: str, more: Mapping[str, str] | None = None) -> Cost:
    """Run Python with the library's bindings, and measure it."""
    path = os.pathsep.join([str(ROOT), str(BINDINGS), str(ROOT / "src/arm64_agent_image")])
    return cost([sys.executable, *arguments], {**os.environ, **SILENT, "PYTHONPATH": path, **(more or {})})


def cost(command: Sequence[str], environment: Mapping[str, str]) -> Cost:
    """Run a command, and measure it.

    :raises RuntimeError: when the command fails.
    """
    began = time.monotonic()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout
    output = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} failed:\n{output[-2000:]}")
    wall = time.monotonic() - began
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, output)
