"""The rehearsal is contained: nothing listens or connects beyond 127.0.0.1, nothing is left behind."""

from __future__ import annotations

import ipaddress
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import agent_container, binfmt, engine
from .environment import PROJECT, PYTHON_BASE, Environment
from .patience import wait_for
from .processes import RehearsalError

DAEMONS = (
    "test.rehearsal.aws",
    "dockerd",
    "containerd",
    "docker-proxy",
    "ministack-lambda",
    "aws-cdk/bin/cdk",
)


def processes() -> dict[int, str]:
    """The command lines of all running processes; one that has exited and is not reaped yet has none."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return {pid: line for pid, line in found.items() if line}


def descendants(ancestor: int) -> set[int]:
    """A process and all its descendants."""
    parents = {}
    for pid in processes():
        try:
            parents[pid] = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = {ancestor}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def sockets(pids: set[int]) -> Iterator[tuple[str, str, str]]:
    """State, local and remote address of every TCP socket of these processes."""
    inodes = set()
    for pid in pids:
        try:
            targets = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
        except OSError:
            continue
        inodes |= {t.removeprefix("socket:[").rstrip("]") for t in targets if t.startswith("socket:[")}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes:
                yield fields[3], address(fields[1]), address(fields[2])


def address(field: str) -> str:
    """The IP address of a field of /proc/net/tcp."""
    raw = bytes.fromhex(field.partition(":")[0])
    words = b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))
    return str(ipaddress.ip_address(words))


def is_local(text: str) -> bool:
    """Whether the address is this machine's loopback, IPv4 mapped into IPv6 included."""
    found = ipaddress.ip_address(text)
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback


def skip_unless_linux() -> None:
    if sys.platform != "linux":
        pytest.skip("sockets are read from /proc")


def test_everything_listens_and_connects_on_127_0_0_1_only(environment: Environment) -> None:
    skip_unless_linux()
    image = PYTHON_BASE.replace(PYTHON_BASE.partition("/")[0], environment.aws.registry)
    environment.engine.run("pull", "--quiet", "--platform=linux/arm64", image)
    mine = {
        pid for pid in descendants(os.getpid()) if any(name in processes().get(pid, "") for name in DAEMONS)
    }
    assert mine
    for state, local, remote in sockets(mine):
        listening = state == "0A"
        assert is_local(local), local
        assert listening or is_local(remote), remote


def test_an_agent_container_is_published_on_127_0_0_1_and_removed(environment: Environment) -> None:
    own = f"label={agent_container.label()}"
    before = environment.engine.containers(own)
    with (
        pytest.raises(RehearsalError),
        agent_container.running(environment.engine, environment.aws, PYTHON_BASE),
    ):
        pass
    assert environment.engine.containers(own) == before


def traces(temporary: Path) -> dict[str, object]:
    """What a run could leave on this machine."""
    return {
        "folders": sorted(temporary.iterdir()),
        "mounts": [m for m in Path("/proc/mounts").read_text().splitlines() if str(temporary) in m],
        "bridge": Path("/sys/class/net/docker0").exists(),
        "binfmt": binfmt.is_registered(),
        "apt": sorted((p.name, p.stat().st_mtime) for p in Path("/etc/apt").rglob("*")),
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_everything_is_stopped_after(number: signal.Signals, tmp_path: Path) -> None:
    skip_unless_linux()
    if engine.missing():
        pytest.skip(str(engine.missing()))
    temporary = Path(tempfile.mkdtemp(prefix="a-"))
    before = traces(temporary)
    log = tmp_path / "demo.log"
    with log.open("wb") as output:
        demo = subprocess.Popen(
            [sys.executable, "-m", "test.rehearsal", "--mode", "codebuild"],
            cwd=PROJECT,
            env={**os.environ, "TMPDIR": str(temporary)},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # a shell's background ignores SIGINT
        )
    wait_for(lambda: b"phase BUILD" in log.read_bytes() or demo.poll() is not None, log.read_text)
    assert demo.poll() is None, log.read_text()
    started = descendants(demo.pid)
    assert len(started) > 3
    demo.send_signal(number)
    assert demo.wait(120) == 130, log.read_text()
    survivors = {pid: line for pid, line in processes().items() if pid in started}
    assert survivors == {}
    assert traces(temporary) == before
    temporary.rmdir()
