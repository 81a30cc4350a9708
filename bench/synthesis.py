"""Synthesis of one app, in fresh processes, against a Runtime whose image exists already."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .apps import VARIANTS
from .contexts import agent
from .measurement import Bench
from .processes import WITHOUT_VALIDATION, Cost, python

REFERENCE = "bare Runtime"
PLAIN = "same resources, plain"
REFERENCES = {REFERENCE: "", "ten log groups, CodeBuild": "ten log groups"}
GOALS = {"local": 1.05, "CodeBuild": 1.15, "CodeBuild, with options": 1.15}


def synthesis(bench: Bench) -> None:
    """Wall time, CPU time and memory, each round with all variants one after the other.

    The CDK's validation of templates takes most of the time, whatever the app is, and its own time varies by
    a third. Each variant is therefore measured with it, often, and without it. One variant defines the
    resources of CodeBuild mode without this library, to show what they cost in any case. Another one has an
    app with other resources as its reference.
    """
    measure(bench, "validated", bench.repetitions(20), {})
    measure(bench, "not validated", bench.repetitions(10, quick=2), WITHOUT_VALIDATION)


def measure(bench: Bench, case: str, repetitions: int, environment: Mapping[str, str]) -> None:
    """One round more than repetitions: the first one warms up the caches of the machine.

    Each round has an order of its own, so that no variant gains from its place.
    """
    directory, output = agent(bench.new_folder()), bench.folder / "cdk.out"
    sources = dict.fromkeys(VARIANTS, directory) | {PLAIN: added_resources(bench.new_folder(), directory)}
    rounds: dict[str, list[Cost]] = {variant: [] for variant in VARIANTS}
    for number in range(repetitions + 1):
        for variant in random.Random(number).sample(list(rounds), len(rounds)):
            shutil.rmtree(output, ignore_errors=True)
            measured = synthesized(variant, output, sources[variant], environment)
            if number > 0:
                rounds[variant].append(measured)
    for variant, costs in rounds.items():
        reference = REFERENCES.get(variant, REFERENCE)
        goal = GOALS.get(variant) if not environment else None
        bench.add(case, variant, "s CPU", *(c.cpu for c in costs), reference=reference, goal=goal)
        bench.add(case, variant, "s wall", *(c.wall for c in costs), reference=reference, goal=goal)
        bench.add(case, variant, "MB", *(c.megabytes for c in costs), reference=reference)


def added_resources(folder: Path, directory: Path) -> Path:
    """A file with the resources that CodeBuild mode adds to a bare Runtime."""
    bare, code_build = (resources(variant, folder, directory) for variant in (REFERENCE, "CodeBuild"))
    added = {logical_id: each for logical_id, each in code_build.items() if logical_id not in bare}
    file = folder / "resources.json"
    file.write_text(json.dumps(added))
    return file


def resources(variant: str, folder: Path, directory: Path) -> dict[str, Any]:
    output = folder / variant
    synthesized(variant, output, directory, WITHOUT_VALIDATION)
    found: dict[str, Any] = json.loads((output / "Agents.template.json").read_text())["Resources"]
    return found


def synthesized(variant: str, output: Path, source: Path, environment: Mapping[str, str]) -> Cost:
    return python("-m", "bench.apps", variant, str(output), str(source), more=environment)
