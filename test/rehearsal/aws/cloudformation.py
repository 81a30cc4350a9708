"""CloudFormation: what the CDK CLI and the order of creation need beyond ministack.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-dependson.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeType.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

from __future__ import annotations

import json
import re
from typing import Any
from xml.sax.saxutils import escape

from ministack.core.responses import get_account_id
from ministack.services import ecr, iam
from ministack.services.cloudformation import engine, handlers, provisioners, stacks

from . import agentcore, express
from .journal import record

_sort = engine._topological_sort
_event = stacks._add_event
_validate = engine.validate_template_support
_custom_resource_update = provisioners._custom_resource_update
_kept_tokens: dict[str, str] = {}
POLICY_LIMIT = 10_240


def eager_order(resources: dict[str, Any], conditions: dict[str, Any]) -> list[str]:
    """Create each Runtime as soon as its dependencies exist.

    CloudFormation creates every resource as soon as it can. ministack creates them one by one in the order of
    their names, so a Runtime without a dependency on its image would often come after it by chance. With this
    order it never does.
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


def refuse_unresolved_references(template: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    """Refuse a template whose resources refer to missing ones."""
    _validate(template, *args, **kwargs)
    resources = template.get("Resources", {})
    known = {*resources, *template.get("Parameters", {})}
    named = {name for each in resources.values() for name, _ in engine._intrinsic_references(each)}
    for each in resources.values():
        depends_on = each.get("DependsOn", [])
        named |= {depends_on} if isinstance(depends_on, str) else set(depends_on)
    missing = sorted(name for name in named - known if not name.startswith("AWS::"))
    if missing:
        raise ValueError(
            f"Template format error: Unresolved resource dependencies [{', '.join(missing)}]"
            " in the Resources block of the template"
        )


def keep_service_token(
    identifier: str, old: dict[str, Any], new: dict[str, Any], *args: Any, **kwargs: Any
) -> Any:
    """Refuse a new ServiceToken; the rollback that follows returns to the old one."""
    kept = _kept_tokens.pop(identifier, None)
    if new["ServiceToken"] not in (old["ServiceToken"], kept):
        _kept_tokens[identifier] = old["ServiceToken"]
        raise ValueError("Modifying service token is not allowed.")
    return _custom_resource_update(identifier, old, new, *args, **kwargs)


def limited_policies(handle: Any, position: int) -> Any:
    """Refuse inline policies over a role's quota; `position` is that of the properties in the arguments."""

    def checked(identifier: str, *args: Any) -> Any:
        properties = args[position - 1]
        name = properties.get("PolicyName") or identifier
        documents = {name: properties["PolicyDocument"]} if "PolicyDocument" in properties else {}
        documents |= {p["PolicyName"]: p["PolicyDocument"] for p in properties.get("Policies") or []}
        for role in properties.get("Roles") or [properties.get("RoleName") or identifier]:
            others = (iam._roles.get(role) or {}).get("InlinePolicies") or {}
            if sum(map(_policy_size, {**others, **documents}.values())) > POLICY_LIMIT:
                raise ValueError(f"Maximum policy size of {POLICY_LIMIT} bytes exceeded for role {role}")
        return handle(identifier, *args)

    return checked


def _policy_size(document: Any) -> int:
    """The size of a policy; IAM does not count white space."""
    value = json.loads(document) if isinstance(document, str) else document
    return len(json.dumps(value, separators=(",", ":")))


def refusing_taken_names(create: Any) -> Any:
    """Refuse a repository name that is in use; ministack would take over the existing repository."""

    def checked(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        name = properties.get("RepositoryName")
        if name in ecr._repositories:
            raise ValueError(
                f"Resource handler returned message: \"The repository with name '{name}' already exists in"
                f" the registry with id '{get_account_id()}'\" (HandlerErrorCode: AlreadyExists)"
            )
        return create(logical_id, properties, stack)

    return checked


def recorded_event(
    stack_id: str, stack: str, logical_id: str, kind: str, status: str, *args: Any, **kwargs: Any
) -> None:
    """Write each event of a stack to the journal too."""
    reason = (args[0] if args else kwargs.pop("reason", "")) or express.reason(kind, status)
    _event(stack_id, stack, logical_id, kind, status, reason, *args[1:], **kwargs)
    record("resource", stack=stack, resource=logical_id, type=kind, status=status, reason=reason)


def worded_for_the_cli(error: Any) -> Any:
    """Use the words by which the CDK CLI recognizes that a stack does not exist."""

    def translated(code: str, message: str, *args: Any) -> Any:
        return error(
            code,
            re.sub(r"^Stack \[([^]]+)\] does not exist", r"Stack with id \1 does not exist", message),
            *args,
        )

    return translated


def describe_type(parameters: dict[str, Any]) -> Any:
    """DescribeType of the Runtime."""
    name = parameters["TypeName"][0]
    if name != agentcore.TYPE:
        return handlers._error("TypeNotFoundException", f"The type '{name}' is not found", 404)
    schema = escape(json.dumps(agentcore.SCHEMA))
    result = f"<DescribeTypeResult><TypeName>{name}</TypeName><Schema>{schema}</Schema></DescribeTypeResult>"
    return handlers._xml(200, "DescribeTypeResponse", result)
