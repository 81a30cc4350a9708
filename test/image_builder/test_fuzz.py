"""Outside data of any shape: read rightly or refused with a sentence, and passed on byte for byte."""

import json
import subprocess
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_builder import docker_build, hints, on_event, properties, verify, words
from image_builder.checks import InvalidPropertyError
from image_builder.failure import ImageBuildError
from image_builder.verify import Image, ImageRejectedError

from test.image_builder.fakes import FakeClock, event
from test.image_builder.world import World

TEXT = st.text(st.characters(codec=None), max_size=60)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
DIGESTS = st.sampled_from([f"sha256:{'a' * 64}", "", "x"]) | TEXT
SIZES = st.integers(-1, 2**40) | JSON
PLATFORMS = st.fixed_dictionaries(
    {
        "os": st.sampled_from(["linux", "unknown"]) | JSON,
        "architecture": st.sampled_from(["arm64", "amd64"]) | JSON,
    }
)
DESCRIPTORS = st.fixed_dictionaries(
    {"digest": DIGESTS, "size": SIZES}, optional={"platform": PLATFORMS | JSON, "annotations": JSON}
)
MANIFESTS = JSON | st.fixed_dictionaries(
    {}, optional={"config": DESCRIPTORS | JSON, "layers": st.lists(DESCRIPTORS | JSON, max_size=3) | JSON,
                  "manifests": st.lists(DESCRIPTORS | JSON, max_size=3) | JSON}
)  # fmt: skip
PASSABLE = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=80)
KEYS = ["file", "target", "buildArgs", "buildContexts", "secrets", "symbolicLinks", "emptyDirectories", "x"]
WANTED = properties.parse(event("create"))


@given(manifest=MANIFESTS, config=MANIFESTS | PLATFORMS)
def test_any_manifest_is_verified_or_refused_with_a_sentence(manifest: Any, config: Any) -> None:
    world = World()
    digest = world.add(config)
    if isinstance(manifest, dict) and isinstance(manifest.get("config"), dict):
        manifest["config"]["digest"] = digest
    image = Image("sha256:x", json.dumps(manifest))
    with patch("image_builder.verify.urlopen", world.download):
        try:
            verify.verify(world.aws.ecr, WANTED, image)
        except ImageRejectedError as error:
            str(error).encode("utf-8")
        else:
            assert (config["os"], config["architecture"]) == ("linux", "arm64")
            assert sum(layer["size"] for layer in manifest["layers"]) <= verify.SIZE_LIMIT


@given(st.dictionaries(st.sampled_from(sorted(event("create")["ResourceProperties"])), JSON))
def test_any_properties_are_taken_or_refused_with_a_sentence(changes: dict[str, Any]) -> None:
    request = event("create")
    request["ResourceProperties"].update(changes)
    try:
        properties.parse(request)
    except InvalidPropertyError as error:
        str(error).encode("utf-8")


@given(st.fixed_dictionaries({"file": TEXT}, optional=dict.fromkeys(KEYS[1:], JSON)) | JSON)
def test_any_docker_options_are_taken_or_refused_with_a_sentence(options: Any) -> None:
    try:
        docker_build.parse(json.dumps(options))
    except InvalidPropertyError as error:
        str(error).encode("utf-8")


@given(JSON)
def test_delete_answers_success_to_any_properties(raw: Any) -> None:
    assert (
        on_event.handle({"RequestType": "Delete", "ResourceProperties": raw}, World().aws, FakeClock()) == {}
    )


@given(JSON, st.dictionaries(st.sampled_from(["RequestId", "StackId", "OldResourceProperties"]), JSON))
def test_any_request_is_answered_or_refused_with_a_sentence(kind: Any, changes: dict[str, Any]) -> None:
    request = event("update") | changes | ({"RequestType": kind} if kind else {})
    try:
        on_event.handle(request, World().aws, FakeClock())
    except ImageBuildError as error:
        if str(error).startswith("unexpected"):
            raise


@given(st.lists(TEXT), st.booleans())
def test_hints_come_from_any_log(lines: list[str], in_vpc: bool) -> None:
    hints.hint(lines, in_vpc=in_vpc)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PASSABLE, min_size=1, max_size=20))
def test_any_arguments_arrive_byte_for_byte_through_yaml_and_bash(tmp_path: Path, values: list[str]) -> None:
    command = yaml.safe_load(json.dumps([f"printf '%s\\0' {words.words(values)}"]))[0]
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env={"LC_ALL": "C"}, capture_output=True, check=True
    )
    assert done.stdout.split(b"\0")[:-1] == [value.encode() for value in values]
    assert list(tmp_path.iterdir()) == []
