"""What an assembly may use: beyond these limits a build is the better choice.

The function has 1769 MB of memory, which is one vCPU, and 512 MB of temporary storage.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
https://docs.aws.amazon.com/lambda/latest/dg/configuration-ephemeral-storage.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .declined import DeclinedError

SECONDS = 80
LONGEST_CALL = 32
"""Seconds of a call to AWS that is never answered, with its retry."""
ARCHIVE_BYTES = 128 * 1024**2
CONTEXT_BYTES = 512 * 1024**2
CONTEXT_ENTRIES = 50_000
LAYERS_BYTES = 8 * 1024**3
TREE_ENTRIES = 300_000
CONFIG_BYTES = 8 * 1024**2
PARAMETERS_BYTES = 4 * 1024**2
IMAGE_BYTES = 2 * 1024**3
PLAN_BYTES = 1024**2


@dataclass(frozen=True)
class Deadline:
    """When an assembly gives up."""

    now: Callable[[], float]
    at: float

    def check(self) -> None:
        """Decline when the time is up.

        :raises DeclinedError: says so.
        """
        if self.now() > self.at:
            raise DeclinedError(f"it takes more than {SECONDS} s")


def require(amount: int, limit: int, what: str) -> None:
    """Decline what is larger than its limit.

    :raises DeclinedError: names both.
    """
    if amount > limit:
        raise DeclinedError(f"{what} exceed the limit of {limit:,}: {amount:,}")
