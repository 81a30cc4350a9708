"""The bridge docker0 that all private engines of a machine share, each with addresses of its own."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .processes import RehearsalError
from .reference_counting import reference_counted

BRIDGE = Path("/sys/class/net/docker0")
ADDRESS = "172.17.0.1/16"
"""Stated, because Docker 28 otherwise gives the bridge a new address, and cuts the other engines off."""

RANGES = 254


@contextlib.contextmanager
def bridge(folder: Path) -> Iterator[str]:
    """Share the bridge; yields the range of an engine's containers. The locks are in `folder`."""
    with (
        reference_counted(BRIDGE.name, folder, lambda: not BRIDGE.exists(), _delete),
        reserved_range(folder) as addresses,
    ):
        yield addresses


@contextlib.contextmanager
def reserved_range(folder: Path) -> Iterator[str]:
    """A range of addresses that no other engine uses until the block, or its process, ends.

    Containers of two engines with the same address would answer each other's requests.

    :raises RehearsalError: when every range is reserved.
    """
    for number in range(1, RANGES + 1):
        with (folder / f"{BRIDGE.name}-{number}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield f"172.17.{number}.0/24"
            return
    raise RehearsalError(f"{RANGES} private Docker engines run on this machine: stop some of them")


def _delete() -> None:
    if shutil.which("ip"):
        subprocess.run(["ip", "link", "delete", BRIDGE.name], capture_output=True, check=False)
