"""The ``dockerd`` of the build machine: found, stopped, started with other options."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PID_FILE, SOCKET = Path("/var/run/docker.pid"), Path("/var/run/docker.sock")
CONFIG_FILE = Path("/etc/docker/daemon.json")
LOG_FILE = Path("/var/log/arm64-agent-image-dockerd.log")
STOP_SECONDS, START_SECONDS = 30, 60


@dataclass(frozen=True)
class Daemon:
    """A running ``dockerd``: its process, command line and environment."""

    pid: int
    argv: Sequence[str]
    environment: Mapping[str, str]

    @classmethod
    def running(cls) -> Daemon | None:
        """The daemon behind the default socket, if this machine runs one."""
        try:
            pid = int(PID_FILE.read_text())
            process = Path(f"/proc/{pid}")
            argv = process.joinpath("cmdline").read_bytes().decode().split("\0")[:-1]
            variables = process.joinpath("environ").read_bytes().decode(errors="surrogateescape").split("\0")
        except (OSError, ValueError):
            return None
        environment = dict(variable.split("=", 1) for variable in variables if "=" in variable)
        return cls(pid, argv, environment) if argv and Path(argv[0]).name == "dockerd" else None


def stop(pid: int) -> None:
    """End the daemon and wait until it has ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    give_up = time.monotonic() + STOP_SECONDS
    while Path(f"/proc/{pid}").exists() and time.monotonic() < give_up:
        if _is_zombie(pid):
            return
        time.sleep(0.1)


def _is_zombie(pid: int) -> bool:
    """Whether the process has ended and waits for its parent to collect its status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def start(daemon: Daemon, argv: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start the daemon with another command line, in a new session."""
    with LOG_FILE.open("ab") as log:
        return subprocess.Popen(
            list(argv),
            env=dict(daemon.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def starts(process: subprocess.Popen[bytes]) -> bool:
    """Wait until the daemon answers, and return whether it does."""
    give_up = time.monotonic() + START_SECONDS
    while not _answers():
        if process.poll() is not None or time.monotonic() > give_up:
            return False
        time.sleep(0.05)
    return True


def _answers() -> bool:
    """Ask the daemon itself: starting a ``docker`` command each time would slow it down.

    https://docs.docker.com/reference/api/engine/version/v1.57/
    """
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(str(SOCKET))
            client.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 OK" in client.recv(64)
        except OSError:
            return False


def with_containerd_store(argv: Sequence[str]) -> list[str]:
    """The command line with the containerd image store instead of the classic store's driver."""
    kept, config = _without_options(argv)
    settings = json.loads(config.read_text() or "{}") if config.exists() else {}
    settings["features"] = {**settings.get("features", {}), "containerd-snapshotter": True}
    settings.pop("storage-driver", None)
    file = LOG_FILE.with_suffix(".json")
    file.write_text(json.dumps(settings))
    return [*kept, f"--config-file={file}"]


def _without_options(argv: Sequence[str]) -> tuple[list[str], Path]:
    """The command line without what is replaced, and the configuration file that it names.

    It does not listen on TCP either: ``dockerd`` would wait a second before that, and the build needs only
    the socket.
    https://github.com/moby/moby/blob/28.x/cmd/dockerd/daemon.go
    """
    kept, config, words = [], CONFIG_FILE, iter(argv)
    for word in words:
        name, _, value = word.partition("=")
        if name not in ("--storage-driver", "-s", "--config-file", "--host", "-H"):
            kept.append(word)
            continue
        value = value or next(words, "")
        if name == "--config-file":
            config = Path(value)
        elif name in ("--host", "-H") and not value.startswith("tcp:"):
            kept.append(f"--host={value}")
    return kept, config
