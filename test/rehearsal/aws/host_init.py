"""Process 1 of a build's host: creates the file system, starts Docker's daemon, and reaps processes.

It runs in new mount, network and process namespaces, as a script with the standard library only. File
descriptor 3 is the control socket: it sends a listening socket, then `ready` or the reason why not, and ends
the host, with every process in it, when the other side closes.
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SIOCSIFFLAGS, IFF_UP = 0x8914, 1
DAEMON = [
    "/usr/local/bin/dockerd",
    "--host=unix:///var/run/docker.sock",
    "--host=tcp://127.0.0.1:2375",
    "--storage-driver=overlay2",
]
SOCKET = Path("/var/run/docker.sock")
DAEMON_LOG = Path("/var/log/docker.log")
TIMEOUT = 60.0


def main() -> None:
    """Set up the host, report, and wait for its end."""
    settings: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    control = socket.socket(fileno=3)
    control.set_inheritable(False)
    _raise_loopback()
    with socket.create_server(("127.0.0.1", settings["port"])) as listener:
        socket.send_fds(control, [b"listening"], [listener.fileno()])
    _make_root(Path(settings["folder"]), settings["programs"])
    for path, target in settings["links"].items():
        _fresh(path).symlink_to(target)
    for path, content in settings["files"].items():
        _fresh(path).write_text(content)
        Path(path).chmod(0o755)
    control.send(_start_docker(settings["daemon_environment"]).encode())
    signal.signal(signal.SIGCHLD, lambda _number, _frame: _reap())
    _reap()
    control.recv(1)


def _raise_loopback() -> None:
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def _make_root(folder: Path, programs: list[str]) -> None:
    """A separate root: this machine's file system under a layer in memory, without its users' files."""
    memory, root = folder / "memory", folder / "root"
    _mount("-t", "tmpfs", "tmpfs", str(memory))
    for name in ("upper", "work"):
        (memory / name).mkdir()
    layers = f"lowerdir=/,upperdir={memory}/upper,workdir={memory}/work"
    _mount("-t", "overlay", "overlay", "-o", layers, str(root))
    _mount("-t", "proc", "proc", f"{root}/proc")
    _mount("-t", "sysfs", "sysfs", f"{root}/sys")
    _mount("--rbind", "/sys/fs/cgroup", f"{root}/sys/fs/cgroup")
    _mount("--rbind", "/dev", f"{root}/dev")
    for name in ("run", "tmp", "root", "home"):
        _mount("-t", "tmpfs", "tmpfs", f"{root}/{name}")
    for source, target in ((folder / "docker", "var/lib/docker"), (folder / "codebuild", "codebuild")):
        _bind(source, root / target)
    for program in programs:
        _bind(Path(program), root / program.lstrip("/"))
        _mount("-o", "remount,bind,ro", f"{root}{program}")
    subprocess.run(["pivot_root", str(root), f"{root}/mnt"], check=True)
    os.chdir("/")
    subprocess.run(["umount", "--lazy", "/mnt"], check=True)


def _bind(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    _mount("--bind", str(source), str(target))


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _fresh(name: str) -> Path:
    """The path, whose folder exists, and where this machine's own file is gone."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    return path


def _start_docker(environment: dict[str, str]) -> str:
    """Start the daemon as the entrypoint of the curated image does, and wait for it."""
    with DAEMON_LOG.open("wb") as log:
        daemon = subprocess.Popen(
            DAEMON, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
    deadline = time.monotonic() + TIMEOUT
    while not _answers():
        if daemon.poll() is not None or time.monotonic() > deadline:
            return f"dockerd does not answer: {DAEMON_LOG.read_text(errors='replace')[-2000:]}"
        time.sleep(0.05)
    return "ready"


def _answers() -> bool:
    """Ask the daemon itself: each start of the docker command line costs as much as the daemon's own."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(SOCKET))
            client.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 OK" in client.recv(64)
        except OSError:
            return False


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    main()
