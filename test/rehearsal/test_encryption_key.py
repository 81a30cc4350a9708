"""Another key of the repository, which Amazon ECR cannot change: the image moves to a new repository."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_kms as kms

from arm64_agent_image import ImageBuild

from . import apps, reading
from .stage import Rehearsal


def test_another_key_moves_the_image_to_a_repository_of_its_own(stage: Rehearsal, tmp_path: Path) -> None:
    began, directory = stage.account.now(), apps.source(tmp_path / "agent", "1")
    seen = []
    for number, key in enumerate([None, "First", "Second", None]):

        def fill(stack: cdk.Stack, key: str | None = key) -> None:
            keys = {name: kms.Key(stack, name) for name in ("First", "Second")}
            build = ImageBuild.code_build(encryption_key=keys[key] if key else None)
            apps.runtime(stack, "Agent", apps.image(stack, "Image", directory, build=build))

        output = apps.synthesize(tmp_path / f"out-{number}", Keyed=fill)
        outcome = stage.cdk.deploy(output)
        assert outcome.succeeded, outcome.output
        (repository,) = reading.repositories(stage.account)
        uri = reading.runtimes(stage.account)["Keyed_Agent"]["uri"]
        assert uri.partition("/")[2].startswith(f"{repository}:")
        assert reading.platform(stage.account, uri) == "linux/arm64"
        seen.append((repository, reading.encryption_key(stage.account, repository)))
    assert len(stage.account.builds(began)) == len(seen)
    assert len({key for _, key in seen[:3]}) == 3
    assert seen[0] == seen[3] == (seen[0][0], None)
    assert stage.cdk.destroy(output).succeeded
    assert reading.leftovers(stage.account) == {}
