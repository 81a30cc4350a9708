"""A deployment as it happens: each resource with its state and duration, each line of the build."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

from .emulated_aws import EmulatedAws

ENDINGS = ("_COMPLETE", "_FAILED", "_SKIPPED")
STACK = "AWS::CloudFormation::Stack"


class Timeline:
    """Prints the account's journal from now on."""

    def __init__(self, aws: EmulatedAws) -> None:
        """Remember where the journal ends now."""
        self.aws = aws
        self.began = time.time()
        self.seen = len(aws.journal())
        self.started: dict[tuple[str, str], float] = {}
        self.ended = threading.Event()

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Print while the block runs, and the rest at its end."""
        printer = threading.Thread(target=self._follow, daemon=True)
        printer.start()
        try:
            yield
        finally:
            self.ended.set()
            printer.join()

    def _follow(self) -> None:
        while not self.ended.wait(0.1):
            self._print_new()
        self._print_new()

    def _print_new(self) -> None:
        events = self.aws.journal()[self.seen :]
        self.seen += len(events)
        for event in events:
            text = getattr(self, f"_{event['kind']}", lambda _event: "")(event)
            if text:
                print(f"  {event['at'] - self.began:6.1f} s  {text}", flush=True)

    def _resource(self, event: dict[str, Any]) -> str:
        status, key = event["status"], (event["stack"], event["resource"])
        if not status.endswith(ENDINGS):
            self.started.setdefault(key, event["at"])
            bold = event["type"].startswith(("Custom::", "AWS::BedrockAgentCore"))
            return f"{status:20} {event['type']:38} {event['resource']}" if bold else ""
        duration = event["at"] - self.started.pop(key, event["at"])
        reason = f": {event['reason'].splitlines()[0]}" if event["reason"] and "FAILED" in status else ""
        return f"{status:20} {event['type']:38} {event['resource']} ({duration:.1f} s){reason}"

    def _build(self, event: dict[str, Any]) -> str:
        took = f" after {event['seconds']:.1f} s" if "seconds" in event else ""
        return f"CodeBuild            {event['status']}{took}: {event['id']}"

    def _phase(self, event: dict[str, Any]) -> str:
        return f"CodeBuild            phase {event['phase']}"

    def _log(self, event: dict[str, Any]) -> str:
        line: str = event["line"]
        return (
            ""
            if line.startswith("[Container]") or not line.strip()
            else f"                     | {line[:150]}"
        )

    def _push(self, event: dict[str, Any]) -> str:
        return f"registry             {event['repository']}:{event['reference']}"

    def _runtime(self, event: dict[str, Any]) -> str:
        if "refused" in event:
            return f"AgentCore            refuses {event['uri']}: {event['refused']}"
        return f"AgentCore            runtime {event['name']}, version {event['version']}"
