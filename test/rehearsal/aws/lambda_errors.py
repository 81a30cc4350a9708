"""Lambda: the response of a failed function names the exception's class, by which Step Functions retries.

https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
"""

from __future__ import annotations

from typing import Any

from ministack.services import lambda_svc as service

UNKNOWN = "Runtime.HandlerError"
_execute = service._execute_function_warm


def execute(*args: Any) -> dict[str, Any]:
    """Take the exception's class from the last line of the traceback."""
    result: dict[str, Any] = _execute(*args)
    if result.get("error") and result["body"]["errorType"] == UNKNOWN:
        message, log = result["body"]["errorMessage"], result["log"].rstrip()
        if "Traceback (most recent call last)" in log:
            raised = log.removesuffix(message).rstrip(": ").splitlines()[-1]
            result["body"]["errorType"] = raised.rpartition(".")[2]
    return result
