"""The message for a build without an image: status, phase, cause, hint, last log lines, and a link."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote

from ...errors import LIMIT, ImageBuildError
from ...text import json_size, printable, truncate, truncate_start
from ...timeouts import DEADLINE, LATEST_START, MAX_BUILD
from ..services import codebuild, logs
from .hints import hint

if TYPE_CHECKING:
    from mypy_boto3_codebuild.type_defs import BuildTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient

    from ..cloudformation.request import Request

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
_LARGER_MACHINE = "choose a larger 'compute_type' (computeType) for the build"


class BuildFailedError(ImageBuildError):
    """The build ended, or was stopped, without an image."""


def build_failed(client: CloudWatchLogsClient, build: BuildTypeDef, request: Request) -> BuildFailedError:
    """The error for a build that has pushed no image."""
    status, (phase, reason) = build.get("buildStatus", ""), codebuild.failing_phase(build)
    reason = re.sub(r"Error while executing command: .*?Reason: ", "", printable(reason))
    lines = logs.last_lines(client, build)
    cause = f"the build of image {request.image_uri} {_VERDICTS[status]} ({status} in phase {phase})"
    known = hint([*lines, reason], in_vpc=bool(build.get("vpcConfig", {}).get("vpcId")))
    advice = known or _advice(status, phase, build)
    return BuildFailedError(compose(f"{cause}: {reason}" if reason else cause, advice, lines, _where(build)))


def lacks_permission(build: BuildTypeDef) -> bool:
    """Whether the build lacked a permission before its first command, which IAM may be propagating."""
    phase, reason = codebuild.failing_phase(build)
    return phase in _BEFORE_COMMANDS and _NO_PERMISSION.search(reason) is not None


def compose(cause: str, advice: str | None, log_lines: Iterable[str], where: str) -> str:
    """A message within ``LIMIT``: cause, hint, the last log lines that fit, and where to find the log."""
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
    """The build's page in the console of its partition; None if the partition's console is unknown."""
    found = re.fullmatch(r"arn:([^:]+):codebuild:([^:]+):([^:]*):build/([^:]+):(.+)", arn)
    if not found or found[1] not in _CONSOLES:
        return None
    _, region, account, project, build = found.groups()
    page = f"{account}/projects/{quote(project)}/build/{quote(f'{project}:{build}', safe='')}"
    return f"https://{_CONSOLES[found[1]]}/codesuite/codebuild/{page}/?region={region}"


def _advice(status: str, phase: str, build: BuildTypeDef) -> str | None:
    if status in ("TIMED_OUT", "IN_PROGRESS") and phase in codebuild.WAITING_PHASES:
        return (
            "other builds use all the capacity of this account, and a build waits at most"
            f" {LATEST_START // 60} minutes for its turn: deploy fewer images at once, or ask Service Quotas"
            " for more concurrently running ARM builds"
        )
    if status == "IN_PROGRESS":
        return (
            f"a deployment waits at most {DEADLINE // 60} minutes for its image, including the wait for other"
            f" builds: deploy fewer images at once, or {_LARGER_MACHINE}"
        )
    if status == "TIMED_OUT":
        return (
            f"the build may take {build.get('timeoutInMinutes')} minutes: raise its 'timeout' (at most"
            f" {MAX_BUILD // 60} minutes), or {_LARGER_MACHINE}"
        )
    if status == "STOPPED":
        return "somebody called StopBuild, or an earlier response was lost: deploy again"
    if status == "FAULT" or phase in _BEFORE_COMMANDS:
        return "deploy again"
    return None


def _where(build: BuildTypeDef) -> str:
    where = console_link(build.get("arn", "")) or f"build {build.get('id')}"
    if (place := logs.location(build)) is None:
        return f"log: {where}"
    return f"log: {where} (log group {place[0]}, stream {place[1]})"
