"""Distils from a build the plan of its image: what its trailing COPY instructions read, and where it goes.

With the plan, the next image can be assembled from this one when nothing else has changed. Only copies from
the context, working directories and links on the chain back from the result are in it; values of build
arguments never are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import llb
from .llb import Graph, Operation, UnknownOperationError

VERSION = 1
_NO_COPY = "the last instructions of the Dockerfile do not copy from the directory"
_COPY = {
    *("src", "dest", "owner", "mode", "followSymlink", "dirCopyContents", "createDestPath"),
    *("allowWildcard", "allowEmptyWildcard", "timestamp", "exclude_patterns"),
}
_ALWAYS = ("followSymlink", "dirCopyContents", "createDestPath", "allowWildcard", "allowEmptyWildcard")
_MKDIR = {"path", "mode", "makeParents", "owner", "timestamp"}
_MKDIR_MODE = 0o755
_ATTRIBUTES = {"local.excludepatterns", "local.followpaths", "local.sharedkeyhint", "local.differ"}
_ACTION = {"input", "secondaryInput", "output", "Action"}


class NoPlanError(Exception):
    """The image can only be built; the text says why."""


def distil(metadata: Mapping[str, Any], built_at: float) -> Mapping[str, Any]:
    """The plan of the image that a build has made.

    :raises NoPlanError: when its last instructions do not copy from the context, or are not known.
    """
    try:
        return _distil(llb.read_graph(metadata), built_at)
    except UnknownOperationError as error:
        raise NoPlanError(str(error)) from error
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise NoPlanError(f"the definition of the build is not as expected: {error!r:.200}") from error


def _distil(graph: Graph, built_at: float) -> Mapping[str, Any]:
    sources = [operation for operation in graph if operation.is_context]
    if not sources:
        raise NoPlanError(_NO_COPY)
    if len(sources) > 1 or any(operation.is_other_local for operation in graph):
        raise NoPlanError("the build does not read its context once")
    if unknown := set(sources[0].values.get("attrs", {})) - _ATTRIBUTES:
        raise NoPlanError(f"the build reads its context with the unknown option {min(unknown)!r:.100}")
    layers: list[Mapping[str, Any]] = []
    used: set[str] = set()
    operation: Operation | None = graph.result
    while operation is not None and (layer := _layer(graph, operation, used)) is not None:
        layers.insert(0, layer)
        operation = graph.input(operation, _base(operation))
    if not any("source" in action for layer in layers for action in layer["actions"]):
        raise NoPlanError(_NO_COPY)
    reads = {
        path
        for operation in graph
        if operation.id not in used
        for path in llb.context_reads(graph, operation)
    }
    return {
        "version": VERSION,
        "builtAt": int(built_at),
        "ignore": llb.patterns(sources[0]),
        "reads": sorted(reads),
        "layers": layers,
    }


def _layer(graph: Graph, operation: Operation, used: set[str]) -> Mapping[str, Any] | None:
    """The layer that an operation makes; None when it is not made of the context."""
    if operation.kind == "merge":
        numbers = [item.get("input", 0) for item in operation.values["inputs"]]
        apart = graph.input(operation, numbers[-1])
        if numbers != [0, 1] or apart is None or apart.kind != "file" or _base(apart) != -1:
            return None
        actions = _actions(graph, apart)
        if actions is None:
            return None
        used.update((operation.id, apart.id))
        return {"isLinked": True, "actions": actions}
    actions = _actions(graph, operation) if operation.kind == "file" else None
    if actions is None:
        return None
    used.add(operation.id)
    return {"isLinked": False, "actions": actions}


def _base(operation: Operation) -> int:
    """The number of the input that an operation adds its layer to."""
    return int(operation.values["actions"][0].get("input", 0)) if operation.kind == "file" else 0


def _actions(graph: Graph, operation: Operation) -> list[Mapping[str, Any]] | None:
    """The actions, each of which continues with the result of the one before."""
    actions, first = [], len(operation.inputs)
    for number, values in enumerate(operation.values["actions"]):
        is_last = number == len(operation.values["actions"]) - 1
        ((kind, details),) = values["Action"].items()
        if set(values) - _ACTION or values["output"] != (0 if is_last else -1):
            return None
        if number > 0 and values["input"] != first + number - 1:
            return None
        source = values["secondaryInput"]
        if kind == "copy" and 0 <= source < first and graph[operation.inputs[source]].is_context:
            action = _copy(details)
        else:
            action = _mkdir(details) if kind == "mkdir" and source == -1 else None
        if action is None:
            return None
        actions.append(action)
    return actions


def _copy(details: Mapping[str, Any]) -> Mapping[str, Any] | None:
    mode = details.get("mode")
    if set(details) - _COPY or not all(details.get(key) is True for key in _ALWAYS):
        return None
    if details.get("timestamp") != -1 or type(mode) is not int or not -1 <= mode <= 0o777 or mode == 0:
        return None
    exclude = details.get("exclude_patterns", [])
    if any(pattern.strip().startswith("!") for pattern in exclude):
        return None
    return {
        "source": details["src"],
        "destination": details["dest"],
        "owner": _owner(details.get("owner")),
        "mode": None if mode == -1 else mode,
        "exclude": exclude,
    }


def _mkdir(details: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if set(details) - _MKDIR or details.get("mode") != _MKDIR_MODE or details.get("makeParents") is not True:
        return None
    if details.get("timestamp") != -1:
        return None
    return {"path": details["path"], "owner": _owner(details.get("owner"))}


def _owner(owner: Mapping[str, Any] | None) -> list[int] | str:
    """User and group as numbers, or a text that stands for both when one of them is a name.

    A user without a group has, as a number, the group of the same number, and as a name its own group.
    """
    if owner is None:
        return [0, 0]
    user = _id(owner.get("user"))
    group = _id(owner["group"]) if "group" in owner else user
    if user is None or group is None:
        return repr(owner)
    return [user, group]


def _id(account: Mapping[str, Any] | None) -> int | None:
    """The number of a user or group; None for a name, and for 0, which looks as a name that was left out."""
    if account is None or not isinstance(account.get("User"), dict):
        return None
    value = account["User"]
    return int(value["byId"]) if set(value) == {"byId"} else None
