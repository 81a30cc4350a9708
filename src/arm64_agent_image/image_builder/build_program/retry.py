"""Retries what IAM denies while it propagates the permissions of a new role."""

import time
from collections.abc import Callable
from typing import TypeVar

from ..timeouts import PROPAGATION
from .process import CommandError

R = TypeVar("R")

PAUSE = 10


def retry_denied(
    operation: Callable[[], R],
    requested_at: float,
    is_denied: Callable[[CommandError], bool] = lambda error: error.is_denied,
) -> R:
    """The operation's result; denied access is retried while IAM may be propagating new permissions."""
    while True:
        try:
            return operation()
        except CommandError as error:
            if not is_denied(error) or time.time() + PAUSE > requested_at + PROPAGATION:
                raise
            print(f"access is denied, retrying in {PAUSE} s: {error}")
            time.sleep(PAUSE)
