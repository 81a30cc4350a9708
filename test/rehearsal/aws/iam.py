"""IAM: temporary credentials of roles, and what IAM checks calls against."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator, responses
from ministack.services import iam, sts

from . import express
from .faults import fault
from .journal import record
from .partition import PARTITION

_pin_origin = app.pin_request_origin
_extract = iam_actions.extract_resource_arn
_enforce = iam_evaluator.enforce
_refusable: dict[str, str] = {}


def pin_origin_as_tls(address: str, _secure: bool) -> None:
    """Count the plain HTTP of 127.0.0.1 as TLS: the bootstrap bucket asks for `aws:SecureTransport`."""
    _pin_origin(address, True)


def resource_arn(service: str, *args: Any, **kwargs: Any) -> str:
    """What IAM checks a call against: a log's stream, a named repository, and for a build its project.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodebuild.html
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
    """
    found: str = _extract(service, *args, **kwargs)
    body = next((arg for arg in args if isinstance(arg, bytes)), b"")
    if service == "logs" and ":log-stream:" not in found and b"logStreamName" in body:
        return f"{found.removesuffix(':*')}:log-stream:{json.loads(body)['logStreamName']}"
    if service not in ("codebuild", "ecr") or found != "*" or not body:
        return found
    request = json.loads(body)
    named = request.get("ids") or request.get("repositoryNames") or [request.get("id")]
    if not named[0]:
        return found
    resource = f"project/{named[0].split(':')[0]}" if service == "codebuild" else f"repository/{named[0]}"
    return f"arn:{PARTITION}:{service}:{responses.get_region()}:{responses.get_account_id()}:{resource}"


def enforce(access_key: str, action: str, *args: Any, **kwargs: Any) -> Any:
    """Deny a call of a build or a function while a new permission propagates."""
    principal = _refusable.get(access_key) or _function_role(access_key)
    if principal and (fault("AccessDenied", action=action) or not express.is_known(principal.split("/")[1])):
        record("refused", action=action, code="AccessDenied")
        return iam_evaluator.EvalResult("ImplicitDeny", principal)
    if principal:
        record("call", action=action, role=principal.split("/")[1])
    return _enforce(access_key, action, *args, **kwargs)


def _function_role(access_key: str) -> str:
    """The assumed role of the credentials, if it belongs to a function."""
    principal = iam_evaluator.resolve_principal(access_key, responses.get_account_id())
    arn: str = getattr(principal, "arn", "")
    is_function = ":assumed-role/" in arn and trusts(arn.split("/")[1], "lambda.amazonaws.com")
    return arn if is_function else ""


def assume(role_arn: str, session: str, refusable: bool = False) -> dict[str, str]:
    """Environment variables with credentials of the role; IAM checks every call made with them.

    Planned `AccessDenied` faults apply to calls with `refusable` credentials, those of a build's commands.
    """
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    key, secret, token = f"ASIA{secrets.token_hex(8).upper()}", secrets.token_hex(20), secrets.token_hex(40)
    principal = f"arn:{PARTITION}:sts::{account}:assumed-role/{name}/{session}"
    if refusable:
        _refusable[key] = principal
    sts.register_session(
        key,
        {
            "Arn": principal,
            "UserId": f"{name}:{session}",
            "SecretAccessKey": secret,
            "SessionToken": token,
        },
    )
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}


def trusts(role_arn: str, service: str) -> bool:
    """Whether the role exists and its trust policy names the service."""
    role = iam._roles.get(role_arn.rsplit("/", 1)[-1])
    return role is not None and service in str(role.get("AssumeRolePolicyDocument"))


def allows(role_arn: str, action: str, resource: str, keys: Mapping[str, str] | None = None) -> bool:
    """Whether the role's policies allow the action with these condition keys, by IAM's evaluation logic."""
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    if not express.is_known(name):
        return False
    context = iam_evaluator.EvalContext(
        principal_arn=f"arn:{PARTITION}:sts::{account}:assumed-role/{name}/rehearsal",
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=resource.split(":")[3] if resource != "*" else "us-east-1",
        service_context={key.lower(): value for key, value in (keys or {}).items()},
    )
    policies = iam_evaluator._gather_role_policies(name, account)
    return bool(iam_evaluator.evaluate(context, policies).decision == "Allow")
