"""The sources of a ``COPY``: a path of the context, or what a pattern matches there.

https://pkg.go.dev/path/filepath#Match
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from .context import LINK, Context
from .declined import DeclinedError

_WILDCARD = re.compile(r"[*?]")


def sources(source: str, context: Context) -> Sequence[str]:
    """The paths that a source names, in the order in which BuildKit copies them.

    :raises DeclinedError: when there is none, or a symbolic link is involved.
    """
    components = posixpath.normpath(source).strip("/").split("/")
    if components == ["."] or components == [""]:
        return [""]
    fixed = next((n for n, component in enumerate(components) if _WILDCARD.search(component)), None)
    if fixed is None:
        return [_existing("/".join(components), context)]
    base = _existing("/".join(components[:fixed]), context)
    found = _walk(base, components[fixed:], context)
    if not found:
        raise DeclinedError(f"nothing in the context matches {source!r:.200}")
    for path in found:
        _existing(path, context)
    return found


def component_matches(pattern: str, name: str) -> bool:
    """Whether one component of a path matches one of a pattern; what is not certain matches."""
    if re.search(r"[\[\]\\]", pattern):
        return True
    translated = "".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in pattern)
    return re.fullmatch(translated, name, re.DOTALL) is not None


def _walk(base: str, pattern: Sequence[str], context: Context) -> list[str]:
    paths = [base]
    for component in pattern:
        paths = [
            posixpath.join(path, name)
            for path in paths
            for name in context.children(path)
            if component_matches(component, name)
        ]
    return paths


def _existing(path: str, context: Context) -> str:
    for depth in range(1, path.count("/") + 2) if path else ():
        parent = "/".join(path.split("/")[:depth])
        item = context.items.get(parent)
        if item is None:
            raise DeclinedError(f"the context does not hold {path!r:.200}")
        if item.kind == LINK:
            raise DeclinedError(f"the source leads through the symbolic link {parent!r:.200}")
    return path
