"""CodeBuild projects as CloudFormation creates and updates them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-codebuild-project.html
"""

from __future__ import annotations

from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import codebuild as service
from ministack.services.cloudformation import provisioners

from . import codebuild_limits


def creating(create: Any) -> Any:
    """Refuse what CodeBuild refuses, and keep what ministack drops of a project."""

    def create_project(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, str]]:
        _check(properties)
        name, attributes = create(logical_id, properties, stack)
        _keep_settings(name, properties)
        return name, attributes

    return create_project


def updating(update: Any) -> Any:
    """The same for an update of the project in place."""

    def update_project(
        name: str, old: dict[str, Any], new: dict[str, Any], stack: str
    ) -> tuple[str, dict[str, str]]:
        _check(new)
        kept, attributes = update(name, old, new, stack)
        _keep_settings(kept, new)
        return kept, attributes

    return update_project


def refusing(answer: Any) -> Any:
    """The same for CreateProject and UpdateProject."""

    def checked(request: dict[str, Any]) -> Any:
        refusal = codebuild_limits.refused_project(request)
        return error_response_json("InvalidInputException", refusal, 400) if refusal else answer(request)

    return checked


def _check(properties: dict[str, Any]) -> None:
    convert = provisioners._codebuild_cfn_to_api
    sections = {"source": "Source", "environment": "Environment", "vpcConfig": "VpcConfig"}
    project = {key: convert(properties.get(section) or {}) for key, section in sections.items()}
    refusal = codebuild_limits.refused_project({"name": properties.get("Name", ""), **project})
    if refusal:
        raise ValueError(
            f'Resource handler returned message: "Invalid request provided: {refusal} (Service: CodeBuild,'
            ' Status Code: 400)" (HandlerErrorCode: InvalidRequest)'
        )


def _keep_settings(name: str, properties: dict[str, Any]) -> None:
    project = service._projects[name]
    project["timeoutInMinutes"] = int(properties.get("TimeoutInMinutes", 60))
    project["queuedTimeoutInMinutes"] = int(properties.get("QueuedTimeoutInMinutes", 480))
    logs = (properties.get("LogsConfig") or {}).get("CloudWatchLogs") or {}
    project["logGroup"] = logs.get("GroupName") or f"/aws/codebuild/{name}"
    vpc = properties.get("VpcConfig") or {}
    project["vpcConfig"] = provisioners._codebuild_cfn_to_api(vpc) if vpc else None
    service._projects[name] = project
