"""Stacks with many images: what each adds to synthesis, and whether their builds wait for each other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tools.creation_order import dependencies

from .contexts import agent
from .measurement import Bench
from .processes import WITHOUT_VALIDATION, python

IMAGE = "Custom::Arm64AgentImage"
SUBJECTS = ("bare Runtime", "local", "CodeBuild", "deploy-time-build, tag")


def images(bench: Bench) -> None:
    """CPU seconds for 1, 10 and 50 images in one stack; images that wait for another image."""
    for count in [1, 10] if bench.quick else [1, 10, 50]:
        directories = [str(agent(bench.new_folder(), size=20 + number)) for number in range(count)]
        costs: dict[str, list[float]] = {subject: [] for subject in SUBJECTS}
        for _ in range(bench.repetitions(3)):
            for subject, measured in costs.items():
                output = bench.new_folder()
                arguments = ("-m", "bench.apps", subject, str(output), *directories)
                measured.append(python(*arguments, more=WITHOUT_VALIDATION).cpu)
                if subject == "CodeBuild":
                    waiting = len(waiting_images(template(output)))
                shutil.rmtree(output)
        for subject, measured in costs.items():
            reference = "" if subject == SUBJECTS[0] else SUBJECTS[0]
            bench.add(f"{count} images", subject, "s CPU", *measured, reference=reference)
        bench.add(f"{count} images", "images that wait for another", "images", waiting, goal=0)


def template(output: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((output / "Agents.template.json").read_text())
    return document


def waiting_images(document: dict[str, Any]) -> list[str]:
    """The images that CloudFormation creates after another image, and so cannot build at the same time."""
    resources = document["Resources"]
    found = [name for name, resource in resources.items() if resource["Type"] == IMAGE]
    return [name for name in found if set(found) & needed(resources, name)]


def needed(resources: dict[str, Any], name: str) -> set[str]:
    """Everything that must exist before a resource, directly or not."""
    direct = dependencies(resources, name)
    return direct.union(*(needed(resources, each) for each in direct))
