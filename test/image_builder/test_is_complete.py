"""What ``is_complete`` makes of the build that ``on_event`` named."""

import re
from typing import Any

import pytest
from image_builder import is_complete
from image_builder.failure import ImageBuildError
from image_builder.report import BuildFailedError
from image_builder.verify import ImageRejectedError

from test.image_builder.fakes import (
    BUILD_ID,
    NOW,
    TAG,
    URI,
    FakeClock,
    Registry,
    Stubs,
    build,
    event,
    failed_phase,
    polled,
)

NOT_YET = {"IsComplete": False}


def test_waits_while_the_build_runs(stubs: Stubs, clock: FakeClock) -> None:
    stubs.build(build("IN_PROGRESS"))
    assert is_complete.handle(polled("create"), stubs.aws, clock) == NOT_YET


@pytest.mark.parametrize("name", ["create", "update"])
def test_answers_with_the_verified_image(
    name: str, stubs: Stubs, clock: FakeClock, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    stubs.build(build("SUCCEEDED"))
    digest = stubs.good_image(registry)
    assert is_complete.handle(polled(name), stubs.aws, clock) == {
        "IsComplete": True,
        "Data": {"RepositoryUri": URI, "ImageTag": TAG, "ImageDigest": digest},
    }
    assert f"{URI}:{TAG} is verified: {digest}" in capsys.readouterr().out


def test_verifies_an_image_that_needed_no_build(stubs: Stubs, clock: FakeClock, registry: Registry) -> None:
    stubs.good_image(registry)
    request = polled("update")
    del request["BuildId"]
    assert is_complete.handle(request, stubs.aws, clock)["IsComplete"] is True


def test_delete_is_complete_whatever_the_properties_are(stubs: Stubs, clock: FakeClock) -> None:
    assert is_complete.handle({"RequestType": "Delete"}, stubs.aws, clock) == {"IsComplete": True}


@pytest.mark.parametrize("build_id", [BUILD_ID, None])
def test_fails_when_the_image_is_not_in_the_repository(
    build_id: str | None, stubs: Stubs, clock: FakeClock
) -> None:
    if build_id:
        stubs.build(build("SUCCEEDED"))
    stubs.no_image()
    with pytest.raises(ImageBuildError, match=r"no longer in its repository.*lifecycle rule"):
        is_complete.handle(polled("create") | {"BuildId": build_id}, stubs.aws, clock)


def test_fails_when_the_image_is_of_the_wrong_architecture(
    stubs: Stubs, clock: FakeClock, registry: Registry
) -> None:
    stubs.build(build("SUCCEEDED"))
    digest = registry.image("amd64")
    stubs.image(registry, digest)
    stubs.config(registry, registry.config_of(digest))
    with pytest.raises(
        ImageRejectedError, match="is for linux/amd64, not for linux/arm64: remove '--platform"
    ):
        is_complete.handle(polled("create"), stubs.aws, clock)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("FAILED", r"failed \(FAILED in phase BUILD\)"),
        ("FAULT", r"failed by a fault of CodeBuild itself \(FAULT in phase BUILD\)"),
        ("STOPPED", r"was stopped \(STOPPED in phase BUILD\).*StopBuild"),
        ("TIMED_OUT", r"ran out of time \(TIMED_OUT in phase BUILD\).*30 minutes: raise 'timeout'"),
    ],
)
def test_names_every_failing_status_and_its_phase(
    status: str, verdict: str, stubs: Stubs, clock: FakeClock
) -> None:
    stubs.build(build(status, phases=failed_phase("BUILD", status=status)))
    stubs.no_image()
    stubs.log("the last words")
    with pytest.raises(BuildFailedError) as failure:
        is_complete.handle(polled("create"), stubs.aws, clock)
    assert re.search(verdict, str(failure.value), re.DOTALL)
    assert f"{URI}:{TAG}" in str(failure.value)
    assert "the last words" in str(failure.value)


@pytest.mark.parametrize("status", ["PAUSED", "", None])
def test_fails_on_a_status_that_it_does_not_know(
    status: str | None, stubs: Stubs, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd: dict[str, Any] = build() | {"buildStatus": status}
    monkeypatch.setattr(stubs.aws.codebuild, "batch_get_builds", lambda **_: {"builds": [odd]})
    with pytest.raises(ImageBuildError, match=re.escape(f"has the unknown status {status!r}")):
        is_complete.handle(polled("create"), stubs.aws, clock)


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "STOPPED", "FAULT"])
def test_a_build_that_ended_badly_after_its_push_counts_when_the_image_is_right(
    status: str, stubs: Stubs, clock: FakeClock, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    stubs.build(build(status))
    stubs.good_image(registry)
    assert is_complete.handle(polled("create"), stubs.aws, clock)["IsComplete"] is True
    assert f"ended as {status}, after it had pushed its image" in capsys.readouterr().out


def test_stops_the_build_and_fails_when_the_deadline_has_passed(stubs: Stubs, clock: FakeClock) -> None:
    stubs.build(build("IN_PROGRESS", currentPhase="BUILD"))
    stubs.codebuild.add_response("stop_build", {"build": build("STOPPED")}, {"id": BUILD_ID})
    stubs.log()
    with pytest.raises(BuildFailedError, match=r"did not end in time and is being stopped .*in phase BUILD"):
        is_complete.handle(polled("create", deadline=NOW), stubs.aws, clock)


def test_fails_when_the_deadline_has_passed_even_if_the_build_cannot_be_stopped(
    stubs: Stubs, clock: FakeClock
) -> None:
    stubs.build(build("IN_PROGRESS"))
    stubs.codebuild.add_client_error("stop_build", "AccessDeniedException", "no")
    stubs.log()
    with pytest.raises(BuildFailedError, match="did not end in time"):
        is_complete.handle(polled("create", deadline=NOW), stubs.aws, clock)


def test_a_build_in_the_queue_at_the_deadline_is_told_so(stubs: Stubs, clock: FakeClock) -> None:
    stubs.build(build("TIMED_OUT", phases=failed_phase("QUEUED", status="TIMED_OUT"), logs={}))
    stubs.no_image()
    with pytest.raises(BuildFailedError, match="CodeBuild had no machine for it: deploy again later"):
        is_complete.handle(polled("create"), stubs.aws, clock)


def test_success_after_the_deadline_is_success(stubs: Stubs, clock: FakeClock, registry: Registry) -> None:
    stubs.build(build("SUCCEEDED"))
    stubs.good_image(registry)
    assert is_complete.handle(polled("create", deadline=NOW - 1), stubs.aws, clock)["IsComplete"] is True


@pytest.mark.parametrize(
    ("code", "status"), [("ThrottlingException", 400), ("InternalFailure", 500), ("", 502)]
)
@pytest.mark.parametrize("operation", ["batch_get_builds", "batch_get_image", "get_download_url_for_layer"])
def test_a_busy_service_is_asked_again(
    operation: str, code: str, status: int, stubs: Stubs, clock: FakeClock, registry: Registry
) -> None:
    if operation == "batch_get_builds":
        stubs.codebuild.add_client_error(operation, code, "busy", status)
    else:
        stubs.build(build("SUCCEEDED"))
        if operation == "get_download_url_for_layer":
            stubs.image(registry, registry.image())
        stubs.ecr.add_client_error(operation, code, "busy", status)
    assert is_complete.handle(polled("create"), stubs.aws, clock) == NOT_YET


def test_a_service_that_is_busy_past_the_deadline_fails_and_the_build_is_stopped(
    stubs: Stubs, clock: FakeClock
) -> None:
    stubs.codebuild.add_client_error("batch_get_builds", "ThrottlingException", "Rate exceeded")
    stubs.codebuild.add_response("stop_build", {"build": build("STOPPED")}, {"id": BUILD_ID})
    with pytest.raises(
        ImageBuildError, match=r"did not answer as it should \(ThrottlingException: Rate exceeded\)"
    ):
        is_complete.handle(polled("create", deadline=NOW), stubs.aws, clock)


@pytest.mark.parametrize("damage", ["incomplete", "unreachable", "gone"])
def test_a_download_that_breaks_is_tried_again(
    damage: str, stubs: Stubs, clock: FakeClock, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubs.build(build("SUCCEEDED"))
    digest = registry.image()
    stubs.image(registry, digest)
    config = registry.config_of(digest)
    if damage == "unreachable":
        monkeypatch.setattr(registry, "url", "http://127.0.0.1:1")
    stubs.config(registry, config)
    if damage == "incomplete":
        registry.blobs[config] = registry.blobs[config][:-3]
    if damage == "gone":
        del registry.blobs[config]
        with pytest.raises(ImageBuildError, match="404"):
            is_complete.handle(polled("create", deadline=NOW), stubs.aws, clock)
        return
    assert is_complete.handle(polled("create"), stubs.aws, clock) == NOT_YET


def test_denied_access_is_waited_out_while_permissions_are_new(stubs: Stubs, clock: FakeClock) -> None:
    stubs.codebuild.add_client_error("batch_get_builds", "AccessDeniedException", "not authorized")
    assert is_complete.handle(polled("create", started=NOW - 119), stubs.aws, clock) == NOT_YET


def test_denied_access_fails_when_permissions_are_old_enough(stubs: Stubs, clock: FakeClock) -> None:
    stubs.codebuild.add_client_error(
        "batch_get_builds", "AccessDeniedException", "codebuild:BatchGetBuilds on x"
    )
    stubs.codebuild.add_client_error("stop_build", "AccessDeniedException", "no")
    with pytest.raises(ImageBuildError, match=r"access is still denied .*codebuild:BatchGetBuilds"):
        is_complete.handle(polled("create", started=NOW - 120), stubs.aws, clock)


def test_denied_access_fails_past_the_deadline_however_new_permissions_are(
    stubs: Stubs, clock: FakeClock
) -> None:
    stubs.codebuild.add_client_error("batch_get_builds", "AccessDeniedException", "no")
    stubs.codebuild.add_response("stop_build", {"build": build("STOPPED")}, {"id": BUILD_ID})
    with pytest.raises(ImageBuildError, match="access is still denied"):
        is_complete.handle(polled("create", deadline=NOW), stubs.aws, clock)


def test_a_build_that_codebuild_does_not_show_yet_is_waited_for(stubs: Stubs, clock: FakeClock) -> None:
    stubs.build()
    assert is_complete.handle(polled("create"), stubs.aws, clock) == NOT_YET


def test_a_build_that_vanished_fails(stubs: Stubs, clock: FakeClock) -> None:
    stubs.build()
    with pytest.raises(ImageBuildError, match="no longer exists in CodeBuild: deploy again"):
        is_complete.handle(polled("create", started=NOW - 300), stubs.aws, clock)


def test_a_repository_that_vanished_fails(stubs: Stubs, clock: FakeClock) -> None:
    stubs.build(build("SUCCEEDED"))
    stubs.ecr.add_client_error("batch_get_image", "RepositoryNotFoundException", "no such repository")
    stubs.codebuild.add_response("stop_build", {"build": build("SUCCEEDED")}, {"id": BUILD_ID})
    with pytest.raises(
        ImageBuildError, match="the repository 'agent-image-1a2b3c' does not exist in account"
    ):
        is_complete.handle(polled("create"), stubs.aws, clock)


def test_a_failed_build_is_reported_even_if_ecr_cannot_be_asked(stubs: Stubs, clock: FakeClock) -> None:
    stubs.build(build("FAILED"))
    stubs.ecr.add_client_error("batch_get_image", "RepositoryNotFoundException", "no such repository")
    stubs.log("ERROR: failed to solve")
    with pytest.raises(BuildFailedError, match="ERROR: failed to solve"):
        is_complete.handle(polled("create"), stubs.aws, clock)


def test_a_failed_build_is_looked_at_again_while_ecr_is_busy(stubs: Stubs, clock: FakeClock) -> None:
    stubs.build(build("TIMED_OUT"))
    stubs.ecr.add_client_error("batch_get_image", "ServerException", "busy", 500)
    assert is_complete.handle(polled("create"), stubs.aws, clock) == NOT_YET


def test_malformed_properties_fail_with_a_sentence(stubs: Stubs, clock: FakeClock) -> None:
    request = polled("create") | {
        "ResourceProperties": event("create", RegistryId="me")["ResourceProperties"]
    }
    with pytest.raises(ImageBuildError, match="'RegistryId' must be an account id of 12 digits, got 'me'"):
        is_complete.handle(request, stubs.aws, clock)
