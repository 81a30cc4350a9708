"""What BuildKit does to a file system for ``COPY`` and ``WORKDIR``.

Where BuildKit fails, or follows a symbolic link, this declines.
https://github.com/moby/buildkit/blob/master/solver/llbsolver/file/backend.go
https://github.com/tonistiigi/fsutil/blob/master/copy/copy.go and mkdir.go
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace

from .context import DIRECTORY, LINK, Context, Item
from .declined import DeclinedError
from .patterns import Matcher, Matches
from .plan import Copy, MakeDirectory, Owner, PlannedLayer
from .tree import Node, Tree, parents
from .wildcards import sources

MADE_MODE = 0o755


@dataclass
class Layer:
    """A layer in the making: its nodes, and the directories made on the way to a destination."""

    tree: Tree
    made: set[str] = field(default_factory=set)


def apply(planned: PlannedLayer, context: Context, below: Tree) -> Layer:
    """The layer over the tree below.

    :raises DeclinedError: when BuildKit would fail, or its result is not certain.
    """
    if not planned.is_linked:
        return _run(planned, context, Layer(Tree(below)))
    apart = _run(planned, context, Layer(Tree()))
    return Layer(_merged(apart.tree, below), apart.made)


def _run(planned: PlannedLayer, context: Context, layer: Layer) -> Layer:
    for action in planned.actions:
        if isinstance(action, MakeDirectory):
            _make_directories(layer, action.path.strip("/"), action.owner)
            continue
        for source in sources(action.source, context):
            _Copier(layer, context, action).copy_to_destination(source)
    return layer


def _merged(apart: Tree, below: Tree) -> Tree:
    merged = Tree(below)
    for path, node in apart.nodes.items():
        existing = below.get(path)
        if existing is not None and existing.is_directory != node.is_directory:
            raise DeclinedError(f"COPY --link replaces /{path}, which is of another kind")
        if existing is not None and existing.has_attributes:
            raise DeclinedError(f"COPY --link meets extended attributes at /{path}")
        merged.put(path, node)
    return merged


def _make_directories(layer: Layer, path: str, owner: Owner) -> None:
    for directory in (*parents(path), path) if path else ():
        node = layer.tree.get(directory)
        if node is None:
            layer.tree.put(directory, Node(DIRECTORY, MADE_MODE, owner))
            layer.made.add(directory)
        elif not node.is_directory:
            raise DeclinedError(f"/{directory} is a {node.kind}, not a directory")


@dataclass(frozen=True)
class _Copier:
    layer: Layer
    context: Context
    action: Copy

    def copy_to_destination(self, source: str) -> None:
        """Copy one source, a directory's contents or a file."""
        destination, item = posixpath.normpath(self.action.destination).strip("/"), self.context.items[source]
        if self.action.destination.endswith(("/", "/.")):
            _make_directories(self.layer, destination, self.action.owner)
        existing = self._existing(destination)
        if item.kind != DIRECTORY and existing is not None and existing.is_directory:
            destination = posixpath.join(destination, posixpath.basename(source))
        made = destination if item.kind == DIRECTORY and existing is None else posixpath.dirname(destination)
        _make_directories(self.layer, made, self.action.owner)
        if item.kind == DIRECTORY:
            self._require_directory(destination)
            self._copy_contents(source, "", destination, Matcher(self.action.exclude), ())
        else:
            self._put(item, destination)

    def _existing(self, destination: str) -> Node | None:
        for path in (*parents(destination), destination):
            node = self.layer.tree.get(path)
            if node is not None and node.kind == LINK:
                raise DeclinedError(f"the destination leads through the symbolic link /{path}")
        return self.layer.tree.get(destination)

    def _require_directory(self, path: str) -> None:
        node = self.layer.tree.get(path)
        if node is not None and not node.is_directory:
            raise DeclinedError(f"/{path} is a {node.kind}, which no directory can replace")

    def _copy_contents(
        self, folder: str, relative: str, destination: str, exclude: Matcher, matches: Matches
    ) -> None:
        for name in self.context.children(folder):
            below = posixpath.join(relative, name)
            excluded, inherited = exclude.match(below, matches)
            if excluded:
                continue
            path, target = posixpath.join(folder, name), posixpath.join(destination, name)
            item = self.context.items[path]
            if item.kind == DIRECTORY:
                self._require_directory(target)
                self._put(item, target)
                self._copy_contents(path, below, target, exclude, inherited)
            else:
                self._put(item, target)

    def _put(self, item: Item, path: str) -> None:
        existing = self.layer.tree.get(path)
        if existing is not None and existing.is_directory and item.kind != DIRECTORY:
            raise DeclinedError(f"/{path} is a directory, which no {item.kind} can replace")
        node = Node(item.kind, item.mode, self.action.owner, item.target, item.content, item.modified)
        if self.action.mode is not None and item.kind != LINK:
            node = replace(node, mode=self.action.mode)
        if existing is not None and existing.is_directory:
            node = replace(node, modified=existing.modified, has_attributes=existing.has_attributes)
        self.layer.tree.put(path, node)
