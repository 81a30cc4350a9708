"""The image's repository in Amazon ECR: manifests by tag, blobs read and written through ECR's own API.

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_InitiateLayerUpload.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict
from urllib.request import urlopen

from ..services import ecr
from ..services.ecr import Image
from .context import CHUNK
from .declined import DeclinedError
from .limits import Deadline, require

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient

    from ..cloudformation.request import Request

_TIMEOUT = 10
_MAX_PART = 20 * 1024**2


class _Name(TypedDict):
    registryId: str
    repositoryName: str


@dataclass(frozen=True)
class Repository:
    """The repository of a request."""

    client: ECRClient
    request: Request
    deadline: Deadline

    def find(self, tag: str) -> Image | None:
        """The image with a tag; None when the repository does not contain it."""
        return ecr.find(self.client, self.request, tag=tag)

    def read(self, digest: str) -> Iterator[bytes]:
        """The content of a blob, in chunks; its reader checks the digest."""
        with urlopen(ecr.download_url(self.client, self.request, digest), timeout=_TIMEOUT) as response:
            while chunk := response.read(CHUNK):
                self.deadline.check()
                yield chunk

    def read_small(self, digest: str, limit: int) -> bytes:
        """A blob that is a document."""
        content = b""
        for chunk in self.read(digest):
            content += chunk
            require(len(content), limit, f"the bytes of {digest}")
        ecr.check_digest(content, digest, self.request)
        return content

    def write(self, content: Iterator[bytes], digest: Callable[[], str]) -> None:
        """Upload a blob in parts of the size that ECR requests."""
        upload = self.client.initiate_layer_upload(**self._repository)
        size = min(upload["partSize"], _MAX_PART)
        position = 0
        for part in _parts(content, size):
            self.deadline.check()
            self.client.upload_layer_part(
                **self._repository,
                uploadId=upload["uploadId"],
                partFirstByte=position,
                partLastByte=position + len(part) - 1,
                layerPartBlob=part,
            )
            position += len(part)
        try:
            self.client.complete_layer_upload(
                **self._repository, uploadId=upload["uploadId"], layerDigests=[digest()]
            )
        except self.client.exceptions.LayerAlreadyExistsException:
            return

    def put(self, manifest: str, media_type: str, tag: str) -> None:
        """Give a manifest a tag.

        :raises DeclinedError: when another manifest has it.
        """
        try:
            self.client.put_image(
                **self._repository, imageManifest=manifest, imageManifestMediaType=media_type, imageTag=tag
            )
        except self.client.exceptions.ImageAlreadyExistsException:
            return
        except self.client.exceptions.ImageTagAlreadyExistsException as error:
            raise DeclinedError(f"another image already has the tag {tag}") from error

    @property
    def _repository(self) -> _Name:
        return {"registryId": self.request.registry_id, "repositoryName": self.request.repository_name}


def _parts(content: Iterator[bytes], size: int) -> Iterator[bytes]:
    buffer = bytearray()
    for chunk in content:
        buffer += chunk
        while len(buffer) >= size:
            yield bytes(buffer[:size])
            del buffer[:size]
    if buffer:
        yield bytes(buffer)
