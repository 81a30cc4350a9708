"""Answers CloudFormation's request: see to it that one build makes the image, and say which.

The CDK provider framework calls ``handler`` and passes what it returns on to ``is_complete``.
https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.custom_resources-readme.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import builds, checks, patience, properties, verify
from .aws import AWS_ERRORS, Aws, Clock, connect
from .buildspec import buildspec
from .failure import ImageBuildError, sentences
from .place import Place

if TYPE_CHECKING:
    from mypy_boto3_codebuild.type_defs import BuildTypeDef

REQUEST_SECONDS = 55 * 60
WAITER_SECONDS = 49 * 60


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """The Lambda function's entry point."""
    return handle(event, connect(), Clock())


@sentences
def handle(event: Mapping[str, Any], aws: Aws, clock: Clock) -> dict[str, Any]:
    """``BuildId`` of the request's one build, none when the image is there, and ``Started`` and ``Deadline``.

    Delete is answered first, and always with success: a resource that cannot be deleted blocks its whole
    stack.
    """
    match event.get("RequestType"):
        case "Delete":
            _stop_builds(event, aws)
            return {}
        case "Create" | "Update":
            return _see_to_image(event, aws, clock)
        case other:
            raise ImageBuildError(f"'RequestType' must be Create, Update or Delete, got {other!r:.100}")


def _see_to_image(event: Mapping[str, Any], aws: Aws, clock: Clock) -> dict[str, Any]:
    started, wanted, token = clock.now(), properties.parse(event), properties.request_token(event)
    spec = buildspec(wanted, token, properties.previous_image_tag(event), _place(event))

    def image_or_build() -> BuildTypeDef | None:
        if verify.find(aws.ecr, wanted):
            return None
        return builds.find(aws.codebuild, wanted, token) or builds.start(aws.codebuild, wanted, token, spec)

    build = patience.patiently(image_or_build, wanted, clock)
    now = clock.now()
    answer = {"Started": int(now), "Deadline": int(min(started + REQUEST_SECONDS, now + WAITER_SECONDS))}
    if build is None:
        print(f"{wanted.image_uri} is already there, nothing is built")
        return answer
    print(f"{wanted.image_uri} is made by build {build['id']}")
    return {
        **answer,
        "BuildId": build["id"],
        "Deadline": int(min(answer["Deadline"], builds.latest_end(build, now))),
    }


def _stop_builds(event: Mapping[str, Any], aws: Aws) -> None:
    try:
        project_name = event["ResourceProperties"]["ProjectName"]
        for build in builds.recent(aws.codebuild, project_name):
            if builds.running(build):
                builds.stop(aws.codebuild, build["id"])
                print(f"stopped build {build['id']}")
    except (*AWS_ERRORS, KeyError, TypeError) as error:
        print(f"no build was stopped, which does not matter: {error}")


def _place(event: Mapping[str, Any]) -> Place:
    found = re.match(r"arn:([a-z0-9-]+):cloudformation:([a-z0-9-]+):", str(event.get("StackId")))
    if not found:
        raise checks.invalid("StackId", event.get("StackId"), "the ARN of a stack")
    return Place(partition=found[1], region=found[2])
