"""Resources that concurrent rehearsals share: the first creates them, the last removes them."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def reference_counted(
    name: str, folder: Path, create: Callable[[], bool], remove: Callable[[], None]
) -> Iterator[None]:
    """Call `create`, which returns whether it created anything; the last user calls `remove`.

    Each user holds a shared lock in `folder`. A mark there records that the resource must be removed, even if
    the rehearsal that created it was killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / f"{name}.created"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        if create():
            mark.touch()
        try:
            yield
        finally:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if mark.exists():
                    remove()
                    mark.unlink()
