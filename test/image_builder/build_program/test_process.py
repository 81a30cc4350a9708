"""Commands are run without a shell; their failures are sentences."""

import os
import sys
from pathlib import Path

import pytest
from image_builder.build_program import process
from image_builder.build_program.process import PAUSE, CommandError
from image_builder.timeouts import PROPAGATION

from test.image_builder.build_program.conftest import FakeTime
from test.image_builder.build_program.recorder import HOSTILE

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
    monkeypatch.setattr(process, "time", made)
    return made


def test_output_appears_while_the_command_runs(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    program = (
        "from image_builder.build_program.process import stream;"
        f" stream(['sh', '-c', 'echo first; cat {fifo}'])"
    )
    path = str(Path(process.__file__).parents[2])
    read, write = os.pipe()
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, "-u", "-c", program],
        {**os.environ, "PYTHONPATH": path},
        file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)],
    )
    os.close(write)
    with os.fdopen(read) as log:
        assert log.readline() == "first\n"
        fifo.write_text("second\n")
        assert log.read() == "second\n"
    assert os.waitpid(child, 0)[1] == 0


def test_both_streams_are_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    process.stream(["sh", "-c", "echo out; echo err >&2"])
    assert capsys.readouterr().out == "out\nerr\n"


def test_commands_run_in_the_given_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    process.stream(["pwd", "-P"], cwd=tmp_path)
    assert capsys.readouterr().out == f"{tmp_path.resolve()}\n"


def test_commands_have_nothing_to_read() -> None:
    read, write = os.pipe()
    own = os.dup(0)
    os.dup2(read, 0)
    try:
        process.stream(["cat"], timeout=10)
    finally:
        os.dup2(own, 0)
        for descriptor in (own, read, write):
            os.close(descriptor)


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_no_shell_evaluates_an_argument(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", str(tmp_path / "canary"))
    print_back = [sys.executable, "-S", "-c", "import os, sys; os.write(1, os.fsencode(ascii(sys.argv[1:])))"]
    assert process.output([*print_back, value]) == ascii([value])
    assert not (tmp_path / "canary").exists()


def test_failure_names_the_command_and_keeps_its_last_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "script"
    script.write_text("for n in $(seq 500); do echo line $n; done; exit 3")
    with pytest.raises(CommandError, match=rf"^sh {script} failed with exit status 3$") as caught:
        process.stream(["sh", str(script)])
    kept = caught.value.output.splitlines()
    assert kept == [f"line {number}" for number in range(301, 501)]
    assert len(capsys.readouterr().out.splitlines()) == 500


def test_undecodable_output_is_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    process.stream(["printf", r"a\377b\n"])
    assert capsys.readouterr().out == "a\ufffdb\n"
    assert process.output(["printf", r"a\377b"]) == "a\ufffdb"


def test_time_out_ends_a_silent_command() -> None:
    with pytest.raises(CommandError, match=r"^sleep 60 did not end within 0\.1 s$"):
        process.stream(["sleep", "60"], timeout=0.1)


def test_time_out_ends_the_programs_that_the_command_started(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="did not end within"):
        process.stream(["sh", "-c", "(sleep 2; touch survived) & wait"], cwd=tmp_path, timeout=0.2)
    assert not (tmp_path / "survived").exists()


def test_time_out_of_a_short_command_is_a_sentence() -> None:
    with pytest.raises(CommandError, match=r"^sleep 60 did not end within 0 s$"):
        process.output(["sleep", "60"], timeout=0.1)


def test_standard_input_is_passed_as_it_is() -> None:
    assert process.output(["cat"], stdin="p'a\"s$s\\w\n") == "p'a\"s$s\\w\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [("echo out; echo err >&2; exit 1", "err"), ("echo out; exit 1", "out"), ("exit 1", "")],
)
def test_failure_says_what_the_command_said(script: str, said: str) -> None:
    with pytest.raises(CommandError) as caught:
        process.output(["sh", "-c", script])
    assert str(caught.value).endswith(f"failed: {said}")
    assert caught.value.output == said


@pytest.mark.parametrize("run", [process.stream, process.output])
@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["no-such-program", "x"], "no-such-program x could not be started: .*No such file or directory"),
        (["echo", "--x=" + "y" * 200_000], "echo could not be started: .*Argument list too long"),
    ],
)
def test_command_that_cannot_be_started_is_a_sentence(run: object, argv: list[str], sentence: str) -> None:
    assert callable(run)
    with pytest.raises(CommandError, match=sentence) as caught:
        run(argv)
    assert len(str(caught.value)) < 200


def test_success_is_told_from_failure() -> None:
    assert process.succeeds(["true"])
    assert not process.succeeds(["false"])
    assert not process.succeeds(["no-such-program"])


@pytest.mark.parametrize("said", DENIED)
def test_denied_access_is_tried_again(said: str, clock: FakeTime) -> None:
    failures = [CommandError("x", said), CommandError("x", said)]

    def operation() -> str:
        if failures:
            raise failures.pop()
        return "done"

    assert process.retry_denied(operation, NOW) == "done"
    assert clock.slept == [PAUSE, PAUSE]


@pytest.mark.parametrize("said", OTHER)
def test_other_failures_are_not_tried_again(said: str, clock: FakeTime) -> None:
    def operation() -> None:
        raise CommandError("x", said)

    with pytest.raises(CommandError):
        process.retry_denied(operation, NOW)
    assert clock.slept == []


def test_denied_access_fails_after_iam_has_propagated(clock: FakeTime) -> None:
    def operation() -> None:
        raise CommandError("still denied", DENIED[0])

    with pytest.raises(CommandError, match="still denied"):
        process.retry_denied(operation, NOW)
    assert PROPAGATION - PAUSE <= sum(clock.slept) <= PROPAGATION


def test_denied_access_fails_at_once_when_the_permissions_are_old(clock: FakeTime) -> None:
    def operation() -> None:
        raise CommandError("x", DENIED[0])

    with pytest.raises(CommandError):
        process.retry_denied(operation, NOW - PROPAGATION)
    assert clock.slept == []


def test_caller_may_say_what_is_worth_another_attempt(clock: FakeTime) -> None:
    answers = [CommandError("x", "new"), CommandError("x", DENIED[0])]

    def operation() -> None:
        raise answers.pop(0)

    with pytest.raises(CommandError):
        process.retry_denied(operation, NOW, lambda error: error.output == "new")
    assert (clock.slept, answers) == ([PAUSE], [])


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["docker", "buildx", "build", "--build-arg=A=secret", "."], "docker buildx build"),
        (["docker", "login", "--username=x", "--password-stdin", "--", "y"], "docker login"),
        (["aws", "s3", "cp", "s3://x/y", "z"], "aws s3 cp"),
    ],
)
def test_name_of_a_command_has_no_long_argument(argv: list[str], name: str) -> None:
    assert process.name_of(argv) == name
