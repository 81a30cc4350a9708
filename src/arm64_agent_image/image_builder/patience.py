"""Waiting for what passes by itself: new permissions, a place among the account's builds, a busy service."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from .aws import AWS_ERRORS, Clock, Trouble, classify, error_code, error_message
from .explain import allows_no_build, explain
from .failure import ImageBuildError, plain

if TYPE_CHECKING:
    from .properties import Properties

R = TypeVar("R")

TOTAL_SECONDS = 630
LIMIT_SECONDS = {Trouble.ACCESS_DENIED: 120, Trouble.ACCOUNT_LIMIT: 600, Trouble.TRANSIENT: 120}
PAUSE_SECONDS = {Trouble.ACCESS_DENIED: 5, Trouble.ACCOUNT_LIMIT: 15, Trouble.TRANSIENT: 5}


class BuildNotStartedError(ImageBuildError):
    """AWS did not let the build start, and waiting did not help."""


def patiently(operation: Callable[[], R], properties: Properties, clock: Clock) -> R:
    """The operation's result; it is called again while what stops it may pass, within Lambda's 15 minutes.

    Every wait is a line in the function's log.

    :raises BuildNotStartedError: when the error does not pass by itself, or not in time.
    """
    give_up, waited = clock.now() + TOTAL_SECONDS, dict.fromkeys(LIMIT_SECONDS, 0)
    while True:
        try:
            return operation()
        except AWS_ERRORS as error:
            trouble = classify(error)
            pause = PAUSE_SECONDS.get(trouble)
            if pause is None or allows_no_build(error):
                raise BuildNotStartedError(explain(error, properties)) from error
            if waited[trouble] + pause > LIMIT_SECONDS[trouble] or clock.now() + pause > give_up:
                raise BuildNotStartedError(explain(error, properties)) from error
            waited[trouble] += pause
            said = plain(f"{error_code(error)}: {error_message(error)}")
            print(f"waiting {pause} s, {waited[trouble]} s so far: {said}")
            clock.sleep(pause)
