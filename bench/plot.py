"""Draw build/bench/results.json as a picture: `python -m bench.plot <results.json> <picture.png>`.

It needs matplotlib, of requirements-bench.txt; `make bench` runs it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

COLUMNS = 2
PANEL_INCHES = (8.0, 3.4)


def main(results: str, picture: str) -> None:
    """One panel for each section and unit, one group of bars for each case; bars are minima."""
    series: list[dict[str, Any]] = json.loads(Path(results).read_text())["series"]
    panels = list(dict.fromkeys((each["section"], each["unit"]) for each in series))
    rows = -(-len(panels) // COLUMNS)
    size = (PANEL_INCHES[0] * COLUMNS, PANEL_INCHES[1] * rows)
    figure, axes = pyplot.subplots(rows, COLUMNS, figsize=size, squeeze=False, layout="constrained")
    for axis, panel in zip(axes.flat, panels, strict=False):
        draw(axis, [each for each in series if (each["section"], each["unit"]) == panel])
        axis.set_title(f"{panel[0]}: {panel[1]}", loc="left", fontsize=10)
    for axis in list(axes.flat)[len(panels) :]:
        axis.remove()
    figure.savefig(picture, dpi=110)


def draw(axis: Any, series: list[dict[str, Any]]) -> None:
    cases = list(dict.fromkeys(each["case"] for each in series))
    subjects = list(dict.fromkeys(each["subject"] for each in series))
    height = 0.8 / len(subjects)
    for number, subject in enumerate(subjects):
        found = {each["case"]: each for each in series if each["subject"] == subject}
        places = [cases.index(case) + (number + 0.5) * height - 0.4 for case in found]
        minima = [each["minimum"] for each in found.values()]
        noise = [each["median"] - each["minimum"] for each in found.values()]
        label = subject if len(subjects) > 1 else None
        axis.barh(places, minima, height, xerr=[[0.0] * len(noise), noise], label=label, ecolor="#888")
    axis.set_yticks(range(len(cases)), cases, fontsize=8)
    axis.invert_yaxis()
    axis.spines[["top", "right"]].set_visible(False)
    if len(subjects) > 1:
        axis.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))


if __name__ == "__main__":
    main(*sys.argv[1:])
