"""Errors for the person who deploys, and text that fits into CloudFormation's response.

CloudFormation refuses a response of more than 4,096 bytes, so a message keeps to ``LIMIT`` bytes in its
longest JSON form.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

import json
import os
import re
import traceback

LIMIT = 2000

_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


class ImageBuildError(Exception):
    """What is wrong and what to change, in a sentence that is never longer than ``LIMIT``."""

    def __init__(self, message: str) -> None:
        super().__init__(truncate(message, LIMIT))


def unexpected(error: Exception) -> str:
    """What to say about a defect of this library, whose traceback goes to the function's log."""
    traceback.print_exception(error)
    said = truncate(f"{type(error).__name__}: {printable(str(error))}", 600)
    log_group = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", "of the function")
    return (
        f"unexpected {said}: deploy again; if it persists, report it to the authors of arm64-agent-image with"
        f" the traceback in log group {log_group}"
    )


def json_size(text: str) -> int:
    """Bytes that the text takes inside a JSON string when every non-ASCII character is escaped."""
    return len(json.dumps(text)) - 2


def printable(text: str) -> str:
    """One line of text without terminal sequences, control characters and unpaired surrogates."""
    return _NOT_TEXT.sub(" ", _ESCAPE_SEQUENCE.sub("", text)).rstrip()


def truncate(text: str, limit: int) -> str:
    """The text, or as much of its beginning as fits into ``limit`` JSON bytes, marked with dots."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if json_size(text) <= limit else _fitting(text, limit - 3) + "..."


def truncate_start(text: str, limit: int) -> str:
    """The text, or as much of its end as fits into ``limit`` JSON bytes, marked with dots."""
    return text if json_size(text) <= limit else "..." + _fitting(text[::-1], limit - 3)[::-1]


def _fitting(text: str, limit: int) -> str:
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if json_size(text[:middle]) <= limit else (low, middle - 1)
    return text[:low]
