"""What goes wrong in a build, and what the user then reads on the terminal: the cause, and what to do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from . import apps, queries
from .cdk_cli import Outcome
from .environment import AMD64_BASE, AMD64_INDEX, BUSYBOX_BASE, Environment

SLOW = f"{apps.DOCKERFILE}RUN sleep 120\n"
PINNED = "ARG BASE_IMAGE\nFROM --platform=linux/amd64 ${BASE_IMAGE}\nCOPY version.txt /\n"
PINNED_LATE = PINNED.replace("linux/amd64", "${BUILDOS}/amd64")
IN_QUEUE = "Cannot have more than {} builds in queue for the account"


@dataclass(frozen=True)
class Failure:
    """A Dockerfile or a planned fault, and the words that the user must read."""

    words: tuple[str, ...]
    dockerfile: str = apps.DOCKERFILE
    base: str = BUSYBOX_BASE
    fault: dict[str, Any] = field(default_factory=dict)


FAILURES = {
    "docker build fails": Failure(
        ("failed (FAILED in phase BUILD)", "no-such-program: not found", "log: https://console.aws.amazon.com"),
        dockerfile=f"{apps.DOCKERFILE}RUN no-such-program\n",
    ),
    "a copied file is missing": Failure(
        ("failed (FAILED in phase BUILD)", "hint: a file that the Dockerfile copies is not in the context"),
        dockerfile=f"{apps.DOCKERFILE}COPY nowhere.txt /\n",
    ),
    "push from the containerd store fails": Failure(
        ("failed (FAILED in phase POST_BUILD)", "failed commit on ref", "400 Bad Request",
         "error: docker push"),
        fault={"kind": "Push", "times": 20, "status": 400, "code": "MANIFEST_INVALID",
               "message": "manifest invalid"},
    ),
    "Dockerfile pins amd64": Failure(
        ("exec format error", "hint: a program of another architecture than arm64 was run",
         "remove '--platform=...' from the Dockerfile's FROM lines"),
        dockerfile=f"{PINNED_LATE}RUN true\n",
        base=AMD64_BASE,
    ),
    "base image without arm64": Failure(
        ("no match for platform in manifest", "hint: a base image has no linux/arm64"), base=AMD64_INDEX
    ),
    "base image of one platform, not arm64": Failure(
        ("exec format error", "use base images that have linux/arm64"),
        dockerfile=f"{apps.DOCKERFILE}RUN true\n",
        base=AMD64_BASE,
    ),
    "base image of one platform, of which no step runs anything": Failure(
        ("failed (FAILED in phase POST_BUILD)",
         "/bin/sh, which the image starts, is for machine 9, not for arm64",
         "hint: the image would not start: use base images that have linux/arm64"),
        dockerfile=f'{apps.DOCKERFILE}CMD ["sh"]\n',
        base=AMD64_BASE,
    ),
    "Dockerfile pins amd64, and no step runs anything": Failure(
        ("/bin/sh, which the image starts, is for machine 9, not for arm64",
         "remove '--platform=...' from the Dockerfile's FROM lines"),
        dockerfile=f'{PINNED_LATE}CMD ["sh"]\n',
        base=AMD64_BASE,
    ),
    "timed out": Failure(
        ("timed out (TIMED_OUT in phase BUILD)", "raise 'timeout' (40 at most)"),
        dockerfile=SLOW,
        fault={"kind": "Timeout", "seconds": 15},
    ),
    "fault of CodeBuild": Failure(
        ("failed because of a fault in CodeBuild (FAULT in phase BUILD)", "hint: deploy again"),
        fault={"kind": "Build", "status": "FAULT", "phase": "BUILD", "message": "Internal Service Error"},
    ),
    "provisioning error": Failure(
        ("failed (FAILED in phase PROVISIONING)", "customer's container image", "hint: deploy again"),
        fault={"kind": "Build", "status": "FAILED", "phase": "PROVISIONING",
               "code": "BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE",
               "message": "Unable to pull customer's container image"},
    ),
    "account limit for ever": Failure(
        ("this account may not run ARM builds in CodeBuild yet", IN_QUEUE.format(0), "ask AWS Support"),
        fault={"kind": "StartBuild", "times": 99, "code": "AccountLimitExceededException",
               "message": IN_QUEUE.format(0)},
    ),
    "image larger than the limit, as the build sees it": Failure(
        ("failed (FAILED in phase POST_BUILD)", "the compressed size of the image exceeds 2 GB"),
        fault={"kind": "ImageSize", "bytes": 3_000_000_000},
    ),
    "image larger than the limit, as the repository sees it": Failure(
        ("has a compressed size of 2.79 GB, AgentCore Runtime allows 2 GB", "; the image is being deleted"),
        fault={"kind": "LayerSize", "bytes": 3_000_000_000},
    ),
    "image larger than the limit, as AgentCore sees it": Failure(
        ("over the limit of 1000 bytes",), fault={"kind": "SizeLimit", "bytes": 1000}
    ),
}  # fmt: skip


NEVER_UNDER_ITS_TAG = (
    "base image of one platform, of which no step runs anything",
    "Dockerfile pins amd64, and no step runs anything",
    "image larger than the limit, as the build sees it",
    "image larger than the limit, as the repository sees it",
)


@dataclass
class Bench:
    """One deployed stack that the failing updates are tried on."""

    environment: Environment
    folder: Path
    good_uri: str = ""
    deployments: int = 0

    def deploy(self, version: str, failure: Failure) -> Outcome:
        """Deploy this version of the source."""
        self.deployments += 1
        directory = apps.source(self.folder / f"agent-{self.deployments}", version, failure.dockerfile)
        output = self.folder / f"out-{self.deployments}"
        return self.environment.cdk.deploy(
            apps.synthesize(output, Bench=apps.agent(directory, base=failure.base))
        )

    def uri(self) -> str:
        """The image that the Runtime runs."""
        return str(queries.runtimes(self.environment.aws)["Bench_Agent"]["uri"])


@pytest.fixture(scope="module")
def bench(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A stack that runs a good image, and is destroyed at the end."""
    made = Bench(environment, tmp_path_factory.mktemp("bench"))
    outcome = made.deploy("good", Failure(()))
    assert outcome.succeeded, outcome.output
    made.good_uri = made.uri()
    yield made
    assert environment.cdk.destroy(made.folder / "out-1").succeeded


def one_line(text: str) -> str:
    """The CLI breaks long lines; the words are compared without that."""
    return " ".join(text.split())


def assert_refused(bench: Bench, outcome: Outcome, words: tuple[str, ...]) -> None:
    """The deployment failed with these words, and the Runtime still runs the good image."""
    assert not outcome.succeeded
    printed = one_line(outcome.output)
    for phrase in words:
        assert phrase in printed, outcome.output
    assert queries.stack_status(bench.environment.aws, "Bench") == "UPDATE_ROLLBACK_COMPLETE"
    assert bench.uri() == bench.good_uri


@pytest.mark.parametrize("name", FAILURES)
def test_user_reads_cause_and_remedy_when(bench: Bench, name: str) -> None:
    failure, began = FAILURES[name], bench.environment.aws.now()
    if failure.fault:
        bench.environment.aws.plan_fault(**failure.fault)
    outcome = bench.deploy(name, failure)
    assert_refused(bench, outcome, failure.words)
    assert len(bench.environment.aws.builds(began)) <= 1, "a rollback builds nothing"
    assert outcome.seconds < 60
    if name in NEVER_UNDER_ITS_TAG:
        assert tag_of(bench, began) not in queries.tags(bench.environment.aws, repository_of(bench))


def repository_of(bench: Bench) -> str:
    """The repository of the stack's image."""
    return bench.good_uri.partition("/")[2].rpartition(":")[0]


def tag_of(bench: Bench, began: float) -> str:
    """The tag that the newest build was to push."""
    (build,) = bench.environment.aws.builds(began)
    found = bench.environment.aws.client("codebuild").batch_get_builds(ids=[build])["builds"][0]
    variables = found["environment"]["environmentVariables"]
    return str(next(v["value"] for v in variables if v["name"] == "IMAGE_TAG"))


def test_a_rejected_image_is_built_again_by_the_next_deployment(bench: Bench) -> None:
    aws, began = bench.environment.aws, bench.environment.aws.now()
    aws.plan_fault("LayerSize", bytes=3_000_000_000)
    assert not bench.deploy("too large at first", Failure(())).succeeded
    outcome = bench.deploy("too large at first", Failure(()))
    assert outcome.succeeded, outcome.output
    assert len(aws.builds(began)) == 2
    bench.good_uri = bench.uri()


def test_synthesis_refuses_a_final_stage_pinned_to_amd64(tmp_path: Path) -> None:
    directory = apps.source(tmp_path / "agent", "1", PINNED)
    with pytest.raises(RuntimeError, match="to the platform linux/amd64"):
        apps.synthesize(tmp_path / "out", Pinned=apps.agent(directory))


def test_user_reads_that_a_build_was_stopped(bench: Bench) -> None:
    aws, began = bench.environment.aws, bench.environment.aws.now()

    def stop_it() -> None:
        while not any(event["phase"] == "BUILD" for event in aws.journal("phase", began)):
            time.sleep(0.2)
        aws.client("codebuild").stop_build(id=aws.builds(began)[0])

    stopper = threading.Thread(target=stop_it, daemon=True)
    stopper.start()
    outcome = bench.deploy("stopped", Failure((), dockerfile=SLOW))
    stopper.join(5)
    words = ("was stopped (STOPPED in phase BUILD)", "StopBuild was called, by hand")
    assert_refused(bench, outcome, words)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("the account's builds are in the way once",
         {"code": "AccountLimitExceededException", "message": IN_QUEUE.format(1)}),
        ("IAM propagates",
         {"code": "AccessDeniedException", "times": 2,
          "message": "User: build is not authorized to perform: codebuild:StartBuild"}),
        ("StartBuild answers 500 after it took effect",
         {"code": "InternalFailure", "message": "Internal failure", "status": 500, "after": True}),
    ],
)  # fmt: skip
def test_deployment_succeeds_with_one_build_although(bench: Bench, name: str, fault: dict[str, Any]) -> None:
    aws, began = bench.environment.aws, bench.environment.aws.now()
    aws.plan_fault("StartBuild", **fault)
    outcome = bench.deploy(name, Failure(()))
    assert outcome.succeeded, outcome.output
    assert len(aws.builds(began)) == 1
    assert bench.uri() != bench.good_uri
    bench.good_uri = bench.uri()


def test_delete_stops_a_build_that_still_runs(environment: Environment, tmp_path: Path) -> None:
    directory = apps.source(tmp_path / "agent", "1")
    output = apps.synthesize(tmp_path / "out", Going=apps.agent(directory))
    assert environment.cdk.deploy(output).succeeded
    codebuild = environment.aws.client("codebuild")
    (project,) = [name for name in codebuild.list_projects()["projects"] if "-going-" in name]
    spec = "version: 0.2\nphases:\n  build:\n    commands:\n      - sleep 300\n"
    build = codebuild.start_build(
        projectName=project, sourceTypeOverride="NO_SOURCE", buildspecOverride=spec
    )["build"]["id"]
    outcome = environment.cdk.destroy(output)
    assert outcome.succeeded, outcome.output
    assert outcome.seconds < 60
    assert codebuild.batch_get_builds(ids=[build])["builds"][0]["buildStatus"] == "STOPPED"
    assert not [name for name in queries.repositories(environment.aws) if "-going-" in name]
