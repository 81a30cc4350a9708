"""One account for all scenarios, and a summary of the statements of the ledger that they settle."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator

import pytest

from test import ledger
from test.rehearsal.conftest import environment

from .app import App
from .target import VARIABLE, Target, emulated, real

__all__ = ["environment"]
OUTCOMES = pytest.StashKey[dict[str, bool]]()


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    """The account that the environment names, or the rehearsal's."""
    wanted = os.environ.get(VARIABLE)
    if wanted:
        with real(wanted) as account:
            yield account
    else:
        yield emulated(request.getfixturevalue("environment"))


@pytest.fixture(scope="session")
def life(target: Target) -> Iterator[App]:
    """The app that most scenarios share, destroyed at the end in any case."""
    app = App(target, "Life")
    yield app
    _destroyed(app)


@pytest.fixture
def another(target: Target, request: pytest.FixtureRequest) -> Iterator[App]:
    """An app for one scenario."""
    app = App(target, "".join(part.capitalize() for part in request.node.name.split("_")[1:4]))
    yield app
    _destroyed(app)


def _destroyed(app: App) -> None:
    outcome = app.destroy()
    if outcome is not None and not outcome.succeeded:
        pytest.fail(f"stack {app.stack} is left behind: delete it by hand\n{outcome.output}")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[OUTCOMES] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    marker = item.get_closest_marker("scenario")
    if marker and (call.when == "call" or report.failed or report.skipped):
        outcomes = item.config.stash[OUTCOMES]
        outcomes[marker.args[0]] = outcomes.get(marker.args[0], True) and report.passed
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    outcomes = config.stash[OUTCOMES]
    if not outcomes:
        return
    settled, refuted = [], []
    for row in ledger.rows():
        passed = [outcomes.get(scenario) for scenario in row.scenarios]
        if passed and all(passed):
            settled.append(row)
        elif False in passed:
            refuted.append(row)
    is_real = bool(os.environ.get(VARIABLE))
    terminalreporter.section("statements of docs/aws.md")
    if not is_real:
        terminalreporter.line(
            f"Nothing is settled: this was the emulated account. On AWS ({VARIABLE}=<account id>) the"
            f" scenarios that passed settle {len(settled)} statements."
        )
        return
    terminalreporter.line("Settled on AWS by scenarios that passed; change their grade and cite this run:")
    for row in settled:
        terminalreporter.line(f"  {row.id}: {row.statement}")
    if refuted:
        terminalreporter.line("Not settled, because a scenario failed or was skipped; look for the cause:")
        for row in refuted:
            terminalreporter.line(f"  {row.id}: {row.statement}")
