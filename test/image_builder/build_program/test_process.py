"""Commands run without a shell, and their failures say what happened."""

import os
import sys
from pathlib import Path

import pytest
from image_builder.build_program import process
from image_builder.build_program.process import CommandError

from test.image_builder.build_program.fake_host import HOSTILE


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


def test_commands_get_no_standard_input() -> None:
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


def test_time_out_of_a_short_command_has_a_clear_error() -> None:
    with pytest.raises(CommandError, match=r"^sleep 60 did not end within 0 s$"):
        process.output(["sleep", "60"], timeout=0.1)


def test_standard_input_is_passed_as_it_is() -> None:
    assert process.output(["cat"], stdin="p'a\"s$s\\w\n") == "p'a\"s$s\\w\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [("echo out; echo err >&2; exit 1", "err"), ("echo out; exit 1", "out"), ("exit 1", "")],
)
def test_failure_repeats_the_output_of_the_command(script: str, said: str) -> None:
    with pytest.raises(CommandError) as caught:
        process.output(["sh", "-c", script])
    assert str(caught.value).endswith(f"failed: {said}")
    assert caught.value.output == said


@pytest.mark.parametrize("run", [process.stream, process.output])
@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["no-such-program", "x"], "no-such-program x could not be started: .*No such file or directory"),
        (["echo", "--x=" + "y" * 200_000], "echo could not be started: .*Argument list too long"),
    ],
)
def test_command_that_cannot_be_started_has_a_clear_error(run: object, argv: list[str], message: str) -> None:
    assert callable(run)
    with pytest.raises(CommandError, match=message) as caught:
        run(argv)
    assert len(str(caught.value)) < 200


def test_distinguishes_success_from_failure() -> None:
    assert process.succeeds(["true"])
    assert not process.succeeds(["false"])
    assert not process.succeeds(["no-such-program"])


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
