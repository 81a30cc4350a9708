"""The Docker engine of a rehearsal: the one that this machine has, or a private one."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from . import binfmt, debian
from .docker_engine import Engine
from .private_engine import private_engine
from .processes import RehearsalError
from .progress import say

DEFAULT_HOST = "unix:///var/run/docker.sock"
QEMU_PACKAGES = (f"qemu-user/{debian.SUITE}",)


@contextlib.contextmanager
def engine() -> Iterator[Engine]:
    """An engine for the duration of the block."""
    with contextlib.ExitStack() as stack:
        found = _existing()
        chosen = _with_own_configuration(found or stack.enter_context(_private()), stack)
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


def _private() -> contextlib.AbstractContextManager[Engine]:
    if sentence := missing():
        raise RehearsalError(sentence)
    return private_engine()


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
        private = private_engine(debian.CURATED, containerd_store=containerd_store)
        chosen = _with_own_configuration(stack.enter_context(private), stack)
        _enter_emulation(stack)
        yield chosen


def _enter_emulation(stack: contextlib.ExitStack) -> None:
    if binfmt.is_needed(debian.cache_folder()) and debian.is_debian():
        root = debian.unpacked("qemu", QEMU_PACKAGES, keep="qemu-aarch64")
        stack.enter_context(binfmt.registered(root / "usr/bin/qemu-aarch64", debian.cache_folder()))
