"""From a code change to the new image, with machines of CodeBuild that take long to start."""

from __future__ import annotations

from pathlib import Path

from test.rehearsal import apps

from .emulation import Account, Deployment, agent
from .measurement import Bench

DEPENDENCIES = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY requirements.txt /
RUN i=0; dd if=/dev/urandom of=/deps bs=1M count=24; \
    while [ $i -lt 120 ]; do sha256sum /deps; i=$((i+1)); done
COPY settings.txt /
RUN cat /settings.txt > /configured
COPY version.txt /
"""

BUILT = f"{apps.DOCKERFILE}RUN cat /version.txt > /built\n"


def code_change(bench: Bench) -> None:
    """Three stacks at once: a change of what the last COPY reads, one before a RUN, and a first build."""
    account, folder = bench.account, bench.new_folder()
    for startup in bench.startups:
        updated = {name: source(folder / f"{name}{startup}") for name in ("Last", "Earlier")}
        stacks = {f"{name}{startup}": agent(directory) for name, directory in updated.items()}
        account.deploy(folder / f"first-{startup}", **stacks)
        (updated["Last"] / "version.txt").write_text("2")
        (updated["Earlier"] / "settings.txt").write_text("2")
        first = f"First{startup}"
        new = {**stacks, first: agent(source(folder / first))}
        account.environment.aws.plan_fault("Provisioning", times=len(new), seconds=startup)
        deployment = account.deploy(folder / f"second-{startup}", **new)
        account.environment.aws.clear_faults()
        report(bench, startup, deployment)
        account.environment.delete_stacks(folder / f"second-{startup}")


def report(bench: Bench, startup: int, deployment: Deployment) -> None:
    case, cold = f"start-up of {startup} s", "first build"
    assembled = deployment.builds == 2
    subjects = {
        f"Last{startup}": f"code copied last, {'assembled' if assembled else 'built with the layer cache'}",
        f"Earlier{startup}": "file read by a RUN, built with the layer cache",
        f"First{startup}": cold,
    }
    for stack, subject in subjects.items():
        reference = "" if subject == cold else cold
        bench.add(case, subject, "s", deployment.image_seconds(stack), reference=reference)


def source(folder: Path) -> Path:
    """An agent with a slow dependency layer."""
    directory = apps.source(folder, "1", DEPENDENCIES)
    (directory / "requirements.txt").write_text("agent==1")
    (directory / "settings.txt").write_text("1")
    return directory


def dependency_layer(bench: Bench) -> None:
    """A first build and a rebuild on hosts whose only cache is the registry, and builds without a cache."""
    account, folder = bench.account, bench.new_folder()
    cold, warm, uncached = [], [], []
    for number in range(bench.repetitions(2)):
        name, directory = f"Layer{number}", source(folder / str(number))
        cold.append(account.deploy(folder / f"cold-{number}", **{name: agent(directory)}))
        (directory / "settings.txt").write_text("2")
        warm.append(account.deploy(folder / f"warm-{number}", **{name: agent(directory)}))
        uncached.append(first_without_cache(account, folder, number))
    series = {
        "first build": cold,
        "rebuild with the layer cache": warm,
        "first build, layer_cache=False": uncached,
    }
    for subject, deployments in series.items():
        reference = "" if subject == "first build" else "first build"
        goal = 0.3 if deployments is warm else None
        stack = "Plain" if deployments is uncached else "Layer"
        waits = [each.image_seconds(f"{stack}{number}") for number, each in enumerate(deployments)]
        bench.add("deployment waits", subject, "s", *waits, reference=reference, goal=goal)
        lengths = [each.build_seconds for each in deployments]
        bench.add("build, with the cache's export", subject, "s", *lengths, reference=reference)
        bench.add("cache's export", subject, "s", *(each.cache_seconds for each in deployments))


def first_without_cache(account: Account, folder: Path, number: int) -> Deployment:
    fill = agent(source(folder / f"plain-{number}"), layer_cache=False)
    return account.deploy(folder / f"uncached-{number}", **{f"Plain{number}": fill})


def response(bench: Bench) -> None:
    """What a deployment adds to its build, and the calls to AWS that it makes."""
    account, folder = bench.account, bench.new_folder()
    built, assembled = [], []
    for number in range(bench.repetitions(4, quick=2)):
        directory = apps.source(folder / str(number), str(number), BUILT)
        built.append(account.deploy(folder / f"built-{number}", Response=agent(directory)))
        directory = apps.source(folder / f"last-{number}", str(number))
        assembled.append(account.deploy(folder / f"assembled-{number}", Last=agent(directory)))
    back = [account.deploy(folder / "back", Response=agent(folder / "0"))]
    answers = [each.answer_seconds("Response") for each in built]
    bench.add("from the push to the response", "built", "s", *answers)
    bench.add("update", "assembled", "s", *(each.image_seconds("Last") for each in assembled[1:]))
    bench.add("update", "image exists", "s", *(each.image_seconds("Response") for each in back))
    for subject, deployments in {"built": built, "assembled": assembled[1:], "image exists": back}.items():
        for service in ("ecr", "s3", "codebuild", "logs", "states"):
            calls = [each.calls(service) for each in deployments]
            bench.add(f"API calls of the function: {service}", subject, "calls", *calls)
