"""The build context, read from its archive as the build program unpacks it.

https://github.com/tonistiigi/fsutil/blob/master/filter.go
"""

from __future__ import annotations

import hashlib
import posixpath
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from .declined import DeclinedError
from .limits import CONTEXT_BYTES, CONTEXT_ENTRIES, Deadline, require
from .patterns import Matcher, Matches

CHUNK = 256 * 1024
DIRECTORY_MODE = 0o755
DIRECTORY, FILE, LINK = "directory", "file", "link"


@dataclass(frozen=True)
class Item:
    """A path of the context; ``content`` is the digest of a file."""

    kind: str
    mode: int
    target: str = ""
    content: str = ""
    size: int = 0
    modified: float = 0
    entry: zipfile.ZipInfo | None = None

    @property
    def identity(self) -> tuple[str, int, str, str]:
        """What a COPY takes over."""
        return self.kind, self.mode, self.target, self.content


class Context:
    """The items that ``docker build`` sends, by path without a leading slash; the root is ''."""

    def __init__(self, archive: zipfile.ZipFile, items: Mapping[str, Item]) -> None:
        self.archive = archive
        self.items = dict(items)
        self._children: dict[str, list[str]] = defaultdict(list)
        for path in sorted(self.items):
            if path:
                self._children[posixpath.dirname(path)].append(posixpath.basename(path))

    def children(self, path: str) -> Sequence[str]:
        """The names in a directory."""
        return self._children.get(path, ())

    def read(self, item: Item) -> Iterator[bytes]:
        """The content of a file, in chunks."""
        assert item.entry
        with self.archive.open(item.entry) as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def without(self, ignore: Sequence[str]) -> Context:
        """The context without what the ignore patterns exclude; it keeps parents of what is included."""
        matcher, kept = Matcher(ignore), {"": self.items[""]}
        self._keep("", (), matcher, kept)
        return Context(self.archive, kept)

    def _keep(self, folder: str, matches: Matches, matcher: Matcher, kept: dict[str, Item]) -> None:
        for name in self.children(folder):
            path = posixpath.join(folder, name)
            excluded, below = matcher.match(path, matches)
            item, before = self.items[path], len(kept)
            if item.kind == DIRECTORY:
                self._keep(path, below, matcher, kept)
            if not excluded or len(kept) > before:
                kept[path] = item


def changed_paths(old: Context, new: Context) -> set[str]:
    """The paths at which the contexts differ."""
    return {
        path
        for path in old.items.keys() | new.items.keys()
        if path not in old.items
        or path not in new.items
        or old.items[path].identity != new.items[path].identity
    }


def read_context(
    archive: zipfile.ZipFile, links: Mapping[str, str], directories: Sequence[str], deadline: Deadline
) -> Context:
    """The context that the build program makes of an archive, symbolic links and empty directories.

    :raises DeclinedError: when it depends on more than that, or is too large.
    """
    entries = archive.infolist()
    require(len(entries), CONTEXT_ENTRIES, "the files of the context")
    require(sum(entry.file_size for entry in entries), CONTEXT_BYTES, "the bytes of the context")
    items: dict[str, Item] = {}
    for entry in entries:
        deadline.check()
        path = entry.filename.rstrip("/")
        if entry.is_dir():
            _add(items, path, Item(DIRECTORY, DIRECTORY_MODE))
            continue
        if path in items:
            raise DeclinedError(f"the source archive holds {path!r:.200} twice")
        _add(items, path, _file(archive, entry))
    for path in directories:
        _add(items, path, Item(DIRECTORY, DIRECTORY_MODE))
    for path, target in links.items():
        if path in items:
            raise DeclinedError(f"the source archive holds the symbolic link {path!r:.200} as a file")
        _add(items, path, Item(LINK, 0o777, target=target))
    return Context(archive, {"": Item(DIRECTORY, DIRECTORY_MODE), **items})


def _file(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Item:
    digest = hashlib.sha256()
    with archive.open(entry) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return Item(
        FILE,
        entry.external_attr >> 16 & 0o777 or 0o644,
        content=digest.hexdigest(),
        size=entry.file_size,
        modified=datetime(*entry.date_time, tzinfo=UTC).timestamp(),
        entry=entry,
    )


def _add(items: dict[str, Item], path: str, item: Item) -> None:
    if path in ("", ".", "..") or path.startswith(("/", "../")) or posixpath.normpath(path) != path:
        raise DeclinedError(f"the context holds the unusual path {path!r:.200}")
    if items.setdefault(path, item).kind != item.kind:
        raise DeclinedError(f"the context holds {path!r:.200} as a file and as a directory")
    parent = posixpath.dirname(path)
    while parent:
        if items.setdefault(parent, Item(DIRECTORY, DIRECTORY_MODE)).kind != DIRECTORY:
            raise DeclinedError(f"the context holds {parent!r:.200} as a file and as a directory")
        parent = posixpath.dirname(parent)
