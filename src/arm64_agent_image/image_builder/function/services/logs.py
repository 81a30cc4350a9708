"""The log of a build in Amazon CloudWatch Logs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...text import printable
from .errors import AWS_ERRORS

if TYPE_CHECKING:
    from mypy_boto3_codebuild.type_defs import BuildTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import GetLogEventsRequestTypeDef, OutputLogEventTypeDef

EVENTS = 200
PAGES = 10


def location(build: BuildTypeDef) -> tuple[str, str] | None:
    """The log group and stream of a build; None for a build that has not begun to log."""
    logs = build.get("logs", {})
    return (logs["groupName"], logs["streamName"]) if "groupName" in logs and "streamName" in logs else None


def last_lines(logs: CloudWatchLogsClient, build: BuildTypeDef) -> Sequence[str]:
    """The last lines that a build has printed, without CodeBuild's own; none if the log cannot be read."""
    lines = _last_lines(logs, build) or []
    return [line for line in lines if not _is_of_codebuild(line)] or lines


def lacks_end(logs: CloudWatchLogsClient, build: BuildTypeDef, phase: str) -> bool:
    """Whether the log lacks the line that CodeBuild writes after everything that a phase has printed."""
    lines = _last_lines(logs, build)
    end = f"Phase complete: {phase} "
    return lines is not None and not any(_is_of_codebuild(line) and end in line for line in lines)


def _is_of_codebuild(line: str) -> bool:
    return line.startswith("[Container]")


def _last_lines(logs: CloudWatchLogsClient, build: BuildTypeDef) -> Sequence[str] | None:
    if (place := location(build)) is None:
        return None
    try:
        events = _last_events(logs, *place)
    except AWS_ERRORS as error:
        print(f"could not read the log of the build: {error}")
        return None
    text = "\n".join(event.get("message", "").rstrip("\r\n") for event in events)
    return [line for raw in re.split(r"[\r\n]+", text) if (line := printable(raw))]


def _last_events(logs: CloudWatchLogsClient, group: str, stream: str) -> list[OutputLogEventTypeDef]:
    """The newest events of a stream; a page can be empty although older pages are not.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
    """
    events: list[OutputLogEventTypeDef] = []
    position: GetLogEventsRequestTypeDef = {
        "logGroupName": group,
        "logStreamName": stream,
        "limit": EVENTS,
        "startFromHead": False,
    }
    for _ in range(PAGES):
        page = logs.get_log_events(**position)
        events = [*page["events"], *events]
        token = page.get("nextBackwardToken")
        if len(events) >= EVENTS or token in (None, position.get("nextToken")):
            break
        position["nextToken"] = token
    return events[-EVENTS:]
