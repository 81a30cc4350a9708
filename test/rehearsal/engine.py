"""The Docker engine: the one that this machine has, or a private one that leaves no trace."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from . import binfmt, debian
from .processes import RehearsalError, spawn, stop, wait_until
from .progress import say, step
from .reference_counting import reference_counted

ENGINE_PACKAGES = ("docker.io", "docker-cli", "docker-buildx", "containerd")
DEFAULT_HOST = "unix:///var/run/docker.sock"
BRIDGE = Path("/sys/class/net/docker0")
QEMU_PACKAGES = (f"qemu-user/{debian.SUITE}",)


@dataclass(frozen=True)
class Engine:
    """A Docker engine that builds linux/arm64, and how to reach it."""

    docker: str
    private: bool
    plugins: Sequence[str]
    environment: Mapping[str, str]
    packages: Path | None = None

    @property
    def is_on_this_machine(self) -> bool:
        """Whether the engine listens on a socket of this machine."""
        return self.environment["DOCKER_HOST"].startswith("unix://")

    def run(self, *arguments: str, check: bool = True) -> str:
        """Run the docker command line and return what it printed."""
        result = subprocess.run(
            [self.docker, *arguments], env={**os.environ, **self.environment}, capture_output=True, text=True
        )
        if check and result.returncode:
            raise RehearsalError(
                f"docker {' '.join(arguments[:3])} failed: {(result.stderr or result.stdout).strip()}"
            )
        return result.stdout.strip()

    def images(self) -> set[str]:
        """The ids of all images of the engine."""
        return set(self.run("image", "ls", "--all", "--quiet", "--no-trunc").split())

    def containers(self, *filters: str) -> set[str]:
        """The ids of all containers of the engine, or of those that pass the filters."""
        options = [f"--filter={each}" for each in filters]
        return set(self.run("container", "ls", "--all", "--quiet", "--no-trunc", *options).split())

    def build_cache(self) -> set[str]:
        """The ids of the build cache records."""
        lines = self.run("buildx", "du", check=False).splitlines()
        return {
            line.split()[0].rstrip("*")
            for line in lines[1:]
            if len(line.split()) > 2 and len(line.split()[0]) > 20
        }

    def prune_build_cache(self) -> None:
        """Empty the build cache of a private engine, as it is on a fresh CodeBuild host."""
        if not self.private:
            raise RehearsalError("the build cache of this machine's own engine is not emptied")
        self.run("buildx", "prune", "--all", "--force")


@contextlib.contextmanager
def engine() -> Iterator[Engine]:
    """An engine for the duration of the block."""
    with contextlib.ExitStack() as stack:
        found = _existing()
        chosen = _with_own_configuration(found or stack.enter_context(_private_engine()), stack)
        if found:
            say(f"  using the Docker engine at {found.environment['DOCKER_HOST']}")
            stack.enter_context(_left_as_found(chosen))
        _enter_emulation(stack)
        yield chosen


def _with_own_configuration(bare: Engine, stack: contextlib.ExitStack) -> Engine:
    """Give the docker command line a configuration of its own, so that no login reaches the user's."""
    folder = Path(tempfile.mkdtemp(prefix="arm64-docker-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    (folder / "config.json").write_text(json.dumps({"cliPluginsExtraDirs": list(bare.plugins)}))
    return replace(bare, environment={**bare.environment, "DOCKER_CONFIG": str(folder)})


def missing() -> str | None:
    """What this machine lacks for the rehearsal, in one sentence, or None."""
    found = _existing()
    if found and not found.run("buildx", "version", check=False):
        return f"the Docker engine runs, but `{found.docker} buildx version` fails: install docker-buildx"
    if found and (platform.system() != "Linux" or not found.is_on_this_machine):
        return (
            "the rehearsal needs a Docker engine on this machine's own Linux, because its registry listens on"
            " 127.0.0.1; this one runs in a virtual machine or on another host"
        )
    if found:
        return None
    if platform.system() != "Linux" or not debian.is_debian():
        return "the rehearsal needs a running Docker engine that builds linux/arm64; `docker info` finds none"
    if os.geteuid() != 0:
        return "the rehearsal needs a running Docker engine, or root on Debian to start a private one"
    return None


def _existing() -> Engine | None:
    docker = shutil.which("docker")
    if not docker:
        return None
    environment = {"DOCKER_HOST": os.environ.get("DOCKER_HOST") or _context_host(docker) or DEFAULT_HOST}
    own = Path(os.environ.get("DOCKER_CONFIG", str(Path.home() / ".docker")))
    found = Engine(docker, private=False, plugins=[str(own / "cli-plugins")], environment=environment)
    try:
        answer = subprocess.run(
            [docker, "info", "--format", "{{.ServerVersion}}"],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=20,
        )
    except subprocess.TimeoutExpired:
        return None
    return found if answer.returncode == 0 and answer.stdout.strip() else None


def _context_host(docker: str) -> str:
    result = subprocess.run(
        [docker, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"],
        capture_output=True,
        text=True,
    )
    return result.stdout.strip() if result.returncode == 0 else ""


@contextlib.contextmanager
def _left_as_found(found: Engine) -> Iterator[None]:
    images, containers, cache = found.images(), found.containers(), found.build_cache()
    try:
        yield
    finally:
        for container in found.containers() - containers:
            found.run("container", "rm", "--force", container, check=False)
        for image in found.images() - images:
            found.run("image", "rm", "--force", image, check=False)
        for record in found.build_cache() - cache:
            found.run("buildx", "prune", "--force", "--all", "--filter", f"id={record}", check=False)


def has_curated() -> bool:
    """Whether an engine of the curated images' version can be started here."""
    return debian.is_debian() and os.geteuid() == 0


@contextlib.contextmanager
def curated(*, containerd_store: bool) -> Iterator[Engine]:
    """An engine of the curated images' version with either store on Debian, else the one that is there."""
    if not has_curated():
        with engine() as found:
            yield found
        return
    with contextlib.ExitStack() as stack:
        private = _private_engine(debian.CURATED, containerd_store=containerd_store)
        chosen = _with_own_configuration(stack.enter_context(private), stack)
        _enter_emulation(stack)
        yield chosen


def _enter_emulation(stack: contextlib.ExitStack) -> None:
    if binfmt.is_needed(debian.cache_folder()) and debian.is_debian():
        root = debian.unpacked("qemu", QEMU_PACKAGES, keep="qemu-aarch64")
        stack.enter_context(binfmt.registered(root / "usr/bin/qemu-aarch64", debian.cache_folder()))


@contextlib.contextmanager
def _private_engine(suite: str = debian.SUITE, *, containerd_store: bool = True) -> Iterator[Engine]:
    sentence = missing()
    if sentence:
        raise RehearsalError(sentence)
    own = debian.codename()
    packages = [f"{name}/{suite}" for name in ENGINE_PACKAGES] + [f"runc/{own}", f"libseccomp2/{own}"]
    root = debian.unpacked("docker", packages)
    with reference_counted("docker0", debian.cache_folder(), lambda: not BRIDGE.exists(), _delete_bridge):
        folder = Path(tempfile.mkdtemp(prefix="arm64-engine-"))
        try:
            with _started(root, folder, containerd_store) as private:
                try:
                    yield private
                finally:
                    for container in private.containers():
                        private.run("container", "rm", "--force", container, check=False)
        finally:
            _remove(folder)


def _delete_bridge() -> None:
    if shutil.which("ip"):
        subprocess.run(["ip", "link", "delete", BRIDGE.name], capture_output=True, check=False)


def _remove(folder: Path) -> None:
    for _ in range(10):
        _unmount_below(folder)
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.5)


@contextlib.contextmanager
def _started(root: Path, folder: Path, containerd_store: bool) -> Iterator[Engine]:
    config = {
        "data-root": str(folder / "data"),
        "exec-root": str(folder / "exec"),
        "pidfile": str(folder / "dockerd.pid"),
        "hosts": [f"unix://{folder}/docker.sock"],
        "features": {"containerd-snapshotter": containerd_store},
        # engines that run at the same time share docker0, so each needs addresses of its own; without the
        # address of the bridge, Docker 28 gives it one of its own, and cuts the others off
        "bip": "172.17.0.1/16",
        "fixed-cidr": f"172.17.{os.getpid() % 254 + 1}.0/24",
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
