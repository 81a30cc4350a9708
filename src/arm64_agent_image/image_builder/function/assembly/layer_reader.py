"""The headers of the layers of an image, read from their archives while these are downloaded.

https://github.com/opencontainers/image-spec/blob/main/layer.md
"""

from __future__ import annotations

import hashlib
import io
import posixpath
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .context import CHUNK, DIRECTORY, FILE, LINK
from .declined import DeclinedError
from .limits import LAYERS_BYTES, TREE_ENTRIES, Deadline, require
from .tree import UNKNOWN, Node, Tree, parents

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_BUFFER = 64 * 1024
_ATTRIBUTE = "SCHILY.xattr."
_KINDS = {tarfile.REGTYPE: FILE, tarfile.AREGTYPE: FILE, tarfile.DIRTYPE: DIRECTORY, tarfile.SYMTYPE: LINK}


class Inflated(io.RawIOBase):
    """The content of a gzip stream, with the digests of both, which are complete at its end."""

    def __init__(self, chunks: Iterator[bytes], deadline: Deadline) -> None:
        super().__init__()
        self._chunks, self._deadline, self._pending = chunks, deadline, b""
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self.compressed, self.content, self.size = hashlib.sha256(), hashlib.sha256(), 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at least one except at the end."""
        while not self._pending and not self._inflater.eof:
            self._inflate()
        limit = size if size >= 0 else len(self._pending)
        part, self._pending = self._pending[:limit], self._pending[limit:]
        return part

    def exhaust(self) -> None:
        """Read to the end."""
        while self.read():
            pass

    def _inflate(self) -> None:
        self._deadline.check()
        source = self._inflater.unconsumed_tail
        if not source:
            source = next(self._chunks, b"")
            self.compressed.update(source)
        if not source:
            raise DeclinedError("a layer of the previous image ends too early")
        self._pending = self._inflater.decompress(source, CHUNK)
        self.content.update(self._pending)
        self.size += len(self._pending)
        if self._inflater.eof and (self._inflater.unused_data or next(self._chunks, b"")):
            raise DeclinedError("a layer of the previous image is more than one gzip stream")


@dataclass
class LayerReader:
    """Reads layers one after the other into trees.

    ``is_kept`` selects the paths to keep; ``is_hashed`` selects, by size, the files whose content to hash.
    """

    is_kept: Callable[[str], bool]
    is_hashed: Callable[[int], bool]
    deadline: Deadline
    bytes_read: int = 0

    def read(self, chunks: Iterator[bytes], digest: str, diff_id: str, below: Tree) -> None:
        """Apply a layer to the tree of the layers below, before any other tree refers to it."""
        stream = Inflated(chunks, self.deadline)
        added: set[str] = set()
        try:
            with tarfile.open(fileobj=stream, mode="r|", bufsize=_BUFFER) as archive:
                for entry in archive:
                    self._apply(archive, entry, below, added)
        except (tarfile.TarError, zlib.error, UnicodeError) as error:
            raise DeclinedError(f"a layer of the previous image cannot be read: {error}") from error
        stream.exhaust()
        self.bytes_read += stream.size
        require(self.bytes_read, LAYERS_BYTES, "the bytes of the layers")
        if (
            f"sha256:{stream.compressed.hexdigest()}" != digest
            or f"sha256:{stream.content.hexdigest()}" != diff_id
        ):
            raise DeclinedError(f"the layer {digest} of the previous image arrived damaged")

    def _apply(self, archive: tarfile.TarFile, entry: tarfile.TarInfo, tree: Tree, added: set[str]) -> None:
        path = posixpath.normpath(entry.name).strip("/")
        folder, name = posixpath.split(path)
        if name.startswith(_WHITEOUT):
            is_opaque = name == _OPAQUE
            _remove(tree, folder if is_opaque else posixpath.join(folder, name[4:]), is_opaque, added)
            return
        if path in ("", ".") or not self.is_kept(path):
            return
        for parent in parents(path):
            above = tree.get(parent)
            if above is None:
                tree.put(parent, Node(DIRECTORY, None, (0, 0)))
            elif not above.is_directory:
                raise DeclinedError(f"a layer of the previous image is below the {above.kind} /{parent}")
        node, existing = self._node(archive, entry, tree), tree.get(path)
        if existing is not None and existing.is_directory and not node.is_directory:
            _remove(tree, path, False, added)
        tree.put(path, node)
        added.add(path)
        require(len(tree.nodes), TREE_ENTRIES, "the files of the previous image")

    def _node(self, archive: tarfile.TarFile, entry: tarfile.TarInfo, tree: Tree) -> Node:
        has_attributes = any(key.startswith(_ATTRIBUTE) for key in entry.pax_headers)
        owner, content = (entry.uid, entry.gid), UNKNOWN
        if entry.islnk():
            linked = tree.get(posixpath.normpath(entry.linkname).strip("/"))
            content = linked.content if linked else UNKNOWN
            return Node(FILE, entry.mode, owner, "", content, entry.mtime, has_attributes)
        kind = _KINDS.get(entry.type, "special file")
        if kind == FILE and self.is_hashed(entry.size):
            content = _digest(archive, entry)
        target = entry.linkname if kind == LINK else ""
        return Node(kind, entry.mode, owner, target, content, entry.mtime, has_attributes)


def _digest(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> str:
    file, digest = archive.extractfile(entry), hashlib.sha256()
    assert file
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _remove(tree: Tree, path: str, is_opaque: bool, added: set[str]) -> None:
    """Remove what lower layers have at a path and below, or only below it; no COPY does that."""
    if tree.below is not None:
        raise DeclinedError("a trailing layer of the previous image removes files")
    if not is_opaque and path not in added:
        node = tree.nodes.pop(path, None)
        if node is not None and not node.is_directory:
            return
    prefix = f"{path}/" if path else ""
    for name in [name for name in tree.nodes if name.startswith(prefix) and name not in added]:
        del tree.nodes[name]
