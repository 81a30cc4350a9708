"""The plan of an image: what its trailing layers are made of, as the build program has read it from BuildKit.

The build program writes it, and an assembly relies on it to the letter, so whatever is not exactly as
expected declines: a plan of another version, a missing key, a value of another type.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .declined import DeclinedError

VERSION = 1


@dataclass(frozen=True)
class UnknownOwner:
    """An owner that the Dockerfile gives by name: the previous image shows who it is."""

    number: int


Owner = tuple[int, int] | UnknownOwner


@dataclass(frozen=True)
class Copy:
    """One source of a ``COPY`` from the context."""

    source: str
    destination: str
    owner: Owner
    mode: int | None
    exclude: tuple[str, ...]


@dataclass(frozen=True)
class MakeDirectory:
    """The directory of a ``WORKDIR``."""

    path: str
    owner: Owner


Action = Copy | MakeDirectory


@dataclass(frozen=True)
class PlannedLayer:
    """One trailing layer; ``COPY --link`` makes it apart from the layers below."""

    actions: tuple[Action, ...]
    is_linked: bool


@dataclass(frozen=True)
class Plan:
    """The trailing layers from bottom to top, and what decides whether they can be made again."""

    built_at: float
    ignore: tuple[str, ...]
    reads: tuple[str, ...]
    layers: tuple[PlannedLayer, ...]


def parse(document: bytes) -> Plan:
    """The plan in a document of the build program.

    :raises DeclinedError: when it is not one of this version.
    """
    try:
        values = json.loads(document)
        if values["version"] != VERSION:
            raise DeclinedError(f"the plan of the previous image is of version {values['version']!r:.40}")
        return Plan(
            built_at=_number(values["builtAt"]),
            ignore=_strings(values["ignore"]),
            reads=_strings(values["reads"]),
            layers=tuple(_layers(values["layers"])),
        )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise DeclinedError(f"the plan of the previous image is malformed: {error!r:.200}") from error


def _layers(values: list[Mapping[str, Any]]) -> list[PlannedLayer]:
    names: dict[str, UnknownOwner] = {}
    return [
        PlannedLayer(
            actions=tuple(_action(action, names) for action in layer["actions"]),
            is_linked=_boolean(layer["isLinked"]),
        )
        for layer in values
    ]


def _action(values: Mapping[str, Any], names: dict[str, UnknownOwner]) -> Action:
    owner = _owner(values["owner"], names)
    if "path" in values:
        return MakeDirectory(_string(values["path"]), owner)
    mode = values["mode"]
    return Copy(
        source=_string(values["source"]),
        destination=_string(values["destination"]),
        owner=owner,
        mode=None if mode is None else _integer(mode),
        exclude=_strings(values["exclude"]),
    )


def _owner(value: Any, names: dict[str, UnknownOwner]) -> Owner:
    if isinstance(value, str):
        return names.setdefault(value, UnknownOwner(len(names)))
    user, group = value
    return _integer(user), _integer(group)


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _strings(values: Any) -> tuple[str, ...]:
    return tuple(_string(value) for value in list(values))


def _integer(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(value)
    return value


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise TypeError(value)
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError(value)
    return float(value)
