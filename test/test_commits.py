"""The check of commit messages that CI runs for pull requests."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.check_commits import problems

ROOT = Path(__file__).parents[1]
GOOD = "fix(hints): say what to do\n\nNobody knew what to do."


@pytest.mark.parametrize(
    "message",
    [GOOD, "feat!: wait for builds\n\nbecause", "chore: pin", "Merge branch 'main'", "# note\nchore: x"],
)
def test_accepts_conventional_commits(message: str) -> None:
    assert list(problems(message)) == []


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("Say what to do\n\nwhy", "the subject must be '<type>: <what>'"),
        ("fix:no space\n\nwhy", "the subject must be '<type>: <what>'"),
        (f"fix: {'x' * 68}\n\nwhy", "at most 72 characters, got 73"),
        ("fix: say what to do.\n\nwhy", "must not end with a period"),
        ("fix: say what to do\nwhy", "an empty line must follow"),
        ("fix: say what to do", "a body must say why"),
        ("", "the subject must be"),
    ],
)
def test_explains_what_is_wrong_with_other_subjects(message: str, problem: str) -> None:
    assert any(problem in found for found in problems(message))


def test_checks_a_commit_message_file(tmp_path: Path) -> None:
    for text, status in ((GOOD, 0), ("work in progress", 1)):
        message = tmp_path / "message"
        message.write_text(text)
        command = [sys.executable, "-m", "tools.check_commits", "--file", str(message)]
        assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == status
