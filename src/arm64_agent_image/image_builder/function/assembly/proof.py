"""Proves the plan on the previous image: from the previous source it must give exactly what is there.

What two image stores leave out of a layer differs, so it is not layers that are compared but the file systems
that they make. Times are not compared. Owners given by name are learned here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .context import FILE, LINK
from .copying import Layer
from .declined import DeclinedError
from .plan import Owner, UnknownOwner
from .tree import UNKNOWN, Node, Tree


@dataclass
class Owners:
    """Who the owners are that the Dockerfile gives by name."""

    known: dict[UnknownOwner, tuple[int, int]] = field(default_factory=dict)

    def learn(self, planned: Owner, actual: Owner) -> bool:
        """Whether the planned owner can be the actual one, which it then is everywhere."""
        assert not isinstance(actual, UnknownOwner)
        if isinstance(planned, UnknownOwner):
            return self.known.setdefault(planned, actual) == actual
        return planned == actual

    def resolve(self, owner: Owner) -> tuple[int, int]:
        """The owner as numbers.

        :raises DeclinedError: when no file of the previous image shows them.
        """
        if not isinstance(owner, UnknownOwner):
            return owner
        if owner not in self.known:
            raise DeclinedError("no file of the previous image shows the ids of an owner that --chown names")
        return self.known[owner]


def prove(simulated: Sequence[Layer], actual: Sequence[Tree]) -> Owners:
    """The owners that the plan names.

    :raises DeclinedError: names the first path at which the previous image is not what the plan gives.
    """
    owners = Owners()
    for layer, tree in zip(simulated, actual, strict=True):
        for path in sorted(layer.tree.nodes.keys() | tree.nodes.keys()):
            expected, found = layer.tree.get(path), tree.get(path)
            if expected is None or found is None or not _is_same(expected, found, owners):
                raise DeclinedError(f"the plan does not reproduce /{path} of the previous image")
    return owners


def _is_same(expected: Node, found: Node, owners: Owners) -> bool:
    if expected.kind != found.kind or expected.target != found.target or found.mode is None:
        return False
    if expected.kind == FILE and (expected.content == UNKNOWN or expected.content != found.content):
        return False
    if expected.kind != LINK and expected.mode != found.mode:
        return False
    return expected.has_attributes == found.has_attributes and owners.learn(expected.owner, found.owner)
