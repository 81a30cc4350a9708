"""Runs docker and the AWS CLI with argument vectors, never through a shell."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path

_DENIED = re.compile(
    r"access.?denied|not authorized|forbidden|unauthorized|\b40[13]\b|denied: ", re.IGNORECASE
)
_KEPT_LINES = 200


class BuildError(Exception):
    """The build cannot continue; the message says why."""


class CommandError(BuildError):
    """A command failed; the end of its output is kept."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output

    @property
    def is_denied(self) -> bool:
        """Whether access was denied, which may change while IAM propagates a new role."""
        return _DENIED.search(self.output) is not None


def stream(argv: Sequence[str], cwd: Path | None = None, timeout: float | None = None) -> None:
    """Run a command and print its output line by line.

    :raises CommandError: when it fails or does not end in time.
    """
    lines: deque[str] = deque(maxlen=_KEPT_LINES)
    late = threading.Event()
    with _started(argv, cwd) as process:

        def kill() -> None:
            late.set()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(timeout or threading.TIMEOUT_MAX, kill)
        timer.daemon = True
        timer.start()
        assert process.stdout
        for line in process.stdout:
            print(line, end="")
            lines.append(line)
        timer.cancel()
    if late.is_set():
        raise CommandError(f"{name_of(argv)} did not end within {timeout} s", "".join(lines))
    if process.returncode:
        raise CommandError(f"{name_of(argv)} failed with exit status {process.returncode}", "".join(lines))


def output(argv: Sequence[str], stdin: str | None = None, timeout: float = 60) -> str:
    """Run a short command and return its output.

    :raises CommandError: when it fails or does not end in time.
    """
    try:
        done = subprocess.run(
            list(argv), input=stdin, capture_output=True, text=True, errors="replace", timeout=timeout
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{name_of(argv)} did not end within {timeout:.0f} s") from error
    except OSError as error:
        raise CommandError(f"{name_of(argv)} could not be started: {error}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise CommandError(f"{name_of(argv)} failed: {said}", said)
    return done.stdout


def succeeds(argv: Sequence[str], timeout: float = 60) -> bool:
    """Whether a short command succeeds."""
    try:
        output(argv, timeout=timeout)
    except CommandError:
        return False
    return True


def name_of(argv: Sequence[str]) -> str:
    """The command without its arguments, some of which are long."""
    return " ".join(word for word in argv[:3] if not word.startswith("-"))


def _started(argv: Sequence[str], cwd: Path | None) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            list(argv),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise CommandError(f"{name_of(argv)} could not be started: {error}") from error
