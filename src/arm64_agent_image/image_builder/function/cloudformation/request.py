"""CloudFormation's request for an image, parsed once.

The construct checks the same properties at synthesis, so an error here means a hand-written template or a
defect of the construct.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ... import validation

_CONTENT_TAG = r"[0-9a-f]{64}"
_S3_LOCATION = r"[^\s/]+/\S+"


@dataclass(frozen=True)
class Request:
    """The image that CloudFormation requests, and how to build it."""

    token: str
    project_name: str
    repository_name: str
    registry_id: str
    repository_uri: str
    owns_repository: bool
    image_tag: str
    source: str
    parameters: str
    previous_image_tag: str | None = None

    @property
    def image_uri(self) -> str:
        """Where the image is pushed to."""
        return f"{self.repository_uri}:{self.image_tag}"


def parse(event: Mapping[str, Any]) -> Request:
    """The validated request.

    :raises validation.InvalidValueError: quotes the property and says what is expected.
    """
    values = validation.mapping(event.get("ResourceProperties"), "ResourceProperties")
    name = validation.string(values, "RepositoryName")
    return Request(
        token=_token(validation.string(event, "RequestId")),
        project_name=validation.string(values, "ProjectName"),
        repository_name=name,
        registry_id=validation.matching(values, "RegistryId", r"[0-9]{12}", "an account id of 12 digits"),
        repository_uri=validation.matching(
            values, "RepositoryUri", rf"[^\s/]+/{re.escape(name)}", f"<host>/{name}"
        ),
        owns_repository=validation.boolean(values, "OwnsRepository"),
        image_tag=validation.matching(values, "ImageTag", _CONTENT_TAG, "64 lower-case hexadecimal digits"),
        source=validation.matching(values, "Source", _S3_LOCATION, "<bucket>/<key>"),
        parameters=validation.matching(values, "Parameters", _S3_LOCATION, "<bucket>/<key>"),
        previous_image_tag=_previous_image_tag(event),
    )


def _token(request_id: str) -> str:
    """The request's name in CodeBuild and Step Functions: its id, or a hash of an unusual id."""
    if re.fullmatch(r"[A-Za-z0-9-]{1,60}", request_id):
        return request_id
    return hashlib.sha256(request_id.encode()).hexdigest()[:60]


def _previous_image_tag(event: Mapping[str, Any]) -> str | None:
    """The tag of the image that an update replaces, whose layer cache the build reads; None for a Create."""
    old, new = event.get("OldResourceProperties"), event.get("ResourceProperties")
    if event.get("RequestType") != "Update" or not isinstance(old, dict) or not isinstance(new, dict):
        return None
    tag = old.get("ImageTag")
    usable = isinstance(tag, str) and re.fullmatch(_CONTENT_TAG, tag) and tag != new.get("ImageTag")
    return tag if usable else None
