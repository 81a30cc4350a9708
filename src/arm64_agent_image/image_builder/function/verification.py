"""Checks that AgentCore Runtime can run the image in the repository.

https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/bedrock-agentcore-limits.html
https://github.com/opencontainers/image-spec/blob/main/manifest.md and image-index.md, config.md
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ImageBuildError
from ..text import printable, truncate
from .services import ecr
from .services.ecr import Image

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient

    from .cloudformation.request import Request

SIZE_LIMIT = 2 * 1024**3
_REMEDY = (
    "remove '--platform=...' from the Dockerfile's FROM lines or set it to linux/arm64, and use base images"
    " that support linux/arm64"
)


class ImageRejectedError(ImageBuildError):
    """AgentCore Runtime would reject the image in the repository."""


def verify(client: ECRClient, request: Request, image: Image) -> str:
    """The image's digest, if AgentCore Runtime can run what its manifest and configuration describe.

    :raises ImageRejectedError: says what to change.
    """
    uri, manifest = request.image_uri, _document(image.manifest, request.image_uri)
    if "manifests" in manifest:
        manifest = _arm64_manifest(client, request, manifest)
    descriptor = _object(manifest.get("config"), uri)
    config = _document(ecr.read_config(client, request, str(descriptor.get("digest"))), uri)
    platform = f"{config.get('os')}/{config.get('architecture')}"
    if platform != "linux/arm64":
        raise ImageRejectedError(
            f"the image {uri} is for {truncate(printable(platform), 100)}, not for linux/arm64: {_REMEDY}"
        )
    size = _size(descriptor, uri) + sum(
        _size(_object(layer, uri), uri) for layer in _list(manifest, "layers", uri)
    )
    if size > SIZE_LIMIT:
        raise ImageRejectedError(
            f"the image {uri} has a compressed size of {size / 1024**3:.2f} GB, AgentCore Runtime allows"
            f" {SIZE_LIMIT / 1024**3:.0f} GB: use a smaller base image or a multi-stage build, and exclude"
            " large files in .dockerignore"
        )
    if not image.digest.startswith("sha256:"):
        raise _malformed(uri)
    return image.digest


def _arm64_manifest(client: ECRClient, request: Request, index: Mapping[str, Any]) -> Mapping[str, Any]:
    platforms = []
    for entry in (_object(e, request.image_uri) for e in _list(index, "manifests", request.image_uri)):
        platform, annotations = entry.get("platform") or {}, entry.get("annotations") or {}
        if not isinstance(platform, dict) or not isinstance(annotations, dict):
            raise _malformed(request.image_uri)
        name = f"{platform.get('os')}/{platform.get('architecture')}"
        if name == "unknown/unknown" or "vnd.docker.reference.type" in annotations:
            continue
        platforms.append(name)
        if name == "linux/arm64":
            child = ecr.find(client, request, str(entry.get("digest")))
            if child is None:
                raise ImageRejectedError(
                    f"the linux/arm64 manifest of the image {request.image_uri} was deleted: deploy again"
                )
            return _document(child.manifest, request.image_uri)
    listed = truncate(printable(", ".join(platforms)), 200) or "no platform"
    raise ImageRejectedError(f"the image {request.image_uri} is for {listed}, not for linux/arm64: {_REMEDY}")


def _document(text: str, uri: str) -> Mapping[str, Any]:
    try:
        return _object(json.loads(text), uri)
    except (ValueError, RecursionError) as error:
        raise _malformed(uri) from error


def _object(value: object, uri: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _malformed(uri)
    return value


def _list(document: Mapping[str, Any], name: str, uri: str) -> list[Any]:
    value = document.get(name)
    if not isinstance(value, list):
        raise _malformed(uri)
    return value


def _size(descriptor: Mapping[str, Any], uri: str) -> int:
    size = descriptor.get("size")
    if type(size) is not int or size < 0:
        raise _malformed(uri)
    return size


def _malformed(uri: str) -> ImageRejectedError:
    return ImageRejectedError(
        f"{uri} is not a container image: delete this tag from the repository and deploy again"
    )
