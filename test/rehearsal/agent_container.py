"""The deployed agent as a container: AgentCore's contract is port 8080, `GET /ping` and `POST /invocations`.

https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/runtime-http-protocol-contract.html
"""

from __future__ import annotations

import contextlib
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

from .docker_engine import Engine
from .emulated_aws import EmulatedAws
from .processes import RehearsalError, free_port

TIMEOUT = 60.0


@contextlib.contextmanager
def running(engine: Engine, aws: EmulatedAws, uri: str) -> Iterator[str]:
    """Pull the image and run it; yields its address.

    :raises RehearsalError: when the engine cannot run it, with the reason.
    """
    image = uri.replace(aws.region.registry, aws.registry)
    options = (f"--label={label()}", f"--publish=127.0.0.1:{free_port()}:8080")
    container = engine.run("run", "--detach", "--platform=linux/arm64", *options, image)
    try:
        address = f"http://{engine.run('port', container, '8080/tcp').splitlines()[0]}"
        _wait_for_ping(engine, container, address)
        yield address
    finally:
        engine.run("rm", "--force", container, check=False)


def label() -> str:
    """The label of the containers that this process runs; other processes may use the engine too."""
    return f"rehearsal.process={os.getpid()}"


def invoke(address: str, payload: bytes) -> str:
    """The agent's response to `POST /invocations`."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/invocations", payload, headers, method="POST")
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        text: str = answer.read().decode()
    return text


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except (OSError, urllib.error.URLError):
        return False
    return True


def _wait_for_ping(engine: Engine, container: str, address: str) -> None:
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        if engine.run("inspect", "--format={{.State.Running}}", container) != "true":
            raise RehearsalError(f"the agent's container stopped: {engine.run('logs', container)[-500:]}")
        if _answers(f"{address}/ping"):
            return
        time.sleep(0.2)
    raise RehearsalError(f"the agent did not answer GET /ping within {TIMEOUT:.0f} s")
