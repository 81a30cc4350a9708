"""Assembles an image: the proof on the previous image and source first, then the new one."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ...elf import machine
from .context import FILE, Context, changed_paths
from .copying import Layer, apply
from .declined import DeclinedError
from .image import LayerBlob, PreviousImage, require_planned
from .layer_reader import LayerReader
from .layer_writer import Compressor, LayerWriter
from .limits import Deadline
from .plan import Copy, Plan, UnknownOwner
from .proof import prove
from .reads import require_unread
from .tree import Tree, parents

_ACCOUNTS = ("etc/passwd", "etc/group")


class Blobs(Protocol):
    """The blobs of a repository."""

    def read(self, digest: str) -> Iterator[bytes]:
        """The content of a blob, in chunks."""
        ...

    def write(self, content: Iterator[bytes], digest: Callable[[], str]) -> None:
        """Upload a blob, whose digest is known once its content has been read."""
        ...


@dataclass(frozen=True)
class Sources:
    """What the previous image was built from, and what the new one would be built from."""

    previous: Context
    new: Context
    dockerfile: str


def assemble(
    image: PreviousImage, plan: Plan, sources: Sources, blobs: Blobs, deadline: Deadline
) -> Sequence[LayerBlob]:
    """The layers of the new image, of which those that are new have been uploaded.

    :raises DeclinedError: when the image has to be built.
    """
    require_planned(image, plan)
    _require_same_recipe(sources)
    previous, new = sources.previous.without(plan.ignore), sources.new.without(plan.ignore)
    require_unread(changed_paths(previous, new), plan.reads, (previous, new))
    lower, actual = _read_layers(image, plan, previous, blobs, deadline)
    before = _simulate(plan, previous, lower)
    owners = prove(before, actual)
    after = _simulate(plan, new, lower)
    _require_proven(plan, before, after)
    _require_architecture(new, before, after)
    first = next((n for n, pair in enumerate(zip(before, after, strict=True)) if _differ(*pair)), len(after))
    kept = len(image.layers) - len(after) + first
    writer = LayerWriter(new, owners)
    written = [_write(writer, layer.tree, blobs, deadline) for layer in after[first:]]
    replaced = zip(image.layers[kept:], written, strict=True)
    return [
        *image.layers[:kept],
        *(LayerBlob(old.media_type, c.digest, c.size, c.diff_id) for old, c in replaced),
    ]


def _write(writer: LayerWriter, tree: Tree, blobs: Blobs, deadline: Deadline) -> Compressor:
    deadline.check()
    compressor = Compressor(writer.write(tree))
    blobs.write(iter(compressor), lambda: compressor.digest)
    return compressor


def _simulate(plan: Plan, context: Context, lower: Tree) -> list[Layer]:
    layers: list[Layer] = []
    for planned in plan.layers:
        layers.append(apply(planned, context, layers[-1].tree if layers else lower))
    return layers


def _read_layers(
    image: PreviousImage, plan: Plan, previous: Context, blobs: Blobs, deadline: Deadline
) -> tuple[Tree, list[Tree]]:
    """The tree of the lower layers, and those of the trailing layers, each over the one before."""
    sizes = {item.size for item in previous.items.values() if item.kind == FILE}
    reader = LayerReader(_Region(plan).holds, sizes.__contains__, deadline)
    trees = [Tree()]
    for number, layer in enumerate(image.layers):
        if number >= len(image.layers) - len(plan.layers):
            trees.append(Tree(trees[-1]))
        reader.read(blobs.read(layer.digest), layer.digest, layer.diff_id, trees[-1])
    return trees[0], trees[1:]


class _Region:
    """The destinations, what is below them, and the directories above."""

    def __init__(self, plan: Plan) -> None:
        actions = [action for layer in plan.layers for action in layer.actions]
        paths = [action.destination if isinstance(action, Copy) else action.path for action in actions]
        self._roots = {posixpath.normpath(path).strip("/") for path in paths}
        self._above = {parent for root in self._roots for parent in parents(root)}

    def holds(self, path: str) -> bool:
        """Whether a COPY can meet the path."""
        return (
            path in self._above
            or path in self._roots
            or "" in self._roots
            or any(parent in self._roots for parent in parents(path))
        )


def _require_same_recipe(sources: Sources) -> None:
    for path in (sources.dockerfile, f"{sources.dockerfile}.dockerignore", ".dockerignore"):
        old, new = sources.previous.items.get(path), sources.new.items.get(path)
        if (old and old.identity) != (new and new.identity):
            raise DeclinedError(f"{path} has changed")


def _require_proven(plan: Plan, before: Sequence[Layer], after: Sequence[Layer]) -> None:
    """Decline what the proof has not shown: other directories on the way, unusual names, other accounts."""
    has_names = any(isinstance(a.owner, UnknownOwner) for layer in plan.layers for a in layer.actions)
    for old, new in zip(before, after, strict=True):
        if made := new.made - old.made:
            raise DeclinedError(f"the directory /{min(made)} would be a new one on the way to a destination")
        for path in new.tree.nodes.keys() - old.tree.nodes.keys():
            if not (path.isascii() and path.isprintable()):
                raise DeclinedError(f"the new name {path!r:.200} has unusual characters")
        if has_names and any(path in layer.tree.nodes for path in _ACCOUNTS for layer in (old, new)):
            raise DeclinedError("a COPY brings the accounts that --chown or USER names")


def _require_architecture(new: Context, before: Sequence[Layer], after: Sequence[Layer]) -> None:
    known = {node.content for layer in before for node in layer.tree.nodes.values()}
    copied = {node.content for layer in after for node in layer.tree.nodes.values()} - known
    for path, item in new.items.items():
        if item.kind == FILE and item.content in copied:
            found = machine(next(new.read(item), b""))
            if found not in (None, "arm64"):
                raise DeclinedError(f"{path} is a program for {found}, not for arm64")


def _differ(old: Layer, new: Layer) -> bool:
    return old.tree.nodes != new.tree.nodes
