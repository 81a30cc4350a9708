"""The AWS clients of the function, and the kinds of their errors."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum
from functools import cache
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.error import HTTPError

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.parsers import ResponseParserError

if TYPE_CHECKING:
    from mypy_boto3_codebuild import CodeBuildClient
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_stepfunctions import SFNClient

_CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})
_ACCESS_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
}
_THROTTLED = {
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "ServerException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "InternalFailure",
    "InternalServerError",
    "RequestTimeout",
    "RequestTimeoutException",
}
_NO_ANSWER = (HTTPClientError, BotoConnectionError, ResponseParserError, HTTPException, OSError)

AWS_ERRORS = (ClientError, BotoCoreError, ResponseParserError, HTTPException, OSError)


class ErrorKind(Enum):
    """Kinds of AWS errors that call for different answers."""

    ACCESS_DENIED = "access denied"
    ACCOUNT_LIMIT = "account limit"
    TRANSIENT = "transient"
    PERMANENT = "permanent"


@dataclass(frozen=True)
class Aws:
    """The clients that the function uses."""

    codebuild: CodeBuildClient
    ecr: ECRClient
    logs: CloudWatchLogsClient
    stepfunctions: SFNClient


class Clock:
    """The time in seconds since the epoch, and sleeping: replaced in tests."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds."""
        time.sleep(seconds)


@cache
def connect() -> Aws:
    """The clients for the function's own region; made once per Lambda environment."""
    return Aws(
        codebuild=boto3.client("codebuild", config=_CONFIG),
        ecr=boto3.client("ecr", config=_CONFIG),
        logs=boto3.client("logs", config=_CONFIG),
        stepfunctions=boto3.client("stepfunctions", config=_CONFIG),
    )


def classify(error: Exception) -> ErrorKind:
    """What an error of a call to AWS, or of a download, means.

    A role that was made seconds ago is refused until IAM has propagated it: with AccessDenied when the
    function's own rights are missing, with InvalidInputException when CodeBuild cannot assume the role of the
    project yet.
    """
    if isinstance(error, HTTPError):
        return ErrorKind.TRANSIENT if error.code >= 500 or error.code == 429 else ErrorKind.PERMANENT
    if isinstance(error, ClientError):
        code, status = error_code(error), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _ACCESS_DENIED or (
            code == "InvalidInputException" and "sts:AssumeRole" in error_message(error)
        ):
            return ErrorKind.ACCESS_DENIED
        if code == "AccountLimitExceededException":
            return ErrorKind.ACCOUNT_LIMIT
        return (
            ErrorKind.TRANSIENT
            if code in _THROTTLED or status >= 500 or status == 429
            else ErrorKind.PERMANENT
        )
    return ErrorKind.TRANSIENT if isinstance(error, _NO_ANSWER) else ErrorKind.PERMANENT


def error_code(error: Exception) -> str:
    """The service's code of an error, or the name of its class."""
    return (
        str(error.response.get("Error", {}).get("Code", ""))
        if isinstance(error, ClientError)
        else type(error).__name__
    )


def error_message(error: Exception) -> str:
    """The service's own words."""
    return (
        str(error.response.get("Error", {}).get("Message", ""))
        if isinstance(error, ClientError)
        else str(error)
    )
