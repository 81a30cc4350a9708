"""Checks of single values that come from outside; each raises ``InvalidPropertyError`` with a sentence."""

import posixpath
import re
from collections.abc import Mapping
from typing import Any

from .failure import ImageBuildError, shorten

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class InvalidPropertyError(ImageBuildError):
    """A property of the custom resource is missing, of another type, or cannot be passed on."""


def invalid(name: str, value: object, wanted: str) -> InvalidPropertyError:
    """The error that quotes the property, shows its value and says what it should be."""
    return InvalidPropertyError(f"'{name}' must be {wanted}, got {shorten(repr(value), 300)}")


def mapping(value: object, name: str) -> Mapping[str, Any]:
    """An object."""
    if not isinstance(value, dict):
        raise invalid(name, value, "an object")
    return value


def sequence(values: Mapping[str, Any], name: str) -> list[Any]:
    """A list; none is an empty one."""
    value = values.get(name, [])
    if not isinstance(value, list):
        raise invalid(name, value, "a list")
    return value


def passable(value: object, name: str) -> str:
    """A text that can be a program's argument: a C string, in UTF-8."""
    if not isinstance(value, str):
        raise invalid(name, value, "a text")
    if "\0" in value or re.search("[\ud800-\udfff]", value):
        raise invalid(
            name, value, "a text without NUL and without halves of characters, which no program can be given"
        )
    return value


def text(values: Mapping[str, Any], name: str) -> str:
    """A text that is not empty."""
    if not (value := passable(values.get(name), name)):
        raise invalid(name, value, "a text that is not empty")
    return value


def matching(values: Mapping[str, Any], name: str, pattern: str, wanted: str) -> str:
    """A text of the given form."""
    if not re.fullmatch(pattern, value := text(values, name)):
        raise invalid(name, value, wanted)
    return value


def boolean(values: Mapping[str, Any], name: str) -> bool:
    """A truth value as CloudFormation delivers it."""
    value = values.get(name)
    if str(value).lower() not in ("true", "false"):
        raise invalid(name, value, "'true' or 'false'")
    return str(value).lower() == "true"


def whole_number(values: Mapping[str, Any], name: str, low: int, high: int) -> int:
    """A whole number as CloudFormation delivers it."""
    value = str(values.get(name, ""))
    if not re.fullmatch("[0-9]{1,9}", value) or not low <= int(value) <= high:
        raise invalid(name, values.get(name), f"a whole number from {low} to {high}")
    return int(value)


def texts(
    values: Mapping[str, Any], name: str, key_pattern: re.Pattern[str], wanted_key: str
) -> Mapping[str, str]:
    """An object of texts, with keys of the given form."""
    checked = {passable(k, name): passable(v, name) for k, v in mapping(values.get(name, {}), name).items()}
    for key in checked:
        if not key_pattern.fullmatch(key):
            raise invalid(name, key, wanted_key)
    return checked


def path(value: object, name: str) -> str:
    """A path inside the directory, in its shortest form."""
    shortest = posixpath.normpath(passable(value, name) or "/")
    if shortest in (".", "..") or shortest.startswith(("/", "../")):
        raise invalid(name, value, "a path inside the directory")
    return shortest


def variable_name(value: object, name: str) -> str:
    """The name of an environment variable."""
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise invalid(name, value, "the name of an environment variable")
    return value
