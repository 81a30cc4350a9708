"""Build contexts of many files and of many bytes, synthesized in one process each."""

from __future__ import annotations

import json
import shutil
import statistics
from pathlib import Path
from urllib.parse import quote

from .measurement import Bench
from .processes import WITHOUT_VALIDATION, python

FILES_PER_DIRECTORY = 500
DOCKERFILE = "FROM public.ecr.aws/docker/library/python:3.13-slim\nCOPY . /app\n"
MEGABYTE = 1 << 20
COUNTING_READS = """\
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const reads = {};
for (const name of ['openSync', 'readFileSync', 'copyFileSync']) {
  const read = fs[name];
  fs[name] = (file, ...rest) => {
    if (String(file).startsWith(process.env.BENCH_CONTEXT)) reads[file] = (reads[file] ?? 0) + 1;
    return read(file, ...rest);
  };
}
syncBuiltinESMExports();
process.on('exit', () => {
  const counts = Object.values(reads);
  if (counts.length) fs.writeFileSync(process.env.BENCH_READS, JSON.stringify(counts));
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
    """CPU seconds to synthesize contexts that grow, and how often a file is opened, copying included."""
    count_reads(bench)
    sizes = [10, 1_000] if bench.quick else [10, 1_000, 10_000, 100_000]
    cases = {f"{files} files": agent(bench.new_folder(), files) for files in sizes}
    cases["1,000 files beside 20,000 ignored"] = agent(bench.new_folder(), 1_000, ignored=20_000)
    gigabyte = 64 if bench.quick else 1024
    cases[f"{gigabyte} MB"] = agent(bench.new_folder(), gigabyte, MEGABYTE)
    for case, directory in cases.items():
        for subject in SUBJECTS:
            output = bench.folder / "cdk.out"
            costs = []
            for _ in range(bench.repetitions(3)):
                shutil.rmtree(output, ignore_errors=True)
                costs.append(
                    python("-m", "bench.apps", subject, str(output), str(directory), more=WITHOUT_VALIDATION)
                )
            shutil.rmtree(output, ignore_errors=True)
            reference = "" if subject == "fromAsset" else "fromAsset"
            bench.add(case, subject, "s CPU", *(cost.cpu for cost in costs), reference=reference)
        shutil.rmtree(directory)


def count_reads(bench: Bench) -> None:
    """Ignored files are in the context, so a read of one would show."""
    directory = agent(bench.new_folder(), 100, ignored=100)
    for subject in SUBJECTS:
        output, reads = bench.new_folder(), bench.folder / "reads.json"
        more = {
            **WITHOUT_VALIDATION,
            "BENCH_CONTEXT": f"{directory}/",
            "BENCH_READS": str(reads),
            "NODE_OPTIONS": f"--import=data:text/javascript,{quote(COUNTING_READS)}",
        }
        python("-m", "bench.apps", subject, str(output), str(directory), more=more)
        counts: list[int] = json.loads(reads.read_text())
        bench.add("100 files beside 100 ignored", subject, "files read", len(counts))
        source = statistics.mode(counts)
        bench.add("100 files beside 100 ignored", subject, "reads of a file", source)
