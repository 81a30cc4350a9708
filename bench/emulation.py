"""Deployments to the rehearsal's emulated account, and what its journal says about them."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arm64_agent_image import ImageBuild
from test.rehearsal import apps, cdk_cli, emulated_aws, engine
from test.rehearsal.environment import Environment, bootstrapped

IMAGE = "Custom::Arm64AgentImage"
PEER_IMAGE = "Custom::CDKContainerImageBuild"
PEER_PROGRAMS = ("curl", "unzip")
BESIDE_IMAGES = ("cache-", "plan-")
TIMEOUT = 1200.0
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Deployment:
    """The events of a deployment."""

    events: list[dict[str, Any]]

    @property
    def builds(self) -> int:
        return len([e for e in self.of("build") if e["status"] == "IN_PROGRESS"])

    @property
    def builds_of_cdk(self) -> int:
        """The images that the CDK CLI built: it pushes each to the repository of its bootstrap stack."""
        pushes = [each for each in self.of("push") if each["repository"].startswith("cdk-")]
        return len({each["reference"] for each in pushes if not each["reference"].startswith("sha256:")})

    @property
    def running(self) -> int:
        """The builds that have not ended."""
        return self.builds - len([event for event in self.of("build") if event["status"] != "IN_PROGRESS"])

    @property
    def build_seconds(self) -> float:
        (ended,) = [event for event in self.of("build") if "seconds" in event]
        return float(ended["seconds"])

    @property
    def cache_seconds(self) -> float:
        """How long the export of the layer cache took, as the build program says in its log."""
        found = [
            re.search(r"^wrote the layer cache in ([\d.]+) s$", event["line"]) for event in self.of("log")
        ]
        return sum(float(match[1]) for match in found if match)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == kind]

    def image_seconds(self, stack: str) -> float:
        """How long CloudFormation waited for the image."""
        began, ended = self._image_times(stack)
        return ended - began

    def answer_seconds(self, stack: str) -> float:
        """From the push of the image's manifest to the response."""
        pushes = [e["at"] for e in self.of("push") if not e["reference"].startswith(BESIDE_IMAGES)]
        _, ended = self._image_times(stack)
        return ended - float(max(pushes))

    def calls(self, service: str) -> int:
        """The calls to AWS APIs that the function made."""
        return len(
            [e for e in self.of("call") if "Provider" in e["role"] and e["action"].startswith(service)]
        )

    def _image_times(self, stack: str) -> tuple[float, float]:
        """When the image began and ended; the deletion of an image that it replaces follows later."""
        events = [e for e in self.of("resource") if e["type"] in (IMAGE, PEER_IMAGE) and e["stack"] == stack]
        ended = next(event for event in events if event["status"].endswith("_COMPLETE"))
        return float(events[0]["at"]), float(ended["at"])


@dataclass(frozen=True)
class Account:
    """The emulated account, with the waits of a real one."""

    environment: Environment

    def deploy(self, output: Path, succeeds: bool = True, /, **stacks: apps.Fill) -> Deployment:
        """Deploy these stacks at the same time, and wait for the ends of their builds."""
        aws = self.environment.aws
        began = aws.now()
        assembly = apps.synthesize(output, **stacks)
        outcome = self.environment.cdk.deploy(assembly, f"--concurrency={len(stacks)}")
        if outcome.succeeded != succeeds:
            raise RuntimeError(f"cdk deploy ended with {outcome.exit_status}:\n{outcome.output[-3000:]}")
        while (deployment := Deployment(aws.journal(since=began))).running:
            time.sleep(POLL_SECONDS)
        return deployment


def agent(directory: Path, **options: Any) -> apps.Fill:
    """A stack with one image and one Runtime, with the defaults of CodeBuild mode."""
    return apps.agent(directory, build=ImageBuild.code_build(**options))


@contextlib.contextmanager
def emulated_account() -> Iterator[Account]:
    """The account for the duration of the block, with the Docker of CodeBuild's curated images.

    :raises RuntimeError: when this machine lacks what the rehearsal needs.
    """
    if sentence := engine.missing():
        raise RuntimeError(sentence)
    if absent := [program for program in PEER_PROGRAMS if not shutil.which(program)]:
        raise RuntimeError(f"deploy-time-build's builds need {' and '.join(absent)}")
    emulated_aws.WAIT_SCALE, cdk_cli.TIMEOUT = "1", TIMEOUT
    with engine.curated(containerd_store=True) as docker, bootstrapped(docker) as environment:
        yield Account(environment)
