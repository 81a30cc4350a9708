"""One step of the execution that gets an image built.

AWS Step Functions calls ``step`` with CloudFormation's request and the progress so far, waits as many
seconds as the new progress says, and calls it again until CloudFormation has its response.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from ..errors import ImageBuildError
from ..text import truncate
from .build_steps import advance
from .cloudformation import response
from .cloudformation.request import parse
from .messages.defect import unexpected
from .outcome import Outcome, RejectedOwnImageError
from .progress import Progress, Step, start_time
from .services import codebuild, ecr
from .services.clients import Clients
from .services.clock import Clock
from .services.errors import AWS_ERRORS


def step(event: Mapping[str, Any], aws: Clients, clock: Clock) -> Mapping[str, Any]:
    """Take the step, respond to CloudFormation if it was the last one, and return the new progress.

    Every failure becomes a response, and its remains are cleaned up afterwards: a step whose result is lost
    is repeated, and must find what it found before. ``Error`` in the event means that the function failed
    more often than Step Functions retries; all that is left to do is to respond.
    """
    request, progress = event["Request"], Progress()
    try:
        progress = Progress.parse(event["Progress"])
        outcome = _outcome(event, progress, aws, clock.now())
    except ImageBuildError as error:
        response.fail(request, str(error), clock)
        _clean_up(request, aws, delete_image=isinstance(error, RejectedOwnImageError))
    except Exception as error:
        response.fail(request, unexpected(error), clock)
        _clean_up(request, aws, delete_image=False)
    else:
        if isinstance(outcome, Progress):
            return asdict(outcome)
        response.succeed(request, outcome, clock)
    return asdict(replace(progress, responded=True))


def initial_state(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The input of the execution for a request: what its steps need of the event, and no progress."""
    names = (
        *("RequestType", "RequestId", "ResponseURL", "StackId", "LogicalResourceId", "PhysicalResourceId"),
        *("ResourceProperties", "OldResourceProperties"),
    )
    return {"Request": {name: event[name] for name in names if name in event}, "Progress": {}}


def _outcome(event: Mapping[str, Any], progress: Progress, aws: Clients, now: float) -> Outcome:
    """The next progress, or the attributes of the finished resource."""
    request = parse(event["Request"])
    if "Error" in event:
        raise ImageBuildError(
            f"the function that waits for the build failed: {_cause(event['Error'])}: deploy again"
        )
    return advance(Step(request, aws, start_time(event.get("Started"), now), now), progress)


def _clean_up(event: Mapping[str, Any], aws: Clients, *, delete_image: bool) -> None:
    """Stop the request's builds, and delete a rejected image, so that the next request builds it again."""
    try:
        request = parse(event)
        codebuild.stop_own(aws.codebuild, request)
        if delete_image:
            ecr.delete(aws.ecr, request)
    except (ImageBuildError, *AWS_ERRORS) as error:
        print(f"could not clean up everything: {error}")


def _cause(error: object) -> str:
    values = error if isinstance(error, dict) else {}
    return truncate(f"{values.get('Error')}: {values.get('Cause')}", 600)
