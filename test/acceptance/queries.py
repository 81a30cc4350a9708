"""Queries about the account beyond the stack itself."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from .target import Target

Find = Callable[[Target, str], Any]


def manifest_of(target: Target, uri: str) -> dict[str, Any]:
    """The manifest of an image in the registry."""
    name, tag = _parts(uri)
    answer = target.client("ecr").batch_get_image(repositoryName=name, imageIds=[{"imageTag": tag}])
    manifest: dict[str, Any] = json.loads(answer["images"][0]["imageManifest"])
    return manifest


def config_of(target: Target, uri: str) -> dict[str, Any]:
    """The configuration of an image in the registry."""
    name, digest = _parts(uri)[0], manifest_of(target, uri)["config"]["digest"]
    answer = target.client("ecr").get_download_url_for_layer(repositoryName=name, layerDigest=digest)
    with urllib.request.urlopen(answer["downloadUrl"]) as content:
        config: dict[str, Any] = json.load(content)
    return config


def leftovers(target: Target, resources: list[tuple[str, str]]) -> list[str]:
    """The resources of a deleted stack that still exist, of the types that an image and its Runtime use."""
    return [
        f"{kind} {identifier}"
        for kind, identifier in resources
        if kind in _FINDERS and _exists(_FINDERS[kind], target, identifier)
    ]


def _exists(find: Find, target: Target, identifier: str) -> bool:
    try:
        return bool(find(target, identifier))
    except ClientError as error:
        if error.response["Error"]["Code"] in _MISSING:
            return False
        raise


def _parts(uri: str) -> tuple[str, str]:
    name, _, tag = uri.partition("/")[2].rpartition(":")
    return name, tag


_MISSING = {
    "NoSuchEntity",
    "RepositoryNotFoundException",
    "ResourceNotFoundException",
    "StateMachineDoesNotExist",
}
_FINDERS: dict[str, Find] = {
    "AWS::BedrockAgentCore::Runtime": lambda target, identifier: target.client(
        "bedrock-agentcore-control"
    ).get_agent_runtime(agentRuntimeId=identifier.rpartition("/")[2]),
    "AWS::CodeBuild::Project": lambda target, identifier: target.client("codebuild").batch_get_projects(
        names=[identifier]
    )["projects"],
    "AWS::ECR::Repository": lambda target, identifier: target.client("ecr").describe_repositories(
        repositoryNames=[identifier]
    ),
    "AWS::IAM::Role": lambda target, identifier: target.client("iam").get_role(RoleName=identifier),
    "AWS::Lambda::Function": lambda target, identifier: target.client("lambda").get_function(
        FunctionName=identifier
    ),
    "AWS::Logs::LogGroup": lambda target, identifier: [
        group
        for group in target.client("logs").describe_log_groups(logGroupNamePrefix=identifier)["logGroups"]
        if group["logGroupName"] == identifier
    ],
    "AWS::StepFunctions::StateMachine": lambda target, identifier: target.client(
        "stepfunctions"
    ).describe_state_machine(stateMachineArn=identifier),
}
