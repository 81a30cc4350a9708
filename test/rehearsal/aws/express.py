"""CloudFormation's express mode: a resource is complete as soon as its configuration is applied.

CloudFormation waits for custom resources as usual. IAM learns later what an express operation grants.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-express-mode.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
https://github.com/aws/aws-cdk-cli/issues/1739
"""

from __future__ import annotations

import contextvars
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ministack.services.cloudformation import changesets, handlers, stacks

Parameters = dict[str, Any]
Action = Callable[[Parameters], Any]

STANDARD, EXPRESS = "STANDARD", "EXPRESS"
PROPAGATION = 4.0
COMPLETED = (
    "Resource operation completed using Express Mode. It may continue becoming available in the background."
)
_replacing = stacks._replacing_change
_deploy = stacks._deploy_stack_async
_known_at: dict[str, float] = {}


@dataclass(frozen=True)
class Operation:
    """How the operation of a stack runs."""

    mode: str = STANDARD
    without_rollback: bool = False


PLAIN = Operation()
_operations: dict[str, Operation] = {}
_current: contextvars.ContextVar[Operation] = contextvars.ContextVar("operation", default=PLAIN)


def is_known(role: str) -> bool:
    """Whether IAM already knows what an express operation granted to this role."""
    return time.time() >= _known_at.get(role, 0.0)


def reason(kind: str, status: str) -> str:
    """The reason in a resource's event in an express operation."""
    done = status.endswith("_COMPLETE") and not kind.startswith(("Custom::", "AWS::CloudFormation::"))
    return COMPLETED if done and _current.get().mode == EXPRESS else ""


def with_mode(action: Action, is_change_set: bool) -> Action:
    """Read the mode of an operation, and refuse what AWS refuses after a failed one."""

    def asked(parameters: Parameters) -> Any:
        mode = handlers._p(parameters, "DeploymentConfig.Mode", STANDARD)
        keep = handlers._p(parameters, "DeploymentConfig.DisableRollback") == "false"
        if mode not in (STANDARD, EXPRESS):
            return handlers._error("ValidationError", f"Value '{mode}' at 'deploymentConfig.mode' is invalid")
        name = handlers._p(parameters, "StackName")
        if mode == STANDARD and _failed_in_express_mode(name):
            return handlers._error(
                "ValidationError",
                f"This stack is in a {_stack(name)['StackStatus']} state from a previous operation that used"
                " EXPRESS deployment mode with disable-rollback. Follow-up operations must use the same"
                " DeploymentConfig (mode=EXPRESS) until the stack reaches a *_COMPLETE state",
            )
        operation = Operation(mode, mode == EXPRESS and not keep)
        if operation.without_rollback and not is_change_set:
            parameters = {**parameters, "DisableRollback": ["true"]}
        answer = action(parameters)
        if answer[0] == 200 and is_change_set:
            change_set = changesets._find_change_set(
                handlers._p(parameters, "ChangeSetName"), _stack(name)["StackName"]
            )[1]
            _operations[change_set["ChangeSetId"]] = operation
        elif answer[0] == 200:
            _operations[_stack(name)["StackId"]] = operation
        return answer

    return asked


def as_the_change_set_says(action: Action) -> Action:
    """Run the operation in the mode of its change set."""

    def executed(parameters: Parameters) -> Any:
        name = handlers._p(parameters, "StackName")
        change_set = changesets._find_change_set(
            handlers._p(parameters, "ChangeSetName"), (_stack(name) or {}).get("StackName", name)
        )[1]
        operation = _operations.get((change_set or {}).get("ChangeSetId", ""), PLAIN)
        if operation.mode == STANDARD:
            return action(parameters)
        if _failed_in_express_mode(name) and not operation.without_rollback:
            return handlers._error(
                "ValidationError",
                f"This stack is currently in a non-terminal [{_stack(name)['StackStatus']}] state. To update"
                " the stack from this state, please use the disable-rollback parameter",
            )
        disabled = str(operation.without_rollback).lower()
        _operations[_stack(name)["StackId"]] = operation
        return action({**parameters, "DisableRollback": [disabled]})

    return executed


def refusing_rollback_of_express(action: Action) -> Action:
    """Refuse RollbackStack for a stack that failed in express mode."""

    def rolled_back(parameters: Parameters) -> Any:
        if _failed_in_express_mode(handlers._p(parameters, "StackName")):
            return handlers._error(
                "ValidationError",
                "RollbackStack is not supported for stacks that were last updated using EXPRESS deployment"
                " mode and are in a failed state",
            )
        return action(parameters)

    return rolled_back


def showing_mode(action: Action, identifier: str) -> Action:
    """Add the mode, by which the CDK CLI decides how to continue after a failure."""

    def described(parameters: Parameters) -> Any:
        status, headers, body = action(parameters)

        def add_mode(found: re.Match[str]) -> str:
            operation = _operations.get(found[1], PLAIN)
            disabled = str(operation.without_rollback).lower()
            config = f"<Mode>{operation.mode}</Mode><DisableRollback>{disabled}</DisableRollback>"
            return f"{found[0]}<DeploymentConfig>{config}</DeploymentConfig>"

        pattern = rf"<{identifier}>([^<]*)</{identifier}>"
        return status, headers, re.sub(pattern, add_mode, body.decode()).encode()

    return described


async def run_operation(stack_name: str, stack_id: str, *args: Any, **kwargs: Any) -> None:
    """Run the operation of a stack in its mode."""
    _current.set(_operations.get(stack_id, PLAIN))
    await _deploy(stack_name, stack_id, *args, **kwargs)


def refuse_replacement_without_rollback(*args: Any) -> Any:
    """Refuse a replacement in an operation without rollback."""
    replacing = _replacing(*args)
    if replacing and _current.get().without_rollback:
        raise ValueError("Replacement type updates not supported on stack with disable-rollback.")
    return replacing


def granting_on_create(create: Any) -> Any:
    """Let what an express operation grants to a role be unknown to IAM for a while."""

    def created(logical_id: str, properties: Parameters, *args: Any) -> Any:
        answer = create(logical_id, properties, *args)
        _grant(properties.get("Roles") or [answer[0]])
        return answer

    return created


def granting_on_update(update: Any) -> Any:
    """Let what an express operation grants to a role anew be unknown to IAM for a while."""

    def updated(identifier: str, old: Parameters, new: Parameters, *args: Any) -> Any:
        answer = update(identifier, old, new, *args)
        if old != new:
            _grant(new.get("Roles") or [answer[0]])
        return answer

    return updated


def _grant(roles: list[str]) -> None:
    if _current.get().mode == EXPRESS:
        _known_at.update(dict.fromkeys(roles, time.time() + PROPAGATION))


def _stack(name: str) -> dict[str, Any]:
    stack: dict[str, Any] = handlers._resolve_stack(name) or {}
    return stack


def _failed_in_express_mode(name: str) -> bool:
    stack = _stack(name)
    last = _operations.get(stack.get("StackId", ""), PLAIN)
    return stack.get("StackStatus") in ("CREATE_FAILED", "UPDATE_FAILED") and last.mode == EXPRESS
