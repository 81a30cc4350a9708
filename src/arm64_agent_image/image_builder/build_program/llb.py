"""Reads the operations of a build as BuildKit has solved them.

With ``BUILDX_METADATA_PROVENANCE=max`` buildx writes them to its metadata file: ``ONBUILD`` and variables are
expanded, ignore patterns, owners and modes are in it.
https://docs.docker.com/build/metadata/attestations/slsa-provenance/
https://github.com/moby/buildkit/blob/master/solver/pb/ops.proto
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CONTEXT = "local://context"
_KINDS = ("source", "exec", "file", "merge", "diff", "build")


class UnknownOperationError(Exception):
    """The build has an operation, or a detail of one, that is not known here."""


@dataclass(frozen=True)
class Operation:
    """An operation, and the ids of those whose results it uses."""

    id: str
    kind: str
    values: Mapping[str, Any]
    inputs: Sequence[str]

    @property
    def is_context(self) -> bool:
        """Whether it sends files of the build context."""
        return self.kind == "source" and self.values.get("identifier") == CONTEXT

    @property
    def is_other_local(self) -> bool:
        """Whether it sends other files of the build machine."""
        return str(self.values.get("identifier")).startswith("local://") and not self.is_context


class Graph:
    """All operations of a build."""

    def __init__(self, operations: Sequence[Operation], result: str) -> None:
        self._operations = {operation.id: operation for operation in operations}
        self.result = self[result]

    def __getitem__(self, id: str) -> Operation:
        return self._operations[id]

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._operations.values())

    def input(self, operation: Operation, number: int) -> Operation | None:
        """The operation behind a number of an input; None for an empty file system."""
        return None if number < 0 else self[operation.inputs[number]]


def read_graph(metadata: Mapping[str, Any]) -> Graph:
    """The operations in the metadata of a build.

    :raises UnknownOperationError: when they are not there, or not as expected.
    """
    try:
        provenance = metadata["buildx.build.provenance"]
        if "buildDefinition" in provenance:
            provenance = provenance["buildDefinition"]["internalParameters"]
        steps = provenance["buildConfig"]["llbDefinition"]
        operations = [_operation(step) for step in steps if step["op"]["Op"]]
        (last,) = (step for step in steps if not step["op"]["Op"])
        (result,) = last["inputs"]
        return Graph(operations, _id(result))
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise UnknownOperationError(f"the metadata of the build has no definition: {error!r:.200}") from error


def patterns(operation: Operation) -> list[str]:
    """The ignore patterns with which the context is sent."""
    return list(json.loads(operation.values.get("attrs", {}).get("local.excludepatterns", "[]")))


def context_reads(graph: Graph, operation: Operation) -> Iterator[str]:
    """The paths that an operation reads from the context, as wide as they may be."""
    for number, id in enumerate(operation.inputs):
        if graph[id].is_context:
            yield from _paths(operation, number)


def _paths(operation: Operation, number: int) -> list[str]:
    if operation.kind == "exec":
        mounts = [m for m in operation.values.get("mounts", []) if m.get("input", 0) == number]
        return [m.get("selector", "/") for m in mounts] or ["/"]
    if operation.kind == "file":
        actions = operation.values["actions"]
        uses = [a for a in actions if number in (a.get("input", 0), a.get("secondaryInput", 0))]
        copies = [a["Action"].get("copy") for a in uses]
        if copies and all(copies) and all(a.get("input", 0) != number for a in uses):
            return [copy["src"] for copy in copies]
    return ["/"]


def _operation(step: Mapping[str, Any]) -> Operation:
    ((kind, values),) = step["op"]["Op"].items()
    if kind not in _KINDS:
        raise UnknownOperationError(f"the build has an operation of the unknown kind {kind!r:.40}")
    return Operation(step["id"], kind, values, [_id(value) for value in step.get("inputs", [])])


def _id(value: str) -> str:
    id, _, output = value.partition(":")
    if not output.isdecimal():
        raise UnknownOperationError(f"the build has the unknown input {value!r:.40}")
    return id
