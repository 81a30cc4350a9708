"""Ten images at once in an account that runs one ARM build at a time: the builds take turns."""

from __future__ import annotations

from pathlib import Path

from . import apps, queries
from .environment import Environment

IMAGES = 10


def test_ten_images_deploy_at_once_with_one_build_at_a_time(environment: Environment, tmp_path: Path) -> None:
    """The emulated CloudFormation creates the resources of a stack one by one, hence ten stacks at once."""
    stacks = {
        f"Many{number}": apps.agent(apps.source(tmp_path / f"agent-{number}", str(number)))
        for number in range(IMAGES)
    }
    output = apps.synthesize(tmp_path / "out", **stacks)
    environment.aws.limit_builds(1)
    began = environment.aws.now()
    outcome = environment.cdk.deploy(output, f"--concurrency={IMAGES}")
    assert outcome.succeeded, outcome.output
    assert len(environment.aws.builds(began)) == IMAGES
    assert environment.aws.ends_of_builds(began) == ["SUCCEEDED"] * IMAGES
    assert environment.aws.journal("refused", began), "more builds were asked for than may wait in the queue"
    uris = {
        found["uri"] for name, found in queries.runtimes(environment.aws).items() if name.startswith("Many")
    }
    assert len(uris) == IMAGES
    environment.aws.limit_builds(None)
    environment.delete_stacks(output)
