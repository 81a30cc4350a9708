"""The response to CloudFormation, sent to a presigned URL of Amazon S3.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

from ...text import truncate
from ..services.clock import Clock

MAX_BYTES = 4096
TRIES = 5
TIMEOUT = 10
_REASON_BYTES = 2500


def succeed(event: Mapping[str, Any], data: Mapping[str, str], clock: Clock) -> None:
    """Report the finished resource with its attributes."""
    _send(event, {"Status": "SUCCESS", "Data": data}, clock)


def fail(event: Mapping[str, Any], reason: str, clock: Clock) -> None:
    """Report why the request has failed."""
    _send(event, {"Status": "FAILED", "Reason": truncate(reason, _REASON_BYTES)}, clock)


def physical_id(event: Mapping[str, Any]) -> str:
    """The resource's id, which never changes: for a new id CloudFormation would delete the old resource."""
    known = event.get("PhysicalResourceId")
    return str(known) if known else f"arm64-agent-image-{event.get('LogicalResourceId')}"


def _send(event: Mapping[str, Any], outcome: Mapping[str, object], clock: Clock) -> None:
    document = {
        "PhysicalResourceId": physical_id(event),
        **{name: event.get(name) for name in ("StackId", "RequestId", "LogicalResourceId")},
        **outcome,
    }
    body = json.dumps(document).encode()
    print(f"responding to {event.get('RequestType')}: {json.dumps(outcome)}")
    for left in reversed(range(TRIES)):
        try:
            _put(str(event["ResponseURL"]), body)
            return
        except HTTPError as error:
            if error.code < 500 and error.code not in (408, 429):
                print(f"the response was refused and is not sent again: {error}")
                return
            _pause(left, error, clock)
        except (HTTPException, OSError) as error:
            _pause(left, error, clock)


def _put(url: str, body: bytes) -> None:
    request = HttpRequest(url, body, {"Content-Type": "", "Content-Length": str(len(body))}, method="PUT")
    with urlopen(request, timeout=TIMEOUT):
        return


def _pause(left: int, error: Exception, clock: Clock) -> None:
    if left == 0:
        raise error
    print(f"the response was not delivered, {left} more tries: {error}")
    clock.sleep(2 ** (TRIES - 1 - left))
