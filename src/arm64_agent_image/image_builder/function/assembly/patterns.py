"""Ignore patterns, matched as Docker matches them.

https://github.com/moby/patternmatcher/blob/main/patternmatcher.go
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .declined import DeclinedError

Matches = tuple[bool, ...]
"""Which patterns match a path or one of its parents."""

_CLASS = re.compile(r"\[\^?[\w.-]+\]", re.ASCII)


@dataclass(frozen=True)
class Pattern:
    """One pattern, and whether it includes again what earlier ones exclude."""

    is_exception: bool
    matches: Callable[[str], bool]


class Matcher:
    """The patterns of an ignore file, or of ``COPY --exclude``."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [_parse(pattern.strip()) for pattern in patterns if pattern.strip()]

    def match(self, path: str, parent: Matches = ()) -> tuple[bool, Matches]:
        """Whether the path is excluded, and the matches to pass on for what is below it."""
        excluded, matches = False, []
        for number, pattern in enumerate(self._patterns):
            match = bool(parent) and parent[number]
            if not match and pattern.is_exception == excluded:
                match = pattern.matches(path)
            matches.append(match)
            if match:
                excluded = not pattern.is_exception
        return excluded, tuple(matches)


def _parse(text: str) -> Pattern:
    clean = posixpath.normpath(text)
    return Pattern(clean.startswith("!"), _compile(clean.removeprefix("!")))


def _compile(pattern: str) -> Callable[[str], bool]:
    """Docker's own translation, with the kinds of matches that it distinguishes."""
    expression, kind, position = "", "exact", 0
    while position < len(pattern):
        character, start = pattern[position], position
        if pattern.startswith("**", position):
            position += 2
            position += pattern.startswith("/", position)
            if position < len(pattern):
                expression, kind = f"{expression}(.*/)?", "expression"
            elif kind == "exact":
                kind = "prefix"
            else:
                expression, kind = f"{expression}.*", "expression"
            kind = "suffix" if start == 0 else kind
            continue
        if character == "[":
            found = _CLASS.match(pattern, position)
            if found is None:
                raise DeclinedError(f"the ignore pattern {pattern!r} has an unusual character class")
            expression, kind, position = f"{expression}{found[0]}", "expression", found.end()
            continue
        if character in "\\]":
            raise DeclinedError(f"the ignore pattern {pattern!r} has a character that is rare in patterns")
        wildcard = {"*": "[^/]*", "?": "[^/]"}.get(character)
        expression += wildcard or re.escape(character)
        kind = "expression" if wildcard else kind
        position += 1
    return _matcher(pattern, kind, expression)


def _matcher(pattern: str, kind: str, expression: str) -> Callable[[str], bool]:
    if kind == "exact":
        return pattern.__eq__
    if kind == "prefix":
        return lambda path: path.startswith(pattern[:-2])
    if kind == "suffix":
        suffix = pattern[2:]
        return lambda path: path.endswith(suffix) or (suffix.startswith("/") and path == suffix[1:])
    compiled = re.compile(expression)
    return lambda path: compiled.fullmatch(path) is not None
