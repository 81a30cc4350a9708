"""Progress on the terminal: one line a step, with the time it took."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator


def say(text: str) -> None:
    """Print one line at once."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Print a title, and how long the block took."""
    say(f"  {title} ...")
    started = time.monotonic()
    yield
    say(f"  {title}: {time.monotonic() - started:.1f} s")
