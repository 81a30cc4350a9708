"""The custom resource's provider: responds to CloudFormation, or starts the execution that will.

CloudFormation invokes the function asynchronously, so an event can arrive twice, and Lambda repeats it when
the function fails.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from .. import timeouts
from ..errors import ImageBuildError
from .cloudformation import response
from .cloudformation.request import Request, parse
from .execution import initial_state
from .messages.aws_errors import explain
from .messages.defect import unexpected
from .outcome import attributes, delete_first
from .services import codebuild, ecr
from .services.clients import Clients
from .services.clock import Clock
from .services.errors import AWS_ERRORS, ErrorKind, classify, summary
from .verification import ImageRejectedError, verify

STATE_MACHINE = "STATE_MACHINE_ARN"
_RETRY_SECONDS = 5


def handle(event: Mapping[str, Any], aws: Clients, clock: Clock) -> None:
    """Respond to a Delete, an invalid request, or one whose image exists; else start an execution.

    Delete comes first and always succeeds: a resource that cannot be deleted blocks its whole stack.
    """
    if event.get("RequestType") == "Delete":
        _stop_builds(event, aws)
        response.succeed(event, {}, clock)
        return
    try:
        _check_request_type(event)
        request = parse(event)
        data = _existing_image(request, aws)
        if data is None:
            _start_execution(event, request, aws, clock)
            return
    except ImageBuildError as error:
        response.fail(event, str(error), clock)
    except Exception as error:
        response.fail(event, unexpected(error), clock)
    else:
        response.succeed(event, data, clock)


def _check_request_type(event: Mapping[str, Any]) -> None:
    value = event.get("RequestType")
    if value not in ("Create", "Update"):
        raise ImageBuildError(f"'RequestType' must be Create, Update or Delete, got {value!r:.100}")


def _existing_image(request: Request, aws: Clients) -> Mapping[str, str] | None:
    """The resource's attributes if its image exists; None if not, or if AWS does not respond."""
    try:
        image = ecr.find(aws.ecr, request)
        if image is None:
            return None
        digest = verify(aws.ecr, request, image)
    except ImageRejectedError as rejection:
        raise delete_first(rejection, request) from rejection
    except AWS_ERRORS as error:
        print(f"leaving it to the execution to look for the image: {summary(error)}")
        return None
    print(f"{request.image_uri} already exists, so nothing is built")
    return attributes(request, digest)


def _start_execution(event: Mapping[str, Any], request: Request, aws: Clients, clock: Clock) -> None:
    """Start the request's execution, once: the execution has the name of the request.

    IAM may deny the function's new role the use of a state machine that was created seconds ago.
    """
    give_up = clock.now() + timeouts.PROPAGATION
    state = json.dumps(initial_state(event))
    while True:
        try:
            aws.stepfunctions.start_execution(
                stateMachineArn=os.environ[STATE_MACHINE], name=request.token, input=state
            )
            return
        except aws.stepfunctions.exceptions.ExecutionAlreadyExists:
            print(f"execution {request.token} has already started")
            return
        except AWS_ERRORS as error:
            if classify(error) is ErrorKind.PERMANENT or clock.now() + _RETRY_SECONDS > give_up:
                raise ImageBuildError(explain(error, request)) from error
            print(f"waiting {_RETRY_SECONDS} s to start the execution: {summary(error)}")
            clock.sleep(_RETRY_SECONDS)


def _stop_builds(event: Mapping[str, Any], aws: Clients) -> None:
    """Stop the builds of the resource's project, as far as AWS responds."""
    try:
        builds = codebuild.recent(aws.codebuild, event["ResourceProperties"]["ProjectName"])
    except (*AWS_ERRORS, KeyError, TypeError) as error:
        print(f"could not list the builds to stop, which does not delay the deletion: {error}")
        return
    codebuild.stop(aws.codebuild, builds)
