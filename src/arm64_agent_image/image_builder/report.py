"""The message for a build that made no image: status, phase, cause, hint, last log lines, and a link."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from .aws import AWS_ERRORS
from .failure import LIMIT, ImageBuildError, plain, shorten, shorten_start, weight
from .hints import hint

if TYPE_CHECKING:
    from mypy_boto3_codebuild.type_defs import BuildTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient

    from .properties import Properties

LOG_EVENTS = 200
LOG_LINES = 12
_LINE_LIMIT = 400
_FORMER_OUTPUT = re.compile(r"\[Container\].*Command did not exit successfully")
_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
_VERDICTS = {
    "FAILED": "failed",
    "FAULT": "failed by a fault of CodeBuild itself",
    "STOPPED": "was stopped",
    "TIMED_OUT": "ran out of time",
    "IN_PROGRESS": "did not end in time and is being stopped",
}


class BuildFailedError(ImageBuildError):
    """The build ended, or was ended, without an image."""


def build_failed(logs: CloudWatchLogsClient, build: BuildTypeDef, properties: Properties) -> BuildFailedError:
    """The error for a build that has pushed no image."""
    status, (phase, reason) = build.get("buildStatus", ""), _failing_phase(build)
    lines = _output(_log_lines(logs, build), _script(build))
    cause = f"the build of image {properties.image_uri} {_VERDICTS[status]} ({status} in phase {phase})"
    known = hint([*lines, reason], in_vpc=bool(build.get("vpcConfig", {}).get("vpcId")))
    advice = known or _advice(status, phase, properties)
    return BuildFailedError(compose(f"{cause}: {reason}" if reason else cause, advice, lines, _where(build)))


def compose(cause: str, advice: str | None, log_lines: Iterable[str], where: str) -> str:
    """A message within ``LIMIT``: cause, hint, as many of the last log lines as fit, and where to read on."""
    where = shorten(where, 600)
    head = shorten(cause, 500) + (f"\nhint: {shorten(advice, 500)}" if advice else "")
    room = LIMIT - weight(f"{head}\nlast lines of the build log:\n\n{where}")
    kept: list[str] = []
    for line in reversed(list(log_lines)[-LOG_LINES:]):
        text = shorten_start(f"  {line}", _LINE_LIMIT)
        room -= weight(f"{text}\n")
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


def _failing_phase(build: BuildTypeDef) -> tuple[str, str]:
    for phase in reversed(build.get("phases", [])):
        if phase.get("phaseStatus", "SUCCEEDED") not in ("SUCCEEDED", "IN_PROGRESS"):
            contexts = (
                f"{c.get('statusCode') or ''}: {c.get('message') or ''}" for c in phase.get("contexts", [])
            )
            messages = (
                re.sub(r"(?s)Error while executing command: .*Reason: ", "", plain(c)) for c in contexts
            )
            return phase.get("phaseType", "unknown"), "; ".join(m for m in messages if m.strip(": "))
    return build.get("currentPhase", "unknown"), ""


def _advice(status: str, phase: str, properties: Properties) -> str | None:
    if status in ("TIMED_OUT", "IN_PROGRESS") and phase in ("QUEUED", "SUBMITTED"):
        return "CodeBuild had no machine for it: deploy again later"
    if status in ("TIMED_OUT", "IN_PROGRESS"):
        return (
            f"the build may take {properties.timeout_in_minutes} minutes: raise 'timeout' (40 at most) or"
            " choose a larger 'computeType' in ImageBuild.codeBuild()"
        )
    if status == "STOPPED":
        return "somebody or something called StopBuild: deploy again"
    if status == "FAULT" or phase in ("PROVISIONING", "DOWNLOAD_SOURCE"):
        return "deploy again"
    return None


def _log_lines(logs: CloudWatchLogsClient, build: BuildTypeDef) -> Sequence[str]:
    place = build.get("logs", {})
    if "groupName" not in place or "streamName" not in place:
        return []
    try:
        events = logs.get_log_events(
            logGroupName=place["groupName"],
            logStreamName=place["streamName"],
            limit=LOG_EVENTS,
            startFromHead=False,
        )["events"]
    except AWS_ERRORS as error:
        print(f"the build's log cannot be read: {error}")
        return []
    text = "\n".join(event.get("message", "").rstrip("\r\n") for event in events)
    return [line for raw in re.split(r"[\r\n]+", text) if (line := plain(raw))]


def _script(build: BuildTypeDef) -> Collection[str]:
    """The lines of the build's commands, which CodeBuild repeats in the log."""
    try:
        phases = json.loads(build["source"]["buildspec"])["phases"].values()
        commands = [command for phase in phases for command in phase["commands"]]
        return {plain(line) for command in commands for line in command.splitlines()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return ()


def _output(lines: Sequence[str], script: Collection[str]) -> Sequence[str]:
    """What the failing command said: the lines before CodeBuild repeats the command, without CodeBuild's."""
    ends = [number for number, line in enumerate(lines) if _FORMER_OUTPUT.search(line)]
    said, in_command = [], True
    for line in lines[: ends[-1] if ends else None]:
        if line.startswith("[Container]"):
            in_command = True
        elif not in_command or line not in script:
            in_command = False
            said.append(line)
    return said or lines


def _where(build: BuildTypeDef) -> str:
    if link := console_link(build.get("arn", "")):
        return f"log: {link}"
    place = build.get("logs", {})
    return (
        f"log: build {build.get('id')}, log group {place.get('groupName')}, stream {place.get('streamName')}"
    )
