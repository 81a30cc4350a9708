"""Measured values, and what is reported of them."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path

from test.rehearsal.progress import say

from .emulation import Account, emulated_account

COLUMNS = (
    "section",
    "case",
    "subject",
    "unit",
    "n",
    "minimum",
    "median",
    "ratio of minima",
    "median ratio",
    "goal",
)


@dataclass(frozen=True)
class Series:
    """The values that one subject has in one case, such as the CPU seconds of an app's synthesis.

    A series with a reference has ratios to it. Values of equal position were measured right after each
    other, so that a busy machine slows down both.
    """

    section: str
    case: str
    subject: str
    unit: str
    values: list[float]
    reference: str = ""
    goal: float | None = None

    @property
    def minimum(self) -> float:
        return min(self.values)

    @property
    def median(self) -> float:
        return statistics.median(self.values)


@dataclass(frozen=True)
class Ratio:
    """A series in relation to its reference."""

    of_minima: float
    median_of_pairs: float


def ratio(series: Series, all_series: Iterable[Series]) -> Ratio | None:
    """The ratio of a series to its reference, if it has one."""
    same_case = [each for each in all_series if (each.section, each.case, each.unit) == key(series)]
    found = [each for each in same_case if each.subject == series.reference]
    if not found or found[0].minimum <= 0:
        return None
    pairs = zip(series.values, found[0].values, strict=False)
    return Ratio(
        series.minimum / found[0].minimum, statistics.median(own / other for own, other in pairs if other)
    )


def key(series: Series) -> tuple[str, str, str]:
    return series.section, series.case, series.unit


@dataclass
class Bench:
    """How much to measure, where to work, and what has been measured."""

    folder: Path
    resources: ExitStack
    quick: bool
    startups: list[int]
    series: list[Series] = field(default_factory=list)
    section: str = ""

    @cached_property
    def account(self) -> Account:
        """The emulated account, which starts when a section first needs it."""
        return self.resources.enter_context(emulated_account())

    def repetitions(self, thorough: int, quick: int = 1) -> int:
        return quick if self.quick else thorough

    def add(self, case: str, subject: str, unit: str, *values: float, **options: object) -> None:
        self.series.append(
            Series(self.section, case, subject, unit, list(values), **options)  # type: ignore[arg-type]
        )
        say(f"  {case}: {subject}: {min(values):.3g} {unit}")

    def new_folder(self) -> Path:
        """A folder that does not exist yet."""
        return self.folder / f"{self.section.replace(' ', '-')}-{time.monotonic_ns()}"


def described(series: Series, all_series: Iterable[Series]) -> dict[str, object]:
    """A series with its statistics, for JSON."""
    found = ratio(series, all_series)
    summary = {"n": len(series.values), "minimum": series.minimum, "median": series.median}
    return {**asdict(series), **summary, "ratio": asdict(found) if found else None}


def read(path: Path) -> list[Series]:
    """The series of a JSON file of results."""
    names = [each.name for each in fields(Series)]
    document = json.loads(path.read_text())
    return [Series(**{name: each[name] for name in names}) for each in document["series"]]


def table(series: list[Series]) -> Iterator[str]:
    """The lines of a Markdown table."""
    yield f"| {' | '.join(COLUMNS)} |"
    yield "|---|---|---|---|--:|--:|--:|--:|--:|--:|"
    for each in series:
        found = ratio(each, series)
        ratios = (f"{found.of_minima:.2f}", f"{found.median_of_pairs:.2f}") if found else ("", "")
        cells = [each.section, each.case, each.subject, each.unit, str(len(each.values))]
        cells += [f"{each.minimum:.4g}", f"{each.median:.4g}", *ratios]
        yield f"| {' | '.join(cells)} | {'' if each.goal is None else f'{each.goal:g}'} |"
