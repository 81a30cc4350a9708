"""Synthesis of one app, in fresh processes, against a Runtime whose image exists already."""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping

from .apps import VARIANTS
from .contexts import agent
from .measurement import Bench
from .processes import WITHOUT_VALIDATION, Cost, python

REFERENCE = "bare Runtime"
GOALS = {"local": 1.05, "CodeBuild": 1.15, "CodeBuild, with options": 1.15}


def synthesis(bench: Bench) -> None:
    """Wall time, CPU time and memory, each round with all variants one after the other.

    The CDK's validation of templates takes most of the time, whatever the app is, and its own time varies by
    a third. Each variant is therefore measured with it, often, and without it.
    """
    measure(bench, "validated", bench.repetitions(20), {})
    measure(bench, "not validated", bench.repetitions(10, quick=2), WITHOUT_VALIDATION)


def measure(bench: Bench, case: str, repetitions: int, environment: Mapping[str, str]) -> None:
    """One round more than repetitions: the first one warms up the caches of the machine.

    Each round has an order of its own, so that no variant gains from its place.
    """
    directory, output = agent(bench.new_folder()), bench.folder / "cdk.out"
    rounds: dict[str, list[Cost]] = {variant: [] for variant in VARIANTS}
    for number in range(repetitions + 1):
        for variant in random.Random(number).sample(list(rounds), len(rounds)):
            shutil.rmtree(output, ignore_errors=True)
            arguments = ("-m", "bench.apps", variant, str(output), str(directory))
            measured = python(*arguments, more=environment)
            if number > 0:
                rounds[variant].append(measured)
    for variant, costs in rounds.items():
        reference = "" if variant == REFERENCE else REFERENCE
        goal = GOALS.get(variant) if not environment else None
        bench.add(case, variant, "s CPU", *(c.cpu for c in costs), reference=reference, goal=goal)
        bench.add(case, variant, "s wall", *(c.wall for c in costs), reference=reference, goal=goal)
        bench.add(case, variant, "MB", *(c.megabytes for c in costs), reference=reference)
