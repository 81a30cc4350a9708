"""The message for a build that made no image: status, phase, cause, hint, last log lines, and a link."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from . import codebuild
from .aws import AWS_ERRORS
from .errors import LIMIT, ImageBuildError, json_size, printable, truncate, truncate_start
from .hints import hint
from .timeouts import DEADLINE, LATEST_START, MAX_BUILD

if TYPE_CHECKING:
    from mypy_boto3_codebuild.type_defs import BuildTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import GetLogEventsRequestTypeDef, OutputLogEventTypeDef

    from .request import Request

LOG_EVENTS = 200
LOG_PAGES = 10
LOG_LINES = 12
_LINE_LIMIT = 400
_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
_VERDICTS = {
    "FAILED": "failed",
    "FAULT": "failed because of a fault in CodeBuild",
    "STOPPED": "was stopped",
    "TIMED_OUT": "timed out",
    "IN_PROGRESS": "did not finish in time",
}
_BEFORE_COMMANDS = (*codebuild.WAITING_PHASES, "DOWNLOAD_SOURCE")
_NO_PERMISSION = re.compile(
    r"access.?denied|not authorized|does not allow|unauthorized|forbidden|ACCESS_DENIED|AssumeRole|\b403\b",
    re.IGNORECASE,
)


class BuildFailedError(ImageBuildError):
    """The build ended, or was stopped, without an image."""


def build_failed(logs: CloudWatchLogsClient, build: BuildTypeDef, request: Request) -> BuildFailedError:
    """The error for a build that has pushed no image."""
    status, (phase, reason) = build.get("buildStatus", ""), codebuild.failing_phase(build)
    reason = re.sub(r"Error while executing command: .*?Reason: ", "", printable(reason))
    lines = _output(_log_lines(logs, build))
    cause = f"the build of image {request.image_uri} {_VERDICTS[status]} ({status} in phase {phase})"
    known = hint([*lines, reason], in_vpc=bool(build.get("vpcConfig", {}).get("vpcId")))
    advice = known or _advice(status, phase, build)
    return BuildFailedError(compose(f"{cause}: {reason}" if reason else cause, advice, lines, _where(build)))


def lacks_permission(build: BuildTypeDef) -> bool:
    """Whether the build died before its first command, for lack of a permission that IAM may not know yet."""
    phase, reason = codebuild.failing_phase(build)
    return phase in _BEFORE_COMMANDS and _NO_PERMISSION.search(reason) is not None


def compose(cause: str, advice: str | None, log_lines: Iterable[str], where: str) -> str:
    """A message within ``LIMIT``: cause, hint, as many of the last log lines as fit, and where to read on."""
    where = truncate(where, 600)
    head = truncate(cause, 500) + (f"\nhint: {truncate(advice, 500)}" if advice else "")
    room = LIMIT - json_size(f"{head}\nlast lines of the build log:\n\n{where}")
    kept: list[str] = []
    for line in reversed(list(log_lines)[-LOG_LINES:]):
        text = truncate_start(f"  {line}", _LINE_LIMIT)
        room -= json_size(f"{text}\n")
        if room < 0:
            break
        kept.insert(0, text)
    log = "\nlast lines of the build log:\n" + "\n".join(kept) if kept else ""
    return f"{head}{log}\n{where}"


def console_link(arn: str) -> str | None:
    """The build's page in the console of its partition; None for a partition whose console is not known."""
    found = re.fullmatch(r"arn:([^:]+):codebuild:([^:]+):([^:]*):build/([^:]+):(.+)", arn)
    if not found or found[1] not in _CONSOLES:
        return None
    _, region, account, project, build = found.groups()
    page = f"{account}/projects/{quote(project)}/build/{quote(f'{project}:{build}', safe='')}"
    return f"https://{_CONSOLES[found[1]]}/codesuite/codebuild/{page}/?region={region}"


def _advice(status: str, phase: str, build: BuildTypeDef) -> str | None:
    if status in ("TIMED_OUT", "IN_PROGRESS") and phase in codebuild.WAITING_PHASES:
        return (
            "other builds use all the capacity of this account, and a build can wait"
            f" {LATEST_START // 60} minutes for its turn: deploy fewer images at once, or ask Service Quotas"
            " for more concurrently running ARM builds"
        )
    if status == "IN_PROGRESS":
        return (
            f"a deployment has {DEADLINE // 60} minutes for its image, including the wait for other builds:"
            " deploy fewer images at once, or choose a larger 'computeType' in ImageBuild.codeBuild()"
        )
    if status == "TIMED_OUT":
        return (
            f"the build may take {build.get('timeoutInMinutes')} minutes: raise 'timeout'"
            f" ({MAX_BUILD // 60} at most) or choose a larger 'computeType' in ImageBuild.codeBuild()"
        )
    if status == "STOPPED":
        return "StopBuild was called, by hand or when an earlier answer was lost: deploy again"
    if status == "FAULT" or phase in _BEFORE_COMMANDS:
        return "deploy again"
    return None


def _log_lines(logs: CloudWatchLogsClient, build: BuildTypeDef) -> Sequence[str]:
    location = build.get("logs", {})
    if "groupName" not in location or "streamName" not in location:
        return []
    try:
        events = _last_events(logs, location["groupName"], location["streamName"])
    except AWS_ERRORS as error:
        print(f"the build's log cannot be read: {error}")
        return []
    text = "\n".join(event.get("message", "").rstrip("\r\n") for event in events)
    return [line for raw in re.split(r"[\r\n]+", text) if (line := printable(raw))]


def _last_events(logs: CloudWatchLogsClient, group: str, stream: str) -> list[OutputLogEventTypeDef]:
    """The newest events of a stream: a page can be empty although older pages are not.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
    """
    events: list[OutputLogEventTypeDef] = []
    position: GetLogEventsRequestTypeDef = {
        "logGroupName": group,
        "logStreamName": stream,
        "limit": LOG_EVENTS,
        "startFromHead": False,
    }
    for _ in range(LOG_PAGES):
        page = logs.get_log_events(**position)
        events = [*page["events"], *events]
        token = page.get("nextBackwardToken")
        if len(events) >= LOG_EVENTS or token in (None, position.get("nextToken")):
            break
        position["nextToken"] = token
    return events[-LOG_EVENTS:]


def _output(lines: Sequence[str]) -> Sequence[str]:
    """The lines that the build printed, without CodeBuild's own."""
    return [line for line in lines if not line.startswith("[Container]")] or lines


def _where(build: BuildTypeDef) -> str:
    link, location = console_link(build.get("arn", "")), build.get("logs", {})
    where = link or f"build {build.get('id')}"
    if "groupName" not in location or "streamName" not in location:
        return f"log: {where}"
    return f"log: {where} (log group {location['groupName']}, stream {location['streamName']})"
