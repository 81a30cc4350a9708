"""The parameters of a build, a small JSON document in the assets bucket."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .. import validation

_KEYS = ("file", "target", "buildArgs", "buildContexts", "secrets", "symbolicLinks", "emptyDirectories")
_ANY = re.compile(r"(?s).+")
_NAME = re.compile(r"[^=]+")
_SECRET_ID = re.compile(r"[A-Za-z0-9_./-]+")


@dataclass(frozen=True)
class Parameters:
    """The options of ``docker build``, and what a ZIP archive lacks: symbolic links and empty directories."""

    file: str = "Dockerfile"
    target: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)
    build_contexts: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    symbolic_links: Mapping[str, str] = field(default_factory=dict)
    empty_directories: tuple[str, ...] = ()


def parse(document: str) -> Parameters:
    """The validated parameters.

    :raises validation.InvalidValueError: quotes the key and says what is expected.
    """
    try:
        values = validation.mapping(json.loads(document), "parameters")
    except (ValueError, RecursionError) as error:
        raise validation.invalid("parameters", document, "a JSON object") from error
    for key in values:
        if key not in _KEYS:
            raise validation.invalid("parameters", key, f"an object with the keys {', '.join(_KEYS)} only")
    secrets = validation.string_map(
        values, "secrets", _SECRET_ID, "an id of letters, digits, '_', '.', '/', '-'"
    )
    links = validation.string_map(values, "symbolicLinks", _ANY, "a path inside the directory")
    return Parameters(
        file=_file(values),
        target=validation.string(values, "target") if "target" in values else None,
        build_args=validation.string_map(values, "buildArgs", _NAME, "a name without '='"),
        build_contexts=validation.string_map(values, "buildContexts", _NAME, "a name without '='"),
        secrets={id: validation.variable_name(variable, "secrets") for id, variable in secrets.items()},
        symbolic_links=_links(links),
        empty_directories=tuple(
            validation.relative_path(d, "emptyDirectories")
            for d in validation.sequence(values, "emptyDirectories")
        ),
    )


def _file(values: Mapping[str, object]) -> str:
    file = validation.relative_path(validation.string(values, "file"), "file")
    if re.search(r"[\x00-\x1f\x7f]", file):
        raise validation.invalid("file", file, "a path without control characters, which BuildKit rejects")
    return file


def _links(links: Mapping[str, str]) -> Mapping[str, str]:
    checked = {validation.relative_path(path, "symbolicLinks"): target for path, target in links.items()}
    for path, target in checked.items():
        if not target:
            raise validation.invalid("symbolicLinks", {path: target}, "an object of links with targets")
        parents = ("/".join(path.split("/")[:depth]) for depth in range(1, path.count("/") + 1))
        if any(parent in checked for parent in parents):
            raise validation.invalid("symbolicLinks", path, "a path that is not below another symbolic link")
    return checked
