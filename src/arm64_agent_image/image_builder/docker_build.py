"""What ``docker buildx build`` is asked for, read from the property ``DockerBuild``, a JSON text."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from . import checks

_KEYS = ("file", "target", "buildArgs", "buildContexts", "secrets", "symbolicLinks", "emptyDirectories")
_ANY = re.compile(r"(?s).+")
_NAME = re.compile(r"[^=]+")
_SECRET_ID = re.compile(r"[A-Za-z0-9_./-]+")


@dataclass(frozen=True)
class DockerBuild:
    """The options of one build, and what the source archive could not carry: links, empty directories."""

    file: str = "Dockerfile"
    target: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)
    build_contexts: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    symbolic_links: Mapping[str, str] = field(default_factory=dict)
    empty_directories: tuple[str, ...] = ()


def parse(document: str) -> DockerBuild:
    """The validated options.

    :raises checks.InvalidPropertyError: names the key, its value and what it should be.
    """
    try:
        values = checks.mapping(json.loads(document), "DockerBuild")
    except (ValueError, RecursionError) as error:
        raise checks.invalid("DockerBuild", document, "a JSON object") from error
    for key in values:
        if key not in _KEYS:
            raise checks.invalid("DockerBuild", key, f"an object with no other keys than {', '.join(_KEYS)}")
    secrets = checks.texts(values, "secrets", _SECRET_ID, "an id of letters, digits, '_', '.', '/' and '-'")
    links = checks.texts(values, "symbolicLinks", _ANY, "a path inside the directory")
    return DockerBuild(
        file=_file(values),
        target=checks.text(values, "target") if "target" in values else None,
        build_args=checks.texts(values, "buildArgs", _NAME, "a name without '='"),
        build_contexts=checks.texts(values, "buildContexts", _NAME, "a name without '='"),
        secrets={name: checks.variable_name(variable, "secrets") for name, variable in secrets.items()},
        symbolic_links=_links(links),
        empty_directories=tuple(
            checks.path(d, "emptyDirectories") for d in checks.sequence(values, "emptyDirectories")
        ),
    )


def _file(values: Mapping[str, object]) -> str:
    file = checks.path(checks.text(values, "file"), "file")
    if re.search(r"[\x00-\x1f\x7f]", file):
        raise checks.invalid("file", file, "a path without control characters, which BuildKit does not take")
    return file


def _links(links: Mapping[str, str]) -> Mapping[str, str]:
    checked = {checks.path(path, "symbolicLinks"): target for path, target in links.items()}
    for path, target in checked.items():
        if not target:
            raise checks.invalid("symbolicLinks", {path: target}, "an object of links with targets")
        if any(path.startswith(f"{other}/") for other in checked):
            raise checks.invalid("symbolicLinks", path, "a path that is not below another symbolic link")
    return checked
