"""How CodeBuild runs the phases of a buildspec.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

PHASES = ("install", "pre_build", "build", "post_build")


@dataclass(frozen=True)
class Phase:
    """One phase with its commands."""

    name: str
    commands: Sequence[str]
    abort: bool


@dataclass(frozen=True)
class Outcome:
    """How a phase ended; `command` is the one that failed, with its exit status."""

    phase: str
    command: str = ""
    exit_status: int = 0

    @property
    def succeeded(self) -> bool:
        """Whether every command succeeded."""
        return self.exit_status == 0


def phases(text: str) -> list[Phase]:
    """The phases of a buildspec, in CodeBuild's order."""
    document: Mapping[str, Any] = yaml.safe_load(text)
    named: Mapping[str, Any] = document.get("phases") or {}
    return [
        Phase(name.upper(), (named.get(name) or {}).get("commands") or [],
              (named.get(name) or {}).get("on-failure") == "ABORT")
        for name in PHASES
    ]  # fmt: skip


def variables(text: str) -> Mapping[str, str]:
    """The plain environment variables that a buildspec declares."""
    declared = (yaml.safe_load(text).get("env") or {}).get("variables") or {}
    return {str(name): str(value) for name, value in declared.items()}


def run(
    planned: Sequence[Phase], execute: Callable[[str], int], begin: Callable[[str], None]
) -> Iterator[Outcome]:
    """Run phase by phase; after a failed BUILD only POST_BUILD follows, after any other failure nothing."""
    for phase in planned:
        begin(phase.name)
        outcome = _run_commands(phase, execute)
        yield outcome
        if not outcome.succeeded and (phase.name != "BUILD" or phase.abort):
            return


def _run_commands(phase: Phase, execute: Callable[[str], int]) -> Outcome:
    for command in phase.commands:
        status = execute(command)
        if status:
            return Outcome(phase.name, command, status)
    return Outcome(phase.name)
