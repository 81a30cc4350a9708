"""Waiting for what another process does, for as long as a busy machine may need."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 300.0


def wait_for(condition: Callable[[], object], what: Callable[[], object]) -> None:
    """Wait until the condition holds; a test that waits in vain fails with what `what` returns then."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)
