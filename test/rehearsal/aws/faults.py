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
        planned = _planned()
        for entry in planned:
            if _is(entry, kind, subject):
                entry["times"] -= 1
                shared_files.write(FAULTS, [each for each in planned if each["times"] > 0])
                return entry
    return None


def is_held(kind: str, **subject: str) -> bool:
    """Whether a fault of this kind is planned for the subject; it stays until the scenario clears it."""
    return any(_is(entry, kind, subject) for entry in _planned())


def _planned() -> list[dict[str, Any]]:
    return json.loads(FAULTS.read_text()) if FAULTS.exists() else []


def _is(entry: dict[str, Any], kind: str, subject: dict[str, str]) -> bool:
    return entry["kind"] == kind and all(_fits(entry, key, value) for key, value in subject.items())


def _fits(entry: dict[str, Any], key: str, value: str) -> bool:
    planned: str = entry.get(key, "")
    if key == "phase":
        return planned == value
    return value.startswith(planned) if key == "reference" else planned in value
