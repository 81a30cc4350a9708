"""A deployed stack and updates of it that fail: the user reads cause and remedy on the terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import apps, queries
from .cdk_cli import Outcome
from .environment import BUSYBOX_BASE, Environment

STACK = "Failing"


@dataclass(frozen=True)
class Failure:
    """A Dockerfile or a planned fault, and the words that the user must read."""

    words: tuple[str, ...]
    dockerfile: str = apps.DOCKERFILE
    base: str = BUSYBOX_BASE
    fault: Mapping[str, Any] = field(default_factory=dict)


NO_FAILURE = Failure(())


@dataclass
class UpdatedStack:
    """A stack that runs a good image."""

    environment: Environment
    folder: Path
    good_uri: str = ""
    deployments: int = 0

    def deploy(self, version: str, failure: Failure = NO_FAILURE) -> Outcome:
        """Deploy this version of the source."""
        self.deployments += 1
        directory = apps.source(self.folder / f"agent-{self.deployments}", version, failure.dockerfile)
        output = self.folder / f"out-{self.deployments}"
        app = apps.synthesize(output, **{STACK: apps.agent(directory, base=failure.base)})
        return self.environment.cdk.deploy(app)

    def fail(self, version: str, failure: Failure) -> None:
        """Deploy what must fail, with the words of the failure, a rollback and no second build."""
        began = self.environment.aws.now()
        if failure.fault:
            self.environment.aws.plan_fault(**failure.fault)
        outcome = self.deploy(version, failure)
        self.assert_refused(outcome, failure.words)
        assert len(self.environment.aws.builds(began)) <= 1, "a rollback builds nothing"

    def assert_refused(self, outcome: Outcome, words: tuple[str, ...]) -> None:
        """The deployment failed with these words, and the Runtime still runs the good image."""
        assert not outcome.succeeded
        printed = outcome.one_line
        for phrase in words:
            assert phrase in printed, outcome.output
        assert queries.stack_status(self.environment.aws, STACK) == "UPDATE_ROLLBACK_COMPLETE"
        assert self.uri() == self.good_uri

    def uri(self) -> str:
        """The image that the Runtime runs."""
        return str(queries.runtimes(self.environment.aws)[f"{STACK}_Agent"]["uri"])

    @property
    def repository(self) -> str:
        """The repository of the stack's image."""
        return self.good_uri.partition("/")[2].rpartition(":")[0]


@contextlib.contextmanager
def updated_stack(environment: Environment, folder: Path) -> Iterator[UpdatedStack]:
    """The stack with its first, good image; it is deleted at the end."""
    stack = UpdatedStack(environment, folder)
    outcome = stack.deploy("good")
    assert outcome.succeeded, outcome.output
    stack.good_uri = stack.uri()
    yield stack
    environment.delete_stacks(folder / "out-1")
