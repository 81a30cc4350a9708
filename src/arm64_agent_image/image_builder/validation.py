"""Checks of single values; ``InvalidValueError`` quotes the property and shows the value."""

import posixpath
import re
from collections.abc import Mapping
from typing import Any

from .errors import ImageBuildError
from .text import truncate

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class InvalidValueError(ImageBuildError):
    """A value is missing, of the wrong type, or unusable."""


def invalid(name: str, value: object, expected: str) -> InvalidValueError:
    """The error for a property whose value is not the expected one."""
    return InvalidValueError(f"'{name}' must be {expected}, got {truncate(repr(value), 300)}")


def mapping(value: object, name: str) -> Mapping[str, Any]:
    """An object."""
    if not isinstance(value, dict):
        raise invalid(name, value, "an object")
    return value


def sequence(values: Mapping[str, Any], name: str) -> list[Any]:
    """A list, empty when the key is missing."""
    value = values.get(name, [])
    if not isinstance(value, list):
        raise invalid(name, value, "a list")
    return value


def utf8_string(value: object, name: str) -> str:
    """A string that can be passed to a program."""
    if not isinstance(value, str):
        raise invalid(name, value, "a string")
    if "\0" in value or re.search("[\ud800-\udfff]", value):
        raise invalid(name, value, "a string without NUL characters or unpaired surrogates")
    return value


def string(values: Mapping[str, Any], name: str) -> str:
    """A non-empty string."""
    if not (value := utf8_string(values.get(name), name)):
        raise invalid(name, value, "a non-empty string")
    return value


def matching(values: Mapping[str, Any], name: str, pattern: str, expected: str) -> str:
    """A string that matches the pattern."""
    if not re.fullmatch(pattern, value := string(values, name)):
        raise invalid(name, value, expected)
    return value


def boolean(values: Mapping[str, Any], name: str) -> bool:
    """A boolean, which CloudFormation delivers as a string."""
    value = values.get(name)
    if str(value).lower() not in ("true", "false"):
        raise invalid(name, value, "'true' or 'false'")
    return str(value).lower() == "true"


def string_map(
    values: Mapping[str, Any], name: str, key_pattern: re.Pattern[str], expected_key: str
) -> Mapping[str, str]:
    """An object of strings whose keys match the pattern."""
    checked = {
        utf8_string(k, name): utf8_string(v, name) for k, v in mapping(values.get(name, {}), name).items()
    }
    for key in checked:
        if not key_pattern.fullmatch(key):
            raise invalid(name, key, expected_key)
    return checked


def relative_path(value: object, name: str) -> str:
    """A normalized path inside the directory."""
    normalized = posixpath.normpath(utf8_string(value, name) or "/")
    if normalized in (".", "..") or normalized.startswith(("/", "../")):
        raise invalid(name, value, "a path inside the directory")
    return normalized


def variable_name(value: object, name: str) -> str:
    """The name of an environment variable."""
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise invalid(name, value, "the name of an environment variable")
    return value
