"""The Runtime waits for its image; without the dependency, the emulated AWS fails as AWS does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_bedrockagentcore as agentcore
from aws_cdk import aws_ecr as ecr

from arm64_agent_image import Arm64AgentRuntimeArtifact

from . import apps, queries
from .environment import AMD64_BASE, BUSYBOX_BASE, Environment

RUNTIME = "AWS::BedrockAgentCore::Runtime"
Resources = dict[str, dict[str, Any]]


def edited(output: Path, stack: str, edit: Callable[[Resources], None]) -> Path:
    """Change a synthesized template before it is deployed."""
    path = output / f"{stack}.template.json"
    template = json.loads(path.read_text())
    edit(template["Resources"])
    path.write_text(json.dumps(template))
    return output


def of_type(resources: Resources, kind: str) -> dict[str, Any]:
    """The one resource of a type."""
    (found,) = (resource for resource in resources.values() if resource["Type"] == kind)
    return found


def without_dependency(resources: Resources) -> None:
    """The repository's own URI with the literal tag, as hand-written apps have it, and no DependsOn."""
    runtime, image = of_type(resources, RUNTIME), of_type(resources, "Custom::Arm64AgentImage")
    runtime["DependsOn"] = [name for name in runtime["DependsOn"] if resources[name]["Type"] != image["Type"]]
    properties = image["Properties"]
    uri = {"Fn::Join": [":", [properties["RepositoryUri"], properties["ImageTag"]]]}
    runtime["Properties"]["AgentRuntimeArtifact"]["ContainerConfiguration"]["ContainerUri"] = uri


def without_depends_on(resources: Resources) -> None:
    """No DependsOn; the URI alone orders the resources."""
    runtime, image = of_type(resources, RUNTIME), of_type(resources, "Custom::Arm64AgentImage")
    runtime["DependsOn"] = [name for name in runtime["DependsOn"] if resources[name]["Type"] != image["Type"]]


def without_pull(resources: Resources) -> None:
    """No policy allows the Runtime's role to pull."""
    for resource in resources.values():
        if resource["Type"] == "AWS::IAM::Policy":
            statements = resource["Properties"]["PolicyDocument"]["Statement"]
            trusted = [s for s in statements if "ecr:BatchGetImage" not in s["Action"]]
            roles = json.dumps(resource["Properties"]["Roles"])
            if "AgentExecutionRole" in roles and trusted:
                resource["Properties"]["PolicyDocument"]["Statement"] = trusted
            elif "AgentExecutionRole" in roles:
                resource["Properties"]["PolicyDocument"]["Statement"] = [
                    {"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}
                ]


@pytest.fixture
def folder(environment: Environment, tmp_path: Path) -> Iterator[Path]:
    """A folder whose stacks are deleted at the end."""
    yield tmp_path
    environment.delete_stacks(tmp_path / "out")
    assert [name for name in queries.runtimes(environment.aws) if name.startswith("Order")] == []


def test_without_the_dependency_the_runtime_is_created_before_its_image_and_fails(
    environment: Environment, folder: Path
) -> None:
    app = apps.agent(apps.source(folder / "agent", "1"))
    output = edited(apps.synthesize(folder / "out", OrderNone=app), "OrderNone", without_dependency)
    began = environment.aws.now()
    outcome = environment.cdk.deploy(output)
    assert not outcome.succeeded
    assert "The specified image identifier does not exist in the repository" in outcome.one_line
    assert environment.aws.builds(began) == []
    assert queries.stack_status(environment.aws, "OrderNone") == "ROLLBACK_COMPLETE"


def test_the_uri_alone_orders_the_resources(environment: Environment, folder: Path) -> None:
    app = apps.agent(apps.source(folder / "agent", "1"))
    output = edited(apps.synthesize(folder / "out", OrderUri=app), "OrderUri", without_depends_on)
    outcome = environment.cdk.deploy(output)
    assert outcome.succeeded, outcome.output


def test_a_role_without_pull_permission_is_refused(environment: Environment, folder: Path) -> None:
    app = apps.agent(apps.source(folder / "agent", "1"))
    output = edited(apps.synthesize(folder / "out", OrderPull=app), "OrderPull", without_pull)
    outcome = environment.cdk.deploy(output)
    assert not outcome.succeeded
    assert "Access denied while validating ECR URI" in outcome.one_line


def prebuilt(uri: str) -> apps.Fill:
    """A Runtime of an image that was pushed by other means."""

    def fill(stack: cdk.Stack) -> None:
        name, _, tag = uri.partition("/")[2].rpartition(":")
        repository = ecr.Repository.from_repository_name(stack, "Repository", name)
        image = Arm64AgentRuntimeArtifact.from_image_tag(stack, "Image", repository=repository, tag=tag)
        runtime = agentcore.Runtime(
            stack, "Agent", runtime_name="Order_Prebuilt", agent_runtime_artifact=image.agent_runtime_artifact
        )
        image.bind_runtime(runtime)

    return fill


def test_an_amd64_image_is_refused_by_the_runtime(environment: Environment, folder: Path) -> None:
    outcome = environment.cdk.deploy(apps.synthesize(folder / "out", OrderAmd=prebuilt(AMD64_BASE)))
    assert not outcome.succeeded
    words = "Architecture incompatible for uri"
    assert words in outcome.one_line, outcome.output
    assert "Supported architectures: [arm64]" in outcome.one_line


def test_a_prebuilt_arm64_image_is_deployed_and_nothing_is_built(
    environment: Environment, folder: Path
) -> None:
    began = environment.aws.now()
    outcome = environment.cdk.deploy(apps.synthesize(folder / "out", OrderArm=prebuilt(BUSYBOX_BASE)))
    assert outcome.succeeded, outcome.output
    assert environment.aws.builds(began) == []
