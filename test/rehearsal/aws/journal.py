"""The journal of the emulated AWS, in the folder that it shares with the scenarios."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("REHEARSAL_FOLDER", "."))
JOURNAL = FOLDER / "journal.jsonl"
_lock = threading.Lock()


def record(kind: str, **values: Any) -> None:
    """Append one event to the journal."""
    line = json.dumps({"at": time.time(), "kind": kind, **values}, default=str)
    with _lock, JOURNAL.open("a") as journal:
        journal.write(line + "\n")
