"""Measure what the library costs and saves, beside its peers: `make bench`, or `python -m bench`.

The results are a table on the terminal, results.md and results.json, in build/bench. A section that is
measured again replaces its earlier results.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from test.rehearsal.processes import sigterm_as_interrupt
from test.rehearsal.progress import say

from .code_change import code_change, dependency_layer, response
from .cold_start import cold_start
from .contexts import contexts
from .creation import creation
from .images import images
from .lifecycle import lifecycle
from .measurement import Bench, Series, described, read, table
from .processes import ROOT
from .synthesis import synthesis

RESULTS = ROOT / "build/bench"
Measure = Callable[[Bench], None]
SECTIONS: dict[str, Measure] = {
    "creation": creation,
    "cold-start": cold_start,
    "synthesis": synthesis,
    "images": images,
    "contexts": contexts,
    "lifecycle": lifecycle,
    "code-change": code_change,
    "dependency-layer": dependency_layer,
    "response": response,
}


def main() -> int:
    """Measure the sections that were asked for, and write the results."""
    arguments = parse()
    results: list[Series] = []
    with sigterm_as_interrupt(), contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="arm64-bench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        bench = Bench(folder, stack, arguments.quick, arguments.startup)
        for name in arguments.sections or SECTIONS:
            say(f"\n== {name}: {(SECTIONS[name].__doc__ or '').splitlines()[0]}")
            bench.section = name
            SECTIONS[name](bench)
            results = write(bench)
    print("\n".join(table(results)))
    return 0


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, epilog=f"sections: {', '.join(SECTIONS)}"
    )
    parser.add_argument("sections", nargs="*", metavar="section", help="all unless named")
    parser.add_argument("--quick", action="store_true", help="few repetitions and small sizes")
    parser.add_argument(
        "--startup",
        type=lambda text: [int(seconds) for seconds in text.split(",")],
        default=[10, 45, 180],
        metavar="SECONDS,...",
        help="how long machines of CodeBuild take to start (default: 10,45,180)",
    )
    return parser.parse_args()


def write(bench: Bench) -> list[Series]:
    """Write the results; those of sections that were not measured now stay as they are."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "results.json"
    earlier = read(path) if path.exists() else []
    measured = {each.section for each in bench.series}
    kept = [each for each in earlier if each.section not in measured]
    order = list(SECTIONS)
    series = sorted([*kept, *bench.series], key=lambda each: order.index(each.section))
    path.write_text(json.dumps({"series": [described(each, series) for each in series]}, indent=1) + "\n")
    (RESULTS / "results.md").write_text("\n".join(table(series)) + "\n")
    return series


if __name__ == "__main__":
    sys.exit(main())
