"""CodeBuild projects as CloudFormation makes and updates them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-codebuild-project.html
"""

from __future__ import annotations

from typing import Any

from ministack.services import codebuild as service
from ministack.services.cloudformation import provisioners


def install() -> None:
    """Keep what ministack drops of a project, and update it in place."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::CodeBuild::Project"]
    handlers.update(create=_with_settings(handlers["create"]), update=_update_project)


def _with_settings(create: Any) -> Any:
    def create_project(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, str]]:
        name, attributes = create(logical_id, properties, stack)
        _keep_settings(name, properties)
        return name, attributes

    return create_project


def _update_project(
    name: str, _old: dict[str, Any], new: dict[str, Any], _stack: str
) -> tuple[str, dict[str, str]]:
    convert = provisioners._codebuild_cfn_to_api
    project = service._projects[name]
    project.update(
        source=convert(new["Source"]), environment=convert(new["Environment"]), serviceRole=new["ServiceRole"]
    )
    _keep_settings(name, new)
    return name, {"Arn": project["arn"]}


def _keep_settings(name: str, properties: dict[str, Any]) -> None:
    project = service._projects[name]
    project["timeoutInMinutes"] = int(properties.get("TimeoutInMinutes", 60))
    project["queuedTimeoutInMinutes"] = int(properties.get("QueuedTimeoutInMinutes", 480))
    logs = (properties.get("LogsConfig") or {}).get("CloudWatchLogs") or {}
    project["logGroup"] = logs.get("GroupName") or f"/aws/codebuild/{name}"
    service._projects[name] = project
