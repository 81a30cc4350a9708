"""From a code change to the new image, with machines of CodeBuild that take long to start."""

from __future__ import annotations

from pathlib import Path

from test.rehearsal import apps

from .emulation import Account, Deployment, agent
from .measurement import Bench
from .subjects import code_build, deploy_time_build_by_image_tag, deploy_time_build_by_tag, stack

DEPENDENCIES = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY requirements.txt /
RUN i=0; dd if=/dev/urandom of=/deps bs=1M count=24; \
    while [ $i -lt $(cat /requirements.txt) ]; do sha256sum /deps; i=$((i+1)); done
COPY settings.txt /
RUN cat /settings.txt > /configured
COPY version.txt /
"""
BUILT = f"{apps.DOCKERFILE}RUN cat /version.txt > /built\n"
FIRST = "first build"
SUBJECTS = {
    "First": FIRST,
    "Last": "code copied last, assembled",
    "Earlier": "file read by a RUN, built with the layer cache",
    "Tag": "code copied last, deploy-time-build by tag, built without a cache",
    "ImageTag": "code copied last, deploy-time-build by image_tag, built without a cache",
}
CHANGED = {
    "Last": code_build,
    "Earlier": code_build,
    "Tag": deploy_time_build_by_tag,
    "ImageTag": deploy_time_build_by_image_tag,
}
PEER = "deploy-time-build, image_tag"
LIGHT, HEAVY = 40, 120
"""How often a dependency layer hashes 24 MB, which takes about 15 and 45 s on a machine of its own."""


def code_change(bench: Bench) -> None:
    """All at once: a change of what the last COPY reads, one before a RUN, a first build, and the peer.

    deploy-time-build has no layer cache unless the app names one, and each build gets a fresh machine.
    """
    for startup in bench.startups:
        folder = bench.new_folder()
        rounds = range(bench.repetitions(3))
        repeated = [changed(bench.account, folder / str(number), startup) for number in rounds]
        for name, subject in SUBJECTS.items():
            seconds = [deployment.image_seconds(name) for deployment in repeated]
            reference = "" if subject == FIRST else FIRST
            bench.add(f"start-up of {startup} s", subject, "s", *seconds, reference=reference)


def changed(account: Account, folder: Path, startup: int) -> Deployment:
    """The deployment of the changes, after one that creates the stacks without start-up time."""
    stacks = {name: stack(image, source(folder / name, LIGHT)) for name, image in CHANGED.items()}
    account.deploy(folder / "created", **stacks)
    for name in stacks:
        (folder / name / ("settings.txt" if name == "Earlier" else "version.txt")).write_text("2")
    stacks["First"] = stack(code_build, source(folder / "First", LIGHT))
    account.environment.aws.plan_fault("Provisioning", times=len(stacks), seconds=startup)
    deployment = account.deploy(folder / "changed", **stacks)
    account.environment.aws.clear_faults()
    account.environment.delete_stacks(folder / "changed")
    if deployment.builds != len(stacks) - 1:
        raise RuntimeError(f"one of {len(stacks)} images should be assembled; {deployment.builds} were built")
    return deployment


def source(folder: Path, dependencies: int) -> Path:
    """An agent with a dependency layer that takes this long."""
    directory = apps.source(folder, "1", DEPENDENCIES)
    (directory / "requirements.txt").write_text(str(dependencies))
    (directory / "settings.txt").write_text("1")
    return directory


def dependency_layer(bench: Bench) -> None:
    """A first build and a rebuild on hosts whose only cache is the registry, and builds without a cache."""
    account, folder = bench.account, bench.new_folder()
    cold, warm, uncached = [], [], []
    for number in range(bench.repetitions(3)):
        name, directory = f"Layer{number}", source(folder / str(number), HEAVY)
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
        name = "Plain" if deployments is uncached else "Layer"
        waits = [each.image_seconds(f"{name}{number}") for number, each in enumerate(deployments)]
        bench.add("deployment waits", subject, "s", *waits, reference=reference, goal=goal)
        lengths = [each.build_seconds for each in deployments]
        bench.add("build, with the cache's export", subject, "s", *lengths, reference=reference)
        bench.add("cache's export", subject, "s", *(each.cache_seconds for each in deployments))


def first_without_cache(account: Account, folder: Path, number: int) -> Deployment:
    fill = agent(source(folder / f"plain-{number}", HEAVY), layer_cache=False)
    return account.deploy(folder / f"uncached-{number}", **{f"Plain{number}": fill})


def response(bench: Bench) -> None:
    """What a deployment adds to its build, beside the peer's, and the calls to AWS that it makes."""
    account, folder = bench.account, bench.new_folder()
    built, assembled, peer = [], [], []
    for number in range(bench.repetitions(4, quick=2)):
        directory = apps.source(folder / str(number), str(number), BUILT)
        built.append(account.deploy(folder / f"built-{number}", Response=agent(directory)))
        fill = stack(deploy_time_build_by_image_tag, directory)
        peer.append(account.deploy(folder / f"peer-{number}", Peer=fill))
        directory = apps.source(folder / f"last-{number}", str(number))
        assembled.append(account.deploy(folder / f"assembled-{number}", Last=agent(directory)))
    back = [account.deploy(folder / "back", Response=agent(folder / "0"))]
    answers = [each.answer_seconds("Response") for each in built]
    bench.add("from the push to the response", "built", "s", *answers)
    waits = [each.image_seconds("Response") for each in built]
    bench.add("short build", "built", "s", *waits, reference=PEER)
    bench.add("short build", PEER, "s", *(each.image_seconds("Peer") for each in peer))
    bench.add("update", "assembled", "s", *(each.image_seconds("Last") for each in assembled[1:]))
    bench.add("update", "image exists", "s", *(each.image_seconds("Response") for each in back))
    for subject, deployments in {"built": built, "assembled": assembled[1:], "image exists": back}.items():
        for service in ("ecr", "s3", "codebuild", "logs", "states"):
            calls = [each.calls(service) for each in deployments]
            bench.add(f"API calls of the function: {service}", subject, "calls", *calls)
