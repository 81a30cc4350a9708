"""What ``on_event`` does with CloudFormation's requests."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from image_builder import on_event
from image_builder.checks import InvalidPropertyError
from image_builder.failure import ImageBuildError
from image_builder.patience import BuildNotStartedError

from test.image_builder.fakes import (
    BUILD_ID,
    NOW,
    OLD_TAG,
    PROJECT,
    TAG,
    FakeClock,
    Registry,
    Stubs,
    build,
    event,
    started_build,
)

CREATE_REQUEST = "8f6b1c0e-5f0f-4d38-9f7a-2f4f0f6f9c11"
UPDATE_REQUEST = "0d9b3a77-31cb-4a5f-8a52-6b1f0f3b7a20"
QUEUE_FULL = "Cannot have more than 1 builds in queue for the account"
NO_BUILDS = "Cannot have more than 0 builds in queue for the account"


def expect_start(stubs: Stubs, answer: dict[str, Any] | None = None) -> dict[str, Any]:
    """CodeBuild is asked to start a build; the parameters it was asked with."""
    asked: dict[str, Any] = {}

    def remember(params: dict[str, Any], **_: object) -> None:
        asked.update(params)

    stubs.codebuild.add_response("start_build", {"build": answer or build()})
    stubs.aws.codebuild.meta.events.register("provide-client-params.codebuild.StartBuild", remember)
    return asked


def expect_error(stubs: Stubs, operation: str, code: str, message: str = "", status: int = 400) -> None:
    service = stubs.ecr if operation.endswith(("image", "layer")) else stubs.codebuild
    service.add_client_error(operation, code, message, status)


def test_starts_one_build_of_the_source_under_the_content_tag(stubs: Stubs, clock: FakeClock) -> None:
    stubs.no_image()
    stubs.builds()
    asked = expect_start(stubs)

    answer = on_event.handle(event("create"), stubs.aws, clock)

    assert answer["BuildId"] == BUILD_ID
    spec = json.loads(asked.pop("buildspecOverride"))
    assert set(spec["phases"]) == {"pre_build", "build", "post_build"}
    assert asked == {
        "projectName": PROJECT,
        "idempotencyToken": CREATE_REQUEST,
        "sourceTypeOverride": "S3",
        "sourceLocationOverride": "cdk-hnb659fds-assets-123456789012-eu-west-1/1111.zip",
        "timeoutInMinutesOverride": 30,
        "environmentVariablesOverride": [
            {"name": "IMAGE_TAG", "value": TAG, "type": "PLAINTEXT"},
            {"name": "REQUEST_ID", "value": CREATE_REQUEST, "type": "PLAINTEXT"},
        ],
    }


def test_hands_secrets_to_the_build_by_name_only(stubs: Stubs, clock: FakeClock) -> None:
    stubs.no_image()
    stubs.builds()
    asked = expect_start(stubs)
    secret = {
        "Name": "SECRET_1",
        "Type": "SECRETS_MANAGER",
        "Value": "arn:aws:secretsmanager:eu-west-1:1:secret:x",
    }
    parameter = {"Name": "SECRET_2", "Type": "PARAMETER_STORE", "Value": "/agent/token"}

    on_event.handle(event("create", EnvironmentVariables=[secret, parameter]), stubs.aws, clock)

    assert asked["environmentVariablesOverride"][2:] == [
        {"name": "SECRET_1", "value": secret["Value"], "type": "SECRETS_MANAGER"},
        {"name": "SECRET_2", "value": "/agent/token", "type": "PARAMETER_STORE"},
    ]


def test_response_url_reaches_neither_the_build_nor_the_log(
    stubs: Stubs, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    stubs.no_image()
    stubs.builds()
    asked = expect_start(stubs)

    answer = on_event.handle(event("update"), stubs.aws, clock)

    for text in (json.dumps(asked), json.dumps(answer), capsys.readouterr().out):
        assert "cloudformation-custom-resource-response" not in text
        assert "X-Amz-Signature" not in text


def test_never_changes_the_physical_resource_id(stubs: Stubs, clock: FakeClock) -> None:
    stubs.no_image()
    stubs.builds()
    expect_start(stubs)
    assert "PhysicalResourceId" not in on_event.handle(event("update"), stubs.aws, clock)


@pytest.mark.parametrize("name", ["create", "update", "update_same_content"])
def test_builds_nothing_when_the_tag_is_already_there(
    name: str, stubs: Stubs, clock: FakeClock, registry: Registry
) -> None:
    stubs.image(registry, registry.image())
    assert "BuildId" not in on_event.handle(event(name), stubs.aws, clock)


def test_rolls_back_to_an_image_that_is_still_there_without_a_build(
    stubs: Stubs, clock: FakeClock, registry: Registry
) -> None:
    stubs.image(registry, registry.image(), tag=OLD_TAG)
    assert "BuildId" not in on_event.handle(event("rollback"), stubs.aws, clock)


@pytest.mark.parametrize("status", ["IN_PROGRESS", "SUCCEEDED", "FAILED", "FAULT", "STOPPED", "TIMED_OUT"])
def test_same_event_twice_gets_the_same_build_whatever_became_of_it(
    status: str, stubs: Stubs, clock: FakeClock
) -> None:
    stubs.no_image()
    other = started_build("another", tag=OLD_TAG, status="SUCCEEDED") | {"id": f"{PROJECT}:other"}
    stubs.builds(other, started_build(CREATE_REQUEST, status=status))
    assert on_event.handle(event("create"), stubs.aws, clock)["BuildId"] == BUILD_ID


def test_adopts_a_running_build_of_the_same_image(stubs: Stubs, clock: FakeClock) -> None:
    stubs.no_image()
    stubs.builds(started_build("another request"))
    assert on_event.handle(event("create"), stubs.aws, clock)["BuildId"] == BUILD_ID


def test_does_not_adopt_a_failed_build_of_another_request(stubs: Stubs, clock: FakeClock) -> None:
    stubs.no_image()
    stubs.builds(started_build("another request", status="FAILED") | {"id": f"{PROJECT}:failed"})
    expect_start(stubs)
    assert on_event.handle(event("create"), stubs.aws, clock)["BuildId"] == BUILD_ID


def test_does_not_adopt_a_running_build_of_another_image(stubs: Stubs, clock: FakeClock) -> None:
    stubs.no_image()
    stubs.builds(started_build("another request", tag=OLD_TAG) | {"id": f"{PROJECT}:other"})
    expect_start(stubs)
    assert on_event.handle(event("create"), stubs.aws, clock)["BuildId"] == BUILD_ID


def test_looks_at_no_more_than_a_hundred_builds(stubs: Stubs, clock: FakeClock) -> None:
    stubs.no_image()
    ids = [f"{PROJECT}:{n}" for n in range(150)]
    stubs.codebuild.add_response("list_builds_for_project", {"ids": ids}, {"projectName": PROJECT})
    stubs.codebuild.add_response("batch_get_builds", {"builds": []}, {"ids": ids[:100]})
    expect_start(stubs)
    on_event.handle(event("create"), stubs.aws, clock)


@pytest.mark.parametrize(
    "operation", ["batch_get_image", "list_builds_for_project", "batch_get_builds", "start_build"]
)
def test_waits_until_iam_knows_new_permissions(
    operation: str, stubs: Stubs, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        if operation == "batch_get_image":
            expect_error(
                stubs, operation, "AccessDeniedException", "not authorized to perform: ecr:BatchGetImage"
            )
            continue
        stubs.no_image()
        if operation == "list_builds_for_project":
            expect_error(stubs, operation, "AccessDeniedException", "not authorized")
        elif operation == "batch_get_builds":
            stubs.codebuild.add_response("list_builds_for_project", {"ids": [BUILD_ID]})
            expect_error(stubs, operation, "AccessDeniedException", "not authorized")
        else:
            stubs.builds()
            expect_error(stubs, operation, "AccessDeniedException", "not authorized")
    stubs.no_image()
    stubs.builds()
    expect_start(stubs)

    assert on_event.handle(event("create"), stubs.aws, clock)["BuildId"] == BUILD_ID
    assert clock.slept == [5, 5, 5]
    assert capsys.readouterr().out.count("waiting 5 s") == 3


def test_waits_until_codebuild_can_assume_a_new_role(stubs: Stubs, clock: FakeClock) -> None:
    stubs.no_image()
    stubs.builds()
    expect_error(
        stubs,
        "start_build",
        "InvalidInputException",
        "CodeBuild is not authorized to perform: sts:AssumeRole on x",
    )
    stubs.no_image()
    stubs.builds()
    expect_start(stubs)
    assert on_event.handle(event("create"), stubs.aws, clock)["BuildId"] == BUILD_ID


def test_fails_with_the_refused_action_when_access_stays_denied(stubs: Stubs, clock: FakeClock) -> None:
    for _ in range(25):
        expect_error(
            stubs, "batch_get_image", "AccessDeniedException", "not authorized to perform: ecr:BatchGetImage"
        )
    with pytest.raises(BuildNotStartedError, match=r"not authorized to perform: ecr:BatchGetImage.*boundary"):
        on_event.handle(event("create"), stubs.aws, clock)
    assert clock.time - NOW == 120


def test_waits_for_a_place_among_the_builds_of_the_account_and_says_so(
    stubs: Stubs, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(4):
        stubs.no_image()
        stubs.builds()
        expect_error(stubs, "start_build", "AccountLimitExceededException", QUEUE_FULL)
    stubs.no_image()
    stubs.builds()
    expect_start(stubs)

    assert on_event.handle(event("create"), stubs.aws, clock)["BuildId"] == BUILD_ID
    log = capsys.readouterr().out
    assert log.count(QUEUE_FULL) == 4
    assert "60 s so far" in log


def test_fails_when_no_place_becomes_free_in_ten_minutes(stubs: Stubs, clock: FakeClock) -> None:
    for _ in range(41):
        stubs.no_image()
        stubs.builds()
        expect_error(stubs, "start_build", "AccountLimitExceededException", QUEUE_FULL)
    with pytest.raises(
        BuildNotStartedError, match=r"no build could start.*more than 1 builds.*Service Quotas"
    ):
        on_event.handle(event("create"), stubs.aws, clock)
    assert clock.time - NOW == 600


def test_explains_at_once_an_account_that_may_run_no_build(stubs: Stubs, clock: FakeClock) -> None:
    stubs.no_image()
    stubs.builds()
    expect_error(stubs, "start_build", "AccountLimitExceededException", NO_BUILDS)
    with pytest.raises(BuildNotStartedError, match=r"no ARM builds.*AWS Support.*ImageBuild\.local\(\)"):
        on_event.handle(event("create"), stubs.aws, clock)
    assert clock.slept == []


def test_uses_the_image_that_another_build_made_while_it_waited(
    stubs: Stubs, clock: FakeClock, registry: Registry
) -> None:
    stubs.no_image()
    stubs.builds()
    expect_error(stubs, "start_build", "AccountLimitExceededException", QUEUE_FULL)
    stubs.image(registry, registry.image())
    assert "BuildId" not in on_event.handle(event("create"), stubs.aws, clock)


@pytest.mark.parametrize(
    ("code", "status"), [("ThrottlingException", 400), ("InternalFailure", 500), ("", 503)]
)
def test_waits_when_the_service_is_busy(code: str, status: int, stubs: Stubs, clock: FakeClock) -> None:
    stubs.no_image()
    expect_error(stubs, "list_builds_for_project", code, "Rate exceeded", status)
    stubs.no_image()
    stubs.builds()
    expect_start(stubs)
    assert on_event.handle(event("create"), stubs.aws, clock)["BuildId"] == BUILD_ID


def test_gives_up_on_a_service_that_stays_busy(stubs: Stubs, clock: FakeClock) -> None:
    for _ in range(25):
        expect_error(stubs, "batch_get_image", "ServerException", "try again", 500)
    with pytest.raises(BuildNotStartedError, match=r"did not answer as it should .*deploy again"):
        on_event.handle(event("create"), stubs.aws, clock)


def test_start_build_that_took_effect_but_answered_5xx_makes_no_second_build(
    stubs: Stubs, clock: FakeClock
) -> None:
    stubs.no_image()
    stubs.builds()
    expect_error(stubs, "start_build", "InternalFailure", "", 500)
    stubs.no_image()
    stubs.builds(started_build(CREATE_REQUEST))
    assert on_event.handle(event("create"), stubs.aws, clock)["BuildId"] == BUILD_ID


def test_start_build_whose_answer_never_came_makes_no_second_build(
    stubs: Stubs, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubs.no_image()
    stubs.builds()
    stubs.no_image()
    stubs.builds(started_build(CREATE_REQUEST))

    def silent(**_: object) -> None:
        raise ReadTimeoutError(endpoint_url="https://codebuild.eu-west-1.amazonaws.com")

    monkeypatch.setattr(stubs.aws.codebuild, "start_build", silent)
    assert on_event.handle(event("create"), stubs.aws, clock)["BuildId"] == BUILD_ID


@pytest.mark.parametrize(
    ("operation", "code", "message", "sentence"),
    [
        (
            "batch_get_image",
            "RepositoryNotFoundException",
            "",
            "the repository 'agent-image-1a2b3c' does not exist",
        ),
        (
            "list_builds_for_project",
            "ResourceNotFoundException",
            "",
            "the CodeBuild project .* does not exist",
        ),
        (
            "start_build",
            "InvalidInputException",
            "Environment type ARM_CONTAINER is not supported in this region",
            r"no such ARM machines in this region.*ImageBuild\.local\(\).*fromEcrRepository\(\)",
        ),
        ("start_build", "InvalidInputException", "Project has no source", "AWS refused a request for image"),
    ],
)
def test_fails_at_once_with_a_sentence_when_waiting_cannot_help(
    operation: str, code: str, message: str, sentence: str, stubs: Stubs, clock: FakeClock
) -> None:
    if operation != "batch_get_image":
        stubs.no_image()
    if operation == "start_build":
        stubs.builds()
    expect_error(stubs, operation, code, message)
    with pytest.raises(BuildNotStartedError, match=sentence):
        on_event.handle(event("create"), stubs.aws, clock)
    assert clock.slept == []


def test_deadline_is_when_codebuild_has_ended_the_build_at_the_latest(stubs: Stubs, clock: FakeClock) -> None:
    stubs.no_image()
    stubs.builds()
    expect_start(stubs)
    answer = on_event.handle(event("create"), stubs.aws, clock)
    assert answer["Started"] == NOW
    assert answer["Deadline"] == NOW + (30 + 5 + 2) * 60


def test_deadline_stays_under_55_minutes_from_the_request_however_long_it_waited(
    stubs: Stubs, clock: FakeClock
) -> None:
    for _ in range(40):
        stubs.no_image()
        stubs.builds()
        expect_error(stubs, "start_build", "AccountLimitExceededException", QUEUE_FULL)
    stubs.no_image()
    stubs.builds()
    expect_start(stubs, build(timeoutInMinutes=40, startTime=datetime.fromtimestamp(NOW + 600, UTC)))
    answer = on_event.handle(event("create", TimeoutInMinutes="40"), stubs.aws, clock)
    assert answer["Deadline"] == NOW + 55 * 60


@pytest.mark.parametrize(
    "properties",
    [
        None,
        "text",
        [],
        {},
        {"ProjectName": None},
        {"ProjectName": ["a list"]},
        {"ProjectName": PROJECT, "ImageTag": 1},
    ],
)
def test_delete_answers_success_whatever_the_properties_are(
    properties: object, stubs: Stubs, clock: FakeClock
) -> None:
    if isinstance(properties, dict) and properties.get("ProjectName") == PROJECT:
        stubs.builds()
    assert on_event.handle(event("delete") | {"ResourceProperties": properties}, stubs.aws, clock) == {}


def test_delete_answers_success_without_properties(stubs: Stubs, clock: FakeClock) -> None:
    assert on_event.handle({"RequestType": "Delete"}, stubs.aws, clock) == {}


def test_delete_stops_the_builds_that_still_run(stubs: Stubs, clock: FakeClock) -> None:
    stubs.builds(build("SUCCEEDED") | {"id": f"{PROJECT}:done"}, build())
    stubs.codebuild.add_response("stop_build", {"build": build("STOPPED")}, {"id": BUILD_ID})
    assert on_event.handle(event("delete"), stubs.aws, clock) == {}


@pytest.mark.parametrize(
    ("code", "status"), [("AccessDeniedException", 400), ("ResourceNotFoundException", 400), ("", 500)]
)
def test_delete_answers_success_when_codebuild_does_not(
    code: str, status: int, stubs: Stubs, clock: FakeClock
) -> None:
    expect_error(stubs, "list_builds_for_project", code, "no", status)
    assert on_event.handle(event("delete"), stubs.aws, clock) == {}


def test_delete_answers_success_when_a_build_cannot_be_stopped(stubs: Stubs, clock: FakeClock) -> None:
    stubs.builds(build())
    expect_error(stubs, "stop_build", "ResourceNotFoundException", "no")
    assert on_event.handle(event("delete"), stubs.aws, clock) == {}


def test_fails_with_a_sentence_on_malformed_properties(stubs: Stubs, clock: FakeClock) -> None:
    with pytest.raises(
        InvalidPropertyError, match="'ImageTag' must be 64 lower-case hexadecimal digits, got 'latest'"
    ):
        on_event.handle(event("create", ImageTag="latest"), stubs.aws, clock)


def test_fails_with_a_sentence_on_an_unknown_request(stubs: Stubs, clock: FakeClock) -> None:
    with pytest.raises(ImageBuildError, match="'RequestType' must be Create, Update or Delete, got 'Read'"):
        on_event.handle(event("create") | {"RequestType": "Read"}, stubs.aws, clock)


def test_fails_with_a_sentence_on_a_stack_id_that_is_none(stubs: Stubs, clock: FakeClock) -> None:
    with pytest.raises(InvalidPropertyError, match="'StackId' must be the ARN of a stack, got 'x'"):
        on_event.handle(event("create") | {"StackId": "x"}, stubs.aws, clock)


def test_a_request_id_that_is_no_plain_name_is_hashed(stubs: Stubs, clock: FakeClock) -> None:
    stubs.no_image()
    stubs.builds()
    asked = expect_start(stubs)
    on_event.handle(event("create") | {"RequestId": "$(id)/" + "x" * 100}, stubs.aws, clock)
    assert asked["idempotencyToken"].isalnum()
    assert len(asked["idempotencyToken"]) == 64


def test_a_defect_of_ours_is_told_as_a_sentence(
    stubs: Stubs, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr("image_builder.builds.find", broken)
    stubs.no_image()
    with pytest.raises(ImageBuildError, match="unexpected KeyError: 'x': deploy again, and report it"):
        on_event.handle(event("create"), stubs.aws, clock)
    assert "Traceback" in capsys.readouterr().err
