"""The built image: checked in the engine's store, then pushed."""

from __future__ import annotations

import json
import subprocess
import tarfile

from . import entrypoint
from .engine import has_containerd_store
from .process import BuildError, CommandError, output, stream, succeeds
from .retry import retry_denied
from .settings import Settings

SIZE_LIMIT = 2 * 1024**3


class ImageRejectedError(BuildError):
    """AgentCore Runtime would reject the image."""


def check(settings: Settings) -> None:
    """Reject an image that AgentCore Runtime cannot run, before it gets its tag in the repository.

    The limit applies to the compressed size. Docker's figure may include the unpacked layers, so a figure
    above the limit only means that the size has to be measured. The classic store keeps no compressed
    layers; there, the check after the push decides.
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
    """Measure the compressed layers that ``docker image save`` writes, up to the limit."""
    size = 0
    command = ["docker", "image", "save", image]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                for entry in archive:
                    size += entry.size if entry.name.startswith("blobs/") else 0
                    if size > SIZE_LIMIT:
                        raise ImageRejectedError(
                            f"the compressed size of the image exceeds {SIZE_LIMIT / 1024**3:.0f} GB, the"
                            " limit of AgentCore Runtime: use a smaller base image or a multi-stage build,"
                            " and exclude large files in .dockerignore"
                        )
        except tarfile.TarError as error:
            print(f"notice: the size of the image could not be measured: {error}")
        finally:
            process.kill()
    print(f"the compressed size of the image is {size / 1024**3:.2f} GB")


def push(settings: Settings) -> None:
    """Push the image, unless another build of the same source has pushed it to a shared repository.

    If tags are mutable, a second push would take the tag from an image that a Runtime already uses.
    """
    try:
        if not _is_pushed(settings):
            retry_denied(lambda: _push_once(settings), settings.requested_at)
            return
    except CommandError:
        if not _is_pushed(settings):
            raise
    print("notice: another build of the same source has pushed the image")


def _push_once(settings: Settings) -> None:
    try:
        stream(["docker", "push", settings.image_uri])
    except CommandError as error:
        if error.is_denied and _is_pushed(settings):
            return
        raise


def _is_pushed(settings: Settings) -> bool:
    return succeeds(["docker", "buildx", "imagetools", "inspect", "--raw", settings.image_uri])
