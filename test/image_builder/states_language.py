"""Executes a definition in the Amazon States Language: the parts that the construct uses.

https://states-language.net/spec.html and
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

import json
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any

EVENT_LIMIT = 25_000
DATA_LIMIT = 262_144

Json = dict[str, Any]
Outcome = Generator[float, None, tuple[Any, str | None]]

_FIELDS = {
    "Task": {"Resource", "Parameters", "ResultPath", "TimeoutSeconds", "Retry", "Catch", "Next"},
    "Choice": {"Choices", "Default"},
    "Wait": {"SecondsPath", "Next"},
    "Succeed": set[str](),
}
_OPERANDS = {"BooleanEquals": bool, "StringEquals": str}
_RETRIER_FIELDS = {
    *("ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy"),
}


class StateError(Exception):
    """An error with a name that a state can retry or catch."""

    def __init__(self, name: str, cause: str = "") -> None:
        super().__init__(f"{name}: {cause}")
        self.name, self.cause = name, cause


class Execution:
    """An execution, which counts the events of its history."""

    def __init__(
        self, definition: Json, started: float, data: str, invoke: Callable[[Any], Any], random: Random
    ) -> None:
        assert len(data) <= DATA_LIMIT
        self.definition, self.input, self.started = definition, data, started
        self.status, self.error = "RUNNING", ""
        self.events = Counter[str]()
        self._invoke, self._random = invoke, random

    @property
    def event_count(self) -> int:
        """The length of the history."""
        return self.events.total()

    def run(self) -> Iterator[float]:
        """Go on until the execution ends; yields the seconds that it waits."""
        data, name = json.loads(self.input), self.definition["StartAt"]
        self._record("ExecutionStarted")
        try:
            while name is not None:
                state = self.definition["States"][name]
                kind = state["Type"]
                assert set(state) - {"Type"} <= _FIELDS[kind], f"unknown fields in the state {name!r}"
                self._record(f"{kind}StateEntered")
                data, name = yield from getattr(self, f"_{kind.lower()}")(state, data)
                self._record(f"{kind}StateExited")
            self._record("ExecutionSucceeded")
            self.status = "SUCCEEDED"
        except StateError as error:
            self.status, self.error = "FAILED", str(error)

    def _record(self, event: str) -> None:
        self.events[event] += 1
        if self.event_count > EVENT_LIMIT:
            raise StateError("States.Runtime", "the history has too many events")

    def _task(self, state: Json, data: Any) -> Outcome:
        attempts = Counter[int]()
        while True:
            try:
                result = self._call(self._parameters(state["Parameters"], data))
                return _with_result(data, state.get("ResultPath", "$"), result), state["Next"]
            except StateError as error:
                if error.name == "States.Runtime":
                    raise
                delay = self._delay(state.get("Retry", []), attempts, error)
                if delay is None:
                    return self._caught(state, data, error)
                yield delay

    def _call(self, payload: Any) -> Any:
        self._record("LambdaFunctionScheduled")
        self._record("LambdaFunctionStarted")
        try:
            result = json.dumps(self._invoke(json.loads(json.dumps(payload))))
        except StateError:
            self._record("LambdaFunctionFailed")
            raise
        self._record("LambdaFunctionSucceeded")
        assert len(result) <= DATA_LIMIT
        return json.loads(result)

    def _delay(self, retriers: list[Json], attempts: Counter[int], error: StateError) -> float | None:
        for number, retrier in enumerate(retriers):
            assert set(retrier) <= _RETRIER_FIELDS
            if not _matches(retrier, error):
                continue
            if attempts[number] >= retrier["MaxAttempts"]:
                return None
            delay: float = retrier["IntervalSeconds"] * retrier["BackoffRate"] ** attempts[number]
            delay = min(delay, retrier.get("MaxDelaySeconds", delay))
            attempts[number] += 1
            return self._random.uniform(0, delay) if retrier.get("JitterStrategy") == "FULL" else delay
        return None

    def _caught(self, state: Json, data: Any, error: StateError) -> tuple[Any, str]:
        for catcher in state.get("Catch", []):
            if _matches(catcher, error):
                output = {"Error": error.name, "Cause": error.cause}
                return _with_result(data, catcher["ResultPath"], output), catcher["Next"]
        raise error

    def _choice(self, state: Json, data: Any) -> Outcome:
        yield from ()
        for rule in state["Choices"]:
            (operator,) = set(rule) - {"Variable", "Next"}
            value = self._value(rule["Variable"], data)
            if type(value) is _OPERANDS[operator] and value == rule[operator]:
                return data, rule["Next"]
        return data, state["Default"]

    def _wait(self, state: Json, data: Any) -> Outcome:
        seconds = self._value(state["SecondsPath"], data)
        if type(seconds) is not int or not 0 <= seconds <= 99_999_999:
            raise StateError("States.Runtime", f"{seconds!r} is not a number of seconds")
        yield seconds
        return data, state["Next"]

    def _succeed(self, _state: Json, data: Any) -> Outcome:
        yield from ()
        return data, None

    def _parameters(self, template: Json, data: Any) -> Json:
        return {
            name.removesuffix(".$"): self._value(value, data) if name.endswith(".$") else value
            for name, value in template.items()
        }

    def _value(self, path: str, data: Any) -> Any:
        start = datetime.fromtimestamp(self.started, UTC).isoformat(timespec="milliseconds")
        context = {"Execution": {"StartTime": start.replace("+00:00", "Z")}}
        root, *names = path.split(".")
        assert root in ("$", "$$")
        value = context if root == "$$" else data
        for name in names:
            if not isinstance(value, dict) or name not in value:
                raise StateError("States.Runtime", f"there is no {path}")
            value = value[name]
        return value


def _matches(rule: Json, error: StateError) -> bool:
    return error.name in rule["ErrorEquals"] or "States.ALL" in rule["ErrorEquals"]


def _with_result(data: Mapping[str, Any], path: str | None, result: Any) -> Any:
    if path is None:
        return data
    root, *names = path.split(".")
    assert root == "$"
    assert len(names) <= 1
    return {**data, names[0]: result} if names else result
