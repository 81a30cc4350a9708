"""Checks commit messages: the release derives version and changelog from Conventional Commits."""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
TYPES = ("build", "chore", "ci", "docs", "feat", "fix", "perf", "refactor", "revert", "style", "test")
SUBJECT = re.compile(rf"(?:{'|'.join(TYPES)})(?:\([a-z0-9-]+\))?!?: \S.*")
LENGTH = 72
NEEDS_NO_BODY = ("chore", "style")


def problems(message: str) -> Iterator[str]:
    """The problems of a commit message, one line each."""
    lines = [line for line in message.splitlines() if not line.startswith("#")]
    subject, body = (lines or [""])[0], "\n".join(lines[1:]).strip()
    if subject.startswith(("Merge ", "fixup! ", "squash! ")):
        return
    if not SUBJECT.fullmatch(subject):
        yield f"the subject must be '<type>: <what>' with a type of {', '.join(TYPES)}, got '{subject}'"
    if len(subject) > LENGTH:
        yield f"the subject must have at most {LENGTH} characters, got {len(subject)}: '{subject}'"
    if subject.endswith("."):
        yield f"the subject must not end with a period, got '{subject}'"
    if len(lines) > 1 and lines[1]:
        yield f"an empty line must follow the subject, got '{lines[1]}'"
    if not body and not subject.startswith(NEEDS_NO_BODY):
        yield f"a body must say why, got only the subject '{subject}'"


def messages(commits: str) -> Iterator[tuple[str, str]]:
    """Each commit of a range with its message."""
    listed = subprocess.run(
        ["git", "log", "--format=%H%x00%B%x01", commits], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    for record in filter(None, (record.strip() for record in listed.split("\x01"))):
        commit, _, message = record.partition("\0")
        yield commit[:10], message


def main() -> int:
    """Check a range of commits, or a message that an editor has written."""
    parser = argparse.ArgumentParser(prog="python -m tools.check_commits", description=__doc__)
    parser.add_argument("--file", action="store_true", help="the argument is a file with one message")
    parser.add_argument("what", help="a range of commits such as origin/main..HEAD, or the file")
    arguments = parser.parse_args()
    checked = (
        [(arguments.what, Path(arguments.what).read_text())] if arguments.file else messages(arguments.what)
    )
    found = [f"{name}: {problem}" for name, message in checked for problem in problems(message)]
    print("\n".join(found) or "the commit messages are in order", file=sys.stderr if found else sys.stdout)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
