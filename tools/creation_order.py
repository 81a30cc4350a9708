"""The order in which CloudFormation creates the resources of a template."""

from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import TopologicalSorter
from typing import Any

Template = Mapping[str, Any]

CREATION_SECONDS = {
    "AWS::IAM::Role": 17,
    "AWS::IAM::Policy": 17,
    "AWS::Lambda::Function": 8,
    "AWS::Logs::LogGroup": 5,
    "AWS::CodeBuild::Project": 4,
    "AWS::StepFunctions::StateMachine": 4,
    "AWS::ECR::Repository": 3,
}


def creation_order(template: Template) -> list[str]:
    resources = template["Resources"]
    graph = {name: dependencies(resources, name) for name in resources}
    return list(TopologicalSorter(graph).static_order())


def seconds_before(resources: Mapping[str, Any], name: str) -> int:
    """The usual creation times along the longest chain of resources that a resource waits for."""

    @cache
    def ready(needed: str) -> int:
        return CREATION_SECONDS.get(resources[needed]["Type"], 0) + seconds(needed)

    def seconds(waiting: str) -> int:
        return max((ready(needed) for needed in dependencies(resources, waiting)), default=0)

    return seconds(name)


def dependencies(resources: Mapping[str, Any], name: str) -> set[str]:
    resource = resources[name]
    declared = resource.get("DependsOn", [])
    explicit = {declared} if isinstance(declared, str) else set(declared)
    return (explicit | set(references(resource.get("Properties", {})))) & set(resources)


def references(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        if set(value) == {"Ref"}:
            yield value["Ref"]
        elif set(value) == {"Fn::GetAtt"}:
            attribute = value["Fn::GetAtt"]
            yield attribute[0] if isinstance(attribute, list) else attribute.split(".")[0]
        else:
            for item in value.values():
                yield from references(item)
