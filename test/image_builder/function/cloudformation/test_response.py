"""The response to CloudFormation: its content, its size, and its delivery."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import BadStatusLine
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.error import HTTPError, URLError

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_builder.function.cloudformation import response

from test.image_builder.fakes import CloudFormation, FakeClock, event

ANY_TEXT = st.text(st.characters(codec=None))


@dataclass
class Bucket:
    """The server of the presigned URL; it replies with the given statuses, then with 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture(scope="module")
def served_bucket() -> Iterator[Bucket]:
    bucket = Bucket()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            bucket.requests.append((self.path, dict(self.headers), body))
            status = bucket.statuses.pop(0) if bucket.statuses else 200
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    bucket.url = f"http://127.0.0.1:{server.server_port}/secret?X-Amz-Signature=abc"
    yield bucket
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def bucket(served_bucket: Bucket) -> Bucket:
    served_bucket.statuses.clear()
    served_bucket.requests.clear()
    return served_bucket


def request_for(bucket: Bucket, name: str = "create") -> dict[str, Any]:
    return event(name) | {"ResponseURL": bucket.url}


def test_success_is_put_to_the_url_with_the_attributes(bucket: Bucket, clock: FakeClock) -> None:
    response.succeed(request_for(bucket), {"ImageTag": "x"}, clock)
    ((path, headers, body),) = bucket.requests
    assert path == "/secret?X-Amz-Signature=abc"
    assert headers["Content-Type"] == ""
    assert json.loads(body) == {
        "Status": "SUCCESS",
        "PhysicalResourceId": "arm64-agent-image-Image",
        "StackId": event("create")["StackId"],
        "RequestId": event("create")["RequestId"],
        "LogicalResourceId": "Image",
        "Data": {"ImageTag": "x"},
    }


def test_failure_is_put_to_the_url_with_the_reason(bucket: Bucket, clock: FakeClock) -> None:
    response.fail(request_for(bucket), "the reason", clock)
    ((_, _, body),) = bucket.requests
    assert json.loads(body) == {
        "Status": "FAILED",
        "PhysicalResourceId": "arm64-agent-image-Image",
        "StackId": event("create")["StackId"],
        "RequestId": event("create")["RequestId"],
        "LogicalResourceId": "Image",
        "Reason": "the reason",
    }


@pytest.mark.parametrize("name", ["create", "update", "rollback", "delete"])
@pytest.mark.parametrize("known", ["arm64-agent-image-Image", "the id of another version"])
def test_physical_resource_id_never_changes(
    name: str, known: str, clock: FakeClock, cloudformation: CloudFormation
) -> None:
    request = event(name) | ({"PhysicalResourceId": known} if name != "create" else {})
    response.succeed(request, {}, clock)
    response.fail(request, "no", clock)
    ids = [answer["PhysicalResourceId"] for answer in cloudformation.responses]
    assert ids == ["arm64-agent-image-Image" if name == "create" else known] * 2


@pytest.mark.parametrize("status", [408, 429, 500, 503, 0])
def test_retries_until_the_response_arrives(status: int, bucket: Bucket, clock: FakeClock) -> None:
    bucket.statuses = [status] * 3
    response.succeed(request_for(bucket), {}, clock)
    assert len(bucket.requests) == 4
    assert len({body for _, _, body in bucket.requests}) == 1
    assert clock.slept == [1, 2, 4]


@pytest.mark.parametrize(
    "error", [URLError("unreachable"), TimeoutError("timed out"), ConnectionResetError()]
)
def test_retries_when_there_is_no_connection(
    error: OSError, clock: FakeClock, cloudformation: CloudFormation
) -> None:
    cloudformation.failures = [error]
    response.succeed(event("create"), {}, clock)
    assert cloudformation.response["Status"] == "SUCCESS"
    assert clock.slept == [1]


def test_retries_when_the_reply_is_not_http(clock: FakeClock, cloudformation: CloudFormation) -> None:
    cloudformation.failures = [BadStatusLine("garbage")]
    response.succeed(event("create"), {}, clock)
    assert cloudformation.response["Status"] == "SUCCESS"


def test_raises_when_the_response_is_not_delivered_so_that_the_function_is_retried(
    bucket: Bucket, clock: FakeClock
) -> None:
    bucket.statuses = [500] * response.TRIES
    with pytest.raises(HTTPError, match="500"):
        response.fail(request_for(bucket), "no", clock)
    assert len(bucket.requests) == response.TRIES
    assert clock.slept == [1, 2, 4, 8]


@pytest.mark.parametrize("status", [400, 403, 404])
def test_does_not_repeat_a_response_that_is_refused(
    status: int, bucket: Bucket, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.statuses = [status]
    response.succeed(request_for(bucket), {}, clock)
    assert len(bucket.requests) == 1
    assert clock.slept == []
    assert "the response was refused and is not sent again" in capsys.readouterr().out


@pytest.mark.parametrize("status", [200, 403, 500])
def test_the_url_is_not_printed_to_the_log(
    status: int, bucket: Bucket, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.statuses = [status]
    response.fail(request_for(bucket), "no", clock)
    printed = "".join(capsys.readouterr())
    assert "responding to Create" in printed
    assert "Signature" not in printed
    assert "secret" not in printed


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reason=ANY_TEXT | ANY_TEXT.map(lambda text: text * 3000))
def test_every_response_fits_into_cloudformations_4096_bytes(
    reason: str, clock: FakeClock, cloudformation: CloudFormation
) -> None:
    name, account = "L" * 255, "arn:aws-us-gov:cloudformation:us-gov-west-1:123456789012"
    request = event("create") | {
        "LogicalResourceId": name,
        "StackId": f"{account}:stack/{'S' * 128}/5e7a2b10-c9a1-11f0-8f5c-0a1b2c3d4e5f",
    }
    cloudformation.responses.clear()
    response.fail(request, reason, clock)
    assert len(json.dumps(cloudformation.response).encode()) <= 4096
    assert cloudformation.response["PhysicalResourceId"] == f"arm64-agent-image-{name}"
    cloudformation.responses.clear()
    data = {"RepositoryUri": "x" * 330, "ImageTag": "1" * 64, "ImageDigest": f"sha256:{'1' * 64}"}
    response.succeed(request, data, clock)
    assert len(json.dumps(cloudformation.response).encode()) <= 4096
