"""Follows the build that ``on_event`` named, and verifies the image it pushed.

The CDK provider framework calls ``handler`` every few seconds until it says ``IsComplete`` or raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import builds, properties, report, verify
from .aws import AWS_ERRORS, Aws, Clock, Trouble, classify, connect, error_code, error_message
from .explain import explain
from .failure import ImageBuildError, plain, sentences
from .properties import Properties

PROPAGATION_SECONDS = 120
NOT_YET: Mapping[str, Any] = {"IsComplete": False}
_ENDED_WITHOUT_SUCCESS = ("FAILED", "FAULT", "STOPPED", "TIMED_OUT")


def handler(event: Mapping[str, Any], _context: object) -> Mapping[str, Any]:
    """The Lambda function's entry point."""
    return handle(event, connect(), Clock())


@sentences
def handle(event: Mapping[str, Any], aws: Aws, clock: Clock) -> Mapping[str, Any]:
    """``IsComplete``, and then the resource's attributes ``RepositoryUri``, ``ImageTag`` and ``ImageDigest``.

    What may pass by itself is a "not yet" until the deadline: a busy service, and for the first two minutes a
    build that CodeBuild does not show yet or permissions that IAM does not know yet. A build that is given up
    is stopped.

    :raises ImageBuildError: when there is no such image and will be none.
    """
    if event.get("RequestType") == "Delete":
        return {"IsComplete": True}
    wanted, now = properties.parse(event), clock.now()
    late = now >= float(event.get("Deadline", "inf"))
    fresh = not late and now < float(event.get("Started", 0)) + PROPAGATION_SECONDS
    try:
        return _look(event.get("BuildId"), wanted, aws, late=late, fresh=fresh)
    except AWS_ERRORS as error:
        trouble = classify(error)
        if (trouble is Trouble.TRANSIENT and not late) or (trouble is Trouble.ACCESS_DENIED and fresh):
            print(f"looking again later: {error_code(error)}: {plain(error_message(error))}")
            return NOT_YET
        _give_up(event.get("BuildId"), aws)
        raise ImageBuildError(explain(error, wanted)) from error


def _look(
    build_id: str | None, wanted: Properties, aws: Aws, *, late: bool, fresh: bool
) -> Mapping[str, Any]:
    if build_id is None:
        return _verified(verify.find(aws.ecr, wanted), wanted, aws)
    build = builds.get(aws.codebuild, build_id)
    if build is None and fresh:
        return NOT_YET
    if build is None:
        raise ImageBuildError(
            f"build {build_id} of {wanted.image_uri} no longer exists in CodeBuild: deploy again"
        )
    status = build.get("buildStatus")
    if status == "IN_PROGRESS" and not late:
        return NOT_YET
    if status == "IN_PROGRESS":
        _give_up(build_id, aws)
        raise report.build_failed(aws.logs, build, wanted)
    if status == "SUCCEEDED":
        return _verified(verify.find(aws.ecr, wanted), wanted, aws)
    if status not in _ENDED_WITHOUT_SUCCESS:
        raise ImageBuildError(
            f"build {build_id} of {wanted.image_uri} has the unknown status {status!r:.100}"
        )
    image = _pushed_nevertheless(wanted, aws, late)
    if image is None:
        raise report.build_failed(aws.logs, build, wanted)
    print(f"build {build_id} ended as {status}, after it had pushed its image")
    return _verified(image, wanted, aws)


def _verified(image: verify.Image | None, wanted: Properties, aws: Aws) -> Mapping[str, Any]:
    if image is None:
        raise ImageBuildError(
            f"the image {wanted.image_uri} is no longer in its repository: look for a lifecycle rule or a"
            " person that deletes images, then deploy again"
        )
    digest = verify.verify(aws.ecr, wanted, image)
    print(f"{wanted.image_uri} is verified: {digest}")
    attributes = {"RepositoryUri": wanted.repository_uri, "ImageTag": wanted.image_tag, "ImageDigest": digest}
    return {"IsComplete": True, "Data": attributes}


def _pushed_nevertheless(wanted: Properties, aws: Aws, late: bool) -> verify.Image | None:
    try:
        return verify.find(aws.ecr, wanted)
    except AWS_ERRORS as error:
        if classify(error) is Trouble.TRANSIENT and not late:
            raise
        return None


def _give_up(build_id: str | None, aws: Aws) -> None:
    if build_id is None:
        return
    try:
        builds.stop(aws.codebuild, build_id)
    except AWS_ERRORS as error:
        print(f"build {build_id} was not stopped: {error}")
