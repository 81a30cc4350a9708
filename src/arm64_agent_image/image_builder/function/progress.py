"""What an execution passes from one step to the next, and what a step works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from .. import timeouts
from .cloudformation.request import Request
from .services.clients import Clients


@dataclass(frozen=True)
class Progress:
    """How far the execution has come, and in how many seconds it takes its next step and polls its build."""

    wait_seconds: int = 0
    responded: bool = False
    build_id: str | None = None
    attempt: int = 1
    build_poll_in: int = 0

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Progress:
        """The progress that an earlier step returned, whichever version of this code it ran."""
        known = {field.name for field in fields(cls)}
        progress = cls(**{name: value for name, value in values.items() if name in known})
        return replace(progress, wait_seconds=max(1, int(progress.wait_seconds)))


@dataclass(frozen=True)
class Step:
    """What one step works with: the request, AWS, and the time."""

    request: Request
    aws: Clients
    started: float
    now: float

    @property
    def is_late(self) -> bool:
        """Whether CloudFormation must have its response now."""
        return self.now >= self.started + timeouts.DEADLINE

    @property
    def can_start(self) -> bool:
        """Whether a build that starts now can finish in time."""
        return self.now < self.started + timeouts.LATEST_START

    @property
    def is_fresh(self) -> bool:
        """Whether IAM may still be propagating the permissions of a new stack."""
        return self.now < self.started + timeouts.PROPAGATION


def start_time(started: object, now: float) -> float:
    """The start of the execution in seconds since the epoch; Step Functions gives it in ISO 8601."""
    if not isinstance(started, str):
        return now
    return datetime.fromisoformat(started.replace("Z", "+00:00")).timestamp()
