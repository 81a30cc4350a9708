"""Denied access is retried while IAM may be propagating permissions, and only then."""

import pytest
from image_builder.build_program import retry
from image_builder.build_program.process import CommandError
from image_builder.build_program.retry import PAUSE
from image_builder.timeouts import PROPAGATION

from test.image_builder.build_program.conftest import FakeTime

NOW = 1000.0
DENIED = [
    "fatal error: An error occurred (403) when calling the HeadObject operation: Forbidden",
    "An error occurred (AccessDenied) when calling the GetObject operation: Access Denied",
    "An error occurred (AccessDeniedException) when calling the GetAuthorizationToken operation: User:"
    " arn:aws:sts::123456789012:assumed-role/x is not authorized to perform: ecr:GetAuthorizationToken",
    "denied: User: arn:aws:sts::1:assumed-role/x is not authorized to perform: ecr:InitiateLayerUpload",
    "unexpected status from HEAD request to https://x/v2/: 403 Forbidden",
    "error parsing HTTP 401 response body: unauthorized",
]
OTHER = [
    "fatal error: An error occurred (404) when calling the HeadObject operation: Key does not exist",
    "tag invalid: The image tag 'x' already exists in the 'y' repository and cannot be overwritten",
    "dial tcp: lookup example.com: no such host",
    "manifest sha256:4031403140314031 unknown",
    "",
]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    made = FakeTime(NOW)
    monkeypatch.setattr(retry, "time", made)
    return made


@pytest.mark.parametrize("said", DENIED)
def test_denied_access_is_retried(said: str, clock: FakeTime) -> None:
    failures = [CommandError("x", said), CommandError("x", said)]

    def operation() -> str:
        if failures:
            raise failures.pop()
        return "done"

    assert retry.retry_denied(operation, NOW) == "done"
    assert clock.slept == [PAUSE, PAUSE]


@pytest.mark.parametrize("said", OTHER)
def test_other_failures_are_not_retried(said: str, clock: FakeTime) -> None:
    def operation() -> None:
        raise CommandError("x", said)

    with pytest.raises(CommandError):
        retry.retry_denied(operation, NOW)
    assert clock.slept == []


def test_denied_access_fails_after_iam_has_propagated(clock: FakeTime) -> None:
    def operation() -> None:
        raise CommandError("still denied", DENIED[0])

    with pytest.raises(CommandError, match="still denied"):
        retry.retry_denied(operation, NOW)
    assert PROPAGATION - PAUSE <= sum(clock.slept) <= PROPAGATION


def test_denied_access_fails_at_once_when_the_permissions_are_old(clock: FakeTime) -> None:
    def operation() -> None:
        raise CommandError("x", DENIED[0])

    with pytest.raises(CommandError):
        retry.retry_denied(operation, NOW - PROPAGATION)
    assert clock.slept == []


def test_caller_decides_what_is_retried(clock: FakeTime) -> None:
    answers = [CommandError("x", "new"), CommandError("x", DENIED[0])]

    def operation() -> None:
        raise answers.pop(0)

    with pytest.raises(CommandError):
        retry.retry_denied(operation, NOW, lambda error: error.output == "new")
    assert (clock.slept, answers) == ([PAUSE], [])
