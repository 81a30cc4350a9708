"""The image in one stack and its Runtime in another: new code is deployed although one imports the other."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk

from . import apps, queries
from .cdk_cli import Outcome
from .environment import Environment


def deploy(environment: Environment, folder: Path, version: str) -> Outcome:
    """Deploy this version of the agent, the Runtime's stack after the image's."""
    directory = apps.source(folder / "agent", version)
    made = []

    def hold_image(stack: cdk.Stack) -> None:
        made.append(apps.image(stack, "Image", directory))

    def hold_runtime(stack: cdk.Stack) -> None:
        apps.runtime(stack, "Agent", made[0])

    output = apps.synthesize(folder / f"out-{version}", TwoImage=hold_image, TwoAgent=hold_runtime)
    return environment.cdk.deploy(output)


def test_new_code_is_deployed_across_stacks_without_export_in_use(
    environment: Environment, tmp_path: Path
) -> None:
    began = environment.aws.now()
    uris = []
    for version in ("1", "2"):
        outcome = deploy(environment, tmp_path, version)
        assert outcome.succeeded, outcome.output
        uris.append(queries.runtimes(environment.aws)["TwoAgent_Agent"]["uri"])
    assert uris[0] != uris[1]
    assert uris[0].rpartition(":")[0] == uris[1].rpartition(":")[0]
    assert len(environment.aws.builds(began)) == 2
    destroyed = environment.cdk.destroy(tmp_path / "out-2")
    assert destroyed.succeeded, destroyed.output
