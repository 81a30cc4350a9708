"""The namespaces of a build's host: started, entered, and ended with every process in them.

A host is what CodeBuild gives a build: an empty engine that is started as the curated image starts it.
https://github.com/aws/aws-codebuild-docker-images/blob/master/al/aarch64/standard/4.0/dockerd-entrypoint.sh
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from .port_forwarding import PortForwarder

HERE = Path(__file__).parent
PREFIX = "rehearsal-host-"
PATH = "/root/.pyenv/shims:/root/.pyenv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CGROUPS = Path("/sys/fs/cgroup")
SETTINGS = {"iptables": False, "ip6tables": False, "ip-forward": False}
LAUNCHERS = {"docker": "/usr/local/bin", "aws": "/usr/local/bin", "python3": "/root/.pyenv/shims"}


class Namespace:
    """A host with its own files, processes and Docker engine, and a network that ends at the emulated AWS."""

    def __init__(self, packages: Path, launchers: Path, port: int) -> None:
        """Start a host; `packages` holds Docker unpacked, `launchers` the commands of the image.

        :raises RuntimeError: when its engine does not answer.
        """
        self.packages = packages
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        for name in ("memory", "root", "docker", "codebuild"):
            (self.folder / name).mkdir()
        (self.folder / "settings.json").write_text(json.dumps(self._settings(launchers, port)))
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, (self.folder / "init.log").open("wb") as log:
            self._process = subprocess.Popen(
                self._command(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        (self.folder / "pid").write_text(str(self._process.pid))
        self._forwarder: PortForwarder | None = None
        try:
            self._start(port)
        except BaseException:
            self.close()
            raise

    def _start(self, port: int) -> None:
        _, descriptors, _, _ = socket.recv_fds(self._control, 16, 1)
        if descriptors:
            self._forwarder = PortForwarder(socket.socket(fileno=descriptors[0]), port)
        answer = self._control.recv(8192).decode()
        if answer != "ready":
            raise RuntimeError(answer or (self.folder / "init.log").read_text(errors="replace")[-2000:])

    def _command(self, control: int) -> list[str]:
        fresh = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
        init = [sys.executable, "-I", "-S", str(HERE / "host_init.py"), str(self.folder / "settings.json")]
        return ["bash", "-c", f'exec "$@" 3<&{control}', "host", *fresh, *init]

    def _settings(self, launchers: Path, port: int) -> dict[str, object]:
        root = self.packages
        programs = [path for path in root.glob("usr/*bin/*") if path.name != "docker"]
        plugins = root.glob("usr/libexec/docker/cli-plugins/*")
        links = {f"/usr/local/bin/{path.name}": str(path) for path in programs}
        links |= {f"/usr/local/libexec/docker/cli-plugins/{path.name}": str(path) for path in plugins}
        daemon = {**SETTINGS, "cgroup-parent": f"/{self.folder.name}"}
        files = {f"{target}/{name}": (launchers / name).read_text() for name, target in LAUNCHERS.items()}
        visible = {str(root), sys.base_prefix, sys.prefix, str(HERE.parent / "shims")}
        return {
            "folder": str(self.folder),
            "port": port,
            "programs": [path for path in sorted(visible) if not Path("/usr").is_relative_to(path)],
            "links": links,
            "files": {**files, "/etc/docker/daemon.json": json.dumps(daemon)},
            "daemon_environment": {
                "PATH": PATH,
                "HOME": "/root",
                "LD_LIBRARY_PATH": str(next(root.glob("usr/lib/*-linux-gnu"))),
            },
        }

    def entered(self, argv: Sequence[str], folder: str = "/") -> list[str]:
        """The command line that runs `argv` inside, in this working directory."""
        spaces = f"/proc/{self._process.pid}/ns"
        namespaces = [f"--mount={spaces}/mnt", f"--net={spaces}/net", f"--pid={spaces}/pid_for_children"]
        return ["nsenter", *namespaces, f"--wdns={folder}", *argv]

    def write(self, path: str, content: str) -> None:
        """Replace the program at this path."""
        script = 'rm -f "$1" && cat > "$1" && chmod 755 "$1"'
        command = self.entered(["sh", "-c", script, "sh", path])
        subprocess.run(command, input=content, text=True, check=True)

    def close(self) -> None:
        """End every process inside, and remove the folder."""
        self._control.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._forwarder:
            self._forwarder.close()
        _remove(self.folder)


def remove_all(folder: Path) -> None:
    """Remove the hosts that a killed emulation left in this folder; their processes have been killed."""
    for host in folder.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, ValueError):
            pid, deadline = int((host / "pid").read_text()), time.monotonic() + 15
            while _runs(pid) and time.monotonic() < deadline:
                time.sleep(0.05)
        _remove(host)


def _runs(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def _remove(folder: Path) -> None:
    for _ in range(20):
        for top in _cgroups(folder):
            for path, _, _ in os.walk(top, topdown=False):
                with contextlib.suppress(OSError):
                    Path(path).rmdir()
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists() and not _cgroups(folder):
            return
        time.sleep(0.1)


def _cgroups(folder: Path) -> list[Path]:
    return [top for top in [CGROUPS / folder.name, *CGROUPS.glob(f"*/{folder.name}")] if top.exists()]
