"""The services that a deployment meets, in memory and on a simulated clock, with faults.

CodeBuild, ECR, CloudWatch Logs, Step Functions, Lambda and CloudFormation follow their API references: an
idempotency token lasts five minutes and rejects other parameters, builds are listed newest first, tags are
immutable, Lambda repeats asynchronous invocations that fail, the first response to a request counts.
Invocations of the function run one after another; whatever a build does happens in between.
"""

import hashlib
import heapq
import io
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch
from urllib.error import HTTPError
from urllib.request import Request as HttpRequest

from botocore.exceptions import ClientError, ReadTimeoutError
from image_builder.function.handler import handler
from image_builder.function.services import clients
from image_builder.function.services.clients import Clients
from image_builder.function.services.clock import Clock

from test.image_builder.deployed_template import DeployedTemplate
from test.image_builder.fakes import ACCOUNT, STATE_MACHINE, FakeClock
from test.image_builder.states_language import Execution, Json, StateError

CALL_SECONDS = 0.05
TOKEN_SECONDS = 300
PROVISIONING_SECONDS = 5
RESPONSE_LIMIT = 4096
NO_LOG_STREAMS = "ACCESS_DENIED: Service role does not allow AWS CodeBuild to create log streams"


def seconds_without_answer() -> float:
    """How long the function's clients try a call that AWS never answers, with the longest pauses."""
    config: Any = clients._CONFIG
    attempts: int = config.retries["total_max_attempts"]
    pauses = sum(2**n for n in range(attempts - 1))
    return float(attempts * (config.connect_timeout + config.read_timeout) + pauses)


class Fault(Enum):
    """A fault of one call, or of one response."""

    NONE = "none"
    SLOW = "slow"
    THROTTLED = "throttled"
    ERROR_BEFORE = "5xx without effect"
    ERROR_AFTER = "5xx after taking effect"
    SILENCE_BEFORE = "no answer, without effect"
    SILENCE_AFTER = "no answer, after taking effect"


@dataclass(frozen=True)
class Fate:
    """How an invocation ends: with the error after a number of calls, or normally."""

    error: str | None = None
    calls: int = 0


FINE = Fate()
THROTTLED = Fate("Lambda.TooManyRequestsException")


def killed(after_calls: int) -> Fate:
    """An invocation whose environment dies after a number of calls, or at its end."""
    return Fate("Lambda.Unknown", after_calls)


def hanging(after_calls: int) -> Fate:
    """An invocation that hangs after a number of calls until it times out."""
    return Fate("Sandbox.Timedout", after_calls)


class Killed(BaseException):
    """Ends an invocation; the function's code cannot catch it."""


class Schedule:
    """Actions in the order of their times."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()

    def at(self, time: float, action: Callable[[float], None]) -> None:
        """Run an action at a time, which it gets as its argument."""
        heapq.heappush(self._entries, (time, next(self._order), action))

    @property
    def next(self) -> float:
        """When something happens."""
        return self._entries[0][0] if self._entries else float("inf")

    def run_next(self) -> None:
        """Do what comes first."""
        time, _, action = heapq.heappop(self._entries)
        action(time)

    def run_until(self, time: float) -> None:
        """Do everything up to a time."""
        while self.next <= time:
            self.run_next()


@dataclass
class Plan:
    """How a build proceeds: when it pushes what, how long it runs afterwards, and how it ends."""

    seconds: float = 60
    status: str = "SUCCEEDED"
    manifest: str = "arm64"
    export_seconds: float = 0
    log: tuple[str, ...] = ()
    log_delay: float = 0
    reason: str = "exit status 1"


@dataclass
class Build:
    """A build that was started."""

    id: str
    project: str
    submitted: float
    minutes: int
    variables: dict[str, str]
    plan: Plan
    began: float | None = None
    ended: float | None = None
    status: str = "IN_PROGRESS"
    failing_phase: str = "BUILD"
    reason: str = ""

    def phase(self, now: float) -> str:
        """Where it is."""
        if self.began is None:
            return "QUEUED"
        return "BUILD" if now >= self.began + PROVISIONING_SECONDS else "PROVISIONING"


@dataclass(frozen=True)
class Answer:
    """The first response to a request, and how long CloudFormation has waited for it."""

    response: Json
    seconds: float

    @property
    def is_success(self) -> bool:
        return bool(self.response["Status"] == "SUCCESS")

    @property
    def data(self) -> Json:
        return dict(self.response["Data"])

    @property
    def reason(self) -> str:
        return str(self.response["Reason"])


@dataclass
class Account:
    """An account in which a template is deployed."""

    template: DeployedTemplate
    clock: FakeClock = field(default_factory=FakeClock)
    random: Random = field(default_factory=lambda: Random(0))
    faults: Iterator[Fault] = field(default_factory=lambda: iter(()))
    response_faults: Iterator[Fault] = field(default_factory=lambda: iter(()))
    request_fates: Iterator[Fate] = field(default_factory=lambda: iter(()))
    step_fates: Iterator[Fate] = field(default_factory=lambda: iter(()))
    plans: Iterator[Plan] = field(default_factory=lambda: iter(()))
    denied_until: float = 0
    denied_to_builds_until: float = 0
    full_until: float = 0
    slots: int = 60
    events: Schedule = field(default_factory=Schedule)
    invocations: Schedule = field(default_factory=Schedule)

    def __post_init__(self) -> None:
        self.codebuild = CodeBuild(self)
        self.ecr = Ecr(self)
        self.stepfunctions = StepFunctions(self)
        self.functions = Functions(self)
        self.cloudformation = CloudFormation(self)

    @property
    def aws(self) -> Clients:
        """Clients of this account."""
        services = self.codebuild, self.ecr, Logs(self), self.stepfunctions, None
        return Clients(*cast("tuple[Any, Any, Any, Any, Any]", services))

    @contextmanager
    def connected(self) -> Iterator[None]:
        """The function's code uses this account."""
        with ExitStack() as stack:
            stack.enter_context(patch.dict("os.environ", {"STATE_MACHINE_ARN": STATE_MACHINE}))
            for name, value in {
                "handler.connect": lambda: self.aws,
                "handler.Clock": lambda: FunctionClock(self),
                "services.ecr.urlopen": self.ecr.download,
                "cloudformation.response.urlopen": self.cloudformation.put,
            }.items():
                stack.enter_context(patch(f"image_builder.function.{name}", value))
            yield

    def run(self, is_over: Callable[[], bool], until: float) -> None:
        """Let time pass until something is over, at most until a time."""
        while not is_over() and self.invocations.next <= until:
            time = max(self.clock.time, self.invocations.next)
            self.clock.time = time
            self.events.run_until(time)
            self.invocations.run_next()
        if not is_over():
            self.clock.time = max(self.clock.time, until)
            self.events.run_until(self.clock.time)

    def call(self, effect: Callable[[], Any]) -> Any:
        """One call of the function: time passes, rights are checked, and it goes wrong as foreseen."""
        self.functions.survive()
        fault = next(self.faults, Fault.NONE)
        silent = fault in (Fault.SILENCE_BEFORE, Fault.SILENCE_AFTER)
        self.functions.spend(
            seconds_without_answer() if silent else 9.0 if fault is Fault.SLOW else CALL_SECONDS
        )
        if fault is Fault.THROTTLED:
            raise client_error("ThrottlingException", "Rate exceeded")
        if fault is Fault.ERROR_BEFORE:
            raise client_error("InternalFailure", "", 500)
        if fault is Fault.SILENCE_BEFORE:
            raise ReadTimeoutError(endpoint_url="https://aws")
        if self.clock.time < self.denied_until:
            raise client_error("AccessDeniedException", "User is not authorized to perform: it")
        answer = effect()
        if fault is Fault.ERROR_AFTER:
            raise client_error("InternalFailure", "", 500)
        if silent:
            raise ReadTimeoutError(endpoint_url="https://aws")
        return answer


class FunctionClock(Clock):
    """The clock of the function, which sleeps no longer than the function's timeout."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def now(self) -> float:
        return self._account.clock.time

    def sleep(self, seconds: float) -> None:
        self._account.functions.spend(seconds)


class Functions:
    """Lambda: synchronous invocations by executions, asynchronous ones by CloudFormation.

    ``longest`` is how many seconds the longest invocation took.
    """

    RETRY_SECONDS = (60, 120)
    THROTTLED_SECONDS = 10

    def __init__(self, account: Account) -> None:
        self._account = account
        self._fate, self._calls, self._end = FINE, 0, float("inf")
        self.longest = 0.0

    def invoke(self, event: Json, fates: Iterator[Fate]) -> Any:
        """The function's result.

        :raises StateError: the invocation has failed.
        """
        account = self._account
        self._fate, self._calls = next(fates, FINE), 0
        began = account.clock.time
        self._end = began + account.template.function_timeout
        if self._fate == THROTTLED:
            raise StateError(THROTTLED.error or "", "Rate Exceeded.")
        account.codebuild.has_answered = True
        try:
            result = handler(event, None)
            if self._fate.error:
                self._die()
            return result
        except Killed as death:
            raise StateError(str(death), "the environment ended") from death
        except Exception as error:
            raise StateError(type(error).__name__, json.dumps({"errorMessage": str(error)})) from error
        finally:
            self.longest = max(self.longest, account.clock.time - began)
            self._fate, self._end = FINE, float("inf")

    def invoke_later(self, event: Json, delay: float, attempt: int = 0) -> None:
        """An asynchronous invocation, which is repeated twice when it fails."""

        def deliver(_: float) -> None:
            try:
                self.invoke(event, self._account.request_fates)
            except StateError as error:
                if error.name == THROTTLED.error:
                    self.invoke_later(event, self.THROTTLED_SECONDS, attempt)
                elif attempt < len(self.RETRY_SECONDS):
                    self.invoke_later(event, self.RETRY_SECONDS[attempt], attempt + 1)

        self._account.invocations.at(self._account.clock.time + delay, deliver)

    def survive(self) -> None:
        """End the invocation if its fate is to make no further call."""
        if self._fate.error and self._calls >= self._fate.calls:
            self._die()
        self._calls += 1

    def spend(self, seconds: float) -> None:
        """Time passes in the invocation, which ends when it has run too long."""
        clock = self._account.clock
        clock.time = min(clock.time + seconds, max(self._end, clock.time))
        self._account.events.run_until(clock.time)
        if clock.time >= self._end:
            raise Killed("Sandbox.Timedout")

    def _die(self) -> None:
        if self._fate.error == "Sandbox.Timedout":
            self.spend(self._end)
        raise Killed(self._fate.error)


class CodeBuild:
    """Builds of all projects; those beyond the account's limit wait in a queue.

    ``has_answered`` says whether the function could list and stop builds in its latest invocation.
    """

    QUEUED_PER_SLOT = 5

    def __init__(self, account: Account) -> None:
        self._account = account
        self.builds: dict[str, Build] = {}
        self.minutes = 30
        self.starts = 0
        self.has_answered = True
        self._tokens: dict[str, tuple[float, str, str]] = {}

    def of_request(self, request_id: str) -> list[Build]:
        """The builds that a request has started."""
        tokens = (request_id, f"{request_id}-2")
        return [b for b in self.builds.values() if b.variables["REQUEST_ID"] in tokens]

    def running(self) -> list[Build]:
        """The builds that have not ended."""
        return [b for b in self.builds.values() if b.ended is None]

    def vanish(self) -> None:
        """CodeBuild forgets all builds."""
        for build in self.running():
            build.ended = self._account.clock.time
        self.builds.clear()
        self._tokens.clear()

    def list_builds_for_project(self, projectName: str) -> Any:  # noqa: N803
        def ids() -> list[str]:
            return [b.id for b in reversed(self.builds.values()) if b.project == projectName][:100]

        return self._call(lambda: {"ids": ids()})

    def batch_get_builds(self, ids: list[str]) -> Any:
        assert 1 <= len(ids) <= 100
        builds = self.builds
        return self._call(lambda: {"builds": [self._describe(builds[i]) for i in ids if i in builds]})

    def start_build(self, **asked: Any) -> Any:
        return self._account.call(lambda: {"build": self._describe(self._start(asked))})

    def stop_build(self, id: str) -> Any:
        def stop() -> Json:
            build = self.builds.get(id)
            if build is None:
                raise client_error("ResourceNotFoundException", "no such build")
            self._end(build, self._account.clock.time, "STOPPED")
            return {"build": self._describe(build)}

        return self._call(stop)

    def _call(self, effect: Callable[[], Any]) -> Any:
        """A call without which the function cannot stop builds."""
        try:
            return self._account.call(effect)
        except Exception:
            self.has_answered = False
            raise

    def _start(self, asked: Json) -> Build:
        assert set(asked) == {"projectName", "idempotencyToken", "environmentVariablesOverride"}
        now, parameters = self._account.clock.time, json.dumps(asked, sort_keys=True)
        made, before, build_id = self._tokens.get(asked["idempotencyToken"], (float("-inf"), "", ""))
        if now - made < TOKEN_SECONDS:
            if before != parameters:
                raise client_error("InvalidInputException", "parameter mismatch")
            return self.builds[build_id]
        slots = 0 if now < self._account.full_until else self._account.slots
        waiting = sum(b.began is None for b in self.running())
        if (self._free() <= 0 and waiting >= self.QUEUED_PER_SLOT * slots) or not slots:
            raise client_error(
                "AccountLimitExceededException",
                f"Cannot have more than {self._account.slots} builds in queue for the account",
            )
        variables = {v["name"]: v["value"] for v in asked["environmentVariablesOverride"]}
        project = asked["projectName"]
        build = Build(
            f"{project}:{self.starts}",
            project,
            now,
            self.minutes,
            variables,
            next(self._account.plans, Plan()),
        )
        self.builds[build.id] = build
        self.starts += 1
        self._tokens[asked["idempotencyToken"]] = (now, parameters, build.id)
        self._account.events.at(now + self._account.template.queue_timeout, lambda at: self._leave(build, at))
        self._begin_next(now)
        return build

    def _free(self) -> int:
        return self._account.slots - sum(b.began is not None for b in self.running())

    def _begin_next(self, at: float) -> None:
        waiting = [b for b in self.running() if b.began is None]
        if waiting and self._free() > 0:
            self._begin(self._account.random.choice(waiting), at)

    def _begin(self, build: Build, at: float) -> None:
        build.began = at
        schedule, plan, limit = self._account.events.at, build.plan, build.minutes * 60
        if at < self._account.denied_to_builds_until:
            build.failing_phase, build.reason = "PROVISIONING", NO_LOG_STREAMS
            schedule(at + PROVISIONING_SECONDS, lambda end: self._end(build, end, "FAILED"))
            return
        build.reason = plan.reason
        pushes = plan.status == "SUCCEEDED" or plan.manifest.startswith("pushed ")
        if pushes and plan.seconds < limit:
            kind = plan.manifest.removeprefix("pushed ")
            schedule(at + plan.seconds, lambda _: self._push(build, kind))
        whole = plan.seconds + plan.export_seconds
        status = plan.status if whole < limit else "TIMED_OUT"
        schedule(at + min(whole, limit), lambda end: self._end(build, end, status))

    def _push(self, build: Build, kind: str) -> None:
        if build.ended is None:
            self._account.ecr.push(build.project, build.variables["IMAGE_TAG"], kind)

    def _leave(self, build: Build, at: float) -> None:
        if build.began is None and build.ended is None:
            build.failing_phase = "QUEUED"
            self._end(build, at, "TIMED_OUT")

    def _end(self, build: Build, at: float, status: str) -> None:
        if build.ended is None:
            build.ended, build.status = at, status
            self._begin_next(at)

    def _describe(self, build: Build) -> Json:
        phase = build.phase(self._account.clock.time)
        message = {"statusCode": "X", "message": build.reason}
        failing = {"phaseType": build.failing_phase, "phaseStatus": build.status, "contexts": [message]}
        return {
            "id": build.id,
            "arn": f"arn:aws:codebuild:eu-west-1:{ACCOUNT}:build/{build.id}",
            "buildStatus": build.status,
            "currentPhase": phase if build.ended is None else "COMPLETED",
            "timeoutInMinutes": build.minutes,
            "phases": [failing] if build.ended is not None else [{"phaseType": phase}],
            "logs": {"groupName": "g", "streamName": build.id},
            **({} if build.ended is None else {"endTime": datetime.fromtimestamp(build.ended, UTC)}),
            "environment": {
                "environmentVariables": [{"name": n, "value": v} for n, v in build.variables.items()]
            },
        }


class Ecr:
    """Repositories of all projects, with immutable tags."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.exists = True
        self.tags: dict[tuple[str, str], str] = {}
        self.pushed: set[tuple[str, str, str]] = set()
        self._blobs: dict[str, bytes] = {}

    def push(self, repository: str, tag: str, kind: str) -> None:
        """An image of some kind arrives under a tag."""
        if kind != "nothing" and self.exists and (repository, tag) not in self.tags:
            self.tags[repository, tag] = self._image(kind)
            self.pushed.add((repository, tag, self.tags[repository, tag]))

    def has_been_right(self, repository: str, tag: str, digest: str) -> bool:
        """Whether the tag held this image, and AgentCore Runtime takes it: known by how it was made."""
        return (repository, tag, digest) in self.pushed and digest in map(self._image, ("arm64", "index"))

    def batch_get_image(self, **asked: Any) -> Any:
        def get() -> Json:
            if not self.exists:
                raise client_error("RepositoryNotFoundException", "no such repository")
            image_id = asked["imageIds"][0]
            name = asked["repositoryName"], image_id.get("imageTag", "")
            digest = image_id.get("imageDigest") or self.tags.get(name)
            if digest not in self._blobs:
                return {"images": [], "failures": [{"failureCode": "ImageNotFound"}]}
            manifest = self._blobs[digest].decode()
            return {"images": [{"imageId": {"imageDigest": digest}, "imageManifest": manifest}]}

        return self._account.call(get)

    def batch_delete_image(self, **asked: Any) -> Any:
        ((key, tag),) = asked["imageIds"][0].items()
        assert key == "imageTag"
        return self._account.call(lambda: {"imageIds": [self.tags.pop((asked["repositoryName"], tag), None)]})

    def get_download_url_for_layer(self, **asked: Any) -> Any:
        return self._account.call(lambda: {"downloadUrl": f"https://download/{asked['layerDigest']}"})

    def download(self, url: str, timeout: float) -> io.BytesIO:
        """What ``urlopen`` does; a cut connection gives fewer bytes."""
        blob = self._blobs[url.removeprefix("https://download/")]
        try:
            whole = self._account.call(lambda: True)
        except ReadTimeoutError as error:
            raise TimeoutError(timeout) from error
        except ClientError:
            whole = False
        return io.BytesIO(blob if whole else blob[:-2])

    def _image(self, kind: str) -> str:
        if kind == "malformed":
            return self.add({"layers": 7})
        if kind in ("index", "foreign index"):
            real = "arm64" if kind == "index" else "amd64"
            platforms = [("unknown", "unknown", "amd64"), ("linux", real, real)]
            entries = [
                {"digest": self._image(content), "platform": {"os": os, "architecture": architecture}}
                for os, architecture, content in platforms
            ]
            return self.add({"manifests": entries})
        config = self.add({"os": "linux", "architecture": "amd64" if kind == "amd64" else "arm64"})
        size = 3 * 1024**3 if kind == "huge" else 1000
        return self.add({"config": {"digest": config, "size": 1}, "layers": [{"size": size}]})

    def add(self, document: object) -> str:
        """Keep a manifest or a configuration; its digest."""
        blob = json.dumps(document).encode()
        digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
        self._blobs[digest] = blob
        return digest


class Logs:
    """The logs of builds."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def get_log_events(self, **asked: Any) -> Any:
        build = self._account.codebuild.builds.get(asked["logStreamName"])
        log = self._lines(build) if build else ()
        return self._account.call(lambda: {"events": [{"message": line} for line in log]})

    def _lines(self, build: Build) -> tuple[str, ...]:
        """What has reached the log of a build that has ended."""
        if build.ended is None or self._account.clock.time < build.ended + build.plan.log_delay:
            return ()
        return *build.plan.log, f"[Container] Phase complete: {build.failing_phase} State: {build.status}"


class StepFunctions:
    """Executions of the template's state machine; a name can be reused after 90 days."""

    class ExecutionAlreadyExists(ClientError):  # noqa: N818
        """The name has been used with another input, or by an execution that has ended."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.exceptions = SimpleNamespace(ExecutionAlreadyExists=self.ExecutionAlreadyExists)
        self.executions: dict[str, Execution] = {}

    def start_execution(self, stateMachineArn: str, name: str, input: str) -> Any:  # noqa: N803
        assert stateMachineArn == STATE_MACHINE
        assert 1 <= len(name) <= 80
        return self._account.call(lambda: self._start(name, input))

    def _start(self, name: str, data: str) -> Json:
        account, known = self._account, self.executions.get(name)
        if known and (known.status != "RUNNING" or known.input != data):
            answer: Any = {"Error": {"Code": "ExecutionAlreadyExists", "Message": name}}
            raise self.ExecutionAlreadyExists(answer, "StartExecution")
        if not known:
            definition, started = account.template.definition, account.clock.time
            execution = Execution(
                definition,
                started,
                data,
                lambda event: account.functions.invoke(event, account.step_fates),
                account.random,
            )
            self.executions[name] = execution
            account.events.at(started + definition["TimeoutSeconds"], lambda _: self._time_out(execution))
            self._go_on(execution, execution.run(), started)
        return {"executionArn": name}

    def _go_on(self, execution: Execution, run: Iterator[float], at: float) -> None:
        def resume(_: float) -> None:
            if execution.status == "RUNNING" and (delay := next(run, None)) is not None:
                self._go_on(execution, run, self._account.clock.time + delay)

        self._account.invocations.at(at, resume)

    def _time_out(self, execution: Execution) -> None:
        if execution.status == "RUNNING":
            execution.status = "TIMED_OUT"


class CloudFormation:
    """Sends requests to the function and takes the first response to each."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.answers: dict[str, Answer] = {}
        self._asked: dict[str, float] = {}

    def send(self, request: Json, deliveries: tuple[float, ...] = (0,)) -> None:
        """Send a request, which Lambda delivers after so many seconds, maybe several times."""
        request_id = request["RequestId"]
        assert request_id not in self._asked
        self._asked[request_id] = self._account.clock.time
        event = request | {"ResponseURL": f"https://cloudformation/{request_id}?X-Amz-Signature=abc"}
        for delay in deliveries:
            self._account.functions.invoke_later(event, delay)

    def deploy(self, *requests: Json, deliveries: tuple[float, ...] = (0,)) -> list[Answer | None]:
        """Send requests at once and wait for their answers, each for its service time-out at most."""
        for request in requests:
            self.send(request, deliveries)
        ids = [request["RequestId"] for request in requests]
        until = self._account.clock.time + self._account.template.service_timeout
        self._account.run(lambda: all(i in self.answers for i in ids), until)
        return [self.answers.get(request_id) for request_id in ids]

    def put(self, request: HttpRequest, timeout: float) -> Any:
        """What ``urlopen`` does with a response."""
        assert request.get_method() == "PUT"
        self._account.functions.survive()
        fault = next(self._account.response_faults, Fault.NONE)
        silent = fault in (Fault.SILENCE_BEFORE, Fault.SILENCE_AFTER)
        self._account.functions.spend(timeout if silent else CALL_SECONDS)
        if fault is Fault.SILENCE_BEFORE:
            raise TimeoutError
        if fault in (Fault.THROTTLED, Fault.ERROR_BEFORE):
            raise HTTPError("https://x", 503, "Slow Down", cast("Any", {}), None)
        self._receive(request.full_url, request.data)
        if fault is Fault.SILENCE_AFTER:
            raise TimeoutError
        if fault is Fault.ERROR_AFTER:
            raise HTTPError("https://x", 500, "Internal Error", cast("Any", {}), None)
        return nullcontext()

    def _receive(self, url: str, body: Any) -> None:
        assert isinstance(body, bytes)
        assert len(body) <= RESPONSE_LIMIT
        response = json.loads(body)
        request_id = url.removeprefix("https://cloudformation/").partition("?")[0]
        assert response["RequestId"] == request_id
        assert response["PhysicalResourceId"] == "arm64-agent-image-Image"
        answer = Answer(response, self._account.clock.time - self._asked[request_id])
        self.answers.setdefault(request_id, answer)


def client_error(code: str, message: str, status: int = 400) -> ClientError:
    """An error as botocore raises it."""
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "Operation")
