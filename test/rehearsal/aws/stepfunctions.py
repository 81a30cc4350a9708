"""Step Functions: a state machine invokes a function only when its role may.

https://docs.aws.amazon.com/step-functions/latest/dg/lambda-iam.html
"""

from __future__ import annotations

import contextvars
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import stepfunctions as service

from . import iam
from .partition import PARTITION

_execute_task = service._execute_task
_call_lambda = service._call_lambda
_role: contextvars.ContextVar[str] = contextvars.ContextVar("role")


def execute_task(
    state: dict[str, Any], value: Any, execution: dict[str, Any], context: dict[str, Any]
) -> Any:
    """Remember the role with which a task runs."""
    _role.set(service._state_machines[execution["stateMachineArn"]]["roleArn"])
    return _execute_task(state, value, execution, context)


def call_lambda(function: str, event: Any) -> Any:
    """Refuse to invoke a function that the role of the state machine may not invoke."""
    role, action = _role.get(), "lambda:InvokeFunction"
    arn = function
    if not function.startswith("arn:"):
        arn = f"arn:{PARTITION}:lambda:{get_region()}:{get_account_id()}:function:{function}"
    if not iam.allows(role, action, arn):
        name = role.rsplit("/", 1)[-1]
        user = f"arn:{PARTITION}:sts::{get_account_id()}:assumed-role/{name}/rehearsal"
        raise service._ExecutionError(
            "Lambda.AWSLambdaException",
            f"User: {user} is not authorized to perform: {action} on resource: {arn} because no"
            f" identity-based policy allows the {action} action (Service: Lambda, Status Code: 403)",
        )
    return _call_lambda(function, event)
