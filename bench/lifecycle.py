"""The builds that a stack needs over its life: each subject goes through the same deployments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from test.rehearsal import apps

from .emulation import Account
from .measurement import Bench
from .subjects import SUBJECTS, Image, stack

STEPS = (
    "first deployment",
    "no change",
    "unrelated change",
    "code change, rolled back",
    "code change again",
    "back to version 1",
    "second stack",
)
REFERENCE = "deploy-time-build, tag"


def lifecycle(bench: Bench) -> None:
    """Builds in CodeBuild, and by the CDK CLI, which pushes each image that it has built.

    One series for each step, with the total.
    """
    for subject, image in SUBJECTS.items():
        builds = builds_of(image, subject, bench.account, bench.new_folder())
        for step in STEPS:
            bench.add(step, subject, "builds", builds[step])
        reference = "" if subject == REFERENCE else REFERENCE
        bench.add("all steps", subject, "builds", sum(builds.values()), reference=reference)


def builds_of(image: Image, subject: str, account: Account, folder: Path) -> Mapping[str, int]:
    """The builds in each step; sources name their subject, because all share the CDK's repository."""
    first, second = (apps.source(folder / version, f"{subject}, {version}") for version in ("1", "2"))
    steps: list[tuple[dict[str, apps.Fill], bool]] = [
        ({"Life": stack(image, first)}, True),
        ({"Life": stack(image, first)}, True),
        ({"Life": stack(image, first, description="changed")}, True),
        ({"Life": stack(image, second, fails=True)}, False),
        ({"Life": stack(image, second)}, True),
        ({"Life": stack(image, first)}, True),
        ({"Second": stack(image, first)}, True),
    ]
    builds = {}
    for number, (step, (stacks, succeeds)) in enumerate(zip(STEPS, steps, strict=True)):
        deployment = account.deploy(folder / f"out-{number}", succeeds, **stacks)
        builds[step] = deployment.builds + deployment.builds_of_cdk
    for output in ("out-0", f"out-{len(steps) - 1}"):
        account.environment.delete_stacks(folder / output)
    return builds
