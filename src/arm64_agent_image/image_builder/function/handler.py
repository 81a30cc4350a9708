"""The entry point in AWS Lambda, for CloudFormation's requests and for the steps of executions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import execution, provider
from .services.clients import connect
from .services.clock import Clock


def handler(event: Mapping[str, Any], _context: object) -> Mapping[str, Any] | None:
    """Handle a request of CloudFormation, or take the next step of an execution, whose event contains one."""
    if "Request" in event:
        return execution.step(event, connect(), Clock())
    provider.handle(event, connect(), Clock())
    return None
