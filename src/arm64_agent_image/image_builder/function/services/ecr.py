"""Images in Amazon ECR: found, read, deleted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import urlopen

from ...errors import ImageBuildError
from ...text import printable, truncate

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_ecr.type_defs import ImageIdentifierTypeDef

    from ..cloudformation.request import Request

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_CONFIG_LIMIT = 8 * 1024**2
_LOCAL_HOSTS = ("127.0.0.1", "localhost")


class UnreadableImageError(ImageBuildError):
    """ECR does not return an image that is in the repository."""


class IncompleteDownloadError(OSError):
    """The downloaded bytes do not match their digest."""


@dataclass(frozen=True)
class Image:
    """A manifest in the repository, and its digest."""

    digest: str
    manifest: str
    media_type: str = ""


def find(ecr: ECRClient, request: Request, digest: str | None = None, tag: str | None = None) -> Image | None:
    """The image with the content tag, a digest or another tag; None when the repository does not contain it.

    :raises UnreadableImageError: when ECR has the image and does not return it.
    """
    identifier: ImageIdentifierTypeDef = (
        {"imageDigest": digest} if digest else {"imageTag": tag or request.image_tag}
    )
    result = ecr.batch_get_image(
        registryId=request.registry_id,
        repositoryName=request.repository_name,
        imageIds=[identifier],
        acceptedMediaTypes=[*MANIFESTS, *INDEXES],
    )
    for image in result.get("images", []):
        return Image(
            image.get("imageId", {}).get("imageDigest", ""),
            image.get("imageManifest", ""),
            image.get("imageManifestMediaType", ""),
        )
    for failure in result.get("failures", []):
        if failure.get("failureCode") != "ImageNotFound":
            reason = printable(f"{failure.get('failureCode')}: {failure.get('failureReason')}")
            raise UnreadableImageError(
                f"ECR does not return the image {request.image_uri} ({truncate(reason, 300)})"
            )
    return None


def read_config(ecr: ECRClient, request: Request, digest: str) -> str:
    """The image's configuration, a JSON document.

    :raises IncompleteDownloadError: when the download is cut off.
    """
    with urlopen(download_url(ecr, request, digest), timeout=10) as response:
        blob: bytes = response.read(_CONFIG_LIMIT)
    check_digest(blob, digest, request)
    return blob.decode("utf-8", "replace")


def download_url(ecr: ECRClient, request: Request, digest: str) -> str:
    """Where a blob of the repository is downloaded from."""
    url = ecr.get_download_url_for_layer(
        registryId=request.registry_id, repositoryName=request.repository_name, layerDigest=digest
    )["downloadUrl"]
    parts = urlsplit(url)
    if parts.scheme != "https" and (parts.scheme != "http" or parts.hostname not in _LOCAL_HOSTS):
        raise UnreadableImageError(f"ECR offers no https download of the image {request.image_uri}")
    return url


def check_digest(blob: bytes, digest: str, request: Request) -> None:
    """Whether a download is complete.

    :raises IncompleteDownloadError: when it is not.
    """
    if f"sha256:{hashlib.sha256(blob).hexdigest()}" != digest:
        raise IncompleteDownloadError(f"the download of {digest} of {request.image_uri} is incomplete")


def delete(ecr: ECRClient, request: Request) -> None:
    """Delete the content tag, and the image unless it has another tag."""
    ecr.batch_delete_image(
        registryId=request.registry_id,
        repositoryName=request.repository_name,
        imageIds=[{"imageTag": request.image_tag}],
    )


def delete_command(request: Request) -> str:
    """The command that deletes the content tag."""
    return (
        f"aws ecr batch-delete-image --registry-id {request.registry_id}"
        f" --repository-name {request.repository_name} --image-ids imageTag={request.image_tag}"
    )
