"""The Docker engine of the build machine, restarted with the containerd image store.

CodeBuild's curated images start ``dockerd`` without that store, and only with it can the engine's own builder
export a layer cache to a registry.
https://github.com/aws/aws-codebuild-docker-images/blob/master/al/aarch64/standard/4.0/dockerd-entrypoint.sh
https://docs.docker.com/engine/storage/containerd/
"""

from __future__ import annotations

import os

from . import daemon
from .process import CommandError, output

STORE = "io.containerd.snapshotter.v1"


def use_containerd_store() -> bool:
    """Make sure that the engine uses the containerd image store, and return whether it does.

    An engine that does not start with it is started again as it was.
    """
    if has_containerd_store():
        return True
    running = None if "DOCKER_HOST" in os.environ else daemon.Daemon.running()
    if running is None:
        print("notice: the Docker engine cannot be restarted with the containerd image store")
        return False
    try:
        with_store = daemon.with_containerd_store(running.argv)
    except (OSError, ValueError) as error:
        print(f"notice: could not read the configuration of the Docker engine: {error}")
        return False
    daemon.stop(running.pid)
    restarted = daemon.start(running, with_store)
    if daemon.starts(restarted) and has_containerd_store():
        return True
    print("notice: the Docker engine did not start with the containerd image store; the end of its log:")
    print("\n".join(daemon.LOG_FILE.read_text(errors="replace").splitlines()[-10:]))
    if restarted.poll() is None:
        restarted.terminate()
        restarted.wait(daemon.STOP_SECONDS)
    if not daemon.starts(daemon.start(running, running.argv)):
        raise CommandError("the Docker engine of the build machine did not start again")
    return False


def has_containerd_store() -> bool:
    """Whether the engine uses the containerd image store."""
    try:
        return STORE in output(["docker", "info", "--format", "{{json .DriverStatus}}"])
    except CommandError:
        return False
