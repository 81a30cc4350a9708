"""The plan of an image has what its trailing copies need, and there is none where it would be uncertain."""

import copy
import json
from typing import Any

import pytest
from image_builder.build_program.plan import NoPlanError, distil
from image_builder.function.assembly import plan as reader
from image_builder.function.assembly.plan import Copy, MakeDirectory, Plan, UnknownOwner

CONTEXT = {"source": {"identifier": "local://context", "attrs": {"local.excludepatterns": '["*.md"]'}}}
BASE = {"source": {"identifier": "docker-image://docker.io/library/python:3.13@sha256:0"}}
RUN = {"exec": {"meta": {"args": ["pip"], "env": ["TOKEN=hunter2"]}, "mounts": [{"dest": "/"}]}}


def copying(source: str = "/", destination: str = "/app/", **more: Any) -> dict[str, Any]:
    """The details of a copy as BuildKit writes them."""
    flags = ("followSymlink", "dirCopyContents", "createDestPath", "allowWildcard", "allowEmptyWildcard")
    details = {"src": source, "dest": destination, "mode": -1, "timestamp": -1, **dict.fromkeys(flags, True)}
    return {"copy": {**details, **more}}


def directory(path: str, **more: Any) -> dict[str, Any]:
    return {"mkdir": {"path": path, "mode": 493, "makeParents": True, "timestamp": -1, **more}}


def file(action: dict[str, Any], base: int = 0, source: int = 1) -> dict[str, Any]:
    return {"file": {"actions": [{"input": base, "secondaryInput": source, "output": 0, "Action": action}]}}


def metadata(*steps: tuple[dict[str, Any], list[int]]) -> dict[str, Any]:
    """The metadata of a build whose last step is the result."""
    found: list[dict[str, Any]] = [
        {"id": f"step{n}", "op": {"Op": op}, "inputs": [f"step{i}:0" for i in inputs]}
        for n, (op, inputs) in enumerate(steps)
    ]
    found.append({"id": "result", "op": {"Op": {}}, "inputs": [f"step{len(steps) - 1}:0"]})
    return {"buildx.build.provenance": {"buildConfig": {"llbDefinition": found}}}


TYPICAL = metadata(
    (BASE, []),
    (CONTEXT, []),
    (file(copying("/requirements.txt")), [0, 1]),
    (RUN, [2]),
    (file(directory("/app", owner={"user": {"User": {"byName": {"name": "app"}}}}), source=-1), [3]),
    (file(copying(owner={"user": {"User": {"byId": 7}}})), [4, 1]),
)


def plan_of(document: dict[str, Any]) -> Plan:
    return reader.parse(json.dumps(distil(document, 1.5)).encode())


def test_the_trailing_layers_are_in_the_plan_and_what_the_others_read() -> None:
    plan = plan_of(TYPICAL)
    assert plan.built_at == 1
    assert plan.ignore == ("*.md",)
    assert plan.reads == ("/requirements.txt",)
    (directory_action,), (copy_action,) = (layer.actions for layer in plan.layers)
    assert directory_action == MakeDirectory("/app", UnknownOwner(0))
    assert copy_action == Copy("/", "/app/", (7, 7), None, ())


def test_no_value_of_a_build_argument_is_in_the_plan() -> None:
    assert "hunter2" not in json.dumps(distil(TYPICAL, 0))


def test_a_definition_of_the_newer_kind_is_read_too() -> None:
    provenance = TYPICAL["buildx.build.provenance"]
    newer = {"buildx.build.provenance": {"buildDefinition": {"internalParameters": provenance}}}
    assert distil(newer, 0) == distil(TYPICAL, 0)


def test_copies_with_link_are_layers_of_their_own() -> None:
    document = metadata(
        (BASE, []),
        (CONTEXT, []),
        (file(copying(), base=-1, source=0), [1]),
        ({"merge": {"inputs": [{}, {"input": 1}]}}, [0, 2]),
    )
    (layer,) = plan_of(document).layers
    assert layer.is_linked


@pytest.mark.parametrize(
    ("mount", "read"),
    [
        ({"input": 1, "selector": "/uv.lock", "dest": "/uv.lock"}, "/uv.lock"),
        ({"input": 1, "dest": "/all"}, "/"),
    ],
)
def test_bind_mounts_are_read(mount: dict[str, Any], read: str) -> None:
    run = {"exec": {"mounts": [{"dest": "/"}, mount]}}
    document = metadata((BASE, []), (CONTEXT, []), (run, [0, 1]), (file(copying()), [2, 1]))
    assert plan_of(document).reads == (read,)


def test_an_operation_that_uses_the_context_in_an_unknown_way_reads_everything() -> None:
    document = metadata((BASE, []), (CONTEXT, []), ({"diff": {}}, [1, 0]), (file(copying()), [2, 1]))
    assert plan_of(document).reads == ("/",)


@pytest.mark.parametrize(
    "action",
    [
        copying(attemptUnpackDockerCompatibility=True),
        copying(include_patterns=["a"]),
        copying(modeStr="u+x"),
        copying(mode=0o4755),
        copying(timestamp=0),
        copying(followSymlink=False),
        copying(somethingNew=True),
        copying(exclude_patterns=["!a"]),
        {"mkfile": {"path": "/a"}},
        {"rm": {"path": "/a"}},
        directory("/app", mode=448),
    ],
)
def test_an_image_that_ends_in_anything_else_has_no_plan(action: dict[str, Any]) -> None:
    with pytest.raises(NoPlanError, match="the last instructions of the Dockerfile do not copy"):
        distil(metadata((BASE, []), (CONTEXT, []), (file(action), [0, 1])), 0)


@pytest.mark.parametrize("last", [RUN, file(copying(), source=1)])
def test_an_image_that_ends_in_a_run_or_a_copied_stage_has_no_plan(last: dict[str, Any]) -> None:
    document = metadata((BASE, []), (CONTEXT, []), (file(copying()), [0, 1]), (last, [2, 0]))
    with pytest.raises(NoPlanError, match="the last instructions of the Dockerfile do not copy"):
        distil(document, 0)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"buildx.build.provenance": None},
        {"buildx.build.provenance": {"buildConfig": {}}},
        metadata((BASE, [])),
        metadata(({"unknown": {}}, []), (CONTEXT, []), (file(copying()), [0, 1])),
        metadata(({"source": {"identifier": "local://other"}}, []), (CONTEXT, []), (file(copying()), [0, 1])),
        metadata((BASE, []), (CONTEXT, []), (CONTEXT, []), (file(copying()), [0, 1])),
    ],
)
def test_a_definition_that_is_not_understood_has_no_plan(document: dict[str, Any]) -> None:
    with pytest.raises(NoPlanError):
        distil(document, 0)


@pytest.mark.parametrize("key", ["local.includepattern", "local.metadatatransfer"])
def test_a_context_that_is_sent_in_an_unknown_way_has_no_plan(key: str) -> None:
    document = copy.deepcopy(TYPICAL)
    steps = document["buildx.build.provenance"]["buildConfig"]["llbDefinition"]
    steps[1]["op"]["Op"]["source"]["attrs"][key] = "x"
    with pytest.raises(NoPlanError, match=f"the unknown option '{key}'"):
        distil(document, 0)
