"""Fakes of the function's surroundings: time, stubbed AWS clients, a registry, CloudFormation."""

import copy
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import Request as HttpRequest

import boto3
from botocore.stub import Stubber
from image_builder.function.services.clients import Clients
from image_builder.function.services.clock import Clock

NOW = 1_800_000_000.0
TAG, OLD_TAG = "1" * 64, "0" * 64
PROJECT = REPOSITORY = "arm64-agent-image-5e7a2b10-agent-image"
ACCOUNT = "123456789012"
URI = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/{REPOSITORY}"
BUILD_ID = f"{PROJECT}:7c9e6679-7425-40de-944b-e07fc1f90ae7"
STATE_MACHINE = f"arn:aws:states:eu-west-1:{ACCOUNT}:stateMachine:arm64-agent-image-5e7a2b10"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
MEDIA_TYPES = [
    OCI_MANIFEST,
    "application/vnd.docker.distribution.manifest.v2+json",
    OCI_INDEX,
    "application/vnd.docker.distribution.manifest.list.v2+json",
]


class FakeClock(Clock):
    """Time that passes only when the code sleeps."""

    def __init__(self) -> None:
        self.time = NOW
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


def event(name: str, **properties: object) -> dict[str, Any]:
    """A raw event of CloudFormation, with some of its properties replaced; None removes one."""
    raw = json.loads((Path(__file__).parent / "events" / f"{name}.json").read_text())
    for key, value in properties.items():
        raw["ResourceProperties"].pop(key, None)
        if value is not None:
            raw["ResourceProperties"][key] = value
    return dict(raw)


def step_input(
    name: str, age: float = 30, properties: dict[str, object] | None = None, **progress: object
) -> dict[str, Any]:
    """The input that an execution of this age passes to the function."""
    return {
        "Request": event(name, **(properties or {})),
        "Progress": progress,
        "Started": datetime.fromtimestamp(NOW - age, UTC).isoformat().replace("+00:00", "Z"),
    }


def build(status: str = "IN_PROGRESS", **fields: object) -> Any:
    """A build as CodeBuild describes it."""
    return {
        "id": BUILD_ID,
        "arn": f"arn:aws:codebuild:eu-west-1:{ACCOUNT}:build/{BUILD_ID}",
        "buildStatus": status,
        "startTime": datetime.fromtimestamp(NOW, UTC),
        "timeoutInMinutes": 30,
        "queuedTimeoutInMinutes": 49,
        "logs": {"groupName": "/aws/codebuild/agent", "streamName": "7c9e6679"},
        **fields,
    }


def environment(**variables: str) -> dict[str, Any]:
    """A build's environment."""
    return {
        "type": "ARM_CONTAINER",
        "image": "aws/codebuild/amazonlinux-aarch64-standard:4.0",
        "computeType": "BUILD_GENERAL1_SMALL",
        "environmentVariables": [{"name": n, "value": v, "type": "PLAINTEXT"} for n, v in variables.items()],
    }


def failed_phase(
    phase: str, message: str = "", status: str = "FAILED", code: str = "COMMAND_EXECUTION_ERROR"
) -> Any:
    """The phases of a build that failed in the given phase."""
    return [
        {"phaseType": "SUBMITTED", "phaseStatus": "SUCCEEDED"},
        {"phaseType": phase, "phaseStatus": status, "contexts": [{"statusCode": code, "message": message}]},
        {"phaseType": "COMPLETED"},
    ]


@cache
def clients() -> Clients:
    """Real botocore clients, created once because that takes longer than a test."""
    session = boto3.Session("x", "x", region_name="eu-west-1")
    return Clients(
        session.client("codebuild"),
        session.client("ecr"),
        session.client("logs"),
        session.client("stepfunctions"),
        session.client("s3"),
    )


class CloudFormation:
    """Receives the responses in place of ``urlopen``, after failing as often as the test says."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.urls: list[str] = []
        self.responses: list[dict[str, Any]] = []

    def urlopen(self, request: HttpRequest, timeout: float) -> Any:
        assert request.get_method() == "PUT"
        assert timeout > 0
        if self.failures:
            raise self.failures.pop(0)
        assert isinstance(request.data, bytes)
        self.urls.append(request.full_url)
        self.responses.append(json.loads(request.data))
        return nullcontext()

    @property
    def response(self) -> dict[str, Any]:
        """The only response."""
        (response,) = self.responses
        return response

    @property
    def data(self) -> dict[str, Any]:
        """The attributes of the only response, which is a success."""
        assert self.response["Status"] == "SUCCESS", self.response
        return dict(self.response["Data"])

    @property
    def reason(self) -> str:
        """The reason of the only response, which is a failure."""
        assert self.response["Status"] == "FAILED", self.response
        return str(self.response["Reason"])


@dataclass
class Stubs:
    """Real botocore clients with the test's responses, which reject any other call."""

    aws: Clients
    codebuild: Stubber
    ecr: Stubber
    logs: Stubber
    stepfunctions: Stubber

    @classmethod
    def make(cls) -> "Stubs":
        aws = clients()
        stubs = cls(
            aws, Stubber(aws.codebuild), Stubber(aws.ecr), Stubber(aws.logs), Stubber(aws.stepfunctions)
        )
        for stubber in stubs.all:
            stubber.activate()
        return stubs

    @property
    def all(self) -> tuple[Stubber, ...]:
        return self.codebuild, self.ecr, self.logs, self.stepfunctions

    def close(self) -> None:
        """Nothing that a test has foreseen may be left over."""
        for stubber in self.all:
            stubber.deactivate()
        for stubber in self.all:
            stubber.assert_no_pending_responses()

    def no_image(self, tag: str = TAG) -> None:
        """ECR does not have the content tag."""
        missing = {"imageId": {"imageTag": tag}, "failureCode": "ImageNotFound", "failureReason": "not found"}
        self.ecr.add_response(
            "batch_get_image", {"images": [], "failures": [missing]}, self._request({"imageTag": tag})
        )

    def image(self, registry: "Registry", digest: str, tag: str = TAG) -> None:
        """ECR has this manifest under the content tag."""
        self._manifest(registry, digest, {"imageTag": tag})

    def child(self, registry: "Registry", digest: str) -> None:
        """ECR is asked for a manifest of an index."""
        self._manifest(registry, digest, {"imageDigest": digest})

    def config(self, registry: "Registry", digest: str) -> None:
        """ECR is asked for the configuration of an image."""
        self.ecr.add_response(
            "get_download_url_for_layer",
            {"downloadUrl": f"{registry.url}/{digest}", "layerDigest": digest},
            {"registryId": ACCOUNT, "repositoryName": REPOSITORY, "layerDigest": digest},
        )

    def good_image(self, registry: "Registry") -> str:
        """ECR has a linux/arm64 image under the content tag; returns its digest."""
        digest = registry.image()
        self.image(registry, digest)
        self.config(registry, registry.config_of(digest))
        return digest

    def builds(self, *builds: dict[str, Any]) -> None:
        """CodeBuild lists these builds of the project."""
        ids = [b["id"] for b in builds]
        self.codebuild.add_response(
            "list_builds_for_project", {"ids": ids} if ids else {}, {"projectName": PROJECT}
        )
        if ids:
            self.codebuild.add_response("batch_get_builds", {"builds": list(builds)}, {"ids": ids})

    def build(self, *builds: dict[str, Any]) -> None:
        """CodeBuild describes the build."""
        self.codebuild.add_response("batch_get_builds", {"builds": list(builds)}, {"ids": [BUILD_ID]})

    def stopped(self, build_id: str = BUILD_ID) -> None:
        """CodeBuild is asked to stop the build."""
        self.codebuild.add_response("stop_build", {"build": build("STOPPED")}, {"id": build_id})

    def starts(self, answer: dict[str, Any] | None = None) -> dict[str, Any]:
        """CodeBuild is asked to start a build; the parameters it was asked with."""
        self.codebuild.add_response("start_build", {"build": answer or build(currentPhase="QUEUED")})
        return recorded(self.aws.codebuild, "codebuild.StartBuild")

    def starts_execution(self) -> dict[str, Any]:
        """Step Functions is asked to start an execution; the parameters it was asked with."""
        arn = STATE_MACHINE.replace("stateMachine", "execution")
        started = {"executionArn": f"{arn}:1", "startDate": datetime.fromtimestamp(NOW, UTC)}
        self.stepfunctions.add_response("start_execution", started)
        return recorded(self.aws.stepfunctions, "stepfunctions.StartExecution")

    def deleted(self, tag: str = TAG) -> None:
        """ECR is asked to delete the tag."""
        self.ecr.add_response(
            "batch_delete_image",
            {"imageIds": [{"imageTag": tag}], "failures": []},
            {"registryId": ACCOUNT, "repositoryName": REPOSITORY, "imageIds": [{"imageTag": tag}]},
        )

    def log(self, *lines: str, before: str | None = None, token: str | None = None) -> None:
        """CloudWatch Logs has these last lines of the build, or those of the page with a token."""
        page: dict[str, Any] = {"events": [{"message": f"{line}\n"} for line in lines]}
        asked: dict[str, Any] = {
            "logGroupName": "/aws/codebuild/agent",
            "logStreamName": "7c9e6679",
            "limit": 200,
            "startFromHead": False,
        }
        if token:
            page["nextBackwardToken"] = token
        if before:
            asked["nextToken"] = before
        self.logs.add_response("get_log_events", page, asked)

    def _manifest(self, registry: "Registry", digest: str, image_id: dict[str, str]) -> None:
        manifest = registry.blobs[digest].decode()
        image = {"imageId": {"imageTag": TAG, "imageDigest": digest}, "imageManifest": manifest}
        self.ecr.add_response("batch_get_image", {"images": [image], "failures": []}, self._request(image_id))

    def _request(self, image_id: dict[str, str]) -> dict[str, Any]:
        return {
            "registryId": ACCOUNT,
            "repositoryName": REPOSITORY,
            "imageIds": [image_id],
            "acceptedMediaTypes": MEDIA_TYPES,
        }


def recorded(client: Any, operation: str) -> dict[str, Any]:
    """The parameters of a client's next call of an operation."""
    asked: dict[str, Any] = {}

    def record(params: dict[str, Any], **_: object) -> None:
        asked.update(params)
        client.meta.events.unregister(f"provide-client-params.{operation}", record)

    client.meta.events.register(f"provide-client-params.{operation}", record)
    return asked


@contextmanager
def stop_requests(client: Any) -> Iterator[list[str]]:
    """The ids of the builds that the function tries to stop."""
    ids: list[str] = []

    def record(params: dict[str, Any], **_: object) -> None:
        ids.append(params["id"])

    client.meta.events.register("provide-client-params.codebuild.StopBuild", record)
    try:
        yield ids
    finally:
        client.meta.events.unregister("provide-client-params.codebuild.StopBuild", record)


@dataclass
class Registry:
    """Manifests and configurations by digest, served over HTTP on 127.0.0.1."""

    url: str
    blobs: dict[str, bytes] = field(default_factory=dict)

    def add(self, document: object) -> str:
        blob = document if isinstance(document, bytes) else json.dumps(document).encode()
        digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
        self.blobs[digest] = blob
        return digest

    def image(self, architecture: str = "arm64", os: str = "linux", layers: tuple[int, ...] = (1000,)) -> str:
        config = self.add({"architecture": architecture, "os": os, "config": {}})
        return self.add(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": {"digest": config, "size": len(self.blobs[config])},
                "layers": [{"digest": f"sha256:{n:064x}", "size": size} for n, size in enumerate(layers)],
            }
        )

    def index(self, *entries: dict[str, Any]) -> str:
        return self.add({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(entries)})

    def entry(self, digest: str, platform: str, **annotations: str) -> dict[str, Any]:
        os, architecture = platform.split("/")
        entry: dict[str, Any] = {
            "digest": digest,
            "size": 1,
            "platform": {"os": os, "architecture": architecture},
        }
        return {**entry, "annotations": annotations} if annotations else entry

    def config_of(self, digest: str) -> str:
        return str(json.loads(self.blobs[digest])["config"]["digest"])


@contextmanager
def serve(registry: Registry) -> Iterator[Registry]:
    """The registry's blobs on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            blob = registry.blobs.get(self.path.lstrip("/"))
            self.send_response(200 if blob is not None else 404)
            self.end_headers()
            self.wfile.write(blob or b"")

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    registry.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def started_build(request_id: str, tag: str = TAG, status: str = "IN_PROGRESS", **fields: object) -> Any:
    """A build with a request id and a content tag in its environment."""
    return build(
        status, environment=environment(IMAGE_TAG=tag, REQUEST_ID=request_id), **copy.deepcopy(fields)
    )
