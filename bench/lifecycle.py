"""The builds that a stack needs over its life, in the emulated account and, for the peers, from templates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_bedrockagentcore as agentcore

from arm64_agent_image import ImageBuild
from test.rehearsal import apps
from test.rehearsal.environment import AMD64_BASE

from .contexts import agent
from .emulation import Account
from .measurement import Bench
from .processes import WITHOUT_VALIDATION, python

STEPS = (
    "first deployment",
    "no change",
    "unrelated change",
    "code change, rolled back",
    "code change again",
    "back to version 1",
    "second stack",
)
PEER_RESOURCE = "Custom::CDKContainerImageBuild"


def lifecycle(bench: Bench) -> None:
    """One series for each step, with the total; a peer's total is the reference."""
    counted = {
        "deploy-time-build, tag": peer_builds(bench, "deploy-time-build, tag"),
        "deploy-time-build, image_tag": peer_builds(bench, "deploy-time-build, image_tag"),
        "fromAsset": local_builds(bench, "fromAsset"),
        "local": local_builds(bench, "local"),
        "CodeBuild": emulated_builds(bench.account, bench.new_folder()),
    }
    for subject, builds in counted.items():
        for step in STEPS:
            bench.add(step, subject, "builds", builds[step])
        reference = "" if subject == "deploy-time-build, tag" else "deploy-time-build, tag"
        bench.add("all steps", subject, "builds", sum(builds.values()), reference=reference)


def emulated_builds(account: Account, folder: Path) -> Mapping[str, int]:
    """The builds of CodeBuild mode, each step deployed."""
    first, second = (apps.source(folder / version, version) for version in ("1", "2"))
    steps: list[tuple[str, dict[str, apps.Fill], bool]] = [
        (STEPS[0], {"Life": stack(first)}, True),
        (STEPS[1], {"Life": stack(first)}, True),
        (STEPS[2], {"Life": stack(first, description="changed")}, True),
        (STEPS[3], {"Life": stack(second, fails=True)}, False),
        (STEPS[4], {"Life": stack(second)}, True),
        (STEPS[5], {"Life": stack(first)}, True),
        (STEPS[6], {"Second": stack(first)}, True),
    ]
    return {
        step: account.deploy(folder / f"out-{number}", succeeds, **stacks).builds
        for number, (step, stacks, succeeds) in enumerate(steps)
    }


def stack(directory: Path, description: str = "agent", fails: bool = False) -> apps.Fill:
    """A stack with an image and a Runtime; one that fails has a second Runtime, with an amd64 image."""

    def fill(scope: cdk.Stack) -> None:
        image = apps.image(scope, "Image", directory, build=ImageBuild.code_build())
        name = scope.stack_name
        agent_runtime = agentcore.Runtime(
            scope,
            "Agent",
            runtime_name=f"{name}_Agent",
            description=description,
            agent_runtime_artifact=image.agent_runtime_artifact,
        )
        image.bind_runtime(agent_runtime)
        if fails:
            refused = agentcore.AgentRuntimeArtifact.from_image_uri(AMD64_BASE)
            other = agentcore.Runtime(
                scope, "Refused", runtime_name=f"{name}_Refused", agent_runtime_artifact=refused
            )
            other.node.add_dependency(agent_runtime)

    return fill


def peer_builds(bench: Bench, variant: str) -> Mapping[str, int]:
    """The peer's function starts a build for each Create and Update: whenever its properties have changed."""
    first, second = (requested(bench, variant, size) for size in (20, 21))
    change = int(first != second)
    return dict(zip(STEPS, (1, 0, 0, 2 * change, change, change, 1), strict=True))


def local_builds(bench: Bench, variant: str) -> Mapping[str, int]:
    """The CDK CLI builds an image whose tag is not in the bootstrap repository, which stacks share."""
    first, second = (tags(bench, variant, size) for size in (20, 21))
    return dict(zip(STEPS, (len(first), 0, 0, len(second - first), 0, 0, 0), strict=True))


def requested(bench: Bench, variant: str, size: int) -> object:
    resources = json.loads((synthesized(bench, variant, size) / "Agents.template.json").read_text())[
        "Resources"
    ]
    (found,) = [
        resource["Properties"] for resource in resources.values() if resource["Type"] == PEER_RESOURCE
    ]
    return found


def tags(bench: Bench, variant: str, size: int) -> set[str]:
    document: dict[str, Any] = json.loads(
        (synthesized(bench, variant, size) / "Agents.assets.json").read_text()
    )
    return set(document["dockerImages"])


def synthesized(bench: Bench, variant: str, size: int) -> Path:
    """The app with a source whose file has this size: another size is another version."""
    output = bench.new_folder()
    directory = agent(bench.new_folder(), size=size)
    python("-m", "bench.apps", variant, str(output), str(directory), more=WITHOUT_VALIDATION)
    return output
