"""The host of a build: a fresh one, or a folder on a machine that has an engine.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref.html
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path

from .namespace import PATH, Namespace

DOCKERD = "/usr/local/bin/dockerd"
REST_OF_OUTPUT = 1.0
NO_RESTART = """\
#!/bin/bash
case "$*" in *--config-file*) echo "failed to start daemon: planned by the scenario" >&2; exit 1 ;; esac
exec -a {path} {packages}/usr/sbin/dockerd "$@"
"""


class BuildHost(ABC):
    """Holds a build's source and runs its commands, one at a time; another thread may end it."""

    source: Path
    folder: str
    environment: dict[str, str]

    def __init__(self, emit: Callable[[str], None]) -> None:
        """Emit the output of commands line by line."""
        self._emit = emit
        self._running: subprocess.Popen[str] | None = None
        self._ended = threading.Event()

    @abstractmethod
    def execute(self, command: str, environment: Mapping[str, str]) -> int:
        """Run one command in bash."""

    def _script(self, command: str) -> str:
        """The command, which begins in the directory where the previous one ended.

        CodeBuild runs all commands of a buildspec of version 0.2 in one shell.
        """
        file = f"{self.folder}.pwd"
        return f"cd \"$(cat {file} 2>/dev/null || pwd)\"\ntrap 'pwd > {file}' EXIT\n{command}"

    @abstractmethod
    def close(self) -> None:
        """Remove the host."""

    def _execute(self, argv: list[str], folder: Path, environment: Mapping[str, str]) -> int:
        if self._ended.is_set():
            return 1
        self._running = process = subprocess.Popen(
            argv,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        if self._ended.is_set():
            self.end()
        reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        reader.start()
        status = process.wait()
        self._running = None
        reader.join(REST_OF_OUTPUT)
        return status

    def _read(self, process: subprocess.Popen[str]) -> None:
        """Emit line by line, until everything that the command started has closed its output."""
        assert process.stdout
        with process.stdout as lines:
            for line in lines:
                self._emit(line.rstrip("\n"))

    def end(self) -> None:
        """End the running command and everything it started, now."""
        self._ended.set()
        process = self._running
        if process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


class FreshHost(BuildHost):
    """A host like CodeBuild's, with an empty engine, root, and no file of this machine's users."""

    def __init__(self, emit: Callable[[str], None], engine_restarts: bool = True) -> None:
        """Start the host and its engine; it may be planned that a restart with a `--config-file` fails."""
        super().__init__(emit)
        packages = Path(os.environ["REHEARSAL_ENGINE_PACKAGES"])
        launchers, port = Path(os.environ["REHEARSAL_LAUNCHERS"]), int(os.environ["GATEWAY_PORT"])
        self._namespace = Namespace(packages, launchers, port)
        self.folder = f"/codebuild/output/src{secrets.randbelow(10**9):09d}/src"
        self.source = self._namespace.folder / self.folder.lstrip("/")
        self.source.mkdir(parents=True)
        self.environment = {"PATH": PATH, "HOME": "/root", "CODEBUILD_SRC_DIR": self.folder}
        if not engine_restarts:
            self._namespace.write(DOCKERD, NO_RESTART.format(path=DOCKERD, packages=packages))

    def execute(self, command: str, environment: Mapping[str, str]) -> int:
        """Run one command in bash, inside."""
        argv = self._namespace.entered(["bash", "-c", self._script(command)], self.folder)
        return self._execute(argv, Path("/"), environment)

    def close(self) -> None:
        """End everything inside, and remove the host."""
        self._namespace.close()


class SharedHost(BuildHost):
    """A folder on this machine, and this machine's engine.

    DOCKER_HOST is always set, which tells the build program not to restart the engine.
    """

    def __init__(self, emit: Callable[[str], None]) -> None:
        """Create the folder, and a home without credentials."""
        super().__init__(emit)
        engine = os.environ["DOCKER_HOST"]
        self._root = Path(tempfile.mkdtemp(prefix="rehearsal-build-"))
        self.source = self._root / "src"
        self.folder = str(self.source)
        client = self._root / "home/.docker"
        for path in (self.source, client):
            path.mkdir(parents=True)
        if "REHEARSAL_DOCKER_CONFIG" in os.environ:
            shutil.copy(os.environ["REHEARSAL_DOCKER_CONFIG"], client / "config.json")
        self.environment = {
            "PATH": f"{os.environ['REHEARSAL_LAUNCHERS']}:{os.environ.get('PATH', '')}",
            "HOME": str(self._root / "home"),
            "DOCKER_CONFIG": str(client),
            "DOCKER_HOST": engine,
            "CODEBUILD_SRC_DIR": self.folder,
        }

    def execute(self, command: str, environment: Mapping[str, str]) -> int:
        """Run one command in bash."""
        return self._execute(["bash", "-c", self._script(command)], self.source, environment)

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._root, ignore_errors=True)
