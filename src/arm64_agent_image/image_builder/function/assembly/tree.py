"""A file system as the layers of an image make it, as far as an assembly looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .context import DIRECTORY
from .plan import Owner

UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A file, directory or symbolic link; anything else is of kind 'special'.

    A mode of None belongs to a directory that a layer implies without an entry of its own.
    """

    kind: str
    mode: int | None
    owner: Owner
    target: str = ""
    content: str = UNKNOWN
    modified: float = field(default=0, compare=False)
    has_attributes: bool = False

    @property
    def is_directory(self) -> bool:
        """Whether other nodes can be below."""
        return self.kind == DIRECTORY


ROOT = Node(DIRECTORY, None, (0, 0))


@dataclass
class Tree:
    """The nodes of one layer by path, over those of the layers below."""

    below: Tree | None = None
    nodes: dict[str, Node] = field(default_factory=dict)

    def get(self, path: str) -> Node | None:
        """The node at a path without a leading slash."""
        if path == "":
            return ROOT
        tree: Tree | None = self
        while tree is not None:
            node = tree.nodes.get(path)
            if node is not None:
                return node
            tree = tree.below
        return None

    def put(self, path: str, node: Node) -> None:
        """Make or replace the node at a path."""
        self.nodes[path] = node


def parents(path: str) -> Iterator[str]:
    """The directories on the way to a path, from the top, without the root."""
    position = path.find("/")
    while position > 0:
        yield path[:position]
        position = path.find("/", position + 1)
