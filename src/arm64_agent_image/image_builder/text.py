"""Text that is safe to log and short enough for CloudFormation's response."""

import json
import re

_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


def json_size(text: str) -> int:
    """The bytes that the text takes inside a JSON string with every non-ASCII character escaped."""
    return len(json.dumps(text)) - 2


def printable(text: str) -> str:
    """The text on one line, without terminal sequences, control characters and unpaired surrogates."""
    return _NOT_TEXT.sub(" ", _ESCAPE_SEQUENCE.sub("", text)).rstrip()


def truncate(text: str, limit: int) -> str:
    """The text, or as much of its beginning as fits into ``limit`` bytes of JSON, followed by dots."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if json_size(text) <= limit else _fitting(text, limit - 3) + "..."


def truncate_start(text: str, limit: int) -> str:
    """The text, or as much of its end as fits into ``limit`` bytes of JSON, preceded by dots."""
    return text if json_size(text) <= limit else "..." + _fitting(text[::-1], limit - 3)[::-1]


def _fitting(text: str, limit: int) -> str:
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if json_size(text[:middle]) <= limit else (low, middle - 1)
    return text[:low]
