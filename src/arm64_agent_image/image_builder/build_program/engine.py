"""The Docker engine of the build machine, restarted with the containerd image store.

CodeBuild's curated images start ``dockerd`` without that store, and only with it can the engine's own builder
export a layer cache to a registry.
https://github.com/aws/aws-codebuild-docker-images/blob/master/al/aarch64/standard/4.0/dockerd-entrypoint.sh
https://docs.docker.com/engine/storage/containerd/
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .process import CommandError, output

PID_FILE = Path("/var/run/docker.pid")
CONFIG_FILE = Path("/etc/docker/daemon.json")
LOG_FILE = Path("/var/log/arm64-agent-image-dockerd.log")
STORE = "io.containerd.snapshotter.v1"
_STOP_SECONDS = 30
_START_SECONDS = 60


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


def use_containerd_store() -> bool:
    """Whether the engine has the containerd image store, after it has been restarted with it if need be.

    An engine that does not come back is started again as it was.
    """
    if has_containerd_store():
        return True
    daemon = None if "DOCKER_HOST" in os.environ else Daemon.running()
    if daemon is None:
        print("notice: the Docker engine cannot be restarted with the containerd image store")
        return False
    try:
        with_store = _with_store(daemon.argv)
    except (OSError, ValueError) as error:
        print(f"notice: the configuration of the Docker engine cannot be read: {error}")
        return False
    _stop(daemon.pid)
    restarted = _start(daemon, with_store)
    if _becomes_true(has_containerd_store, restarted):
        return True
    print("notice: the Docker engine did not start with the containerd image store, its log ends with:")
    print("\n".join(LOG_FILE.read_text(errors="replace").splitlines()[-10:]))
    if restarted.poll() is None:
        restarted.terminate()
        restarted.wait(_STOP_SECONDS)
    if not _becomes_true(_answers, _start(daemon, daemon.argv)):
        raise CommandError("the Docker engine of the build machine did not start again")
    return False


def has_containerd_store() -> bool:
    """Whether the engine keeps images in containerd's store."""
    try:
        return STORE in output(["docker", "info", "--format", "{{json .DriverStatus}}"])
    except CommandError:
        return False


def _answers() -> bool:
    try:
        output(["docker", "info", "--format", "{{.ServerVersion}}"])
    except CommandError:
        return False
    return True


def _with_store(argv: Sequence[str]) -> list[str]:
    """The command line with the store switched on, and without the driver of the classic store."""
    kept, config = _without_options(argv)
    settings = json.loads(config.read_text() or "{}") if config.exists() else {}
    settings["features"] = {**settings.get("features", {}), "containerd-snapshotter": True}
    settings.pop("storage-driver", None)
    file = LOG_FILE.with_suffix(".json")
    file.write_text(json.dumps(settings))
    return [*kept, f"--config-file={file}"]


def _without_options(argv: Sequence[str]) -> tuple[list[str], Path]:
    """The command line without the options that are replaced, and the configuration file that it names."""
    kept, config, words = [], CONFIG_FILE, iter(argv)
    for word in words:
        name, _, value = word.partition("=")
        if name in ("--storage-driver", "-s", "--config-file"):
            value = value or next(words, "")
            config = Path(value) if name == "--config-file" else config
        else:
            kept.append(word)
    return kept, config


def _stop(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    give_up = time.monotonic() + _STOP_SECONDS
    while Path(f"/proc/{pid}").exists() and time.monotonic() < give_up:
        if _is_zombie(pid):
            return
        time.sleep(0.1)


def _is_zombie(pid: int) -> bool:
    """Whether the process has ended, but nobody has asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _start(daemon: Daemon, argv: Sequence[str]) -> subprocess.Popen[bytes]:
    with LOG_FILE.open("ab") as log:
        return subprocess.Popen(
            list(argv),
            env=dict(daemon.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _becomes_true(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> bool:
    give_up = time.monotonic() + _START_SECONDS
    while not condition():
        if process.poll() is not None or time.monotonic() > give_up:
            return False
        time.sleep(0.1)
    return True
