"""The image in Amazon ECR: looked up, verified to be one that AgentCore Runtime can run, deleted.

https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/bedrock-agentcore-limits.html
https://github.com/opencontainers/image-spec/blob/main/manifest.md and image-index.md, config.md
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import urlopen

from .errors import ImageBuildError, printable, truncate

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_ecr.type_defs import ImageIdentifierTypeDef

    from .request import Request

SIZE_LIMIT = 2 * 1024**3
_CONFIG_LIMIT = 8 * 1024**2
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_REMEDY = (
    "remove '--platform=...' from the Dockerfile's FROM lines or set it to linux/arm64, and use base images"
    " that have linux/arm64"
)


class ImageRejectedError(ImageBuildError):
    """AgentCore Runtime would refuse the image that is in the repository."""


class IncompleteDownloadError(OSError):
    """The bytes are not those of the digest."""


@dataclass(frozen=True)
class Image:
    """A manifest of the repository, under its digest."""

    digest: str
    manifest: str


def find(ecr: ECRClient, request: Request, digest: str | None = None) -> Image | None:
    """The image under the content tag, or of a digest; None when the repository does not hold it."""
    wanted: ImageIdentifierTypeDef = {"imageDigest": digest} if digest else {"imageTag": request.image_tag}
    answer = ecr.batch_get_image(
        registryId=request.registry_id,
        repositoryName=request.repository_name,
        imageIds=[wanted],
        acceptedMediaTypes=[*_MANIFESTS, *_INDEXES],
    )
    for image in answer.get("images", []):
        return Image(image.get("imageId", {}).get("imageDigest", ""), image.get("imageManifest", ""))
    for failure in answer.get("failures", []):
        if failure.get("failureCode") != "ImageNotFound":
            said = printable(f"{failure.get('failureCode')}: {failure.get('failureReason')}")
            raise ImageRejectedError(f"the image {request.image_uri} cannot be read ({truncate(said, 300)})")
    return None


def verify(ecr: ECRClient, request: Request, image: Image) -> str:
    """The image's digest, once its manifest and configuration say that AgentCore Runtime can run it.

    :raises ImageRejectedError: says what to change.
    """
    uri, manifest = request.image_uri, _document(image.manifest, request.image_uri)
    if "manifests" in manifest:
        manifest = _child(ecr, request, manifest)
    descriptor = _object(manifest.get("config"), uri)
    config = _document(_config(ecr, request, str(descriptor.get("digest"))), uri)
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
            f"the image {uri} has {size / 1024**3:.2f} GB compressed, AgentCore Runtime takes"
            f" {SIZE_LIMIT / 1024**3:.0f} GB: use a smaller base image or a multi-stage build, and check"
            " .dockerignore"
        )
    if not image.digest.startswith("sha256:"):
        raise _malformed(uri)
    return image.digest


def delete(ecr: ECRClient, request: Request) -> None:
    """Remove the content tag, and with it the image unless another tag holds it."""
    ecr.batch_delete_image(
        registryId=request.registry_id,
        repositoryName=request.repository_name,
        imageIds=[{"imageTag": request.image_tag}],
    )


def delete_hint(request: Request) -> str:
    """How to delete the image by hand."""
    return (
        "delete it before you deploy again: aws ecr batch-delete-image"
        f" --registry-id {request.registry_id} --repository-name {request.repository_name}"
        f" --image-ids imageTag={request.image_tag}"
    )


def _child(ecr: ECRClient, request: Request, index: Mapping[str, Any]) -> Mapping[str, Any]:
    found = []
    for entry in (_object(e, request.image_uri) for e in _list(index, "manifests", request.image_uri)):
        platform, annotations = entry.get("platform") or {}, entry.get("annotations") or {}
        if not isinstance(platform, dict) or not isinstance(annotations, dict):
            raise _malformed(request.image_uri)
        name = f"{platform.get('os')}/{platform.get('architecture')}"
        if name == "unknown/unknown" or "vnd.docker.reference.type" in annotations:
            continue
        found.append(name)
        if name == "linux/arm64":
            child = find(ecr, request, str(entry.get("digest")))
            if child is None:
                raise ImageRejectedError(
                    f"the image {request.image_uri} has lost its manifest for linux/arm64: deploy again"
                )
            return _document(child.manifest, request.image_uri)
    platforms = truncate(printable(", ".join(found)), 200) or "no platform"
    raise ImageRejectedError(
        f"the image {request.image_uri} is for {platforms}, not for linux/arm64: {_REMEDY}"
    )


def _config(ecr: ECRClient, request: Request, digest: str) -> str:
    url = ecr.get_download_url_for_layer(
        registryId=request.registry_id, repositoryName=request.repository_name, layerDigest=digest
    )["downloadUrl"]
    parts = urlsplit(url)
    if parts.scheme != "https" and (parts.scheme, parts.hostname) not in (
        ("http", "127.0.0.1"),
        ("http", "localhost"),
    ):
        raise ImageRejectedError(
            f"the image {request.image_uri} cannot be read: its registry offers no https download"
        )
    with urlopen(url, timeout=10) as answer:
        blob: bytes = answer.read(_CONFIG_LIMIT)
    if f"sha256:{hashlib.sha256(blob).hexdigest()}" != digest:
        raise IncompleteDownloadError(f"the configuration {digest} of {request.image_uri} arrived incomplete")
    return blob.decode("utf-8", "replace")


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
        f"the manifest of the image {uri} is not that of a container image: delete this tag from the"
        " repository and deploy again"
    )
