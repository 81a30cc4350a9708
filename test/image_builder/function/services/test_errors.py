"""The kinds of AWS errors, and the retries of botocore before the function sees them."""

import json
from collections.abc import Iterator
from http.client import BadStatusLine, IncompleteRead
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
from image_builder.function.handler import handler
from image_builder.function.services.clients import connect
from image_builder.function.services.errors import AWS_ERRORS, ErrorKind, classify, error_code

from test.image_builder.fakes import BUILD_ID, STATE_MACHINE, TAG, CloudFormation, event, step_input


def error(code: str, status: int = 400, message: str = "") -> ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "StartBuild")


def http_error(status: int) -> HTTPError:
    return HTTPError("https://x", status, "no", cast("Any", {}), None)


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (error("AccessDeniedException"), ErrorKind.ACCESS_DENIED),
        (error("AccessDenied", 403), ErrorKind.ACCESS_DENIED),
        (
            error("InvalidInputException", message="not authorized to perform: sts:AssumeRole"),
            ErrorKind.ACCESS_DENIED,
        ),
        (error("InvalidInputException", message="no such source"), ErrorKind.PERMANENT),
        (error("AccountLimitExceededException"), ErrorKind.ACCOUNT_BUSY),
        (
            error("AccountLimitExceededException", message="Cannot have more than 1 builds in queue"),
            ErrorKind.ACCOUNT_BUSY,
        ),
        (
            error("AccountLimitExceededException", message="Cannot have more than 0 builds in queue"),
            ErrorKind.ACCOUNT_WITHOUT_BUILDS,
        ),
        (error("ThrottlingException"), ErrorKind.TRANSIENT),
        (error("Whatever", 429), ErrorKind.TRANSIENT),
        (error("Whatever", 500), ErrorKind.TRANSIENT),
        (error("ServerException", 400), ErrorKind.TRANSIENT),
        (error("ResourceNotFoundException"), ErrorKind.PERMANENT),
        (ReadTimeoutError(endpoint_url="x"), ErrorKind.TRANSIENT),
        (ConnectTimeoutError(endpoint_url="x"), ErrorKind.TRANSIENT),
        (EndpointConnectionError(endpoint_url="x"), ErrorKind.TRANSIENT),
        (ResponseParserError("cut off"), ErrorKind.TRANSIENT),
        (NoCredentialsError(), ErrorKind.PERMANENT),
        (URLError("unreachable"), ErrorKind.TRANSIENT),
        (TimeoutError(), ErrorKind.TRANSIENT),
        (IncompleteRead(b"cut off"), ErrorKind.TRANSIENT),
        (BadStatusLine("garbage"), ErrorKind.TRANSIENT),
        (http_error(503), ErrorKind.TRANSIENT),
        (http_error(403), ErrorKind.PERMANENT),
    ],
)
def test_every_error_has_its_kind(raised: Exception, kind: ErrorKind) -> None:
    assert isinstance(raised, AWS_ERRORS)
    assert classify(raised) is kind


def test_errors_without_a_body_have_a_name() -> None:
    assert error_code(ClientError(cast("Any", {}), "StartBuild")) == ""
    assert error_code(TimeoutError()) == "TimeoutError"


class Api(BaseHTTPRequestHandler):
    """A JSON API like those of AWS: the first start takes effect and returns 500."""

    names: list[str]

    def do_POST(self) -> None:
        operation = self.headers["X-Amz-Target"].split(".")[-1]
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, answer = 200, cast("dict[str, Any]", {})
        if operation == "BatchGetImage":
            answer = {"failures": [{"failureCode": "ImageNotFound", "imageId": {"imageTag": TAG}}]}
        if operation in ("StartBuild", "StartExecution"):
            self.names.append(asked.get("idempotencyToken") or asked["name"])
            answer = {"build": {"id": BUILD_ID, "buildStatus": "IN_PROGRESS"}}
            status = 500 if len(self.names) == 1 else 200
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    Api.names = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("STATE_MACHINE_ARN", STATE_MACHINE)
    connect.cache_clear()
    yield Api.names
    connect.cache_clear()
    server.shutdown()
    thread.join()
    server.server_close()


def test_botocore_repeats_start_build_with_the_same_token(names: list[str]) -> None:
    started = handler({**step_input("create"), "Started": None}, None)
    assert started is not None
    assert started["build_id"] == BUILD_ID
    assert names == [event("create")["RequestId"]] * 2


def test_botocore_repeats_start_execution_with_the_same_name(names: list[str]) -> None:
    assert handler(event("create"), None) is None
    assert names == [event("create")["RequestId"]] * 2


def test_the_handler_uses_clients_of_its_own_region_and_makes_them_once(
    names: list[str], cloudformation: CloudFormation
) -> None:
    assert connect() is connect()
    clients = vars(connect()).values()
    assert {client.meta.region_name for client in clients} == {"eu-west-1"}
    assert handler(event("delete"), None) is None
    assert cloudformation.data == {}
    assert names == []
