"""Build contexts of many files and of many bytes, synthesized in one process each."""

from __future__ import annotations

import json
import os
import shutil
import statistics
from pathlib import Path
from urllib.parse import quote

from .measurement import Bench
from .processes import WITHOUT_VALIDATION, Cost, python

FILES_PER_DIRECTORY = 500
DOCKERFILE = "FROM public.ecr.aws/docker/library/python:3.13-slim\nCOPY . /app\n"
MEGABYTE = 1 << 20
COUNTING_ACCESSES = """\
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const accesses = {};
for (const [name, kind] of [['openSync', 'reads'], ['readFileSync', 'reads'], ['copyFileSync', 'copies']]) {
  const access = fs[name];
  fs[name] = (file, ...rest) => {
    if (String(file).startsWith(process.env.BENCH_CONTEXT)) {
      accesses[file] ??= { reads: 0, copies: 0 };
      accesses[file][kind] += 1;
    }
    return access(file, ...rest);
  };
}
syncBuiltinESMExports();
process.on('exit', () => {
  if (Object.keys(accesses).length) fs.writeFileSync(process.env.BENCH_ACCESSES, JSON.stringify(accesses));
});
"""
SUBJECTS = ("local", "CodeBuild", "fromAsset", "deploy-time-build, tag")


def agent(folder: Path, files: int = 1, size: int = 20, ignored: int = 0) -> Path:
    """An agent's directory with this number of files of a size, beside ignored ones."""
    write(folder / "source", files, size)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    if ignored:
        write(folder / "ignored", ignored, size)
        (folder / ".dockerignore").write_text("ignored\n")
    return folder


def write(folder: Path, files: int, size: int) -> None:
    for number in range(files):
        path = folder / str(number // FILES_PER_DIRECTORY) / f"{number}.py"
        if number % FILES_PER_DIRECTORY == 0:
            path.parent.mkdir(parents=True)
        path.write_bytes(f"{number:08}".encode().ljust(size, b"#"))


def contexts(bench: Bench) -> None:
    """CPU seconds to synthesize contexts that grow, and how often a file is read and copied."""
    count_accesses(bench)
    sizes = [10, 1_000] if bench.quick else [10, 1_000, 10_000, 100_000]
    cases = {f"{files} files": agent(bench.new_folder(), files) for files in sizes}
    cases["1,000 files beside 20,000 ignored"] = agent(bench.new_folder(), 1_000, ignored=20_000)
    gigabyte = 64 if bench.quick else 1024
    cases[f"{gigabyte} MB"] = agent(bench.new_folder(), gigabyte, MEGABYTE)
    for case, directory in cases.items():
        costs = costs_of(directory, bench.folder / "cdk.out", bench.repetitions(3))
        for subject, measured in costs.items():
            reference = "" if subject == "fromAsset" else "fromAsset"
            bench.add(case, subject, "s CPU", *(cost.cpu for cost in measured), reference=reference)
        shutil.rmtree(directory)


def costs_of(directory: Path, output: Path, repetitions: int) -> dict[str, list[Cost]]:
    """Each round with all subjects one after the other: file systems slow down as they are written to."""
    costs: dict[str, list[Cost]] = {subject: [] for subject in SUBJECTS}
    for _ in range(repetitions):
        for subject, measured in costs.items():
            arguments = ("-m", "bench.apps", subject, str(output), str(directory))
            measured.append(python(*arguments, more=WITHOUT_VALIDATION))
            shutil.rmtree(output)
            os.sync()
    return costs


def count_accesses(bench: Bench) -> None:
    """Ignored files are in the context, so a read of one would show."""
    directory = agent(bench.new_folder(), 100, ignored=100)
    for subject in SUBJECTS:
        found = accesses(subject, directory, bench.new_folder())
        bench.add("100 files beside 100 ignored", subject, "files read or copied", len(found))
        for kind in ("reads", "copies"):
            usual = statistics.mode(counts[kind] for counts in found.values())
            bench.add("100 files beside 100 ignored", subject, f"{kind} of a file", usual)


def accesses(subject: str, directory: Path, output: Path) -> dict[str, dict[str, int]]:
    """How often synthesis reads each file of a directory, and lets the operating system copy it."""
    counts = output.with_suffix(".json")
    more = {
        **WITHOUT_VALIDATION,
        "BENCH_CONTEXT": f"{directory}/",
        "BENCH_ACCESSES": str(counts),
        "NODE_OPTIONS": f"--import=data:text/javascript,{quote(COUNTING_ACCESSES)}",
    }
    python("-m", "bench.apps", subject, str(output), str(directory), more=more)
    found: dict[str, dict[str, int]] = json.loads(counts.read_text())
    return found
