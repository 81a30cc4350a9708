"""What goes wrong, told to the person who deploys.

The CDK provider framework sends an exception's type and message to CloudFormation as the reason, followed by
the name of the function's log group and a stack trace of its own. CloudFormation refuses a response of more
than 4096 bytes, so a message of ours keeps to ``LIMIT`` bytes in its longest JSON form.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

import functools
import json
import re
import traceback
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
LIMIT = 2000

_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


class ImageBuildError(Exception):
    """A sentence for the user: what is wrong and what to change; never longer than ``LIMIT``."""

    def __init__(self, message: str) -> None:
        super().__init__(shorten(message, LIMIT))


def sentences(function: Callable[P, R]) -> Callable[P, R]:
    """Whatever the function raises is an ``ImageBuildError``; a defect of ours is logged and says so."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except ImageBuildError:
            raise
        except Exception as error:
            traceback.print_exc()
            message = shorten(f"{type(error).__name__}: {plain(str(error))}", 600)
            raise ImageBuildError(
                f"unexpected {message}: deploy again, and report it to the authors of arm64-agent-image"
                " if it stays"
            ) from error

    return wrapped


def weight(text: str) -> int:
    """Bytes that the text takes inside a JSON string, when every non-ASCII character is escaped."""
    return len(json.dumps(text)) - 2


def plain(text: str) -> str:
    """One line of readable text: without terminal sequences, control characters and halves of characters."""
    return _NOT_TEXT.sub(" ", _ESCAPE_SEQUENCE.sub("", text)).rstrip()


def shorten(text: str, limit: int) -> str:
    """The text, or as much of its beginning as fits into ``limit`` JSON bytes, marked with dots."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if weight(text) <= limit else _fitting(text, limit - 3) + "..."


def shorten_start(text: str, limit: int) -> str:
    """The text, or as much of its end as fits into ``limit`` JSON bytes, marked with dots."""
    return text if weight(text) <= limit else "..." + _fitting(text[::-1], limit - 3)[::-1]


def _fitting(text: str, limit: int) -> str:
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if weight(text[:middle]) <= limit else (low, middle - 1)
    return text[:low]
