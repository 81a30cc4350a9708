"""Docker logs in to every registry, and no password appears in an argument or in the log."""

import pytest
from image_builder.build_program import logins, retry
from image_builder.build_program.process import CommandError
from image_builder.build_program.retry import PAUSE

from test.image_builder.build_program.conftest import FakeTime
from test.image_builder.build_program.fake_host import HOST, REQUESTED_AT, FakeHost, at_once, first_time

TOKENS = {
    "'aws ecr get-login-password --region=eu-west-1'": "echo token",
    "'aws ecr get-login-password --region=us-west-2'": "echo other token",
    "'aws ecr-public '*": "echo public token",
}
OTHER_HOST = "210987654321.dkr.ecr.us-west-2.amazonaws.com"


def login(username: str, server: str) -> list[str]:
    return ["login", f"--username={username}", "--password-stdin", "--", server]


def passwords(machine: FakeHost) -> list[str | None]:
    return [call.stdin for call in machine.calls if call.name == "docker"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    made = FakeTime(REQUESTED_AT)
    monkeypatch.setattr(retry, "time", made)
    return made


def test_logs_in_to_the_repository_and_to_ecr_public(local: FakeHost) -> None:
    local.rules = TOKENS
    local.install()
    logins.log_in(local.settings)
    assert sorted(local.aws()) == [
        ["ecr", "get-login-password", "--region=eu-west-1"],
        ["ecr-public", "get-login-password", "--region=us-east-1"],
    ]
    assert local.docker() == [login("AWS", HOST), login("AWS", "public.ecr.aws")]
    assert passwords(local) == ["token", "public token"]


def test_asks_for_both_passwords_at_once(local: FakeHost) -> None:
    local.rules = {
        "'aws ecr get-login-password '*": at_once("private", "public") + "echo token",
        "'aws ecr-public '*": at_once("public", "private") + "echo public token",
    }
    local.install()
    logins.log_in(local.settings)
    assert passwords(local) == ["token", "public token"]


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov", "aws-new"])
def test_logs_in_to_ecr_public_only_where_it_exists(partition: str, local: FakeHost) -> None:
    local.variables = {"CODEBUILD_BUILD_ARN": f"arn:{partition}:codebuild:r:123456789012:build/x:y"}
    logins.log_in(local.settings)
    assert local.aws() == [["ecr", "get-login-password", "--region=eu-west-1"]]
    assert local.docker() == [login("AWS", HOST)]


@pytest.mark.parametrize("failing", ["'aws ecr-public '*", "'docker login '*public.ecr.aws"])
def test_continues_without_a_login_to_ecr_public(
    failing: str, local: FakeHost, capsys: pytest.CaptureFixture[str]
) -> None:
    local.rules = {failing: "exit 255"}
    local.install()
    logins.log_in(local.settings)
    assert "notice: could not log in to ECR Public, pulling its images anonymously" in capsys.readouterr().out


@pytest.mark.parametrize("failing", ["'aws ecr get-login-password '*", f"'docker login '*{HOST}"])
def test_fails_without_a_login_to_the_repository(failing: str, local: FakeHost) -> None:
    local.rules = {failing: "echo no credentials >&2; exit 3"}
    local.install()
    with pytest.raises(CommandError, match="no credentials"):
        logins.log_in(local.settings)


def test_logs_in_to_other_registries_without_showing_a_secret(
    local: FakeHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    password = "p'a\"s$s\\w"
    local.rules = TOKENS
    local.variables = {
        "REGISTRY_0_SERVER": OTHER_HOST,
        "REGISTRY_0_REGION": "us-west-2",
        "REGISTRY_1_SERVER": "docker.io",
    }
    monkeypatch.setenv("REGISTRY_1_USERNAME", "-robot $x")
    monkeypatch.setenv("REGISTRY_1_PASSWORD", password)
    local.install()
    logins.log_in(local.settings)
    assert local.docker()[1:3] == [login("AWS", OTHER_HOST), login("-robot $x", "docker.io")]
    assert passwords(local)[1:3] == ["other token", password]
    shown = capsys.readouterr().out + str([call.arguments for call in local.calls])
    assert password not in shown
    assert "token" not in shown


def test_failing_login_does_not_show_its_password(local: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    local.rules = {"'docker login '*docker.io": "echo incorrect username or password >&2; exit 1"}
    local.variables = {"REGISTRY_0_SERVER": "docker.io"}
    monkeypatch.setenv("REGISTRY_0_USERNAME", "robot")
    monkeypatch.setenv("REGISTRY_0_PASSWORD", "hunter2")
    local.install()
    with pytest.raises(CommandError, match=r"^docker login failed: incorrect username or password$"):
        logins.log_in(local.settings)


def test_denied_token_is_requested_again(local: FakeHost, clock: FakeTime) -> None:
    denied = "echo 'An error occurred (AccessDeniedException): not authorized' >&2; exit 254"
    local.rules = {"'aws ecr get-login-password '*": first_time(denied, "echo token")}
    local.install()
    logins.log_in(local.settings)
    assert clock.slept == [PAUSE]
    assert passwords(local)[0] == "token"


def test_denied_token_of_ecr_public_is_not_retried(local: FakeHost, clock: FakeTime) -> None:
    local.rules = {"'aws ecr-public '*": "echo AccessDeniedException >&2; exit 254"}
    local.install()
    logins.log_in(local.settings)
    assert clock.slept == []
