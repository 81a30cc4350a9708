"""Errors of AWS calls, and which of them a later call can overcome."""

from __future__ import annotations

import re
from enum import Enum
from http.client import HTTPException
from urllib.error import HTTPError

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.parsers import ResponseParserError

from ...text import printable, truncate

_ACCESS_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
}
_TRANSIENT = {
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
_NO_RESPONSE = (HTTPClientError, BotoConnectionError, ResponseParserError, HTTPException, OSError)
_BUILDS_IN_QUEUE = re.compile(r"more than (\d+) builds? in queue")

AWS_ERRORS = (ClientError, BotoCoreError, ResponseParserError, HTTPException, OSError)
"""Every error that a call to AWS, or a download, can raise."""


class ErrorKind(Enum):
    """Kinds of errors that call for different reactions."""

    ACCESS_DENIED = "access denied"
    ACCOUNT_BUSY = "account busy"
    ACCOUNT_WITHOUT_BUILDS = "account without builds"
    TRANSIENT = "transient"
    PERMANENT = "permanent"


def classify(error: Exception) -> ErrorKind:
    """The kind of an error of a call to AWS, or of a download.

    A new role is denied access until IAM has propagated it: with AccessDenied when the function's own
    permissions are missing, with InvalidInputException when CodeBuild cannot assume the project's role yet.
    A new account may allow no builds at all, which waiting does not change.
    """
    if isinstance(error, HTTPError):
        return _by_status(error.code)
    if not isinstance(error, ClientError):
        return ErrorKind.TRANSIENT if isinstance(error, _NO_RESPONSE) else ErrorKind.PERMANENT
    code, message = error_code(error), error_message(error)
    if code in _ACCESS_DENIED or (code == "InvalidInputException" and "sts:AssumeRole" in message):
        return ErrorKind.ACCESS_DENIED
    if code == "AccountLimitExceededException":
        builds = _BUILDS_IN_QUEUE.search(message)
        return ErrorKind.ACCOUNT_WITHOUT_BUILDS if builds and builds[1] == "0" else ErrorKind.ACCOUNT_BUSY
    if code in _TRANSIENT:
        return ErrorKind.TRANSIENT
    return _by_status(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def error_code(error: Exception) -> str:
    """The service's error code, or the name of the exception's class."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return type(error).__name__


def error_message(error: Exception) -> str:
    """The service's own message."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Message", ""))
    return str(error)


def summary(error: Exception) -> str:
    """The service's code and message, on one line."""
    return truncate(f"{error_code(error)}: {printable(error_message(error))}", 600)


def _by_status(status: int) -> ErrorKind:
    return ErrorKind.TRANSIENT if status >= 500 or status == 429 else ErrorKind.PERMANENT
