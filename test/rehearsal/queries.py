"""Queries about the state of the account."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from .emulated_aws import EmulatedAws


def runtimes(aws: EmulatedAws) -> dict[str, dict[str, Any]]:
    """The Runtimes of the account by name, with their ARN, version, and URI unless they run an archive."""
    control = aws.client("bedrock-agentcore-control")
    found = {}
    for page in control.get_paginator("list_agent_runtimes").paginate():
        for summary in page["agentRuntimes"]:
            runtime = control.get_agent_runtime(agentRuntimeId=summary["agentRuntimeId"])
            uri = runtime["agentRuntimeArtifact"].get("containerConfiguration", {}).get("containerUri")
            found[summary["agentRuntimeName"]] = {
                "arn": runtime["agentRuntimeArn"],
                "uri": uri,
                "version": int(runtime["agentRuntimeVersion"]),
            }
    return found


def stack_status(aws: EmulatedAws, stack: str) -> str:
    """CloudFormation's status of a stack."""
    return str(aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])


def repositories(aws: EmulatedAws) -> set[str]:
    """The names of all repositories, except those of base images and of the CDK."""
    names = {r["repositoryName"] for r in aws.client("ecr").describe_repositories()["repositories"]}
    return {name for name in names if not name.startswith(("base/", "cdk-"))}


def repository_of(uri: str) -> str:
    """The name of the repository that a URI names."""
    return uri.partition("/")[2].rpartition(":")[0]


def pullable_repositories(aws: EmulatedAws, stack: str) -> set[str]:
    """The names of the repositories that the Runtime of a stack may pull from."""
    iam, cloudformation = aws.client("iam"), aws.client("cloudformation")
    resources = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    (role,) = [
        each["PhysicalResourceId"]
        for each in resources
        if each["ResourceType"] == "AWS::IAM::Role" and "ExecutionRole" in each["LogicalResourceId"]
    ]
    statements = [
        statement
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
        for statement in iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]
    ]
    pulled = [each["Resource"] for each in statements if "ecr:BatchGetImage" in each["Action"]]
    return {resource.partition(":repository/")[2] for resource in pulled}


def tags(aws: EmulatedAws, repository: str) -> set[str]:
    """The image tags of a repository, except layer caches and plans."""
    images = aws.client("ecr").list_images(repositoryName=repository)["imageIds"]
    found = {i["imageTag"] for i in images if "imageTag" in i}
    return {tag for tag in found if not tag.startswith(("cache-", "plan-"))}


def manifest(aws: EmulatedAws, uri: str) -> dict[str, Any]:
    """The manifest of an image in the registry."""
    name, _, tag = uri.partition("/")[2].rpartition(":")
    found = aws.client("ecr").batch_get_image(repositoryName=name, imageIds=[{"imageTag": tag}])["images"]
    document: dict[str, Any] = json.loads(found[0]["imageManifest"])
    return document


def platform(aws: EmulatedAws, uri: str) -> str:
    """The platform of an image, from the config that the registry holds."""
    name = uri.partition("/")[2].rpartition(":")[0]
    digest = manifest(aws, uri)["config"]["digest"]
    url = aws.client("ecr").get_download_url_for_layer(repositoryName=name, layerDigest=digest)["downloadUrl"]
    with urllib.request.urlopen(url) as answer:
        config = json.load(answer)
    return f"{config['os']}/{config['architecture']}"


def leftovers(aws: EmulatedAws) -> dict[str, list[str]]:
    """The resources of the library's stacks that still exist, by kind."""
    stacks = aws.client("cloudformation").describe_stacks()["Stacks"]
    iam = aws.client("iam").list_roles()["Roles"]
    found = {
        "stacks": [s["StackName"] for s in stacks if s["StackName"] != "CDKToolkit"],
        "runtimes": list(runtimes(aws)),
        "repositories": sorted(repositories(aws)),
        "projects": aws.client("codebuild").list_projects()["projects"],
        "functions": [f["FunctionName"] for f in aws.client("lambda").list_functions()["Functions"]],
        "state machines": [
            m["name"] for m in aws.client("stepfunctions").list_state_machines()["stateMachines"]
        ],
        "roles": [r["RoleName"] for r in iam if not r["RoleName"].startswith("cdk-")],
    }
    return {kind: names for kind, names in found.items() if names}
