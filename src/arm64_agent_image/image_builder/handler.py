"""The entry point in AWS Lambda, for CloudFormation's requests and for the steps of executions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import execution, provider
from .aws import Clock, connect


def handler(event: Mapping[str, Any], _context: object) -> Mapping[str, Any] | None:
    """Answer the request, or take the next step of an execution, which passes the request along."""
    if "Request" in event:
        return execution.step(event, connect(), Clock())
    provider.handle(event, connect(), Clock())
    return None
