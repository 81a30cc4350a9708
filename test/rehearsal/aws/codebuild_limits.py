"""What CodeBuild refuses in a project or in StartBuild.

https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html
https://docs.aws.amazon.com/codebuild/latest/APIReference/API_EnvironmentVariable.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .build_source import is_inline

BUILDSPEC, VARIABLE, NAME = 25_600, 4_096, 150


def refused_build(request: Mapping[str, Any]) -> str | None:
    """Why StartBuild answers InvalidInputException, or None."""
    variables = request.get("environmentVariablesOverride") or []
    return _buildspec(request.get("buildspecOverride")) or _variables(variables)


def refused_project(name: str, source: Mapping[str, Any], environment: Mapping[str, Any]) -> str | None:
    """Why CreateProject or UpdateProject answers InvalidInputException, or None; keys are the API's."""
    kind = environment.get("type", "")
    if len(name) > NAME:
        return f"Project name must be at most {NAME} characters: {name}"
    if environment.get("dockerServer") and kind.startswith("ARM"):
        return f"Unsupported DockerServer environment type: {kind}"
    return _buildspec(source.get("buildspec")) or _variables(environment.get("environmentVariables") or [])


def _buildspec(text: str | None) -> str | None:
    too_long = text and is_inline(text) and len(text) > BUILDSPEC
    return f"Max buildspec length is {BUILDSPEC}" if too_long else None


def _variables(variables: Sequence[Mapping[str, str]]) -> str | None:
    too_long = any(len(variable["value"]) > VARIABLE for variable in variables)
    return f"EnvironmentVariable should be at most {VARIABLE} characters" if too_long else None
