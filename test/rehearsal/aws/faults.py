"""The faults that a scenario has planned, in the folder that it shares with the emulated AWS."""

from __future__ import annotations

import json
import threading
from typing import Any

from .. import shared_files
from .journal import FOLDER

FAULTS = FOLDER / "faults.json"
_lock = threading.Lock()


def fault(kind: str, **subject: str) -> dict[str, Any] | None:
    """The next planned fault of this kind that fits the subject; each is used up after `times` uses.

    A plan may name a part of the subject; of a `reference` it names the beginning.
    """
    with _lock:
        planned: list[dict[str, Any]] = json.loads(FAULTS.read_text()) if FAULTS.exists() else []
        for entry in planned:
            if entry["kind"] == kind and all(_fits(entry, key, value) for key, value in subject.items()):
                entry["times"] -= 1
                shared_files.write(FAULTS, [each for each in planned if each["times"] > 0])
                return entry
    return None


def _fits(entry: dict[str, Any], key: str, value: str) -> bool:
    planned: str = entry.get(key, "")
    return value.startswith(planned) if key == "reference" else planned in value
