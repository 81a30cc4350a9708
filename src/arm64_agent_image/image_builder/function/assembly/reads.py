"""Whether a change concerns more than the trailing COPY instructions.

What any other operation of the build reads from the context, such as ``RUN --mount=type=bind`` or the COPY of
an earlier stage, must not have changed, wherever it lies: a name, a parent, a child, a match of a pattern.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .context import LINK, Context
from .declined import DeclinedError
from .wildcards import component_matches


def require_unread(changed: Collection[str], reads: Iterable[str], contexts: Iterable[Context]) -> None:
    """Decline when another operation reads what has changed, or reads through a symbolic link.

    :raises DeclinedError: names the path.
    """
    links = {path for context in contexts for path, item in context.items.items() if item.kind == LINK}
    for read in reads:
        components = [component for component in read.split("/") if component not in ("", ".")]
        for path in changed:
            if _overlap(components, path.split("/")):
                raise DeclinedError(
                    f"an earlier step of the Dockerfile reads {path!r:.200}, which has changed"
                )
        for link in links:
            names = link.split("/")
            if len(names) <= len(components) and _overlap(components, names):
                raise DeclinedError(f"an earlier step of the Dockerfile reads through the link {link!r:.200}")


def _overlap(pattern: list[str], names: list[str]) -> bool:
    return all(component_matches(component, name) for component, name in zip(pattern, names, strict=False))
