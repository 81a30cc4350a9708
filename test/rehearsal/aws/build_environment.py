"""The environment of a build's commands: CodeBuild's variables, the project's and the request's.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html
https://docs.aws.amazon.com/codebuild/latest/APIReference/API_EnvironmentVariable.html
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import boto3


def client(service: str, credentials: Mapping[str, str], region: str) -> Any:
    """A boto3 client with the credentials of the build's role."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
        region_name=region,
        aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=credentials["AWS_SESSION_TOKEN"],
    )


def environment(
    host: Mapping[str, str],
    credentials: Mapping[str, str],
    region: str,
    declared: Mapping[str, str],
    variables: Sequence[Mapping[str, str]],
) -> dict[str, str]:
    """What the commands see; the project's variables take precedence over the buildspec's."""
    return {
        **declared,
        **{variable["name"]: _value(variable, credentials, region) for variable in variables},
        **credentials,
        "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"],
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        **host,
    }


def _value(variable: Mapping[str, str], credentials: Mapping[str, str], region: str) -> str:
    kind, value = variable.get("type", "PLAINTEXT"), variable["value"]
    if kind == "PARAMETER_STORE":
        ssm = client("ssm", credentials, region)
        return str(ssm.get_parameter(Name=value, WithDecryption=True)["Parameter"]["Value"])
    if kind == "SECRETS_MANAGER":
        name, key = _secret_reference(value)
        text = client("secretsmanager", credentials, region).get_secret_value(SecretId=name)["SecretString"]
        return str(json.loads(text)[key]) if key else str(text)
    return value


def _secret_reference(value: str) -> tuple[str, str]:
    """The secret and the JSON key of `secret-id:json-key:version-stage:version-id`; the id may be an ARN."""
    parts = value.split(":")
    size = 7 if value.startswith("arn:") else 1
    return ":".join(parts[:size]), [*parts[size:], ""][0]
