"""Ten images at once in an account that runs one ARM build at a time: they wait for their turn."""

from __future__ import annotations

from pathlib import Path

from . import apps, reading
from .stage import Rehearsal

IMAGES = 10


def test_ten_images_deploy_in_the_first_try_one_build_at_a_time(stage: Rehearsal, tmp_path: Path) -> None:
    """The emulated CloudFormation makes one resource of a stack after the other, hence ten stacks at once."""
    stacks = {
        f"Many{number}": apps.agent(apps.source(tmp_path / f"agent-{number}", str(number)))
        for number in range(IMAGES)
    }
    output = apps.synthesize(tmp_path / "out", **stacks)
    stage.account.limit_builds(1)
    began = stage.account.now()
    outcome = stage.cdk.deploy(output, f"--concurrency={IMAGES}")
    assert outcome.succeeded, outcome.output
    events = stage.account.journal("build", began)
    assert len(stage.account.builds(began)) == IMAGES
    assert [event["status"] for event in events].count("SUCCEEDED") == IMAGES
    assert stage.account.journal("refused", began), "more builds were asked for than may wait in the queue"
    uris = {
        found["uri"] for name, found in reading.runtimes(stage.account).items() if name.startswith("Many")
    }
    assert len(uris) == IMAGES
    stage.account.limit_builds(None)
    assert stage.cdk.destroy(output).succeeded
