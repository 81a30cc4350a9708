"""A private Docker engine on Debian, which leaves no trace."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from . import debian
from .bridge import ADDRESS, bridge
from .docker_engine import Engine
from .processes import spawn, stop, wait_until
from .progress import step

ENGINE_PACKAGES = ("docker.io", "docker-cli", "docker-buildx", "containerd")


@contextlib.contextmanager
def private_engine(suite: str = debian.SUITE, *, containerd_store: bool = True) -> Iterator[Engine]:
    """An engine of Debian's packages in this suite, for the duration of the block."""
    own = debian.codename()
    packages = [f"{name}/{suite}" for name in ENGINE_PACKAGES] + [f"runc/{own}", f"libseccomp2/{own}"]
    root = debian.unpacked("docker", packages)
    with bridge(debian.cache_folder()) as addresses:
        folder = Path(tempfile.mkdtemp(prefix="arm64-engine-"))
        try:
            with _started(root, folder, addresses, containerd_store) as private:
                try:
                    yield private
                finally:
                    for container in private.containers():
                        private.run("container", "rm", "--force", container, check=False)
        finally:
            _remove(folder)


def _remove(folder: Path) -> None:
    for _ in range(10):
        _unmount_below(folder)
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.5)


@contextlib.contextmanager
def _started(root: Path, folder: Path, addresses: str, containerd_store: bool) -> Iterator[Engine]:
    config = {
        "data-root": str(folder / "data"),
        "exec-root": str(folder / "exec"),
        "pidfile": str(folder / "dockerd.pid"),
        "hosts": [f"unix://{folder}/docker.sock"],
        "features": {"containerd-snapshotter": containerd_store},
        "bip": ADDRESS,
        "fixed-cidr": addresses,
        "iptables": False,
        "ip6tables": False,
        "ip-forward": False,
        "userland-proxy-path": str(root / "usr/sbin/docker-proxy"),
    }
    (folder / "daemon.json").write_text(json.dumps(config))
    libraries = next(root.glob("usr/lib/*-linux-gnu"))
    path = f"{root}/usr/bin:{root}/usr/sbin:{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    private = Engine(
        str(root / "usr/bin/docker"),
        private=True,
        plugins=[str(root / "usr/libexec/docker/cli-plugins")],
        environment={"DOCKER_HOST": f"unix://{folder}/docker.sock"},
        packages=root,
    )
    log = folder / "dockerd.log"
    with step("starting a private Docker engine"):
        daemon = spawn(
            [str(root / "usr/sbin/dockerd"), "--config-file", str(folder / "daemon.json")],
            log,
            {**os.environ, "PATH": path, "LD_LIBRARY_PATH": str(libraries)},
        )
        try:
            wait_until(
                lambda: bool(private.run("version", "-f", "{{.Server.Version}}", check=False)),
                "dockerd",
                daemon,
                log,
            )
        except BaseException:
            stop(daemon)
            raise
    try:
        yield private
    finally:
        stop(daemon, timeout=30)


def _unmount_below(folder: Path) -> None:
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((mount for mount in mounts if mount.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False)
