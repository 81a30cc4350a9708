"""Answers CloudFormation's request, or starts the execution in AWS Step Functions that will answer it.

CloudFormation invokes the function asynchronously, so a request can arrive twice, and is delivered again when
the function fails.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from . import codebuild, execution, registry, request, response, timeouts
from .aws import AWS_ERRORS, Aws, Clock, ErrorKind, classify
from .errors import ImageBuildError, unexpected
from .explain import explain, quote
from .request import Request

STATE_MACHINE = "STATE_MACHINE_ARN"
_RETRY_SECONDS = 5


def handle(event: Mapping[str, Any], aws: Aws, clock: Clock) -> None:
    """Answer a Delete, a request that cannot be met, and one whose image is there; start the rest.

    Delete comes first, and always succeeds: a resource that cannot be deleted blocks its whole stack.
    """
    if event.get("RequestType") == "Delete":
        _stop_builds(event, aws)
        response.succeed(event, {}, clock)
        return
    try:
        _require_known_type(event)
        wanted = request.parse(event)
        data = _ready_image(wanted, aws)
        if data is None:
            _start_execution(event, wanted, aws, clock)
            return
    except ImageBuildError as error:
        response.fail(event, str(error), clock)
    except Exception as error:
        response.fail(event, unexpected(error), clock)
    else:
        response.succeed(event, data, clock)


def _require_known_type(event: Mapping[str, Any]) -> None:
    kind = event.get("RequestType")
    if kind not in ("Create", "Update"):
        raise ImageBuildError(f"'RequestType' must be Create, Update or Delete, got {kind!r:.100}")


def _ready_image(wanted: Request, aws: Aws) -> Mapping[str, str] | None:
    """The resource's attributes when its image is already there; None too when AWS does not say."""
    try:
        image = registry.find(aws.ecr, wanted)
        if image is None:
            return None
        digest = registry.verify(aws.ecr, wanted, image)
    except registry.ImageRejectedError as rejection:
        raise ImageBuildError(f"{rejection}; {registry.delete_hint(wanted)}") from rejection
    except AWS_ERRORS as error:
        print(f"the execution will look for the image: {quote(error)}")
        return None
    print(f"{wanted.image_uri} already exists, nothing is built")
    return execution.attributes(wanted, digest)


def _start_execution(event: Mapping[str, Any], wanted: Request, aws: Aws, clock: Clock) -> None:
    """Start the execution of this request, once: its name is the request's.

    A state machine that was created seconds ago may still be refused to the function's new role.
    """
    give_up = clock.now() + timeouts.START_EXECUTION
    state = json.dumps({"Request": execution.reduced(event), "Progress": {}})
    while True:
        try:
            aws.stepfunctions.start_execution(
                stateMachineArn=os.environ[STATE_MACHINE], name=wanted.token, input=state
            )
            return
        except aws.stepfunctions.exceptions.ExecutionAlreadyExists:
            print(f"the execution {wanted.token} has already been started")
            return
        except AWS_ERRORS as error:
            kind = classify(error)
            if kind is ErrorKind.PERMANENT or clock.now() + _RETRY_SECONDS > give_up:
                raise ImageBuildError(explain(error, wanted)) from error
            print(f"waiting {_RETRY_SECONDS} s to start the execution: {quote(error)}")
            clock.sleep(_RETRY_SECONDS)


def _stop_builds(event: Mapping[str, Any], aws: Aws) -> None:
    """Stop the builds of the resource's project, as far as AWS answers."""
    try:
        builds = codebuild.recent(aws.codebuild, event["ResourceProperties"]["ProjectName"])
    except (*AWS_ERRORS, KeyError, TypeError) as error:
        print(f"no build was stopped, which does not matter: {error}")
        return
    codebuild.stop(aws.codebuild, builds)
