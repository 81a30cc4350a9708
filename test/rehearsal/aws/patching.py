"""A patch of ministack: what is replaced, by what, why, and for which source the replacement was written."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

Owner = ModuleType | dict[str, Any]
ABSENT = "absent"


@dataclass(frozen=True)
class Patch:
    """Replaces a function of ministack wherever modules and tables hold it, or adds an entry to a table."""

    owners: Sequence[Owner]
    name: str
    replace: Callable[[Any], Any]
    fingerprint: str
    reason: str

    @property
    def original(self) -> Any:
        """What all owners have now, or None; they must agree."""
        first, *others = [_get(owner, self.name) for owner in self.owners]
        assert all(other is first for other in others), f"{self.name} is no longer the same everywhere"
        return first

    def current_fingerprint(self) -> str:
        """A short digest of the source of the original."""
        if self.original is None:
            return ABSENT
        return hashlib.sha256(inspect.getsource(self.original).encode()).hexdigest()[:8]

    def apply(self) -> None:
        """Put the replacement in place."""
        replacement = self.replace(self.original)
        for owner in self.owners:
            if isinstance(owner, dict):
                owner[self.name] = replacement
            else:
                setattr(owner, self.name, replacement)


def replaces(owner: Owner | Sequence[Owner], name: str, by: Any, fingerprint: str, reason: str) -> Patch:
    """A patch whose replacement is complete; it may call the original that it has imported."""
    return wraps(owner, name, lambda _original: by, fingerprint, reason)


def wraps(
    owner: Owner | Sequence[Owner], name: str, by: Callable[[Any], Any], fingerprint: str, reason: str
) -> Patch:
    """A patch whose replacement is made from the original."""
    owners = (owner,) if isinstance(owner, ModuleType | dict) else owner
    return Patch(owners, name, by, fingerprint, reason)


def adds(owner: dict[str, Any], name: str, entry: Any, reason: str) -> Patch:
    """An entry that the table of ministack lacks."""
    return Patch((owner,), name, lambda _original: entry, ABSENT, reason)


def _get(owner: Owner, name: str) -> Any:
    return owner.get(name) if isinstance(owner, dict) else getattr(owner, name)
