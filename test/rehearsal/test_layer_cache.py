"""A code-only change does not run the dependency step again, although every CodeBuild host starts empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import apps, queries
from .environment import Environment

HEAVY = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY requirements.txt /
RUN echo installing the heavy dependencies && touch /installed
COPY version.txt /
"""


def test_code_change_reuses_the_dependency_layer_from_the_registry(
    environment: Environment, tmp_path: Path
) -> None:
    if not environment.engine.private:
        pytest.skip("the build cache of this machine's own engine is not emptied")

    def deploy(version: str, requirements: str) -> list[str]:
        began = environment.aws.now()
        directory = apps.source(tmp_path / "agent", version, HEAVY)
        (directory / "requirements.txt").write_text(requirements)
        output = apps.synthesize(tmp_path / f"out-{version}", Cached=apps.agent(directory))
        outcome = environment.cdk.deploy(output)
        assert outcome.succeeded, outcome.output
        assert environment.aws.ends_of_builds(began) == ["SUCCEEDED"]
        return [event["line"] for event in environment.aws.journal("log", began)]

    lines = deploy("1", "agent==1")
    assert any("installing the heavy dependencies" in line and "RUN" not in line for line in lines)
    lines = deploy("2", "agent==1")
    assert not any("installing the heavy dependencies" in line and "RUN" not in line for line in lines)
    assert any("CACHED" in line for line in lines)
    lines = deploy("3", "agent==2")
    assert any("installing the heavy dependencies" in line and "RUN" not in line for line in lines)

    (uri,) = [r["uri"] for name, r in queries.runtimes(environment.aws).items() if name == "Cached_Agent"]
    assert queries.platform(environment.aws, uri) == "linux/arm64"
    environment.delete_stacks(tmp_path / "out-3")
    assert not [name for name in queries.repositories(environment.aws) if "-cached-" in name]
