"""The agents of `examples/strands`, run on this machine with a stand-in for Amazon Bedrock."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
import subprocess
import sys
import threading
import urllib.request
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from test.rehearsal.processes import free_port, spawn, stop, wait_until

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/strands"
AGENTS = {"strands": EXAMPLE / "agent", "fastapi": EXAMPLE / "fastapi"}
MODEL = "test.model"
ANSWER = "Six times seven is 42."
STRING = 7


def install(requirements: Path) -> Path:
    """Create a virtual environment with these packages, unless it exists; returns its Python."""
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = ROOT / "build/first-agent" / digest
    if not (folder / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [str(folder / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, f"--requirement={requirements}"], check=True)
        (folder / "installed").touch()
    return folder / "bin/python"


def arm64_packages(requirements: Path) -> list[str]:
    """What pip would install on ARM Linux with Python 3.13, from wheels only."""
    linux = ("manylinux2014", "manylinux_2_17", "manylinux_2_28")
    platforms = [f"--platform={name}_aarch64" for name in linux]
    options = ["--only-binary=:all:", "--python-version=3.13", "--target=unused", "--ignore-installed"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--report=-"]
    report = subprocess.check_output([*pip, *platforms, *options, f"--requirement={requirements}"], text=True)
    return [item["metadata"]["name"] for item in json.loads(report)["install"]]


@contextlib.contextmanager
def running(agent: Path, log: Path) -> Iterator[str]:
    """The server of this folder on a free port; yields its address."""
    with bedrock() as endpoint:
        port = free_port()
        process = spawn(
            [
                str(install(agent / "requirements.txt")),
                *("-m", "uvicorn", "server:app", f"--app-dir={agent}", f"--port={port}"),
            ],
            log,
            {
                "PATH": os.environ["PATH"],
                "PYTHONDONTWRITEBYTECODE": "1",
                "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": endpoint,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_REGION": "us-east-1",
                "MODEL_ID": MODEL,
            },
        )
        try:
            wait_until(lambda: "running on" in log.read_text(), "the agent", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            stop(process)


def post(address: str, payload: object) -> dict[str, object]:
    """`POST /invocations` with JSON, and the JSON that comes back."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/invocations", json.dumps(payload).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, object] = json.load(answer)
    return found


@contextlib.contextmanager
def bedrock() -> Iterator[str]:
    """A server that answers ConverseStream with one sentence; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Model(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = self.path == f"/model/{MODEL}/converse-stream" and asked["messages"][-1]["role"] == "user"
        body = b"".join(
            [
                _event("messageStart", {"role": "assistant"}),
                _event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": ANSWER}}),
                _event("contentBlockStop", {"contentBlockIndex": 0}),
                _event("messageStop", {"stopReason": "end_turn"}),
            ]
        )
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/vnd.amazon.eventstream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def _event(name: str, content: object) -> bytes:
    """One message of an event stream: lengths and headers, each with a checksum."""
    named = {":message-type": "event", ":event-type": name, ":content-type": "application/json"}
    headers = b"".join(
        struct.pack(
            f">B{len(key)}sBH{len(value)}s", len(key), key.encode(), STRING, len(value), value.encode()
        )
        for key, value in named.items()
    )
    payload = json.dumps(content).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))
