"""What CodeBuild refuses in a project or in StartBuild.

https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html
https://docs.aws.amazon.com/codebuild/latest/APIReference/API_EnvironmentVariable.html
https://docs.aws.amazon.com/codebuild/latest/APIReference/API_VpcConfig.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .build_source import is_inline

BUILDSPEC, VARIABLE, NAME = 25_600, 4_096, 150
VPC = {"securityGroupIds": 5, "subnets": 16}


def refused_build(request: Mapping[str, Any]) -> str | None:
    """Why StartBuild answers InvalidInputException, or None."""
    variables = request.get("environmentVariablesOverride") or []
    return _buildspec(request.get("buildspecOverride")) or _variables(variables)


def refused_project(project: Mapping[str, Any]) -> str | None:
    """Why CreateProject or UpdateProject answers InvalidInputException, or None; keys are the API's."""
    name, source = project.get("name", ""), project.get("source") or {}
    environment = project.get("environment") or {}
    kind = environment.get("type", "")
    if len(name) > NAME:
        return f"Project name must be at most {NAME} characters: {name}"
    if environment.get("dockerServer") and kind.startswith("ARM"):
        return f"Unsupported DockerServer environment type: {kind}"
    return (
        _buildspec(source.get("buildspec"))
        or _variables(environment.get("environmentVariables") or [])
        or _network(project.get("vpcConfig") or {})
    )


def _buildspec(text: str | None) -> str | None:
    too_long = text and is_inline(text) and len(text) > BUILDSPEC
    return f"Max buildspec length is {BUILDSPEC}" if too_long else None


def _variables(variables: Sequence[Mapping[str, str]]) -> str | None:
    too_long = any(len(variable["value"]) > VARIABLE for variable in variables)
    return f"EnvironmentVariable should be at most {VARIABLE} characters" if too_long else None


def _network(vpc: Mapping[str, Any]) -> str | None:
    for name, most in VPC.items():
        if name in vpc and not 1 <= len(vpc[name]) <= most:
            return f"{name} must have 1 to {most} members"
    return None
