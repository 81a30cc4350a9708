"""CloudFormation's resource import of repositories and Runtimes; ministack imports other types.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-bedrockagentcore-runtime.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecr-repository.html
"""

from __future__ import annotations

from typing import Any

from ministack.services import bedrock_agentcore, ecr
from ministack.services.cloudformation import changesets

from . import agentcore

REPOSITORY = "AWS::ECR::Repository"
Adopted = tuple[str, dict[str, str]]


def runtime_problem(identifier: str) -> str | None:
    """Why there is no Runtime to import, or None."""
    return _problem(agentcore.TYPE, identifier, bedrock_agentcore._runtimes)


def repository_problem(name: str) -> str | None:
    """Why there is no repository to import, or None."""
    return _problem(REPOSITORY, name, ecr._repositories)


def _problem(kind: str, identifier: str, existing: Any) -> str | None:
    missing: str = changesets._IMPORT_NOT_FOUND.format(type=kind, value=identifier)
    return None if identifier in existing else missing


def import_runtime(identifier: dict[str, str]) -> Adopted:
    """Import the Runtime as it is, without a check of its image or a new version."""
    name = identifier["AgentRuntimeId"]
    return name, agentcore.adopt(name, bedrock_agentcore._runtimes[name])


def import_repository(identifier: dict[str, str]) -> Adopted:
    """Import the repository as it is."""
    repository = ecr._repositories[identifier["RepositoryName"]]
    return identifier["RepositoryName"], {
        "Arn": repository["repositoryArn"],
        "RepositoryUri": repository["repositoryUri"],
    }
