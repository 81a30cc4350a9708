"""One step of an execution, and the wait until the next one."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from image_builder import timeouts
from image_builder.function import execution
from image_builder.function.handler import handler
from image_builder.function.progress import Progress

from test.image_builder.fakes import (
    BUILD_ID,
    NOW,
    OLD_TAG,
    PROJECT,
    TAG,
    URI,
    CloudFormation,
    FakeClock,
    Registry,
    Stubs,
    build,
    event,
    failed_phase,
    started_build,
    step_input,
    stop_requests,
)

CREATE_REQUEST = "8f6b1c0e-5f0f-4d38-9f7a-2f4f0f6f9c11"
QUEUE_FULL = "Cannot have more than 1 builds in queue for the account"
NO_BUILDS = "Cannot have more than 0 builds in queue for the account"
NO_LOG_STREAMS = "ACCESS_DENIED: Service role does not allow AWS CodeBuild to create log streams"
END_OF_LOG = "[Container] 2026/11/28 17:00:00 Phase complete: BUILD State: FAILED"
ENDED = ["FAILED", "FAULT", "STOPPED", "TIMED_OUT"]
Answers = tuple[Stubs, FakeClock, CloudFormation]


@pytest.fixture
def answers(stubs: Stubs, clock: FakeClock, cloudformation: CloudFormation) -> Answers:
    return stubs, clock, cloudformation


def waits(answers: Answers, event: dict[str, Any]) -> Progress:
    """The progress after a step that sends no response."""
    stubs, clock, cloudformation = answers
    progress = Progress(**execution.step(event, stubs.aws, clock))
    assert cloudformation.responses == []
    assert not progress.responded
    assert progress.wait_seconds > 0
    return progress


def rejects(answers: Answers, event: dict[str, Any], pattern: str, stops: Sequence[str] = ()) -> str:
    """The reason of a failed step, which matches the pattern, after it has tried to stop these builds."""
    stubs, clock, cloudformation = answers
    with stop_requests(stubs.aws.codebuild) as stopped:
        assert execution.step(event, stubs.aws, clock)["responded"] is True
    assert stopped == list(stops)
    assert re.search(pattern, cloudformation.reason, re.DOTALL), cloudformation.reason
    assert cloudformation.response["PhysicalResourceId"] == "arm64-agent-image-Image"
    return cloudformation.reason


def fails(
    answers: Answers,
    event: dict[str, Any],
    pattern: str,
    builds: Sequence[dict[str, Any]] = (),
    stops: Sequence[str] = (),
) -> str:
    """The reason of a failed step, after it has listed the project's builds and stopped some."""
    stubs = answers[0]
    stubs.builds(*builds)
    for build_id in stops:
        stubs.stopped(build_id)
    return rejects(answers, event, pattern, stops)


def fails_and_stops(answers: Answers, event: dict[str, Any], pattern: str) -> str:
    """The reason of a failed step, after it has stopped the running build of its request."""
    return fails(answers, event, pattern, [started_build(CREATE_REQUEST)], [BUILD_ID])


def succeeds(answers: Answers, event: dict[str, Any]) -> dict[str, Any]:
    """The attributes in the response of a step."""
    stubs, clock, cloudformation = answers
    assert execution.step(event, stubs.aws, clock)["responded"] is True
    return cloudformation.data


def test_starts_one_build_with_the_image_the_request_and_the_locations_of_its_input(
    answers: Answers,
) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.builds()
    asked = stubs.starts()
    assert waits(answers, step_input("create")).build_id == BUILD_ID
    variables = asked.pop("environmentVariablesOverride")
    assert {variable["type"] for variable in variables} == {"PLAINTEXT"}
    assert {variable["name"]: variable["value"] for variable in variables} == {
        "IMAGE_TAG": TAG,
        "REQUEST_ID": CREATE_REQUEST,
        "REQUESTED_AT": str(int(NOW - 30)),
        "SOURCE": "cdk-hnb659fds-assets-123456789012-eu-west-1/1111.zip",
        "PARAMETERS": "cdk-hnb659fds-assets-123456789012-eu-west-1/bbbb.json",
    }
    assert asked == {"projectName": PROJECT, "idempotencyToken": CREATE_REQUEST}


def test_the_build_of_an_update_may_read_the_layer_cache_of_the_previous_image(answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.builds()
    asked = stubs.starts()
    waits(answers, step_input("update"))
    previous = {"name": "PREVIOUS_IMAGE_TAG", "value": OLD_TAG, "type": "PLAINTEXT"}
    assert previous in asked["environmentVariablesOverride"]


def test_the_response_url_reaches_neither_the_build_nor_the_log(
    answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.builds()
    asked = stubs.starts()
    progress = waits(answers, step_input("update"))
    for text in (str(asked), str(progress), *capsys.readouterr()):
        assert "Signature" not in text


def test_an_existing_image_needs_no_build(answers: Answers, registry: Registry) -> None:
    digest = answers[0].good_image(registry)
    assert succeeds(answers, step_input("create"))["ImageDigest"] == digest


@pytest.mark.parametrize("status", ["IN_PROGRESS", "SUCCEEDED", *ENDED])
def test_a_repeated_step_finds_its_build_again_whatever_its_status(status: str, answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    other = started_build("another", tag=OLD_TAG, status="SUCCEEDED") | {"id": f"{PROJECT}:other"}
    stubs.builds(other, started_build(CREATE_REQUEST, status=status))
    assert waits(answers, step_input("create")).build_id == BUILD_ID


def test_adopts_a_running_build_of_the_same_image(answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.builds(started_build("another request"))
    assert waits(answers, step_input("create")).build_id == BUILD_ID


@pytest.mark.parametrize(("tag", "status"), [(TAG, "FAILED"), (TAG, "SUCCEEDED"), (OLD_TAG, "IN_PROGRESS")])
def test_adopts_no_other_build(tag: str, status: str, answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.builds(started_build("another request", tag=tag, status=status) | {"id": f"{PROJECT}:other"})
    stubs.starts()
    assert waits(answers, step_input("create")).build_id == BUILD_ID


def test_reads_at_most_a_hundred_builds(answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    ids = [f"{PROJECT}:{n}" for n in range(150)]
    stubs.codebuild.add_response("list_builds_for_project", {"ids": ids}, {"projectName": PROJECT})
    stubs.codebuild.add_response("batch_get_builds", {"builds": []}, {"ids": ids[:100]})
    stubs.starts()
    waits(answers, step_input("create"))


def test_a_start_without_a_response_starts_no_second_build(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubs = answers[0]

    def silent(**_: object) -> None:
        raise ReadTimeoutError(endpoint_url="https://codebuild.eu-west-1.amazonaws.com")

    monkeypatch.setattr(stubs.aws.codebuild, "start_build", silent)
    stubs.no_image()
    stubs.builds()
    progress = waits(answers, step_input("create"))
    assert progress.build_id is None
    stubs.no_image()
    stubs.builds(started_build(CREATE_REQUEST))
    assert waits(answers, step_input("create", wait_seconds=progress.wait_seconds)).build_id == BUILD_ID


def test_waits_while_other_builds_use_the_account(
    answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.builds()
    stubs.codebuild.add_client_error("start_build", "AccountLimitExceededException", QUEUE_FULL)
    progress = waits(answers, step_input("create", age=timeouts.LATEST_START - 1))
    assert progress == Progress(wait_seconds=timeouts.ACCOUNT_LIMIT_RETRY)
    assert QUEUE_FULL in capsys.readouterr().out


def test_starts_no_build_that_could_not_finish(answers: Answers) -> None:
    answers[0].no_image()
    event = step_input("create", age=timeouts.LATEST_START)
    fails(answers, event, "could start within 49 minutes, because other builds.*fewer images.*Service Quotas")


def test_fails_at_once_in_an_account_that_allows_no_builds(answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.builds()
    stubs.codebuild.add_client_error("start_build", "AccountLimitExceededException", NO_BUILDS)
    fails(answers, step_input("create"), r"may not run ARM builds.*AWS Support.*ImageBuild\.local")


def test_uses_the_image_that_another_build_pushed_while_this_one_waited(
    answers: Answers, registry: Registry
) -> None:
    answers[0].good_image(registry)
    assert succeeds(answers, step_input("create", age=1000, wait_seconds=20))["ImageTag"] == TAG


@pytest.mark.parametrize("phase", ["SUBMITTED", "QUEUED", "PROVISIONING"])
@pytest.mark.parametrize(
    ("age", "pauses"), [(0, (3, 17)), (timeouts.SHORT_WAIT - 1, (3, 17)), (timeouts.SHORT_WAIT, (10, 10))]
)
def test_polls_slowly_while_the_build_has_no_machine_for_long(
    phase: str, age: int, pauses: tuple[int, int], answers: Answers
) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.build(build(currentPhase=phase))
    progress = waits(answers, step_input("create", age=age, build_id=BUILD_ID, wait_seconds=10))
    assert (progress.wait_seconds, progress.build_poll_in) == pauses


@pytest.mark.parametrize("phase", ["DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD"])
def test_polls_the_image_often_and_the_build_rarely_while_it_runs(phase: str, answers: Answers) -> None:
    stubs, clock, _ = answers
    stubs.no_image()
    stubs.build(build(currentPhase=phase))
    progress = waits(answers, step_input("create", build_id=BUILD_ID, wait_seconds=10))
    assert progress.wait_seconds == 3
    assert progress.build_poll_in == 9
    for left in (6, 3, 0):
        clock.time += progress.wait_seconds
        stubs.no_image()
        progress = waits(answers, step_input("create", **vars(progress)))
        assert (progress.wait_seconds, progress.build_poll_in) == (3, left)


def test_waits_for_a_build_that_codebuild_does_not_list_yet(answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.build()
    event = step_input("create", age=timeouts.PROPAGATION - 1, build_id=BUILD_ID)
    assert waits(answers, event).build_id == BUILD_ID


def test_fails_when_the_build_no_longer_exists(answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.build()
    event = step_input("create", age=timeouts.PROPAGATION, build_id=BUILD_ID)
    fails(answers, event, "no longer exists in CodeBuild: deploy again")


@pytest.mark.parametrize("name", ["create", "update"])
def test_responds_with_the_verified_image(
    name: str, answers: Answers, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = answers[0].good_image(registry)
    assert succeeds(answers, step_input(name, build_id=BUILD_ID)) == {
        "RepositoryUri": URI,
        "ImageTag": TAG,
        "ImageDigest": digest,
    }
    assert f"{URI}:{TAG} is verified: {digest}" in capsys.readouterr().out


def test_responds_after_the_push_while_the_build_still_exports_its_cache(
    answers: Answers, registry: Registry
) -> None:
    answers[0].good_image(registry)
    event = step_input("create", build_id=BUILD_ID, wait_seconds=3, build_poll_in=0)
    assert succeeds(answers, event)["ImageTag"] == TAG


@pytest.mark.parametrize("status", ["SUCCEEDED", *ENDED])
def test_accepts_an_image_whatever_the_status_of_its_build(
    status: str, answers: Answers, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.build(build(status))
    digest = stubs.good_image(registry)
    assert succeeds(answers, step_input("create", build_id=BUILD_ID))["ImageDigest"] == digest
    assert f"ended as {status} after it had pushed its image" in capsys.readouterr().out


def test_accepts_an_image_that_exists_after_the_deadline(answers: Answers, registry: Registry) -> None:
    digest = answers[0].good_image(registry)
    event = step_input("create", age=timeouts.DEADLINE + 10, build_id=BUILD_ID)
    assert succeeds(answers, event)["ImageDigest"] == digest


def test_fails_when_a_successful_build_left_no_image(answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.build(build("SUCCEEDED"))
    stubs.no_image()
    fails(answers, step_input("create", build_id=BUILD_ID), "succeeded, but .* is not in its repository")


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("FAILED", r"failed \(FAILED in phase BUILD\)"),
        ("FAULT", r"failed because of a fault in CodeBuild \(FAULT in phase BUILD\)"),
        ("STOPPED", r"was stopped \(STOPPED in phase BUILD\).*StopBuild"),
        (
            "TIMED_OUT",
            r"timed out \(TIMED_OUT in phase BUILD\).*30 minutes: raise its 'timeout' \(at most 40 minutes\)",
        ),
    ],
)
def test_names_every_failing_status_and_its_phase(status: str, verdict: str, answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.build(build(status, phases=failed_phase("BUILD", status=status)))
    stubs.no_image()
    stubs.log("the last words")
    reason = fails(answers, step_input("create", build_id=BUILD_ID), verdict)
    assert f"{URI}:{TAG}" in reason
    assert "the last words" in reason


def failed(seconds_ago: float, status: str = "FAILED", phase: str = "BUILD") -> Any:
    """A build that failed this long ago."""
    ended = datetime.fromtimestamp(NOW - seconds_ago, UTC)
    return build(status, phases=failed_phase(phase, status=status), endTime=ended)


def test_waits_for_the_end_of_the_log_of_a_failed_build(
    answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.build(failed(1))
    stubs.no_image()
    stubs.log("[Container] 2026/11/28 17:00:00 Phase complete: PRE_BUILD State: SUCCEEDED", "#7 RUN make")
    progress = waits(answers, step_input("create", build_id=BUILD_ID))
    assert progress == Progress(build_id=BUILD_ID, wait_seconds=3)
    assert "waiting for the end of its log" in capsys.readouterr().out

    stubs.no_image()
    stubs.build(failed(4))
    stubs.no_image()
    for _ in range(2):
        stubs.log("#7 RUN make", "make: *** No rule to make target 'x'", END_OF_LOG)
    assert "No rule" in fails(answers, step_input("create", **vars(progress)), r"FAILED in phase BUILD")


@pytest.mark.parametrize(
    ("ended", "age"),
    [
        (failed(timeouts.FAILURE_IN_LOG), 100),
        (failed(1), timeouts.DEADLINE),
        (failed(1, status="STOPPED"), 100),
        (failed(1, status="TIMED_OUT"), 100),
        (failed(1, phase="DOWNLOAD_SOURCE"), 100),
    ],
    ids=["failed long ago", "failed too late", "was stopped", "timed out", "failed before its commands"],
)
def test_waits_no_longer_for_the_log_of_a_build_that(ended: Any, age: float, answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.build(ended)
    stubs.no_image()
    stubs.log("#7 RUN make")
    fails(answers, step_input("create", age=age, build_id=BUILD_ID), ended["buildStatus"])
    stubs.logs.assert_no_pending_responses()


def test_does_not_wait_for_a_log_that_cannot_be_read(answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.build(failed(1))
    stubs.no_image()
    for _ in range(2):
        stubs.logs.add_client_error("get_log_events", "AccessDeniedException")
    fails(answers, step_input("create", build_id=BUILD_ID), r"FAILED in phase BUILD")


@pytest.mark.parametrize("status", ["PAUSED", "", None])
def test_fails_on_an_unknown_status(
    status: str | None, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubs = answers[0]
    odd: dict[str, Any] = build() | {"buildStatus": status}
    monkeypatch.setattr(stubs.aws.codebuild, "batch_get_builds", lambda **_: {"builds": [odd]})
    stubs.no_image()
    stubs.no_image()
    event = step_input("create", build_id=BUILD_ID)
    fails(answers, event, re.escape(f"has an unknown status, {status!r}"))


def test_fails_when_a_build_waited_too_long_in_the_queue(answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.build(build("TIMED_OUT", phases=failed_phase("QUEUED", status="TIMED_OUT"), logs={}))
    stubs.no_image()
    event = step_input("create", build_id=BUILD_ID)
    fails(answers, event, r"timed out \(TIMED_OUT in phase QUEUED\).*use all the capacity.*Service Quotas")


@pytest.mark.parametrize("phase", ["SUBMITTED", "QUEUED", "PROVISIONING"])
def test_stops_and_explains_a_build_that_got_no_machine_in_time(phase: str, answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.build(build(currentPhase=phase, logs={}))
    event = step_input("create", age=timeouts.LATEST_START, build_id=BUILD_ID)
    fails_and_stops(
        answers, event, rf"did not finish in time \(IN_PROGRESS in phase {phase}\).*use all the capacity"
    )


def test_a_build_with_a_machine_runs_until_the_deadline(answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.build(build(currentPhase="BUILD"))
    waits(answers, step_input("create", age=timeouts.DEADLINE - 1, build_id=BUILD_ID))


@pytest.mark.parametrize("build_poll_in", [0, 9])
def test_stops_the_build_at_the_deadline(build_poll_in: int, answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.build(build(currentPhase="BUILD"))
    stubs.log("still downloading")
    event = step_input("create", age=timeouts.DEADLINE, build_id=BUILD_ID, build_poll_in=build_poll_in)
    reason = fails_and_stops(answers, event, r"did not finish in time \(IN_PROGRESS in phase BUILD\)")
    assert "still downloading" in reason
    assert (
        "hint: a deployment waits at most 54 minutes for its image, including the wait for other builds"
        in reason
    )
    assert "raise 'timeout'" not in reason


def test_responds_at_the_deadline_even_if_the_build_cannot_be_stopped(answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.build(build(currentPhase="BUILD"))
    stubs.log()
    stubs.builds(started_build(CREATE_REQUEST))
    stubs.codebuild.add_client_error("stop_build", "AccessDeniedException", "no")
    event = step_input("create", age=timeouts.DEADLINE, build_id=BUILD_ID)
    rejects(answers, event, "did not finish in time", [BUILD_ID])


@pytest.mark.parametrize("operation", ["list_builds_for_project", "batch_get_builds"])
def test_responds_at_the_deadline_even_if_no_build_is_listed(
    operation: str, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.build(build(currentPhase="BUILD"))
    stubs.log()
    if operation == "batch_get_builds":
        stubs.codebuild.add_response("list_builds_for_project", {"ids": [BUILD_ID]})
    stubs.codebuild.add_client_error(operation, "ThrottlingException", "Rate exceeded")
    event = step_input("create", age=timeouts.DEADLINE, build_id=BUILD_ID)
    rejects(answers, event, "did not finish in time")
    assert "could not list the builds to stop: " in capsys.readouterr().out


def test_leaves_an_adopted_build_alone_at_the_deadline(answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.build(build(currentPhase="BUILD"))
    stubs.log()
    event = step_input("create", age=timeouts.DEADLINE, build_id=BUILD_ID)
    fails(answers, event, "IN_PROGRESS in phase BUILD", [started_build("another request")])


def test_a_failure_stops_every_running_build_of_its_request_and_no_other(answers: Answers) -> None:
    stubs = answers[0]
    stubs.ecr.add_client_error("batch_get_image", "RepositoryNotFoundException", "no such repository")
    asked_by = {
        "same": "another request",
        "old": "8f6b1c0e-5f0f-4d38-9f7a-000000000000-2",
        "first": CREATE_REQUEST,
        "second": f"{CREATE_REQUEST}-2",
        "third": f"{CREATE_REQUEST}-3",
    }
    builds = [started_build(token) | {"id": f"{PROJECT}:{name}"} for name, token in asked_by.items()]
    unknown = build() | {"id": f"{PROJECT}:unknown"}
    ended = [started_build(CREATE_REQUEST, status=s) | {"id": f"{PROJECT}:{s}"} for s in ENDED]
    stops = [f"{PROJECT}:first", f"{PROJECT}:second"]
    event = step_input("create", build_id=BUILD_ID)
    fails(answers, event, "does not exist", [*builds, unknown, *ended], stops)


def test_an_error_with_one_build_does_not_keep_others_running(answers: Answers) -> None:
    stubs, second = answers[0], f"{PROJECT}:second"
    stubs.ecr.add_client_error("batch_get_image", "RepositoryNotFoundException", "no such repository")
    stubs.builds(started_build(f"{CREATE_REQUEST}-2") | {"id": second}, started_build(CREATE_REQUEST))
    stubs.codebuild.add_client_error("stop_build", "ThrottlingException", "Rate exceeded")
    stubs.stopped()
    rejects(answers, step_input("create", build_id=BUILD_ID), "does not exist", [second, BUILD_ID])


@pytest.mark.parametrize("more", [{"Error": {"Error": "Lambda.Unknown"}}, {"Started": "yesterday"}])
def test_a_failure_stops_a_build_whose_start_got_no_response(more: dict[str, Any], answers: Answers) -> None:
    reason = fails_and_stops(answers, step_input("create") | more, "deploy again")
    assert BUILD_ID not in reason


def test_a_build_that_lacked_a_permission_before_its_first_command_is_repeated_once(
    answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.build(build("FAILED", phases=failed_phase("PROVISIONING", NO_LOG_STREAMS, code="CLIENT_ERROR")))
    stubs.no_image()
    event = step_input("create", age=timeouts.RESTART - 1, build_id=BUILD_ID)
    progress = waits(answers, event)
    assert progress == Progress(attempt=2, wait_seconds=10)
    assert "starting another one" in capsys.readouterr().out

    stubs.no_image()
    stubs.builds(started_build(CREATE_REQUEST, status="FAILED"))
    second = f"{PROJECT}:second"
    asked = stubs.starts(build() | {"id": second})
    assert waits(answers, step_input("create", **vars(progress))).build_id == second
    assert asked["idempotencyToken"] == f"{CREATE_REQUEST}-2"
    request_id = next(v for v in asked["environmentVariablesOverride"] if v["name"] == "REQUEST_ID")
    assert request_id["value"] == f"{CREATE_REQUEST}-2"


@pytest.mark.parametrize(
    ("phase", "said", "age", "attempt"),
    [
        ("PROVISIONING", NO_LOG_STREAMS, timeouts.RESTART, 1),
        ("PROVISIONING", NO_LOG_STREAMS, 30, 2),
        ("PROVISIONING", "no capacity", 30, 1),
        ("BUILD", "403 Forbidden", 30, 1),
    ],
)
def test_no_other_build_is_repeated(
    phase: str, said: str, age: float, attempt: int, answers: Answers
) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.build(build("FAILED", phases=failed_phase(phase, said)))
    stubs.no_image()
    stubs.log()
    event = step_input("create", age=age, build_id=BUILD_ID, attempt=attempt)
    fails(answers, event, rf"FAILED in phase {phase}\): COMMAND_EXECUTION_ERROR: {said}")


def test_a_rejected_image_is_deleted_from_the_repository_of_the_construct(
    answers: Answers, registry: Registry
) -> None:
    stubs = answers[0]
    digest = registry.image("amd64")
    stubs.image(registry, digest)
    stubs.config(registry, registry.config_of(digest))
    stubs.deleted()
    event = step_input("create", build_id=BUILD_ID)
    reason = fails_and_stops(answers, event, "is for linux/amd64, not for linux/arm64: remove '--platform")
    assert reason.endswith("; the image is being deleted")


def test_a_denied_deletion_does_not_change_the_response(
    answers: Answers, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    stubs = answers[0]
    digest = registry.image("amd64")
    stubs.image(registry, digest)
    stubs.config(registry, registry.config_of(digest))
    stubs.ecr.add_client_error("batch_delete_image", "AccessDeniedException", "no")
    fails_and_stops(
        answers, step_input("create", build_id=BUILD_ID), "is for linux/amd64, not for linux/arm64"
    )
    assert "could not clean up everything: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("owns_repository", "build_id"),
    [("false", BUILD_ID), ("true", None)],
    ids=["the repository of the app", "not of this request"],
)
def test_the_error_for_a_rejected_image_that_stays_contains_the_command_that_deletes_it(
    owns_repository: str, build_id: str | None, answers: Answers, registry: Registry
) -> None:
    stubs = answers[0]
    digest = registry.image("amd64")
    stubs.image(registry, digest)
    stubs.config(registry, registry.config_of(digest))
    event = step_input("create", properties={"OwnsRepository": owns_repository}, build_id=build_id)
    reason = fails(answers, event, "not for linux/arm64: .*; delete it before you deploy again: ")
    assert reason.endswith(
        f"aws ecr batch-delete-image --registry-id 123456789012 --repository-name {PROJECT}"
        f" --image-ids imageTag={TAG}"
    )


@pytest.mark.parametrize(
    ("code", "status"), [("ThrottlingException", 400), ("InternalFailure", 500), ("", 502)]
)
@pytest.mark.parametrize(
    "operation",
    [
        "batch_get_image",
        "get_download_url_for_layer",
        "list_builds_for_project",
        "start_build",
        "batch_get_builds",
    ],
)
def test_a_call_to_a_busy_service_is_retried(
    operation: str, code: str, status: int, answers: Answers, registry: Registry
) -> None:
    expect_error(answers[0], registry, operation, code, "Rate exceeded", status)
    event = step_input("create", age=timeouts.LATEST_START - 1, **progress_before(operation))
    progress = waits(answers, event)
    assert progress.wait_seconds == 10
    assert progress.build_id == event["Progress"].get("build_id")


@pytest.mark.parametrize(
    "operation",
    [
        "batch_get_image",
        "get_download_url_for_layer",
        "list_builds_for_project",
        "start_build",
        "batch_get_builds",
    ],
)
def test_waits_until_iam_has_propagated_new_permissions(
    operation: str, answers: Answers, registry: Registry
) -> None:
    expect_error(answers[0], registry, operation, "AccessDeniedException", f"not authorized: {operation}")
    event = step_input("create", age=timeouts.PROPAGATION - 1, **progress_before(operation))
    assert waits(answers, event).wait_seconds == 10


def test_waits_until_codebuild_can_assume_a_new_role(answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.builds()
    message = "CodeBuild is not authorized to perform: sts:AssumeRole on x"
    stubs.codebuild.add_client_error("start_build", "InvalidInputException", message)
    assert waits(answers, step_input("create")).build_id is None


@pytest.mark.parametrize("operation", ["batch_get_image", "start_build"])
def test_names_the_denied_action_when_access_stays_denied(
    operation: str, answers: Answers, registry: Registry
) -> None:
    expect_error(answers[0], registry, operation, "AccessDeniedException", "not authorized to perform: it")
    event = step_input("create", age=timeouts.PROPAGATION, **progress_before(operation))
    fails(answers, event, r"access is still denied .*not authorized to perform: it.*permissions boundary")


def test_a_service_that_stays_busy_fails_at_the_deadline_and_the_build_is_stopped(answers: Answers) -> None:
    stubs = answers[0]
    stubs.ecr.add_client_error("batch_get_image", "ThrottlingException", "Rate exceeded")
    event = step_input("create", age=timeouts.DEADLINE, build_id=BUILD_ID)
    fails_and_stops(answers, event, r"transient error \(ThrottlingException: Rate exceeded\): deploy again")


@pytest.mark.parametrize(
    ("operation", "code", "message", "reason"),
    [
        (
            "batch_get_image",
            "RepositoryNotFoundException",
            "",
            f"the repository '{PROJECT}' does not exist in",
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
            "Region ap-east-2 is not supported for ARM_CONTAINER",
            r"no ARM build machines of this type in this region.*ImageBuild\.local.*from_image_tag",
        ),
        (
            "start_build",
            "InvalidInputException",
            "Project has no source",
            "AWS rejected a request for the image",
        ),
    ],
)
def test_fails_at_once_when_waiting_cannot_help(
    operation: str, code: str, message: str, reason: str, answers: Answers, registry: Registry
) -> None:
    expect_error(answers[0], registry, operation, code, message)
    fails(answers, step_input("create", age=1), reason)


def test_a_repository_that_vanished_stops_the_build(answers: Answers) -> None:
    stubs = answers[0]
    stubs.ecr.add_client_error("batch_get_image", "RepositoryNotFoundException", "no such repository")
    fails_and_stops(
        answers, step_input("create", build_id=BUILD_ID), "recreate it, or remove the image from the app"
    )


def test_an_image_that_ecr_does_not_return_stops_the_build(answers: Answers) -> None:
    stubs = answers[0]
    failure = {"failureCode": "KmsError", "failureReason": "the key is disabled"}
    stubs.ecr.add_response("batch_get_image", {"images": [], "failures": [failure]})
    fails_and_stops(answers, step_input("create", build_id=BUILD_ID), "KmsError: the key is disabled")


@pytest.mark.parametrize("damage", ["incomplete", "unreachable", "gone"])
def test_an_interrupted_download_is_retried(
    damage: str, answers: Answers, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubs = answers[0]
    digest = registry.image()
    config = registry.config_of(digest)
    stubs.image(registry, digest)
    if damage == "unreachable":
        monkeypatch.setattr(registry, "url", "http://127.0.0.1:1")
    stubs.config(registry, config)
    if damage == "incomplete":
        registry.blobs[config] = registry.blobs[config][:-3]
    event = step_input("create", build_id=BUILD_ID)
    if damage == "gone":
        del registry.blobs[config]
        fails_and_stops(answers, event, "404")
        return
    assert waits(answers, event).wait_seconds == 10


def test_a_failed_build_is_polled_again_while_ecr_is_busy(answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.build(build("TIMED_OUT"))
    stubs.ecr.add_client_error("batch_get_image", "ServerException", "busy", http_status_code=500)
    assert waits(answers, step_input("create", build_id=BUILD_ID)).build_id == BUILD_ID


def test_responds_when_the_function_has_failed_more_often_than_step_functions_retries(
    answers: Answers,
) -> None:
    event = step_input("create", build_id=BUILD_ID) | {
        "Error": {"Error": "Sandbox.Timedout", "Cause": "Task timed out after 240.00 seconds"}
    }
    fails_and_stops(
        answers,
        event,
        "the function that waits for the build failed: Sandbox.Timedout: Task timed out.*: deploy again$",
    )


@pytest.mark.parametrize("error", ["text", None, {}, {"Error": "x" * 300_000, "Cause": "\x1b[31m" * 9}])
def test_responds_whatever_step_functions_says_about_the_failure(error: object, answers: Answers) -> None:
    fails(answers, step_input("create") | {"Error": error}, "the function that waits for the build failed")


def test_continues_with_the_progress_of_another_version_of_the_code(answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.build(build(currentPhase="BUILD"))
    progress = waits(answers, step_input("create", build_id=BUILD_ID, polls=7, digest=None))
    assert progress == Progress(wait_seconds=3, build_id=BUILD_ID, build_poll_in=9)


@pytest.mark.parametrize("progress", [[], None, "text", 7])
def test_responds_to_an_unreadable_progress(progress: object, answers: Answers) -> None:
    rejects(answers, step_input("create") | {"Progress": progress}, "^unexpected AttributeError")


def test_responds_to_a_progress_of_other_types(answers: Answers) -> None:
    answers[0].no_image()
    fails(answers, step_input("create", build_id=BUILD_ID, build_poll_in="soon"), "^unexpected TypeError")


@pytest.mark.parametrize("started", ["yesterday", ""])
def test_responds_to_an_unreadable_start_time(started: str, answers: Answers) -> None:
    fails(answers, step_input("create") | {"Started": started}, "^unexpected ValueError")


@pytest.mark.parametrize(
    "started", ["2027-01-15T07:59:30Z", "2027-01-15T07:59:30.123Z", "2027-01-15T07:59:30+00:00"]
)
def test_reads_the_start_time_that_step_functions_gives(started: str, answers: Answers) -> None:
    stubs = answers[0]
    stubs.no_image()
    stubs.builds()
    asked = stubs.starts()
    waits(answers, step_input("create") | {"Started": started})
    requested = next(v for v in asked["environmentVariablesOverride"] if v["name"] == "REQUESTED_AT")
    assert requested["value"] == str(int(NOW - 30))


def test_rejects_malformed_properties(answers: Answers) -> None:
    event = step_input("create", properties={"RegistryId": "me"})
    rejects(answers, event, "^'RegistryId' must be an account id of 12 digits, got 'me'$")


def test_the_response_to_a_defect_names_the_log_group_of_its_traceback(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr("image_builder.function.services.ecr.find", broken)
    monkeypatch.setenv("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/provider")
    fails(answers, step_input("create"), "^unexpected KeyError: 'x': deploy again.*/aws/lambda/provider$")
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["create", "update"])
def test_an_undelivered_response_fails_the_step_so_that_it_is_retried(
    name: str, answers: Answers, registry: Registry
) -> None:
    stubs, clock, cloudformation = answers
    stubs.good_image(registry)
    cloudformation.failures = [TimeoutError() for _ in range(5)]
    with pytest.raises(TimeoutError):
        execution.step(step_input(name), stubs.aws, clock)


def test_the_handler_takes_steps_and_requests(
    answers: Answers, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubs, clock, cloudformation = answers
    monkeypatch.setattr("image_builder.function.handler.connect", lambda: stubs.aws)
    monkeypatch.setattr("image_builder.function.handler.Clock", lambda: clock)
    stubs.good_image(registry)
    step = handler(step_input("create"), None)
    assert step is not None
    assert step["responded"] is True
    stubs.good_image(registry)
    assert handler(event("create"), None) is None
    assert len(cloudformation.responses) == 2


def progress_before(operation: str) -> dict[str, Any]:
    """The progress of a step that calls the operation."""
    return {"build_id": BUILD_ID} if operation == "batch_get_builds" else {}


def expect_error(
    stubs: Stubs, registry: Registry, operation: str, code: str, message: str, status: int = 400
) -> None:
    """A step goes as far as the operation, which fails."""
    service = stubs.ecr if operation.endswith(("image", "layer")) else stubs.codebuild
    if operation == "get_download_url_for_layer":
        stubs.image(registry, registry.image())
    elif operation != "batch_get_image":
        stubs.no_image()
    if operation == "start_build":
        stubs.builds()
    service.add_client_error(operation, code, message, status)
