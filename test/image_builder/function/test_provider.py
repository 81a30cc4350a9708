"""The function handles a request of CloudFormation."""

import json
import re
from urllib.error import URLError

import pytest
from botocore.exceptions import ReadTimeoutError
from image_builder import timeouts
from image_builder.function import provider

from test.image_builder.fakes import (
    BUILD_ID,
    NOW,
    OLD_TAG,
    PROJECT,
    STATE_MACHINE,
    TAG,
    URI,
    CloudFormation,
    FakeClock,
    Registry,
    Stubs,
    build,
    event,
    stop_requests,
)

CREATE_REQUEST = "8f6b1c0e-5f0f-4d38-9f7a-2f4f0f6f9c11"


@pytest.mark.parametrize("name", ["create", "update"])
def test_starts_the_execution_that_will_respond(
    name: str, stubs: Stubs, clock: FakeClock, cloudformation: CloudFormation
) -> None:
    stubs.no_image()
    asked = stubs.starts_execution()
    provider.handle(event(name), stubs.aws, clock)
    assert asked["stateMachineArn"] == STATE_MACHINE
    assert asked["name"] == event(name)["RequestId"]
    assert cloudformation.responses == []
    assert clock.slept == []


def test_the_execution_gets_ids_properties_and_the_response_url_and_nothing_else(
    stubs: Stubs, clock: FakeClock, cloudformation: CloudFormation
) -> None:
    stubs.no_image()
    asked = stubs.starts_execution()
    provider.handle(event("update") | {"Other": "x"}, stubs.aws, clock)
    state = json.loads(asked["input"])
    assert state["Progress"] == {}
    assert set(state) == {"Request", "Progress"}
    assert set(state["Request"]) == {
        "RequestType",
        "RequestId",
        "ResponseURL",
        "StackId",
        "LogicalResourceId",
        "PhysicalResourceId",
        "ResourceProperties",
        "OldResourceProperties",
    }
    assert state["Request"]["ResourceProperties"] == event("update")["ResourceProperties"]
    assert cloudformation.responses == []


def test_a_request_id_with_other_characters_becomes_a_valid_name(
    stubs: Stubs, clock: FakeClock, cloudformation: CloudFormation
) -> None:
    stubs.no_image()
    asked = stubs.starts_execution()
    provider.handle(event("create") | {"RequestId": "$(id)/" + "x" * 100}, stubs.aws, clock)
    assert asked["name"].isalnum()
    assert len(asked["name"]) <= 80
    assert cloudformation.responses == []


@pytest.mark.parametrize("name", ["create", "update", "update_same_content"])
def test_responds_at_once_if_the_image_exists(
    name: str, stubs: Stubs, clock: FakeClock, registry: Registry, cloudformation: CloudFormation
) -> None:
    digest = stubs.good_image(registry)
    provider.handle(event(name), stubs.aws, clock)
    assert cloudformation.data == {"RepositoryUri": URI, "ImageTag": TAG, "ImageDigest": digest}
    assert cloudformation.urls == [event(name)["ResponseURL"]]


def test_a_rollback_to_an_existing_image_starts_nothing(
    stubs: Stubs, clock: FakeClock, registry: Registry, cloudformation: CloudFormation
) -> None:
    digest = registry.image()
    stubs.image(registry, digest, tag=OLD_TAG)
    stubs.config(registry, registry.config_of(digest))
    provider.handle(event("rollback"), stubs.aws, clock)
    assert cloudformation.data["ImageTag"] == OLD_TAG


@pytest.mark.parametrize("owns_repository", ["true", "false"])
def test_rejects_an_existing_image_for_another_platform_and_keeps_it(
    owns_repository: str, stubs: Stubs, clock: FakeClock, registry: Registry, cloudformation: CloudFormation
) -> None:
    digest = registry.image("amd64")
    stubs.image(registry, digest)
    stubs.config(registry, registry.config_of(digest))
    provider.handle(event("create", OwnsRepository=owns_repository), stubs.aws, clock)
    assert "is for linux/amd64, not for linux/arm64: remove '--platform" in cloudformation.reason
    assert cloudformation.reason.endswith(
        "; delete it before you deploy again: aws ecr batch-delete-image --registry-id 123456789012"
        f" --repository-name {PROJECT} --image-ids imageTag={TAG}"
    )


@pytest.mark.parametrize("operation", ["batch_get_image", "get_download_url_for_layer"])
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDeniedException", 400),
        ("ThrottlingException", 400),
        ("RepositoryNotFoundException", 400),
        ("", 503),
    ],
)
def test_leaves_a_failed_lookup_of_the_image_to_the_execution(
    operation: str,
    code: str,
    status: int,
    stubs: Stubs,
    clock: FakeClock,
    registry: Registry,
    cloudformation: CloudFormation,
) -> None:
    if operation == "get_download_url_for_layer":
        stubs.image(registry, registry.image())
    stubs.ecr.add_client_error(operation, code, "no", status)
    asked = stubs.starts_execution()
    provider.handle(event("create"), stubs.aws, clock)
    assert asked["name"] == CREATE_REQUEST
    assert cloudformation.responses == []


def test_leaves_an_incomplete_download_to_the_execution(
    stubs: Stubs, clock: FakeClock, registry: Registry, cloudformation: CloudFormation
) -> None:
    digest = stubs.good_image(registry)
    registry.blobs[registry.config_of(digest)] = b"{"
    stubs.starts_execution()
    provider.handle(event("create"), stubs.aws, clock)
    assert cloudformation.responses == []


def test_an_execution_that_already_exists_is_not_started_again(
    stubs: Stubs, clock: FakeClock, cloudformation: CloudFormation, capsys: pytest.CaptureFixture[str]
) -> None:
    stubs.no_image()
    stubs.stepfunctions.add_client_error("start_execution", "ExecutionAlreadyExists", "the name is taken")
    provider.handle(event("create"), stubs.aws, clock)
    assert cloudformation.responses == []
    assert clock.slept == []
    assert f"execution {CREATE_REQUEST} has already started" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("code", "status"),
    [("AccessDeniedException", 400), ("ThrottlingException", 400), ("InternalFailure", 500)],
)
def test_waits_until_the_execution_can_be_started(
    code: str,
    status: int,
    stubs: Stubs,
    clock: FakeClock,
    cloudformation: CloudFormation,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stubs.no_image()
    for _ in range(3):
        stubs.stepfunctions.add_client_error("start_execution", code, "not authorized", status)
    asked = stubs.starts_execution()
    provider.handle(event("create"), stubs.aws, clock)
    assert asked["name"] == CREATE_REQUEST
    assert clock.slept == [5, 5, 5]
    assert cloudformation.responses == []
    assert capsys.readouterr().out.count("waiting 5 s to start the execution") == 3


def test_a_start_without_a_response_is_repeated_under_the_same_name(
    stubs: Stubs, clock: FakeClock, cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubs.no_image()
    names: list[str] = []

    def start_execution(**asked: str) -> None:
        names.append(asked["name"])
        if len(names) == 1:
            raise ReadTimeoutError(endpoint_url="https://states.eu-west-1.amazonaws.com")
        raise stubs.aws.stepfunctions.exceptions.ExecutionAlreadyExists(
            {"Error": {"Code": "ExecutionAlreadyExists"}}, "StartExecution"
        )

    monkeypatch.setattr(stubs.aws.stepfunctions, "start_execution", start_execution)
    provider.handle(event("create"), stubs.aws, clock)
    assert names == [CREATE_REQUEST] * 2
    assert cloudformation.responses == []


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("AccessDeniedException", "access is still denied .*not authorized.*permissions boundary"),
        ("ThrottlingException", "AWS returned a transient error .*deploy again"),
    ],
)
def test_fails_when_the_execution_cannot_be_started_in_two_minutes(
    code: str, message: str, stubs: Stubs, clock: FakeClock, cloudformation: CloudFormation
) -> None:
    stubs.no_image()
    for _ in range(25):
        stubs.stepfunctions.add_client_error("start_execution", code, "not authorized")
    provider.handle(event("create"), stubs.aws, clock)
    assert clock.time - NOW == timeouts.PROPAGATION == 120
    assert re.search(message, cloudformation.reason)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("StateMachineDoesNotExist", "the state machine that waits for builds does not exist .*recreate it"),
        ("InvalidArn", "AWS rejected a request for the image"),
    ],
)
def test_fails_at_once_when_waiting_cannot_help(
    code: str, message: str, stubs: Stubs, clock: FakeClock, cloudformation: CloudFormation
) -> None:
    stubs.no_image()
    stubs.stepfunctions.add_client_error("start_execution", code, "no")
    provider.handle(event("create"), stubs.aws, clock)
    assert re.search(message, cloudformation.reason)
    assert clock.slept == []


@pytest.mark.parametrize("kind", ["Read", "", None, 1, ["Create"]])
def test_rejects_an_unknown_request(
    kind: object, stubs: Stubs, clock: FakeClock, cloudformation: CloudFormation
) -> None:
    provider.handle(event("create") | {"RequestType": kind}, stubs.aws, clock)
    assert cloudformation.reason == f"'RequestType' must be Create, Update or Delete, got {kind!r}"


def test_rejects_malformed_properties(stubs: Stubs, clock: FakeClock, cloudformation: CloudFormation) -> None:
    provider.handle(event("create", ImageTag="latest"), stubs.aws, clock)
    assert cloudformation.reason == "'ImageTag' must be 64 lower-case hexadecimal digits, got 'latest'"
    assert cloudformation.response["PhysicalResourceId"] == "arm64-agent-image-Image"


def test_the_response_to_a_defect_names_the_log_group_of_its_traceback(
    stubs: Stubs,
    clock: FakeClock,
    cloudformation: CloudFormation,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr("image_builder.function.services.ecr.find", broken)
    monkeypatch.setenv("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/provider")
    provider.handle(event("create"), stubs.aws, clock)
    assert re.search("^unexpected KeyError: 'x': deploy again.*/aws/lambda/provider", cloudformation.reason)
    assert "Traceback" in capsys.readouterr().err


def test_the_response_url_reaches_the_execution_and_not_the_log(
    stubs: Stubs, clock: FakeClock, cloudformation: CloudFormation, capsys: pytest.CaptureFixture[str]
) -> None:
    stubs.no_image()
    stubs.stepfunctions.add_client_error("start_execution", "ThrottlingException", "slow down")
    asked = stubs.starts_execution()
    provider.handle(event("create"), stubs.aws, clock)
    assert "X-Amz-Signature" in asked["input"]
    assert "X-Amz-Signature" not in "".join(capsys.readouterr())
    assert cloudformation.responses == []


@pytest.mark.parametrize("name", ["create", "delete"])
def test_an_undelivered_response_fails_the_function_so_that_lambda_retries_it(
    name: str, stubs: Stubs, clock: FakeClock, registry: Registry, cloudformation: CloudFormation
) -> None:
    if name == "create":
        stubs.good_image(registry)
    else:
        stubs.builds()
    cloudformation.failures = [URLError("unreachable")] * 5
    with pytest.raises(URLError):
        provider.handle(event(name), stubs.aws, clock)


@pytest.mark.parametrize(
    "properties",
    [None, "text", [], {}, {"ProjectName": None}, {"ProjectName": ["a list"]}, {"ProjectName": PROJECT}],
)
def test_delete_succeeds_whatever_the_properties_are(
    properties: object, stubs: Stubs, clock: FakeClock, cloudformation: CloudFormation
) -> None:
    if isinstance(properties, dict) and properties.get("ProjectName") == PROJECT:
        stubs.builds()
    provider.handle(event("delete") | {"ResourceProperties": properties}, stubs.aws, clock)
    assert cloudformation.data == {}
    assert cloudformation.response["PhysicalResourceId"] == "arm64-agent-image-Image"


def test_delete_succeeds_without_properties(
    stubs: Stubs, clock: FakeClock, cloudformation: CloudFormation
) -> None:
    request = event("delete")
    del request["ResourceProperties"]
    provider.handle(request, stubs.aws, clock)
    assert cloudformation.data == {}


def test_delete_stops_the_builds_that_still_run(
    stubs: Stubs, clock: FakeClock, cloudformation: CloudFormation
) -> None:
    second = f"{PROJECT}:second"
    stubs.builds(build("SUCCEEDED") | {"id": f"{PROJECT}:done"}, build(), build() | {"id": second})
    stubs.stopped()
    stubs.stopped(second)
    with stop_requests(stubs.aws.codebuild) as stopped:
        provider.handle(event("delete"), stubs.aws, clock)
    assert stopped == [BUILD_ID, second]
    assert cloudformation.data == {}


@pytest.mark.parametrize("operation", ["list_builds_for_project", "batch_get_builds", "stop_build"])
@pytest.mark.parametrize(
    ("code", "status"), [("AccessDeniedException", 400), ("ResourceNotFoundException", 400), ("", 500)]
)
def test_delete_succeeds_when_codebuild_does_not_respond(
    operation: str, code: str, status: int, stubs: Stubs, clock: FakeClock, cloudformation: CloudFormation
) -> None:
    if operation == "batch_get_builds":
        stubs.codebuild.add_response("list_builds_for_project", {"ids": [BUILD_ID]})
    if operation == "stop_build":
        stubs.builds(build())
    stubs.codebuild.add_client_error(operation, code, "no", status)
    provider.handle(event("delete"), stubs.aws, clock)
    assert cloudformation.data == {}


def test_delete_stops_the_other_builds_when_one_cannot_be_stopped(
    stubs: Stubs, clock: FakeClock, cloudformation: CloudFormation, capsys: pytest.CaptureFixture[str]
) -> None:
    others = [f"{PROJECT}:{n}" for n in range(3)]
    stubs.builds(build(), *(build() | {"id": other} for other in others))
    stubs.codebuild.add_client_error("stop_build", "ThrottlingException", "Rate exceeded")
    for other in others:
        stubs.stopped(other)
    with stop_requests(stubs.aws.codebuild) as stopped:
        provider.handle(event("delete"), stubs.aws, clock)
    assert stopped == [BUILD_ID, *others]
    assert f"could not stop build {BUILD_ID}: " in capsys.readouterr().out
    assert cloudformation.data == {}


def test_delete_reads_at_most_a_hundred_builds(
    stubs: Stubs, clock: FakeClock, cloudformation: CloudFormation
) -> None:
    ids = [f"{PROJECT}:{n}" for n in range(150)]
    stubs.codebuild.add_response("list_builds_for_project", {"ids": ids}, {"projectName": PROJECT})
    stubs.codebuild.add_response("batch_get_builds", {"builds": []}, {"ids": ids[:100]})
    provider.handle(event("delete"), stubs.aws, clock)
    assert cloudformation.data == {}
