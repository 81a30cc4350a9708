"""Temporary credentials of a role, as a service that assumes it gets them."""

from __future__ import annotations

import secrets

from ministack.core import iam_evaluator
from ministack.services import iam, sts


def assume(role_arn: str, session: str) -> dict[str, str]:
    """Environment variables with credentials of the role; every call made with them is checked against its policies."""
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    key, secret, token = f"ASIA{secrets.token_hex(8).upper()}", secrets.token_hex(20), secrets.token_hex(40)
    sts.register_session(
        key,
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
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


def allows(role_arn: str, action: str, resource: str) -> bool:
    """Whether the role's policies allow the action, by IAM's evaluation logic."""
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    context = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{account}:assumed-role/{name}/rehearsal",
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=resource.split(":")[3] if resource != "*" else "us-east-1",
    )
    policies = iam_evaluator._gather_role_policies(name, account)
    return bool(iam_evaluator.evaluate(context, policies).decision == "Allow")
