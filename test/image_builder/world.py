"""CodeBuild, ECR and CloudWatch Logs in memory, on a simulated clock, with faults; CDK's provider framework.

The rules are those of the services' API references: an idempotency token lasts five minutes and refuses other
parameters, builds are listed newest first, a build ends by its own time-out, tags are immutable.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, cast

from botocore.exceptions import ClientError, ReadTimeoutError
from image_builder import is_complete, on_event
from image_builder.aws import Aws
from image_builder.failure import ImageBuildError

from test.image_builder.fakes import ACCOUNT, PROJECT, REPOSITORY, FakeClock

LAMBDA_SECONDS, IS_COMPLETE_SECONDS, WAITER_SECONDS, CLOUDFORMATION_SECONDS = 900, 120, 3000, 3600


class Fault(Enum):
    """What can happen to one call."""

    NONE = "none"
    SLOW = "slow"
    THROTTLED = "throttled"
    ERROR_BEFORE = "5xx without effect"
    ERROR_AFTER = "5xx after taking effect"
    SILENCE_BEFORE = "no answer, without effect"
    SILENCE_AFTER = "no answer, after taking effect"


@dataclass
class Plan:
    """What will become of a build: how long it takes, how it ends, what it pushes and when that vanishes."""

    seconds: float = 60
    status: str = "SUCCEEDED"
    manifest: str = "arm64"
    log: tuple[str, ...] = ()
    reason: str = "exit status 1"


@dataclass
class Build:
    """A build that was started."""

    id: str
    started: float
    minutes: int
    variables: dict[str, str]
    plan: Plan
    stopped: float | None = None
    over: bool = False

    def end(self) -> tuple[float, str]:
        """When and how it ends."""
        limit = self.minutes * 60
        end, status = (
            (self.plan.seconds, self.plan.status) if self.plan.seconds < limit else (limit, "TIMED_OUT")
        )
        if self.stopped is not None and self.stopped < self.started + end:
            return self.stopped, "STOPPED"
        return self.started + end, status


@dataclass
class World:
    """An account."""

    clock: FakeClock = field(default_factory=FakeClock)
    faults: Iterator[Fault] = field(default_factory=lambda: iter(()))
    plans: Iterator[Plan] = field(default_factory=lambda: iter(()))
    denied_until: float = 0
    full_until: float = 0
    no_builds_at_all: bool = False
    repository: bool = True
    builds: dict[str, Build] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    tokens: dict[str, tuple[float, str, str]] = field(default_factory=dict)
    lost_stops: int = 0

    @property
    def aws(self) -> Aws:
        """Clients of this account."""
        client = cast("Any", self)
        return Aws(client, client, client)

    def call(self, effect: Callable[[], Any]) -> Any:
        """One call: time passes, rights are checked, and it goes wrong as foreseen."""
        fault = next(self.faults, Fault.NONE)
        self.clock.time += {Fault.SLOW: 9.0, Fault.SILENCE_BEFORE: 20.0, Fault.SILENCE_AFTER: 20.0}.get(
            fault, 0.1
        )
        self.settle()
        if fault is Fault.THROTTLED:
            raise failure("ThrottlingException", "Rate exceeded")
        if fault is Fault.ERROR_BEFORE:
            raise failure("InternalFailure", "", 500)
        if fault is Fault.SILENCE_BEFORE:
            raise ReadTimeoutError(endpoint_url="https://aws")
        if self.clock.time < self.denied_until:
            raise failure("AccessDeniedException", "User is not authorized to perform: it")
        answer = effect()
        if fault is Fault.ERROR_AFTER:
            raise failure("InternalFailure", "", 500)
        if fault is Fault.SILENCE_AFTER:
            raise ReadTimeoutError(endpoint_url="https://aws")
        return answer

    def settle(self) -> None:
        """Builds that have ended by now have pushed what they push."""
        for build in self.builds.values():
            end, status = build.end()
            if end <= self.clock.time and not build.over:
                build.over = True
                if status == "SUCCEEDED" or build.plan.manifest.startswith("pushed "):
                    self.push(build.variables["IMAGE_TAG"], build.plan.manifest.removeprefix("pushed "))

    def push(self, tag: str, kind: str) -> None:
        """An image of some kind under the tag, which is immutable."""
        if kind != "nothing" and self.repository and tag not in self.tags:
            self.tags[tag] = self.make(kind)

    def make(self, kind: str) -> str:
        """A manifest of some kind; its digest."""
        if kind == "malformed":
            return self.add({"layers": 7})
        if kind in ("index", "foreign index"):
            real = "arm64" if kind == "index" else "amd64"
            entries = [("unknown", "unknown", "amd64"), ("linux", real, real)]
            return self.add(
                {
                    "manifests": [
                        {"digest": self.make(content), "platform": {"os": os, "architecture": architecture}}
                        for os, architecture, content in entries
                    ]
                }
            )
        config = self.add({"os": "linux", "architecture": "amd64" if kind == "amd64" else "arm64"})
        size = 3 * 1024**3 if kind == "huge" else 1000
        return self.add({"config": {"digest": config, "size": 1}, "layers": [{"size": size}]})

    def add(self, document: object) -> str:
        blob = json.dumps(document).encode()
        digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
        self.blobs[digest] = blob
        return digest

    def is_right(self, tag: str) -> bool:
        """Whether the tag holds an image that AgentCore Runtime takes: told by how it was made."""
        return self.repository and self.tags.get(tag) in (self.make("arm64"), self.make("index"))

    def running(self) -> list[Build]:
        return [b for b in self.builds.values() if not b.over and b.end()[0] > self.clock.time]

    def list_builds_for_project(self, projectName: str) -> Any:  # noqa: N803
        assert projectName == PROJECT
        return self.call(lambda: {"ids": list(reversed(self.builds))[:100]})

    def batch_get_builds(self, ids: list[str]) -> Any:
        assert 1 <= len(ids) <= 100
        return self.call(lambda: {"builds": [self.describe(self.builds[i]) for i in ids if i in self.builds]})

    def describe(self, build: Build) -> dict[str, Any]:
        end, status = build.end()
        over = end <= self.clock.time
        phase = {"phaseType": "BUILD", "contexts": [{"statusCode": "X", "message": build.plan.reason}]}
        return {
            "id": build.id,
            "arn": f"arn:aws:codebuild:eu-west-1:{ACCOUNT}:build/{build.id}",
            "buildStatus": status if over else "IN_PROGRESS",
            "startTime": datetime.fromtimestamp(build.started, UTC),
            "timeoutInMinutes": build.minutes,
            "queuedTimeoutInMinutes": 5,
            "phases": [phase | {"phaseStatus": status if over else "IN_PROGRESS"}],
            "logs": {"groupName": "g", "streamName": build.id},
            "environment": {
                "environmentVariables": [{"name": n, "value": v} for n, v in build.variables.items()]
            },
        }

    def start_build(self, **asked: Any) -> Any:
        return self.call(lambda: {"build": self.describe(self.started(asked))})

    def started(self, asked: dict[str, Any]) -> Build:
        if self.no_builds_at_all:
            raise failure(
                "AccountLimitExceededException", "Cannot have more than 0 builds in queue for the account"
            )
        parameters = json.dumps(asked, sort_keys=True)
        made, before, build_id = self.tokens.get(asked["idempotencyToken"], (0.0, "", ""))
        if self.clock.time - made < 300:
            if before != parameters:
                raise failure("InvalidInputException", "parameter mismatch")
            return self.builds[build_id]
        if self.clock.time < self.full_until:
            raise failure(
                "AccountLimitExceededException", "Cannot have more than 1 builds in queue for the account"
            )
        variables = {v["name"]: v["value"] for v in asked["environmentVariablesOverride"]}
        build = Build(
            f"{PROJECT}:{len(self.builds)}",
            self.clock.time,
            asked["timeoutInMinutesOverride"],
            variables,
            next(self.plans, Plan()),
        )
        self.builds[build.id] = build
        self.tokens[asked["idempotencyToken"]] = (self.clock.time, parameters, build.id)
        return build

    def stop_build(self, id: str) -> Any:
        def stop() -> dict[str, Any]:
            build = self.builds[id]
            build.stopped = build.stopped or self.clock.time
            return {"build": self.describe(build)}

        try:
            return self.call(stop)
        except Exception:
            self.lost_stops += 1
            raise

    def batch_get_image(self, **asked: Any) -> Any:
        def get() -> dict[str, Any]:
            if not self.repository:
                raise failure("RepositoryNotFoundException", "no such repository")
            image_id = asked["imageIds"][0]
            digest = image_id.get("imageDigest") or self.tags.get(image_id["imageTag"])
            if digest not in self.blobs:
                return {"images": [], "failures": [{"failureCode": "ImageNotFound"}]}
            manifest = self.blobs[digest].decode()
            return {"images": [{"imageId": {"imageDigest": digest}, "imageManifest": manifest}]}

        assert asked["repositoryName"] == REPOSITORY
        return self.call(get)

    def get_download_url_for_layer(self, **asked: Any) -> Any:
        return self.call(lambda: {"downloadUrl": f"https://download/{asked['layerDigest']}"})

    def download(self, url: str, timeout: float) -> io.BytesIO:
        """What ``urlopen`` does; a cut connection gives fewer bytes."""
        assert timeout
        fault = next(self.faults, Fault.NONE)
        blob = self.blobs[url.removeprefix("https://download/")]
        if fault is Fault.SILENCE_BEFORE:
            raise TimeoutError
        return io.BytesIO(blob if fault in (Fault.NONE, Fault.SLOW) else blob[:-2])

    def get_log_events(self, **asked: Any) -> Any:
        log = self.builds[asked["logStreamName"]].plan.log
        return self.call(lambda: {"events": [{"message": line} for line in log]})


def failure(code: str, message: str, status: int = 400) -> ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "Operation")


@dataclass
class Answer:
    """CloudFormation's one answer to a request."""

    data: dict[str, Any] | None
    error: ImageBuildError | None
    polls: int = 0


def deploy(
    world: World, request: dict[str, Any], repeats: int = 0, delay: float = 0, interval: float = 10
) -> Answer:
    """What the provider framework does: ``on_event``, then ``is_complete`` until it is complete or raises.

    :param repeats: how often the request is delivered again, each time so many seconds later.
    """
    begun = world.clock.now()
    answers = []
    try:
        for _ in range(repeats + 1):
            called = world.clock.now()
            answers.append(on_event.handle(request, world.aws, world.clock))
            assert world.clock.now() - called <= LAMBDA_SECONDS
            world.clock.time += delay if len(answers) <= repeats else 0
    except ImageBuildError as error:
        assert world.clock.now() - called <= LAMBDA_SECONDS
        return Answer(None, error)
    assert "PhysicalResourceId" not in answers[0]
    waiting, polls = world.clock.now(), 0
    while True:
        called, polls = world.clock.now(), polls + 1
        assert called - waiting < WAITER_SECONDS
        try:
            answer = is_complete.handle({**request, **answers[-1]}, world.aws, world.clock)
        except ImageBuildError as error:
            answer = {"IsComplete": True, "error": error}
        assert world.clock.now() - called <= IS_COMPLETE_SECONDS
        if answer["IsComplete"]:
            if not repeats:
                assert world.clock.now() - begun < CLOUDFORMATION_SECONDS
            return Answer(answer.get("Data"), answer.get("error"), polls)
        assert "Data" not in answer
        world.clock.time += interval
