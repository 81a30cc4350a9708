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
class PreviousVersion:
    """The image that an update replaces, and what it was built from."""

    image_tag: str
    repository_uri: object
    source: object
    parameters: object
    recipe_hash: object


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
    recipe_hash: str | None = None
    base_image_max_age: int = 0
    previous: PreviousVersion | None = None

    @property
    def previous_image_tag(self) -> str | None:
        """The tag of the image that an update replaces, whose layer cache the build reads."""
        return self.previous.image_tag if self.previous else None

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
        recipe_hash=_recipe_hash(values),
        base_image_max_age=_base_image_max_age(values),
        previous=_previous(event),
    )


def _token(request_id: str) -> str:
    """The request's name in CodeBuild and Step Functions: its id, or a hash of an unusual id."""
    if re.fullmatch(r"[A-Za-z0-9-]{1,60}", request_id):
        return request_id
    return hashlib.sha256(request_id.encode()).hexdigest()[:60]


def _recipe_hash(values: Mapping[str, Any]) -> str | None:
    return validation.string(values, "RecipeHash") if "RecipeHash" in values else None


def _base_image_max_age(values: Mapping[str, Any]) -> int:
    """How many seconds an image may be assembled from the previous one; 0 is never."""
    if "BaseImageMaxAge" not in values:
        return 0
    return int(validation.matching(values, "BaseImageMaxAge", r"[0-9]{1,9}", "a number of seconds"))


def _previous(event: Mapping[str, Any]) -> PreviousVersion | None:
    """The version of the resource before an update; None for a Create, and when its image is the same."""
    old, new = event.get("OldResourceProperties"), event.get("ResourceProperties")
    if event.get("RequestType") != "Update" or not isinstance(old, dict) or not isinstance(new, dict):
        return None
    tag = old.get("ImageTag")
    if not isinstance(tag, str) or not re.fullmatch(_CONTENT_TAG, tag) or tag == new.get("ImageTag"):
        return None
    names = ("RepositoryUri", "Source", "Parameters", "RecipeHash")
    return PreviousVersion(tag, *(old.get(name) for name in names))
