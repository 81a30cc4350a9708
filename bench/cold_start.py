"""The first invocation of the function: its imports and clients in a fresh Python process."""

from __future__ import annotations

from .measurement import Bench
from .processes import Cost, python

PEAK = "; print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"
SUBJECTS = {
    "boto3 alone": "import boto3",
    "handler": "import image_builder.function.handler",
    "handler and clients": (
        "import image_builder.function.handler; from image_builder.function.services.clients import connect;"
        " connect()"
    ),
}
REGION = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}


def cold_start(bench: Bench) -> None:
    """CPU seconds and memory, interleaved; starting Python is in all of them.

    Linux counts the memory of the parent before `exec` too, so the process itself says what it needed.
    """
    costs: dict[str, list[Cost]] = {subject: [] for subject in SUBJECTS}
    for number in range(bench.repetitions(9, quick=3) + 1):
        for subject, code in SUBJECTS.items():
            measured = python("-c", code + PEAK, more=REGION)
            if number > 0:
                costs[subject].append(measured)
    for subject, found in costs.items():
        reference = "" if subject == "boto3 alone" else "boto3 alone"
        bench.add("CPU", subject, "s", *(cost.cpu for cost in found), reference=reference)
        bench.add("memory", subject, "MB", *(int(cost.output) / 1024 for cost in found), reference=reference)
