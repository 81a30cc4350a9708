"""Data of any shape is accepted or rejected with a clear error, and always gets a response."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from image_builder import timeouts
from image_builder.errors import LIMIT
from image_builder.function.cloudformation.request import parse
from image_builder.function.handler import handler
from image_builder.function.messages.build_failure import build_failed
from image_builder.function.messages.hints import hint
from image_builder.function.services.ecr import Image
from image_builder.function.verification import SIZE_LIMIT, ImageRejectedError, verify
from image_builder.text import json_size
from image_builder.validation import InvalidValueError

from test.image_builder.deployed_template import DeployedTemplate
from test.image_builder.fakes import NOW, CloudFormation, build, event, step_input
from test.image_builder.simulated_aws import Account, Build, Plan

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
PROPERTIES = st.dictionaries(st.sampled_from(sorted(event("create")["ResourceProperties"])), JSON)
PHASES = st.fixed_dictionaries(
    {},
    optional={
        "phaseType": st.sampled_from(["SUBMITTED", "QUEUED", "PROVISIONING", "BUILD"]) | TEXT,
        "phaseStatus": st.sampled_from(["SUCCEEDED", "FAILED", "IN_PROGRESS"]) | TEXT,
        "contexts": st.lists(
            st.fixed_dictionaries({}, optional={"statusCode": TEXT, "message": TEXT}), max_size=2
        ),
    },
)
WANTED = parse(event("create"))
TEMPLATE = DeployedTemplate(
    definition={"StartAt": "Done", "TimeoutSeconds": 3540, "States": {"Done": {"Type": "Succeed"}}},
    service_timeout=3600,
    function_timeout=timeouts.FUNCTION,
    build_timeout=1800,
    queue_timeout=2940,
)


@contextmanager
def receiving() -> Iterator[tuple[Account, CloudFormation]]:
    """The function's code in an account whose executions do nothing, and what receives its responses."""
    account, cloudformation = Account(TEMPLATE), CloudFormation()
    with (
        account.connected(),
        patch("image_builder.function.cloudformation.response.urlopen", cloudformation.urlopen),
    ):
        yield account, cloudformation


@given(manifest=MANIFESTS, config=MANIFESTS | PLATFORMS)
def test_any_manifest_is_verified_or_rejected_with_a_clear_error(manifest: Any, config: Any) -> None:
    with receiving() as (account, _):
        digest = account.ecr.add(config)
        if isinstance(manifest, dict) and isinstance(manifest.get("config"), dict):
            manifest["config"]["digest"] = digest
        image = Image("sha256:x", json.dumps(manifest))
        try:
            verify(account.aws.ecr, WANTED, image)
        except ImageRejectedError as error:
            str(error).encode("utf-8")
        else:
            assert (config["os"], config["architecture"]) == ("linux", "arm64")
            assert sum(layer["size"] for layer in manifest["layers"]) <= SIZE_LIMIT


@given(PROPERTIES)
def test_any_properties_are_accepted_or_rejected_with_a_clear_error(changes: dict[str, Any]) -> None:
    raw = event("create")
    raw["ResourceProperties"].update(changes)
    try:
        parse(raw)
    except InvalidValueError as error:
        str(error).encode("utf-8")


@given(JSON)
def test_delete_succeeds_whatever_the_properties_are(raw: Any) -> None:
    with receiving() as (_, cloudformation):
        assert handler(event("delete") | {"ResourceProperties": raw}, None) is None
    assert cloudformation.data == {}


@given(
    JSON,
    st.dictionaries(st.sampled_from(["RequestId", "StackId", "OldResourceProperties"]), JSON),
    PROPERTIES,
)
def test_any_request_gets_a_response_or_starts_an_execution(
    kind: Any, changes: dict[str, Any], properties: dict[str, Any]
) -> None:
    raw = event("update") | changes | ({"RequestType": kind} if kind else {})
    raw["ResourceProperties"].update(properties)
    with receiving() as (account, cloudformation):
        assert handler(raw, None) is None
    assert len(cloudformation.responses) + len(account.stepfunctions.executions) == 1
    if cloudformation.responses:
        assert not cloudformation.reason.startswith("unexpected")


@given(
    progress=st.fixed_dictionaries(
        {},
        optional={
            "build_id": JSON,
            "attempt": JSON,
            "responded": st.just(False),
            "build_poll_in": JSON | st.just(10),
            "wait_seconds": st.integers(0, 100),
            "other": JSON,
        },
    )
    | JSON,
    more=st.dictionaries(st.sampled_from(["Started", "Error"]), JSON),
)
def test_any_state_of_an_execution_gets_a_response_or_waits(progress: Any, more: dict[str, Any]) -> None:
    with receiving() as (_, cloudformation):
        result = handler({**step_input("create"), "Progress": progress, **more}, None)
    assert result is not None
    assert len(cloudformation.responses) == (result["responded"] is True)
    assert type(result["wait_seconds"]) is int
    if not cloudformation.responses:
        assert result["wait_seconds"] > 0


@given(st.lists(TEXT), st.booleans())
def test_hints_come_from_any_log(lines: list[str], in_vpc: bool) -> None:
    advice = hint(lines, in_vpc=in_vpc)
    assert advice is None or len(advice) > 40


@given(
    status=st.sampled_from(["FAILED", "FAULT", "STOPPED", "TIMED_OUT", "IN_PROGRESS"]),
    phases=st.lists(PHASES, max_size=4),
    log=st.lists(TEXT | TEXT.map(lambda text: text * 1000), max_size=5),
)
def test_any_build_is_reported_within_the_limit(status: str, phases: list[Any], log: list[str]) -> None:
    account = Account(TEMPLATE)
    account.codebuild.builds["x"] = Build("x", "p", NOW, 30, {}, Plan(log=tuple(log)))
    failed = build(status, phases=phases, logs={"groupName": "g", "streamName": "x"})
    message = str(build_failed(account.aws.logs, failed, WANTED))
    assert message.startswith(f"the build of image {WANTED.image_uri} ")
    assert json_size(message) <= LIMIT
    message.encode("utf-8")
