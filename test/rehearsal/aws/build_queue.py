"""The account's limit of builds: which builds run, which are queued, and which StartBuild refuses.

https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from .journal import FOLDER

LIMITS = FOLDER / "limits.json"
QUEUED_PER_RUNNING = 5
_lock = threading.Lock()
_running: set[str] = set()
_waiting: list[str] = []


class QueueFullError(Exception):
    """The queue is full; the text is StartBuild's."""


def enter(identifier: str) -> None:
    """Let the build run, or queue it.

    :raises QueueFullError: when the queue is full.
    """
    with _lock:
        limit = _limit()
        if limit is None or len(_running) < limit:
            _running.add(identifier)
            return
        most = QUEUED_PER_RUNNING * limit
        if len(_waiting) >= most:
            raise QueueFullError(f"Cannot have more than {most} builds in queue for the account")
        _waiting.append(identifier)


@contextlib.contextmanager
def turn(build: dict[str, Any], timeout: Callable[[], float]) -> Iterator[str]:
    """Wait for the build's turn; yields an empty text, or the status with which the build leaves the queue.

    `timeout` is called only for a build that has to wait.
    """
    identifier, deadline = build["id"], None
    try:
        while not _admitted(identifier):
            deadline = deadline or time.monotonic() + timeout()
            ended = build.get("stopRequested") or ("TIMED_OUT" if time.monotonic() > deadline else "")
            if ended:
                yield str(ended)
                return
            time.sleep(0.05)
        yield ""
    finally:
        with _lock:
            _running.discard(identifier)
            if identifier in _waiting:
                _waiting.remove(identifier)


def _admitted(identifier: str) -> bool:
    with _lock:
        limit = _limit()
        if identifier not in _running and (limit is None or len(_running) < limit):
            _waiting.remove(identifier)
            _running.add(identifier)
        return identifier in _running


def _limit() -> int | None:
    found: int | None = json.loads(LIMITS.read_text())["running"] if LIMITS.exists() else None
    return found
