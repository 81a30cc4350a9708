"""The image between its build and its push: checked in the engine's store, then pushed."""

from __future__ import annotations

import json
import subprocess
import tarfile

from . import entrypoint
from .engine import has_containerd_store
from .process import BuildError, CommandError, output, retry_denied, stream, succeeds
from .settings import Settings

SIZE_LIMIT = 2 * 1024**3


class ImageRejectedError(BuildError):
    """AgentCore Runtime would refuse the image."""


def check(settings: Settings) -> None:
    """Refuse what AgentCore Runtime cannot run, before it gets its tag in the repository.

    The compressed size is what counts. Docker's own figure may include what is unpacked, so a larger one is
    only a reason to measure. The classic store holds no compressed layers, so there a larger image is left to
    the check in the repository.
    https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/bedrock-agentcore-limits.html

    :raises ImageRejectedError: says what to change.
    """
    (details,) = json.loads(output(["docker", "image", "inspect", settings.image_uri]))
    platform = f"{details['Os']}/{details['Architecture']}"
    if platform != "linux/arm64":
        raise ImageRejectedError(f"the image is for {platform}, not for linux/arm64")
    if int(details["Size"]) > SIZE_LIMIT and has_containerd_store():
        _check_compressed_size(settings.image_uri)
    entrypoint.check(settings.image_uri)


def _check_compressed_size(image: str) -> None:
    """Measure the compressed layers in the archive that ``docker image save`` writes, up to the limit."""
    size = 0
    command = ["docker", "image", "save", image]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                for entry in archive:
                    size += entry.size if entry.name.startswith("blobs/") else 0
                    if size > SIZE_LIMIT:
                        raise ImageRejectedError(
                            f"the image has more than {SIZE_LIMIT / 1024**3:.0f} GB compressed, AgentCore"
                            " Runtime's limit: use a smaller base image or a multi-stage build, and check"
                            " .dockerignore"
                        )
        except tarfile.TarError as error:
            print(f"notice: the size of the image could not be measured: {error}")
        finally:
            process.kill()
    print(f"the image has {size / 1024**3:.2f} GB compressed")


def push(settings: Settings) -> None:
    """Push the image, unless another build of the same source has pushed it to a repository that both use.

    Where tags are mutable, a second push would take the tag from an image that a Runtime uses already.
    """
    try:
        if not _is_pushed(settings):
            retry_denied(lambda: _push_once(settings), settings.requested_at)
            return
    except CommandError:
        if not _is_pushed(settings):
            raise
    print("notice: another build has pushed the image of the same source")


def _push_once(settings: Settings) -> None:
    try:
        stream(["docker", "push", settings.image_uri])
    except CommandError as error:
        if error.is_denied and _is_pushed(settings):
            return
        raise


def _is_pushed(settings: Settings) -> bool:
    return succeeds(["docker", "buildx", "imagetools", "inspect", "--raw", settings.image_uri])
