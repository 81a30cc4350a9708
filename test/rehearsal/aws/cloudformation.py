"""CloudFormation: what ministack leaves open for the CDK CLI and for proving the order of resources.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-dependson.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeType.html
"""

from __future__ import annotations

import json
import re
from typing import Any
from xml.sax.saxutils import escape

from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks

from . import agentcore
from .folder import record

_sort = engine._topological_sort
_event = stacks._add_event


def install() -> None:
    """Add the Runtime's type, the eager order, the journal, DescribeType and the CLI's error text."""
    agentcore.install(provisioners._RESOURCE_HANDLERS)
    for module in (stacks, handlers, changesets):
        for name, replacement in (("_topological_sort", eager_order), ("_add_event", _journalled)):
            if hasattr(module, name):
                setattr(module, name, replacement)
        if hasattr(module, "_error"):
            module._error = _cli_text(module._error)
    handlers._ACTION_HANDLERS["DescribeType"] = _describe_type


def eager_order(resources: dict[str, Any], conditions: dict[str, Any]) -> list[str]:
    """Each Runtime at the first moment that its dependencies allow.

    CloudFormation starts every resource as soon as what it depends on is there; ministack goes one by one,
    in the order of names. Without an edge to its image a Runtime would often come late by chance; here it
    never does.
    """
    order: list[str] = []
    late = _sort(resources, conditions)
    active = set(late)
    runtimes = [name for name in late if resources[name].get("Type") == agentcore.TYPE]
    needs = {name: set(engine._extract_deps(resources[name], active)) - {name} for name in runtimes}
    for name in [name for name in late if name not in runtimes]:
        order += [each for each in runtimes if each not in order and needs[each] <= set(order)]
        order.append(name)
    return order + [name for name in runtimes if name not in order]


def _journalled(
    stack_id: str, stack: str, logical_id: str, kind: str, status: str, *args: Any, **kwargs: Any
) -> None:
    _event(stack_id, stack, logical_id, kind, status, *args, **kwargs)
    reason = args[0] if args else kwargs.get("reason", "")
    record("resource", stack=stack, resource=logical_id, type=kind, status=status, reason=reason)


def _cli_text(error: Any) -> Any:
    def translated(code: str, message: str, *args: Any) -> Any:
        return error(
            code,
            re.sub(r"^Stack \[([^]]+)\] does not exist", r"Stack with id \1 does not exist", message),
            *args,
        )

    return translated


def _describe_type(parameters: dict[str, Any]) -> Any:
    name = parameters["TypeName"][0]
    if name != agentcore.TYPE:
        return handlers._error("TypeNotFoundException", f"The type '{name}' is not found", 404)
    schema = escape(json.dumps(agentcore.SCHEMA))
    result = f"<DescribeTypeResult><TypeName>{name}</TypeName><Schema>{schema}</Schema></DescribeTypeResult>"
    return handlers._xml(200, "DescribeTypeResponse", result)
