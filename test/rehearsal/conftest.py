"""One environment for all scenarios, as an AWS account outlives its deployments."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import engine
from .environment import Environment, rehearsal


@pytest.fixture(scope="session")
def environment() -> Iterator[Environment]:
    """The emulated account with its registry and tools; skipped with a reason where it cannot run."""
    sentence = engine.missing()
    if sentence:
        pytest.skip(sentence)
    with rehearsal() as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """No fault and no build is left for the next scenario."""
    yield
    if "environment" in request.fixturenames:
        aws = request.getfixturevalue("environment").aws
        aws.clear_faults()
        aws.ends_of_builds()
