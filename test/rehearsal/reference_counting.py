"""What rehearsals that run at the same time share: the first makes it, the last takes it away."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def reference_counted(
    name: str, folder: Path, make: Callable[[], bool], remove: Callable[[], None]
) -> Iterator[None]:
    """Call `make`, which says whether there was something to make, and at the last end `remove`.

    A lock in `folder` is held by everybody who needs it; a mark there says that it is to be removed, even if
    the rehearsal that made it was killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / f"{name}.made"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        if make():
            mark.touch()
        try:
            yield
        finally:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if mark.exists():
                    remove()
                    mark.unlink()
