"""What a step of the execution results in: progress, or the attributes of the finished resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from .. import timeouts
from ..errors import ImageBuildError
from .progress import Progress, Step
from .services import codebuild, ecr
from .services.ecr import Image
from .verification import ImageRejectedError, verify

if TYPE_CHECKING:
    from mypy_boto3_codebuild.type_defs import BuildTypeDef

    from .cloudformation.request import Request

Outcome = Progress | Mapping[str, str]
"""The progress to continue with, or the attributes of the finished resource."""


class RejectedOwnImageError(ImageBuildError):
    """The image that this request's build has pushed is rejected, and has to be deleted."""


def attributes(request: Request, digest: str) -> Mapping[str, str]:
    """The attributes of the custom resource."""
    return {"RepositoryUri": request.repository_uri, "ImageTag": request.image_tag, "ImageDigest": digest}


def delete_first(rejection: ImageRejectedError, request: Request) -> ImageBuildError:
    """The error for an image that someone has to delete before the next deployment."""
    return ImageBuildError(f"{rejection}; delete it before you deploy again: {ecr.delete_command(request)}")


def waiting(step: Step, progress: Progress, build: BuildTypeDef) -> Progress:
    """Look for the image again soon, and poll the build later: CodeBuild throttles sooner than ECR.

    A build that waits for long is polled less often, but a machine that starts soon may push a small image
    seconds later.
    """
    pause, build_pause = timeouts.IMAGE_POLL, timeouts.BUILD_POLL
    if codebuild.is_waiting(build):
        build_pause = timeouts.WAITING_BUILD_POLL
        if step.now >= step.started + timeouts.SHORT_WAIT:
            pause = timeouts.WAITING_POLL
    return replace(progress, wait_seconds=pause, build_poll_in=build_pause - pause)


def verified(step: Step, progress: Progress, image: Image) -> Mapping[str, str]:
    """The attributes of the finished resource, if AgentCore Runtime can run the image.

    :raises ImageBuildError: says what is wrong with the image.
    """
    try:
        digest = verify(step.aws.ecr, step.request, image)
    except ImageRejectedError as rejection:
        if step.request.owns_repository and progress.build_id is not None:
            raise RejectedOwnImageError(f"{rejection}; the image is being deleted") from rejection
        raise delete_first(rejection, step.request) from rejection
    print(f"{step.request.image_uri} is verified: {digest}")
    return attributes(step.request, digest)
