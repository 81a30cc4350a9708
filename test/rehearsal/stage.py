"""The whole rehearsal as one context manager: engine, account, base images, bootstrapped, ready to deploy."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import base_images, cdk, lambda_runtime
from .account import REGISTRY, Account, account
from .engine import Engine, engine
from .processes import RehearsalError, sigterm_as_interrupt
from .progress import step

PROJECT = Path(__file__).resolve().parents[2]
PYTHON_BASE = f"{REGISTRY}/base/python:3.13-slim"
BUSYBOX_BASE = f"{REGISTRY}/base/busybox:1"
AMD64_BASE = f"{REGISTRY}/base/amd64:1"
AMD64_INDEX = f"{REGISTRY}/base/amd64:index"

INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True)
class Rehearsal:
    """An emulated account with a registry, and the tools that deploy to it."""

    folder: Path
    engine: Engine
    account: Account
    cdk: cdk.Cdk


@contextlib.contextmanager
def rehearsal() -> Iterator[Rehearsal]:
    """Start everything, and stop everything at the end, after an interrupt too."""
    program = cdk.program(PROJECT / "node_modules")
    with contextlib.ExitStack() as stack:
        stack.enter_context(sigterm_as_interrupt())
        folder = Path(tempfile.mkdtemp(prefix="arm64-rehearsal-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        docker = stack.enter_context(engine())
        cloud = stack.enter_context(account(folder, docker, lambda_runtime.node_modules()))
        serve_base_images(docker, cloud)
        tool = cdk.Cdk(program, cloud, docker, folder)
        with step("cdk bootstrap"):
            outcome = tool.bootstrap()
        if not outcome.succeeded:
            raise RehearsalError(f"cdk bootstrap failed:\n{outcome.output[-2000:]}")
        yield Rehearsal(folder, docker, cloud, tool)


def serve_base_images(docker: Engine, cloud: Account) -> None:
    """Put the base images that the Dockerfiles name into the account's registry."""
    makers = {
        PYTHON_BASE: base_images.python,
        BUSYBOX_BASE: base_images.busybox,
        AMD64_BASE: base_images.amd64,
    }
    with step("serving base images"):
        for uri, make in makers.items():
            name = uri.partition("/")[2]
            cloud.client("ecr").create_repository(repositoryName=name.partition(":")[0])
            local = f"{cloud.registry}/{name}"
            make(docker, cloud.folder, local)
            docker.run("push", "--quiet", local)
    _put_index(cloud)


def _put_index(cloud: Account) -> None:
    """An index that offers linux/amd64 only, as most published base images without arm64 are."""
    ecr, name = cloud.client("ecr"), "base/amd64"
    (image,) = ecr.batch_get_image(repositoryName=name, imageIds=[{"imageTag": "1"}])["images"]
    entry = {
        "mediaType": image["imageManifestMediaType"],
        "digest": image["imageId"]["imageDigest"],
        "size": len(image["imageManifest"].encode()),
        "platform": {"os": "linux", "architecture": "amd64"},
    }
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
    url, body = f"http://{cloud.registry}/v2/{name}/manifests/index", json.dumps(index).encode()
    urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": INDEX}, method="PUT")).close()
