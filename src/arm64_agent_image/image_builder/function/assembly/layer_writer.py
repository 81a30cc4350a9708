"""Writes a layer: every node of it and every directory above, each with its attributes.

The classic image store of Docker makes missing parents of its own, so none is left out. The same files give
the same bytes.
"""

from __future__ import annotations

import hashlib
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from .context import DIRECTORY, FILE, LINK, Context
from .declined import DeclinedError
from .proof import Owners
from .tree import Node, Tree, parents

_LEVEL = 1
_TYPES = {DIRECTORY: tarfile.DIRTYPE, FILE: tarfile.REGTYPE, LINK: tarfile.SYMTYPE}
_EARLIEST = 315532800
"""1980 in seconds, the time of the CDK's archives."""


@dataclass
class LayerWriter:
    """Writes the layers of an image from its context."""

    context: Context
    owners: Owners

    def __post_init__(self) -> None:
        self._items = {item.content: item for item in self.context.items.values() if item.kind == FILE}

    def write(self, tree: Tree) -> Iterator[bytes]:
        """The archive of a layer, uncompressed."""
        paths = set(tree.nodes)
        paths.update(parent for path in tree.nodes for parent in parents(path))
        for path in sorted(paths, key=lambda path: path.split("/")):
            node = tree.get(path)
            assert node
            yield self._header(path, node)
            if node.kind == FILE:
                item = self._items[node.content]
                yield from self.context.read(item)
                yield bytes(-item.size % tarfile.BLOCKSIZE)
        yield bytes(2 * tarfile.BLOCKSIZE)

    def _header(self, path: str, node: Node) -> bytes:
        if node.mode is None or node.has_attributes or node.kind not in _TYPES:
            raise DeclinedError(f"the previous image does not say enough about the {node.kind} /{path}")
        entry = tarfile.TarInfo(path)
        entry.type, entry.mode, entry.linkname = _TYPES[node.kind], node.mode, node.target
        entry.uid, entry.gid = self.owners.resolve(node.owner)
        entry.mtime = max(int(node.modified), _EARLIEST)
        entry.size = self._items[node.content].size if node.kind == FILE else 0
        return entry.tobuf(tarfile.PAX_FORMAT, errors="strict")


@dataclass
class Compressor:
    """Compresses a layer while it is uploaded; digests and size are complete at the end."""

    content: Iterator[bytes]

    def __post_init__(self) -> None:
        self._content, self._compressed, self.size = hashlib.sha256(), hashlib.sha256(), 0

    def __iter__(self) -> Iterator[bytes]:
        deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)
        for chunk in self.content:
            self._content.update(chunk)
            yield from self._counted(deflater.compress(chunk))
        yield from self._counted(deflater.flush())

    def _counted(self, chunk: bytes) -> Iterator[bytes]:
        if chunk:
            self._compressed.update(chunk)
            self.size += len(chunk)
            yield chunk

    @property
    def digest(self) -> str:
        """The digest of the blob."""
        return f"sha256:{self._compressed.hexdigest()}"

    @property
    def diff_id(self) -> str:
        """The digest of the layer as the configuration names it."""
        return f"sha256:{self._content.hexdigest()}"
