"""The steps from a request to its image: look for the image, start its build, poll the build."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from .. import timeouts
from ..errors import ImageBuildError
from .messages.aws_errors import explain
from .outcome import Outcome, verified, waiting
from .polling import poll
from .progress import Progress, Step
from .services import codebuild, ecr
from .services.errors import AWS_ERRORS, ErrorKind, classify, summary


def advance(step: Step, progress: Progress) -> Outcome:
    """Take the next step; an AWS error that a later call can overcome only delays it."""
    try:
        image = ecr.find(step.aws.ecr, step.request)
        if image is not None:
            return verified(step, progress, image)
        if progress.build_id is None:
            return _start(step, progress)
        if progress.build_poll_in > 0 and not step.is_late:
            return replace(progress, build_poll_in=progress.build_poll_in - progress.wait_seconds)
        return poll(step, progress, progress.build_id)
    except AWS_ERRORS as error:
        may_retry, delay = _RETRIES.get(classify(error), (_never, 0))
        if not may_retry(step):
            raise ImageBuildError(explain(error, step.request)) from error
        print(f"trying again in {delay} s: {summary(error)}")
        return replace(progress, wait_seconds=delay)


def _never(_step: Step) -> bool:
    return False


_RETRIES: Mapping[ErrorKind, tuple[Callable[[Step], bool], int]] = {
    ErrorKind.ACCOUNT_BUSY: (lambda step: step.can_start, timeouts.ACCOUNT_LIMIT_RETRY),
    ErrorKind.TRANSIENT: (lambda step: not step.is_late, timeouts.ERROR_RETRY),
    ErrorKind.ACCESS_DENIED: (lambda step: step.is_fresh, timeouts.ERROR_RETRY),
}
"""Until when an error delays the step, and by how many seconds."""


def _start(step: Step, progress: Progress) -> Progress:
    if not step.can_start:
        raise ImageBuildError(
            f"no build of {step.request.image_uri} could start within {timeouts.LATEST_START // 60} minutes,"
            " because other builds use all the capacity of this account: deploy fewer images at once, or ask"
            " Service Quotas for more concurrently running ARM builds"
        )
    build = codebuild.find(step.aws.codebuild, step.request, progress.attempt) or codebuild.start(
        step.aws.codebuild, step.request, progress.attempt, int(step.started)
    )
    print(f"build {build['id']} builds {step.request.image_uri}")
    return waiting(step, replace(progress, build_id=build["id"]), build)
