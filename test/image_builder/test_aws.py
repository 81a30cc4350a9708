"""How errors of AWS are taken, and what botocore does with them before we see them."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, cast
from urllib.error import HTTPError, URLError

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError
from image_builder import aws, is_complete, on_event
from image_builder.aws import Trouble, classify

from test.image_builder.fakes import BUILD_ID, PROJECT, TAG, FakeClock, event


def error(code: str, status: int = 400, message: str = "") -> ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "StartBuild")


def http_error(status: int) -> HTTPError:
    return HTTPError("https://x", status, "no", cast("Any", {}), None)


@pytest.mark.parametrize(
    ("raised", "trouble"),
    [
        (error("AccessDeniedException"), Trouble.ACCESS_DENIED),
        (error("AccessDenied", 403), Trouble.ACCESS_DENIED),
        (
            error("InvalidInputException", message="not authorized to perform: sts:AssumeRole"),
            Trouble.ACCESS_DENIED,
        ),
        (error("InvalidInputException", message="no such source"), Trouble.PERMANENT),
        (error("AccountLimitExceededException"), Trouble.ACCOUNT_LIMIT),
        (error("ThrottlingException"), Trouble.TRANSIENT),
        (error("Whatever", 429), Trouble.TRANSIENT),
        (error("Whatever", 500), Trouble.TRANSIENT),
        (error("ServerException", 400), Trouble.TRANSIENT),
        (error("ResourceNotFoundException"), Trouble.PERMANENT),
        (ReadTimeoutError(endpoint_url="x"), Trouble.TRANSIENT),
        (ConnectTimeoutError(endpoint_url="x"), Trouble.TRANSIENT),
        (EndpointConnectionError(endpoint_url="x"), Trouble.TRANSIENT),
        (ResponseParserError("cut off"), Trouble.TRANSIENT),
        (NoCredentialsError(), Trouble.PERMANENT),
        (URLError("unreachable"), Trouble.TRANSIENT),
        (TimeoutError(), Trouble.TRANSIENT),
        (http_error(503), Trouble.TRANSIENT),
        (http_error(403), Trouble.PERMANENT),
    ],
)
def test_every_error_has_its_answer(raised: Exception, trouble: Trouble) -> None:
    assert isinstance(raised, aws.AWS_ERRORS)
    assert classify(raised) is trouble


def test_errors_without_a_body_have_a_name() -> None:
    assert aws.error_code(ClientError(cast("Any", {}), "StartBuild")) == ""
    assert aws.error_code(TimeoutError()) == "TimeoutError"


class Api(BaseHTTPRequestHandler):
    """Answers like the JSON APIs of AWS; the first StartBuild takes effect and is answered with 500."""

    tokens: list[str]

    def do_POST(self) -> None:
        operation = self.headers["X-Amz-Target"].split(".")[-1]
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, answer = 200, cast("dict[str, Any]", {})
        if operation == "BatchGetImage":
            answer = {"failures": [{"failureCode": "ImageNotFound", "imageId": {"imageTag": TAG}}]}
        if operation == "StartBuild":
            self.tokens.append(asked["idempotencyToken"])
            answer = {"build": {"id": BUILD_ID, "buildStatus": "IN_PROGRESS"}}
            status = 500 if len(self.tokens) == 1 else 200
        if operation == "BatchGetBuilds":
            answer = {"builds": [{"id": BUILD_ID, "buildStatus": "IN_PROGRESS"}]}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    Api.tokens = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    aws.connect.cache_clear()
    yield Api.tokens
    aws.connect.cache_clear()
    server.shutdown()
    thread.join()
    server.server_close()


def test_botocore_repeats_start_build_with_the_same_token(tokens: list[str]) -> None:
    assert on_event.handler(event("create"), None)["BuildId"] == BUILD_ID
    assert tokens == [event("create")["RequestId"]] * 2


def test_handlers_use_the_clients_of_their_own_region(tokens: list[str], clock: FakeClock) -> None:
    assert aws.connect() is aws.connect()
    assert aws.connect().codebuild.meta.region_name == "eu-west-1"
    assert is_complete.handler(event("create") | {"BuildId": BUILD_ID}, None) == {"IsComplete": False}
    assert on_event.handler(event("delete"), None) == {}
    assert PROJECT in BUILD_ID
    assert tokens == []
