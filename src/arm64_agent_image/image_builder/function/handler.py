"""The entry point in AWS Lambda, for CloudFormation's requests and for the steps of executions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import execution, provider
from .assembly import update
from .services.clients import connect
from .services.clock import Clock


def handler(event: Mapping[str, Any], _context: object) -> Mapping[str, Any] | None:
    """Handle a request of CloudFormation, or take a step of an execution, whose event contains one."""
    if "Assemble" in event:
        update.attempt(event["Request"], connect(), Clock())
        return None
    if "Request" in event:
        return execution.step(event, connect(), Clock())
    provider.handle(event, connect(), Clock())
    return None
