"""The real CDK CLI, connected to the emulated account only."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from .docker_engine import Engine
from .emulated_aws import ACCOUNT, EmulatedAws
from .processes import RehearsalError

TIMEOUT = 240.0
POLLING_INTERVALS = (2_000, 5_000)
FAST_POLLING = f"""\
const wait = globalThis.setTimeout
const quick = (run, ms, ...rest) => wait(run, {list(POLLING_INTERVALS)}.includes(ms) ? ms / 5 : ms, ...rest)
globalThis.setTimeout = Object.defineProperties(quick, Object.getOwnPropertyDescriptors(wait))
"""


@dataclass(frozen=True)
class Outcome:
    """The output, exit status and time of a CDK command."""

    exit_status: int
    output: str
    began: float
    seconds: float

    @property
    def succeeded(self) -> bool:
        """Whether the command succeeded."""
        return self.exit_status == 0

    @property
    def one_line(self) -> str:
        """The output without the line breaks by which the CLI fits it into a terminal."""
        return " ".join(self.output.split())


class Session:
    """A CDK command that runs until it is stopped, and its output."""

    def __init__(self, printed: Iterable[str]) -> None:
        """Start reading the output."""
        self._output, self._read, self._ended = "", 0, False
        self._news = threading.Condition()
        threading.Thread(target=self._follow, args=(printed,), daemon=True).start()

    def expect(self, text: str) -> str:
        """Wait until the command prints this text; returns the output since the last match, on one line."""
        with self._news:
            self._news.wait_for(lambda: self._ended or text in self._said(), TIMEOUT)
            said = self._said()
            if text not in said:
                raise RehearsalError(f"the command did not print {text!r}:\n{self._output}")
            self._read = len(self._output)
            return said

    def _said(self) -> str:
        return " ".join(self._output[self._read :].split())

    def _follow(self, printed: Iterable[str]) -> None:
        for line in printed:
            with self._news:
                self._output += line
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


@dataclass(frozen=True)
class CdkCli:
    """The CDK CLI with its environment."""

    program: Path
    aws: EmulatedAws
    engine: Engine
    folder: Path

    def environment(self) -> dict[str, str]:
        """No profile, no telemetry, no notices: only the emulated account is contacted."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "CDK_")) or name == "CDK_VALIDATION"
        }
        return {
            **inherited,
            **self.aws.environment(),
            **self.engine.environment,
            "CDK_DOCKER": str(self.folder / "bin/docker"),
            "CDK_HOME": str(self.folder / "cdk-home"),
            "CDK_DISABLE_CLI_TELEMETRY": "1",
            "CDK_DISABLE_VERSION_CHECK": "1",
            "CDK_DEFAULT_ACCOUNT": ACCOUNT,
            "CDK_DEFAULT_REGION": self.aws.region.name,
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
            "CI": "true",
        }

    def run(self, *arguments: str, cwd: Path | None = None, more: Mapping[str, str] | None = None) -> Outcome:
        """Run a command and wait for it."""
        environment = {**self.environment(), **(more or {})}
        return run(self.command(*arguments), environment, cwd or self.folder, TIMEOUT)

    @contextlib.contextmanager
    def session(self, *arguments: str, cwd: Path, more: Mapping[str, str]) -> Iterator[Session]:
        """Run a command such as `cdk watch` for the duration of the block."""
        with _started(self.command(*arguments), {**self.environment(), **more}, cwd) as process:
            try:
                yield Session(process.stdout or ())
            finally:
                os.killpg(process.pid, signal.SIGKILL)

    def command(self, *arguments: str) -> list[str]:
        """The command line with the options of every command."""
        return [*launcher(self.program), "--no-version-reporting", *arguments]

    def bootstrap(self) -> Outcome:
        """`cdk bootstrap` of the account."""
        return self.run("bootstrap", f"aws://{ACCOUNT}/{self.aws.region.name}", cwd=self.folder)

    def deploy(self, assembly: Path, *arguments: str, stacks: Sequence[str] = ("--all",)) -> Outcome:
        """`cdk deploy` of a synthesized app."""
        always = ("--app", str(assembly), "--require-approval=never", "--progress=events")
        return self.run("deploy", *stacks, *always, *arguments)

    def destroy(self, assembly: Path, stacks: Sequence[str] = ("--all",)) -> Outcome:
        """`cdk destroy` of a synthesized app."""
        return self.run("destroy", *stacks, "--app", str(assembly), "--force", "--progress=events")


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path, seconds: float) -> Outcome:
    """Run a command line for at most this many seconds."""
    began = time.time()
    with _started(command, environment, folder) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return Outcome(process.returncode, output, began, time.time() - began)


def _started(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        list(command),
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def launcher(program: Path, fast_polling: bool = True) -> list[str]:
    """The command line that starts the CDK CLI.

    The CLI polls CloudFormation every two to five seconds; with `fast_polling`, five times as often.
    """
    preload = [f"--import=data:text/javascript,{quote(FAST_POLLING)}"] if fast_polling else []
    return ["node", *preload, str(program), "--no-notices", "--no-color"]


def program(*folders: Path) -> Path:
    """The CDK CLI in the first of these node_modules folders that has it."""
    for folder in folders:
        path = folder / "aws-cdk/bin/cdk"
        if path.exists():
            return path
    raise RehearsalError("the CDK CLI is not installed: run `npm ci` in the project's folder")
