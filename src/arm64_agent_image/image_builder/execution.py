"""One step of the execution that sees to an image: start its build, look for the image, verify it, answer.

AWS Step Functions calls ``step`` with CloudFormation's request and the progress so far, waits as long as the
new progress says, and calls it again until CloudFormation has its answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from . import codebuild, registry, report, request, response, timeouts
from .aws import AWS_ERRORS, Aws, Clock, ErrorKind, classify
from .errors import ImageBuildError, truncate, unexpected
from .explain import allows_no_build, explain, quote
from .request import Request

if TYPE_CHECKING:
    from mypy_boto3_codebuild.type_defs import BuildTypeDef

_ENDED_WITHOUT_SUCCESS = ("FAILED", "FAULT", "STOPPED", "TIMED_OUT")


@dataclass(frozen=True)
class Progress:
    """How far the execution is, and in how many seconds it takes its next step and polls its build."""

    wait_seconds: int = 0
    answered: bool = False
    build_id: str | None = None
    attempt: int = 1
    build_poll_in: int = 0

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Progress:
        """What an execution passes on, whichever version of this code wrote it."""
        known = {field.name for field in fields(cls)}
        progress = cls(**{name: value for name, value in values.items() if name in known})
        return replace(progress, wait_seconds=max(1, int(progress.wait_seconds)))


@dataclass(frozen=True)
class Step:
    """What one step works with."""

    request: Request
    aws: Aws
    started: float
    now: float

    @property
    def is_late(self) -> bool:
        """Whether CloudFormation must be answered now."""
        return self.now >= self.started + timeouts.DEADLINE

    @property
    def can_start(self) -> bool:
        """Whether there is time left for a build."""
        return self.now < self.started + timeouts.LATEST_START

    @property
    def is_fresh(self) -> bool:
        """Whether IAM may still be propagating the permissions of a new stack."""
        return self.now < self.started + timeouts.PROPAGATION


class WithdrawnError(ImageBuildError):
    """An image that this request's build has pushed is rejected, and is to be deleted."""


def step(event: Mapping[str, Any], aws: Aws, clock: Clock) -> Mapping[str, Any]:
    """The new progress, after CloudFormation has been answered if there is an answer.

    Every failure is an answer, and what a failure leaves behind is cleaned up after it: a step whose answer
    was lost is repeated, and must find what it found before. ``Error`` in the event says that the function
    failed more often than Step Functions retries: then the answer is all that is left to do.
    """
    asked, progress = event["Request"], Progress()
    try:
        progress = Progress.parse(event["Progress"])
        outcome = _outcome(event, request.parse(asked), progress, aws, clock.now())
    except ImageBuildError as error:
        response.fail(asked, str(error), clock)
        _clean_up(asked, aws, delete_image=isinstance(error, WithdrawnError))
    except Exception as error:
        response.fail(asked, unexpected(error), clock)
        _clean_up(asked, aws, delete_image=False)
    else:
        if isinstance(outcome, Progress):
            return asdict(outcome)
        response.succeed(asked, outcome, clock)
    return asdict(replace(progress, answered=True))


def _outcome(
    event: Mapping[str, Any], wanted: Request, progress: Progress, aws: Aws, now: float
) -> Progress | Mapping[str, str]:
    """The next progress, or the attributes of the finished resource."""
    if "Error" in event:
        raise ImageBuildError(
            f"the function that waits for the build failed: {_cause(event['Error'])}: deploy again"
        )
    return _advance(Step(wanted, aws, _seconds(event.get("Started"), now), now), progress)


def _clean_up(asked: Mapping[str, Any], aws: Aws, *, delete_image: bool) -> None:
    """Stop the request's builds, and delete an image that must not be used, so that the next one is built."""
    try:
        wanted = request.parse(asked)
        codebuild.stop_own(aws.codebuild, wanted)
        if delete_image:
            registry.delete(aws.ecr, wanted)
    except (ImageBuildError, *AWS_ERRORS) as error:
        print(f"not everything was cleaned up: {error}")


def reduced(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of CloudFormation's event that an execution needs."""
    names = (
        *("RequestType", "RequestId", "ResponseURL", "StackId", "LogicalResourceId", "PhysicalResourceId"),
        *("ResourceProperties", "OldResourceProperties"),
    )
    return {name: event[name] for name in names if name in event}


def attributes(wanted: Request, digest: str) -> Mapping[str, str]:
    """The attributes of the custom resource."""
    return {"RepositoryUri": wanted.repository_uri, "ImageTag": wanted.image_tag, "ImageDigest": digest}


def _advance(state: Step, progress: Progress) -> Progress | Mapping[str, str]:
    """The attributes of the finished resource, or the progress to go on with."""
    try:
        image = registry.find(state.aws.ecr, state.request)
        if image is not None:
            return _verified(state, progress, image)
        if progress.build_id is None:
            return _start(state, progress)
        if progress.build_poll_in > 0 and not state.is_late:
            return replace(progress, build_poll_in=progress.build_poll_in - progress.wait_seconds)
        return _poll(state, progress, progress.build_id)
    except AWS_ERRORS as error:
        pause = _pause(state, error)
        if pause is None:
            raise ImageBuildError(explain(error, state.request)) from error
        print(f"trying again in {pause} s: {quote(error)}")
        return replace(progress, wait_seconds=pause)


def _pause(state: Step, error: Exception) -> int | None:
    """Seconds after which the same call may succeed; None when waiting cannot help, or no longer."""
    kind = classify(error)
    if kind is ErrorKind.ACCOUNT_LIMIT and state.can_start and not allows_no_build(error):
        return timeouts.ACCOUNT_LIMIT_RETRY
    if kind is ErrorKind.TRANSIENT and not state.is_late:
        return timeouts.ERROR_RETRY
    if kind is ErrorKind.ACCESS_DENIED and state.is_fresh:
        return timeouts.ERROR_RETRY
    return None


def _start(state: Step, progress: Progress) -> Progress:
    if not state.can_start:
        raise ImageBuildError(
            f"no build of {state.request.image_uri} could start in {timeouts.LATEST_START // 60} minutes,"
            " because other builds use all the capacity of this account: deploy fewer images at once, or ask"
            " Service Quotas for more concurrently running ARM builds"
        )
    build = codebuild.find(state.aws.codebuild, state.request, progress.attempt) or codebuild.start(
        state.aws.codebuild, state.request, progress.attempt, int(state.started)
    )
    print(f"{state.request.image_uri} is built by {build['id']}")
    return _waiting(replace(progress, build_id=build["id"]), build)


def _waiting(progress: Progress, build: BuildTypeDef) -> Progress:
    """Look for the image again soon, and at the build later: CodeBuild throttles sooner than ECR."""
    pause, build_pause = timeouts.IMAGE_POLL, timeouts.BUILD_POLL
    if codebuild.is_waiting(build):
        pause, build_pause = timeouts.WAITING_POLL, timeouts.WAITING_BUILD_POLL
    return replace(progress, wait_seconds=pause, build_poll_in=build_pause - pause)


def _poll(state: Step, progress: Progress, build_id: str) -> Progress | Mapping[str, str]:
    build = codebuild.get(state.aws.codebuild, build_id)
    status = build.get("buildStatus") if build else None
    if build is None and state.is_fresh:
        return replace(progress, wait_seconds=timeouts.WAITING_POLL)
    if build is None:
        raise ImageBuildError(
            f"build {build_id} of {state.request.image_uri} no longer exists in CodeBuild: deploy again"
        )
    if status == "IN_PROGRESS":
        if state.is_late or (not state.can_start and codebuild.is_waiting(build)):
            raise report.build_failed(state.aws.logs, build, state.request)
        return _waiting(progress, build)
    image = registry.find(state.aws.ecr, state.request)
    if image is not None:
        print(f"build {build_id} ended as {status} after it had pushed its image")
        return _verified(state, progress, image)
    if status == "SUCCEEDED":
        raise ImageBuildError(
            f"build {build_id} succeeded, but {state.request.image_uri} is not in its repository: look for a"
            " lifecycle rule or a person that deletes images, then deploy again"
        )
    if status not in _ENDED_WITHOUT_SUCCESS:
        raise ImageBuildError(
            f"build {build_id} of {state.request.image_uri} has the unknown status {status!r:.100}"
        )
    if (
        progress.attempt < codebuild.ATTEMPTS
        and state.now < state.started + timeouts.RESTART
        and report.lacks_permission(build)
    ):
        phase, reason = codebuild.failing_phase(build)
        print(f"build {build_id} failed in {phase} ({reason}): starting it once more, as IAM propagates")
        return Progress(attempt=progress.attempt + 1, wait_seconds=timeouts.WAITING_POLL)
    raise report.build_failed(state.aws.logs, build, state.request)


def _verified(state: Step, progress: Progress, image: registry.Image) -> Mapping[str, str]:
    try:
        digest = registry.verify(state.aws.ecr, state.request, image)
    except registry.ImageRejectedError as rejection:
        if state.request.owns_repository and progress.build_id is not None:
            raise WithdrawnError(f"{rejection}; the image is being deleted") from rejection
        raise ImageBuildError(f"{rejection}; {registry.delete_hint(state.request)}") from rejection
    print(f"{state.request.image_uri} is verified: {digest}")
    return attributes(state.request, digest)


def _seconds(started: object, now: float) -> float:
    """The start of the execution, which Step Functions gives in ISO 8601."""
    return (
        datetime.fromisoformat(started.replace("Z", "+00:00")).timestamp()
        if isinstance(started, str)
        else now
    )


def _cause(error: object) -> str:
    values = error if isinstance(error, dict) else {}
    return truncate(f"{values.get('Error')}: {values.get('Cause')}", 600)
