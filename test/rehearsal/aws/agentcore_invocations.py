"""AgentCore's data plane: an invocation reaches a container of the image of the Runtime's version.

https://docs.aws.amazon.com/bedrock-agentcore/latest/APIReference/API_InvokeAgentRuntime.html
https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/runtime-http-protocol-contract.html
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from test.rehearsal.processes import free_port

DOCKER = Path(os.environ.get("REHEARSAL_LAUNCHERS", "")) / "docker"
START_SECONDS = 240.0
_addresses: dict[tuple[str, str], str] = {}
_lock = threading.Lock()


def invocations_url(runtime: dict[str, Any]) -> str:
    """The URL of the container of a Runtime's version, which the first invocation starts."""
    version = (runtime["agentRuntimeId"], str(runtime["agentRuntimeVersion"]))
    with _lock:
        if version not in _addresses:
            uri = runtime["agentRuntimeArtifact"]["containerConfiguration"]["containerUri"]
            _addresses[version] = _started(uri, runtime.get("environmentVariables") or {})
        return f"{_addresses[version]}/invocations"


def _started(uri: str, variables: dict[str, str]) -> str:
    options = [f"--env={name}={value}" for name, value in variables.items()]
    container = _docker(
        "run", "--detach", "--platform=linux/arm64", f"--publish=127.0.0.1:{free_port()}:8080", *options, uri
    )
    address = f"http://{_docker('port', container, '8080/tcp').splitlines()[0]}"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{address}/ping", timeout=5).close()
            return address
        if _docker("inspect", "--format={{.State.Running}}", container) != "true":
            raise RuntimeError(f"the agent's container stopped: {_docker('logs', container)[-500:]}")
        time.sleep(0.2)
    raise RuntimeError(f"the agent did not answer GET /ping within {START_SECONDS:.0f} s")


def _docker(*arguments: str) -> str:
    done = subprocess.run([str(DOCKER), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"docker {arguments[0]} failed: {done.stderr.strip()[-500:]}")
    return done.stdout.strip()
