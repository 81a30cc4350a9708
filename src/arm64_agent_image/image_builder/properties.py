"""The custom resource's properties, read into values that the rest of the code can rely on.

CloudFormation delivers every scalar as a string. The construct checks the same things when an app is
synthesized, so an error here means a template that was written or changed by hand, or a defect of the
construct.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from . import checks, docker_build
from .docker_build import DockerBuild

MIN_TIMEOUT, MAX_TIMEOUT = 5, 40
_CONTENT_TAG = r"[0-9a-f]{64}"


@dataclass(frozen=True)
class BuildVariable:
    """A variable of the build's environment whose value CodeBuild reads from a secret or a parameter."""

    name: str
    source: Literal["SECRETS_MANAGER", "PARAMETER_STORE"]
    value: str


@dataclass(frozen=True)
class EcrRegistry:
    """A registry of ECR that the build logs in to with its own role."""

    host: str
    region: str


@dataclass(frozen=True)
class SecretRegistry:
    """A registry that the build logs in to with two environment variables."""

    server: str
    username_variable: str
    password_variable: str


@dataclass(frozen=True)
class Properties:
    """Everything that one image needs."""

    project_name: str
    repository_name: str
    registry_id: str
    repository_uri: str
    image_tag: str
    source_location: str
    timeout_in_minutes: int
    layer_cache: bool
    docker_build: DockerBuild
    environment_variables: tuple[BuildVariable, ...] = ()
    registries: tuple[EcrRegistry | SecretRegistry, ...] = ()

    @property
    def image_uri(self) -> str:
        """Where the image is pushed to."""
        return f"{self.repository_uri}:{self.image_tag}"

    @property
    def registry_host(self) -> str:
        """The host that ``docker login`` names."""
        return self.repository_uri.split("/", 1)[0]


def parse(event: Mapping[str, Any]) -> Properties:
    """The validated properties of CloudFormation's request.

    :raises checks.InvalidPropertyError: names the property, its value and what it should be.
    """
    values = checks.mapping(event.get("ResourceProperties"), "ResourceProperties")
    name = checks.text(values, "RepositoryName")
    return Properties(
        project_name=checks.text(values, "ProjectName"),
        repository_name=name,
        registry_id=checks.matching(values, "RegistryId", r"[0-9]{12}", "an account id of 12 digits"),
        repository_uri=checks.matching(
            values, "RepositoryUri", rf"[^\s/]+/{re.escape(name)}", f"<host>/{name}"
        ),
        image_tag=checks.matching(values, "ImageTag", _CONTENT_TAG, "64 lower-case hexadecimal digits"),
        source_location=checks.matching(values, "SourceLocation", r"[^\s/]+/.+", "<bucket>/<key>"),
        timeout_in_minutes=checks.whole_number(values, "TimeoutInMinutes", MIN_TIMEOUT, MAX_TIMEOUT),
        layer_cache=checks.boolean(values, "LayerCache"),
        docker_build=docker_build.parse(checks.text(values, "DockerBuild")),
        environment_variables=tuple(_variable(v) for v in checks.sequence(values, "EnvironmentVariables")),
        registries=tuple(_registry(r) for r in checks.sequence(values, "Registries")),
    )


def request_token(event: Mapping[str, Any]) -> str:
    """The request's name for CodeBuild: its RequestId, or the hash of one that is no plain name."""
    request = checks.text(event, "RequestId")
    return (
        request
        if re.fullmatch(r"[A-Za-z0-9-]{1,64}", request)
        else hashlib.sha256(request.encode()).hexdigest()
    )


def previous_image_tag(event: Mapping[str, Any]) -> str | None:
    """The content tag of the image before this update, whose layer cache may be read; none on Create."""
    old, new = event.get("OldResourceProperties"), event.get("ResourceProperties")
    if event.get("RequestType") != "Update" or not isinstance(old, dict) or not isinstance(new, dict):
        return None
    tag = old.get("ImageTag")
    usable = isinstance(tag, str) and re.fullmatch(_CONTENT_TAG, tag) and tag != new.get("ImageTag")
    return tag if usable else None


def _variable(raw: object) -> BuildVariable:
    values = checks.mapping(raw, "EnvironmentVariables")
    source = checks.matching(
        values, "Type", "SECRETS_MANAGER|PARAMETER_STORE", "SECRETS_MANAGER or PARAMETER_STORE"
    )
    return BuildVariable(
        name=checks.variable_name(values.get("Name"), "EnvironmentVariables"),
        source="SECRETS_MANAGER" if source == "SECRETS_MANAGER" else "PARAMETER_STORE",
        value=checks.text(values, "Value"),
    )


def _registry(raw: object) -> EcrRegistry | SecretRegistry:
    values = checks.mapping(raw, "Registries")
    if values.get("Type") == "ECR":
        return EcrRegistry(
            host=checks.matching(
                values, "Host", r"[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?", "a registry's host name"
            ),
            region=checks.matching(values, "Region", r"[a-z0-9-]+", "the name of a region"),
        )
    if values.get("Type") == "SECRET":
        return SecretRegistry(
            server=checks.matching(values, "Server", r"[^\s-]\S*", "the address of a registry"),
            username_variable=checks.variable_name(values.get("UsernameVariable"), "UsernameVariable"),
            password_variable=checks.variable_name(values.get("PasswordVariable"), "PasswordVariable"),
        )
    raise checks.invalid("Registries", values.get("Type"), "a list of objects with Type 'ECR' or 'SECRET'")
