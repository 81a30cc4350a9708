"""The settings of a build, which AWS CodeBuild passes in the environment."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .process import BuildError

_REGISTRY = re.compile(r"REGISTRY_(0|[1-9][0-9]*)_SERVER")
WORK_FOLDER = Path(tempfile.gettempdir()) / "arm64-agent-image"


@dataclass(frozen=True)
class Registry:
    """A registry to log in to: Amazon ECR in a region, or another one with credentials from two variables."""

    server: str
    region: str | None = None
    username_variable: str = ""
    password_variable: str = ""


@dataclass(frozen=True)
class Settings:
    """The settings of one build."""

    repository_uri: str
    image_tag: str
    source: str
    parameters: str
    region: str
    partition: str
    requested_at: float
    layer_cache: bool
    keep_plan: bool
    previous_image_tag: str | None = None
    registries: tuple[Registry, ...] = ()
    folder: Path = WORK_FOLDER

    @property
    def image_uri(self) -> str:
        """The image with its repository and tag."""
        return f"{self.repository_uri}:{self.image_tag}"

    @property
    def registry_host(self) -> str:
        """The host of the repository."""
        return self.repository_uri.partition("/")[0]

    @property
    def context(self) -> Path:
        """The build context, which contains only the user's files."""
        return self.folder / "context"

    @property
    def has_ecr_public(self) -> bool:
        """Whether the build can log in to Amazon ECR Public, which exists only in the partition aws."""
        return self.partition == "aws"


def read(environment: Mapping[str, str]) -> Settings:
    """The settings in CodeBuild's environment.

    :raises BuildError: if somebody has started the project by hand.
    """
    try:
        return _read(environment)
    except (KeyError, ValueError, IndexError) as error:
        raise BuildError(
            f"the environment of the build lacks {error}: deploy the stack instead of starting this project"
            " by hand"
        ) from error


def _read(environment: Mapping[str, str]) -> Settings:
    return Settings(
        repository_uri=environment["IMAGE_REPOSITORY"],
        image_tag=environment["IMAGE_TAG"],
        source=environment["SOURCE"],
        parameters=environment["PARAMETERS"],
        region=environment["AWS_REGION"],
        partition=environment["CODEBUILD_BUILD_ARN"].split(":")[1],
        requested_at=float(environment["REQUESTED_AT"]),
        layer_cache=environment["LAYER_CACHE"] == "true",
        keep_plan=environment.get("KEEP_PLAN") == "true",
        previous_image_tag=environment.get("PREVIOUS_IMAGE_TAG"),
        registries=tuple(_registries(environment)),
    )


def _registries(environment: Mapping[str, str]) -> list[Registry]:
    numbers = sorted(int(found[1]) for name in environment if (found := _REGISTRY.fullmatch(name)))
    return [
        Registry(
            server=environment[f"REGISTRY_{number}_SERVER"],
            region=environment.get(f"REGISTRY_{number}_REGION"),
            username_variable=f"REGISTRY_{number}_USERNAME",
            password_variable=f"REGISTRY_{number}_PASSWORD",
        )
        for number in numbers
    ]
