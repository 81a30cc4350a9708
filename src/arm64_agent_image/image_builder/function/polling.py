"""Polls a build of AWS CodeBuild: each status of a build has its consequence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from .. import timeouts
from ..errors import ImageBuildError
from .messages.build_failure import build_failed, lacks_permission
from .outcome import Outcome, verified, waiting
from .progress import Progress, Step
from .services import codebuild, ecr, logs

if TYPE_CHECKING:
    from mypy_boto3_codebuild.type_defs import BuildTypeDef


def poll(step: Step, progress: Progress, build_id: str) -> Outcome:
    """Continue to wait for the build, or conclude from its end."""
    build = codebuild.get(step.aws.codebuild, build_id)
    if build is None:
        return _missing(step, progress, build_id)
    status = build.get("buildStatus", "")
    if status == "IN_PROGRESS":
        return _in_progress(step, progress, build)
    image = ecr.find(step.aws.ecr, step.request)
    if image is not None:
        print(f"build {build_id} ended as {status} after it had pushed its image")
        return verified(step, progress, image)
    return _ENDED_WITHOUT_IMAGE.get(status, _unknown_status)(step, progress, build)


def _missing(step: Step, progress: Progress, build_id: str) -> Progress:
    if step.is_fresh:
        return replace(progress, wait_seconds=timeouts.WAITING_POLL)
    raise ImageBuildError(
        f"build {build_id} of {step.request.image_uri} no longer exists in CodeBuild: deploy again"
    )


def _in_progress(step: Step, progress: Progress, build: BuildTypeDef) -> Progress:
    if step.is_late or (not step.can_start and codebuild.is_waiting(build)):
        raise build_failed(step.aws.logs, build, step.request)
    return waiting(step, progress, build)


def _succeeded(step: Step, _progress: Progress, build: BuildTypeDef) -> NoReturn:
    raise ImageBuildError(
        f"build {build['id']} succeeded, but {step.request.image_uri} is not in its repository: check"
        " whether a lifecycle rule or a person deletes images, then deploy again"
    )


def _failed(step: Step, progress: Progress, build: BuildTypeDef) -> Progress:
    may_restart = progress.attempt < codebuild.ATTEMPTS and step.now < step.started + timeouts.RESTART
    if not may_restart or not lacks_permission(build):
        if _may_say_more(step, build):
            print(f"build {build['id']} failed: waiting for the end of its log")
            return replace(progress, wait_seconds=timeouts.IMAGE_POLL, build_poll_in=0)
        raise build_failed(step.aws.logs, build, step.request)
    phase, reason = codebuild.failing_phase(build)
    print(f"build {build['id']} failed in {phase} ({reason}): starting another one, as IAM propagates")
    return Progress(attempt=progress.attempt + 1, wait_seconds=timeouts.WAITING_POLL)


def _may_say_more(step: Step, build: BuildTypeDef) -> bool:
    """Whether the cause of a failure may still be on its way to the log.

    AWS's own action reads on after the end of a build:
    https://github.com/aws-actions/aws-codebuild-run-build/blob/main/code-build.js
    """
    phase, _ = codebuild.failing_phase(build)
    is_by_command = build.get("buildStatus") == "FAILED" and phase in codebuild.COMMAND_PHASES
    if not is_by_command or "endTime" not in build:
        return False
    is_recent = step.now < build["endTime"].timestamp() + timeouts.FAILURE_IN_LOG
    return is_recent and not step.is_late and logs.lacks_end(step.aws.logs, build, phase)


def _unknown_status(step: Step, _progress: Progress, build: BuildTypeDef) -> NoReturn:
    raise ImageBuildError(
        f"build {build['id']} of {step.request.image_uri} has an unknown status,"
        f" {build.get('buildStatus')!r:.100}: update arm64-agent-image"
    )


_ENDED_WITHOUT_IMAGE: Mapping[str, Callable[[Step, Progress, BuildTypeDef], Progress]] = {
    "SUCCEEDED": _succeeded,
    "FAILED": _failed,
    "FAULT": _failed,
    "STOPPED": _failed,
    "TIMED_OUT": _failed,
}
"""What follows from the status of a build that has ended without an image."""
