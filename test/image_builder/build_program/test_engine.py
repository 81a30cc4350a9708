"""The engine gets the containerd image store, or stays as it was."""

import contextlib
import json
import os
import shutil
import socketserver
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from image_builder.build_program import daemon, engine
from image_builder.build_program.daemon import Daemon
from image_builder.build_program.process import CommandError

DOCKERD = """
printf '%s\\0' "$@" > "$STATE/argv.new" && mv "$STATE/argv.new" "$STATE/argv.$$"
echo "started with $*" >&2
RULE
store=overlay2
for argument; do
  case "$argument" in --config-file=*)
    grep -q '"containerd-snapshotter": true' "${argument#*=}" && store=io.containerd.snapshotter.v1 ;;
  esac
done
echo "$store" > "$STATE/store"
echo $$ > "$STATE/docker.pid"
exec 3<> "$STATE/silence"
read -u 3
"""
DOCKER = """#!/bin/bash
grep -q . "/proc/$(cat "$STATE/docker.pid")/cmdline" || { [ "$1" = info ]; exit; }
[ "$*" = 'info --format {{json .DriverStatus}}' ] && cat "$STATE/store"
exit 0
"""
SOCKET, TCP = "--host=unix:///var/run/docker.sock", "--host=tcp://127.0.0.1:2375"
HOSTS = [SOCKET, TCP]


@dataclass
class BuildHost:
    """A build host whose ``dockerd`` is bash, so that its command line looks like that of a real one."""

    root: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def dockerd(self) -> str:
        return str(self.root / "bin/dockerd")

    @property
    def script(self) -> str:
        return str(self.root / "dockerd.sh")

    @property
    def is_up(self) -> bool:
        """Whether the daemon of the PID file runs."""
        try:
            pid = (self.root / "docker.pid").read_text().strip()
            return b"dockerd" in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False

    def argv(self, *options: str) -> list[str]:
        return [self.dockerd, self.script, *options]

    def start(self, *options: str, rule: str = "") -> None:
        """Start the daemon as the build image does, with a rule for the next one."""
        Path(self.script).write_text(DOCKERD.replace("RULE", ""))
        self.started.append(
            subprocess.Popen(self.argv(*options), env={**os.environ, "STATE": str(self.root), "OWN": "1"})
        )
        while not (self.root / "docker.pid").exists():
            time.sleep(0.01)
        Path(self.script).write_text(DOCKERD.replace("RULE", rule))

    def options(self) -> list[list[str]]:
        """The options of every start of the daemon, in order."""
        files = sorted(self.root.glob("argv.[0-9]*"), key=lambda file: file.stat().st_mtime_ns)
        return [file.read_bytes().decode().split("\0")[:-1] for file in files]

    def settings(self) -> object:
        """The configuration file of the daemon with the store."""
        return json.loads((self.root / "dockerd.json").read_text())


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BuildHost]:
    made = BuildHost(tmp_path)
    (tmp_path / "bin").mkdir()
    bash = shutil.which("bash")
    assert bash
    (tmp_path / "bin/dockerd").symlink_to(bash)
    (tmp_path / "bin/docker").write_text(DOCKER)
    (tmp_path / "bin/docker").chmod(0o755)
    os.mkfifo(tmp_path / "silence")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("STATE", str(tmp_path))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(daemon, "PID_FILE", tmp_path / "docker.pid")
    monkeypatch.setattr(daemon, "CONFIG_FILE", tmp_path / "daemon.json")
    monkeypatch.setattr(daemon, "LOG_FILE", tmp_path / "dockerd.log")
    monkeypatch.setattr(subprocess, "Popen", recording(made.started))
    with serving(lambda: made.is_up) as address:
        monkeypatch.setattr(daemon, "SOCKET", address)
        yield made
    for process in made.started:
        process.kill()
        process.wait()


@contextlib.contextmanager
def serving(is_up: Callable[[], bool]) -> Iterator[Path]:
    """The socket of an engine, which answers while the engine runs; its path is short, as it has to be."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            if is_up() and self.rfile.readline() == b"GET /_ping HTTP/1.0\r\n":
                self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\nOK")

    folder = Path(tempfile.mkdtemp(prefix="e-"))
    with socketserver.UnixStreamServer(str(folder / "s"), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield folder / "s"
        server.shutdown()
        thread.join()
    shutil.rmtree(folder)


def recording(started: list["subprocess.Popen[bytes]"]) -> Callable[..., "subprocess.Popen[bytes]"]:
    """A constructor that records the daemons that it starts."""

    class Recorded(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, argv: list[str], *arguments: object, **options: object) -> None:
            super().__init__(argv, *arguments, **options)  # type: ignore[call-overload]
            if options.get("start_new_session"):
                started.append(self)

    return Recorded


def test_finds_the_running_daemon(host: BuildHost) -> None:
    host.start(*HOSTS, "--label=a b")
    running = Daemon.running()
    assert running
    assert running.pid == host.started[0].pid
    assert running.argv == host.argv(*HOSTS, "--label=a b")
    assert (running.environment["OWN"], running.environment["STATE"]) == ("1", str(host.root))


@pytest.mark.parametrize("content", ["", "x", "0", "-1", "4194304000", "\xff"])
def test_finds_no_daemon_behind_an_invalid_pid_file(content: str, host: BuildHost) -> None:
    (host.root / "docker.pid").write_text(content)
    assert Daemon.running() is None


@pytest.mark.usefixtures("host")
def test_finds_no_daemon_without_a_pid_file() -> None:
    assert Daemon.running() is None


def test_another_program_with_the_pid_is_not_the_daemon(host: BuildHost) -> None:
    (host.root / "docker.pid").write_text(str(os.getpid()))
    assert Daemon.running() is None


def test_a_daemon_that_has_ended_is_not_found(host: BuildHost) -> None:
    ended = subprocess.Popen([host.dockerd, "-c", "exit"])
    host.started.append(ended)
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    (host.root / "docker.pid").write_text(str(ended.pid))
    assert Daemon.running() is None


def test_restarts_the_engine_with_the_store(host: BuildHost) -> None:
    host.start(*HOSTS, "--storage-driver=overlay2")
    assert engine.use_containerd_store()
    assert host.options() == [
        [*HOSTS, "--storage-driver=overlay2"],
        [SOCKET, f"--config-file={host.root}/dockerd.json"],
    ]
    assert host.settings() == {"features": {"containerd-snapshotter": True}}
    assert engine.has_containerd_store()


def test_restarted_engine_has_the_environment_of_the_old_one(host: BuildHost) -> None:
    host.start(*HOSTS)
    assert engine.use_containerd_store()
    running = Daemon.running()
    assert running
    assert running.environment["OWN"] == "1"


def test_old_engine_has_ended_before_the_new_one_starts(host: BuildHost) -> None:
    host.start(*HOSTS, rule=f'grep -q . "/proc/$(cat {host.root}/docker.pid)/cmdline" && exit 1')
    assert engine.use_containerd_store()


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (["--storage-driver=overlay2", "--debug"], ["--debug"]),
        (["--storage-driver", "overlay2", "--debug"], ["--debug"]),
        (["-s", "overlay2", "--debug"], ["--debug"]),
        (["--host", "tcp://0.0.0.0:2376", "--debug"], ["--debug"]),
        (["-H", "tcp://0.0.0.0:2376", "-H", "fd://"], ["--host=fd://"]),
    ],
)
def test_driver_of_the_classic_store_and_tcp_are_dropped_however_they_are_spelled(
    options: list[str], kept: list[str], host: BuildHost
) -> None:
    host.start(*HOSTS, *options)
    assert engine.use_containerd_store()
    assert host.options()[1] == [SOCKET, *kept, f"--config-file={host.root}/dockerd.json"]


def test_configuration_of_the_engine_is_kept(host: BuildHost) -> None:
    configuration = {
        "storage-driver": "overlay2",
        "features": {"cdi": True, "containerd-snapshotter": False},
        "registry-mirrors": ["https://mirror.example.com"],
    }
    (host.root / "daemon.json").write_text(json.dumps(configuration))
    host.start(*HOSTS)
    assert engine.use_containerd_store()
    assert host.settings() == {
        "features": {"cdi": True, "containerd-snapshotter": True},
        "registry-mirrors": ["https://mirror.example.com"],
    }
    assert json.loads((host.root / "daemon.json").read_text()) == configuration


@pytest.mark.parametrize("option", ["--config-file={}", "--config-file {}"])
def test_configuration_in_another_file_is_kept(option: str, host: BuildHost) -> None:
    (host.root / "other.json").write_text('{"registry-mirrors": ["https://mirror.example.com"]}')
    host.start(*HOSTS, *option.format(host.root / "other.json").split())
    assert engine.use_containerd_store()
    assert host.options()[1] == [SOCKET, f"--config-file={host.root}/dockerd.json"]
    assert host.settings() == {
        "features": {"containerd-snapshotter": True},
        "registry-mirrors": ["https://mirror.example.com"],
    }


def test_accepts_an_empty_configuration(host: BuildHost) -> None:
    (host.root / "daemon.json").write_text("")
    host.start(*HOSTS)
    assert engine.use_containerd_store()


def test_engine_that_rejects_the_store_is_started_as_it_was(
    host: BuildHost, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = 'case "$*" in *--config-file*) echo "no such snapshotter" >&2; exit 1 ;; esac; sleep 0.5'
    host.start(*HOSTS, "--storage-driver=overlay2", rule=rule)
    assert not engine.use_containerd_store()
    assert host.options()[0] == host.options()[2] == [*HOSTS, "--storage-driver=overlay2"]
    running = Daemon.running()
    assert running
    assert running.pid != host.started[0].pid
    said = capsys.readouterr().out
    assert "notice: the Docker engine did not start with the containerd image store" in said
    assert "no such snapshotter" in said


def test_engine_that_starts_without_the_store_is_started_as_it_was(host: BuildHost) -> None:
    host.start(*HOSTS, rule="set -- --debug")
    assert not engine.use_containerd_store()
    assert host.options()[2] == HOSTS
    running = Daemon.running()
    assert running
    assert running.pid == host.started[-1].pid
    assert host.started[-2].poll() is not None


def test_engine_that_does_not_start_again_fails_the_build(host: BuildHost) -> None:
    host.start(*HOSTS, rule="exit 1")
    with pytest.raises(CommandError, match=r"^the Docker engine of the build machine did not start again$"):
        engine.use_containerd_store()


def test_engine_that_never_answers_is_started_as_it_was(
    host: BuildHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "START_SECONDS", 2)
    host.start(*HOSTS, rule='case "$*" in *--config-file*) exec 3<> "$STATE/silence"; read -u 3 ;; esac')
    assert not engine.use_containerd_store()
    assert host.options()[2] == HOSTS
    assert host.started[-2].poll() is not None


def test_engine_with_the_store_is_left_alone(host: BuildHost) -> None:
    (host.root / "store.json").write_text('{"containerd-snapshotter": true}')
    host.start(*HOSTS, f"--config-file={host.root}/store.json")
    assert engine.use_containerd_store()
    assert host.started[0].poll() is None
    assert len(host.options()) == 1


def test_engine_of_another_machine_is_left_alone(
    host: BuildHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.1:2376")
    host.start(*HOSTS)
    assert not engine.use_containerd_store()
    assert host.started[0].poll() is None
    assert len(host.options()) == 1
    assert "cannot be restarted" in capsys.readouterr().out


def test_machine_without_an_engine_is_left_alone(host: BuildHost) -> None:
    assert not engine.use_containerd_store()
    assert host.options() == []


def test_engine_that_does_not_respond_has_no_store(host: BuildHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(host.root))
    assert not engine.has_containerd_store()
