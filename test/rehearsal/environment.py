"""The environment of a rehearsal: engine, emulated AWS and base images, bootstrapped."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from . import base_images, cdk_cli
from .docker_engine import Engine
from .emulated_aws import DEFAULT_REGION, EmulatedAws, Region, emulated_aws
from .engine import engine
from .processes import RehearsalError, sigterm_as_interrupt
from .progress import step

PROJECT = Path(__file__).resolve().parents[2]
PYTHON, BUSYBOX, AMD64 = "base/python:3.13-slim", "base/busybox:1", "base/amd64:1"
MAKERS = {PYTHON: base_images.python, BUSYBOX: base_images.busybox, AMD64: base_images.amd64}
PYTHON_BASE = f"{DEFAULT_REGION.registry}/{PYTHON}"
BUSYBOX_BASE = f"{DEFAULT_REGION.registry}/{BUSYBOX}"
AMD64_BASE = f"{DEFAULT_REGION.registry}/{AMD64}"
AMD64_INDEX = f"{DEFAULT_REGION.registry}/base/amd64:index"

INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True)
class Environment:
    """An emulated account with a registry, and the tools that deploy to it."""

    folder: Path
    engine: Engine
    aws: EmulatedAws
    cdk: cdk_cli.CdkCli

    def delete_stacks(self, assembly: Path) -> None:
        """Delete the stacks of an assembly, each before those that it needs; quicker than `cdk destroy`."""
        artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"]
        stacks = {name for name, each in artifacts.items() if each["type"] == "aws:cloudformation:stack"}
        needs = {name: stacks & set(artifacts[name].get("dependencies", ())) for name in stacks}
        for name in reversed(list(TopologicalSorter(needs).static_order())):
            self.aws.delete_stack(name)


@contextlib.contextmanager
def rehearsal() -> Iterator[Environment]:
    """Start everything, and stop it at the end, also after an interrupt."""
    with sigterm_as_interrupt(), engine() as docker, bootstrapped(docker) as running:
        _put_index(running.aws)
        yield running


@contextlib.contextmanager
def bootstrapped(
    docker: Engine, region: Region = DEFAULT_REGION, images: Iterable[str] = MAKERS
) -> Iterator[Environment]:
    """A bootstrapped account with these base images, for a running engine."""
    program = cdk_cli.program(PROJECT / "node_modules")
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="arm64-rehearsal-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        cloud = stack.enter_context(emulated_aws(folder, docker, region))
        with step("serving base images"):
            for name in images:
                _serve(docker, cloud, name)
        tool = cdk_cli.CdkCli(program, cloud, docker, folder)
        with step("cdk bootstrap"):
            outcome = tool.bootstrap()
        if not outcome.succeeded:
            raise RehearsalError(f"cdk bootstrap failed:\n{outcome.output[-2000:]}")
        yield Environment(folder, docker, cloud, tool)


def _serve(docker: Engine, cloud: EmulatedAws, name: str) -> None:
    """Build a base image and push it to the account's registry."""
    cloud.client("ecr").create_repository(repositoryName=name.partition(":")[0])
    local = f"{cloud.registry}/{name}"
    MAKERS[name](docker, cloud.folder, local)
    docker.run("push", "--quiet", local)


def _put_index(cloud: EmulatedAws) -> None:
    """Push an index of linux/amd64 only, as published base images without arm64 have."""
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
