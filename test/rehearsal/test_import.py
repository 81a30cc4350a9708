"""`cdk import`: an existing Runtime or repository joins a stack, and then gets its image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_bedrockagentcore as agentcore
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam

from arm64_agent_image import ImageBuild

from . import apps, queries
from .cdk_cli import Outcome
from .environment import BUSYBOX_BASE, Environment

RUNTIME = "AWS::BedrockAgentCore::Runtime"
STACK, NAME = "Imported", "existing_agent"
ROLE, REPOSITORY = "existing-agent-role", "existing/agents"
TRUST = {
    "Effect": "Allow",
    "Principal": {"Service": "bedrock-agentcore.amazonaws.com"},
    "Action": "sts:AssumeRole",
}
PULL = {
    "Effect": "Allow",
    "Action": ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
    "Resource": "*",
}


def policy(statement: dict[str, Any]) -> str:
    """A document of one statement."""
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def role(environment: Environment) -> Iterator[str]:
    """A role that the Runtime had before the stack existed."""
    client = environment.aws.client("iam")
    arn = client.create_role(RoleName=ROLE, AssumeRolePolicyDocument=policy(TRUST))["Role"]["Arn"]
    client.put_role_policy(RoleName=ROLE, PolicyName="Pull", PolicyDocument=policy(PULL))
    yield arn
    client.delete_role_policy(RoleName=ROLE, PolicyName="Pull")
    client.delete_role(RoleName=ROLE)


@pytest.fixture
def existing(environment: Environment, role: str) -> Iterator[str]:
    """The id of a Runtime outside any stack."""
    control = environment.aws.client("bedrock-agentcore-control")
    identifier = control.create_agent_runtime(
        agentRuntimeName=NAME,
        agentRuntimeArtifact={"containerConfiguration": {"containerUri": BUSYBOX_BASE}},
        roleArn=role,
        networkConfiguration={"networkMode": "PUBLIC"},
    )["agentRuntimeId"]
    yield identifier
    control.delete_agent_runtime(agentRuntimeId=identifier)


@pytest.fixture
def repository(environment: Environment) -> Iterator[str]:
    """A repository outside any stack."""
    client = environment.aws.client("ecr")
    client.create_repository(repositoryName=REPOSITORY, imageTagMutability="IMMUTABLE")
    yield REPOSITORY
    client.delete_repository(repositoryName=REPOSITORY, force=True)


@pytest.fixture
def project(environment: Environment, tmp_path: Path) -> Iterator[Project]:
    """The app; its stack is deleted at the end, and what it imported remains."""
    made = Project(environment, tmp_path)
    yield made
    environment.delete_stacks(made.output)


class Project:
    """An app of one stack between two commands."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        self.environment, self.folder, self.output = environment, folder, folder
        self.directory = apps.source(folder / "agent", "1")

    def synthesize(self, step: str, fill: apps.Fill) -> None:
        """Write the assembly of a step."""
        self.output = apps.synthesize(self.folder / step, **{STACK: fill})

    def resource(self, kind: str) -> tuple[str, dict[str, Any]]:
        """The one resource of a type, with its logical id."""
        template = json.loads((self.output / f"{STACK}.template.json").read_text())
        ((logical_id, found),) = (r for r in template["Resources"].items() if r[1]["Type"] == kind)
        return logical_id, found

    def take_over(self, kind: str, **identifier: str) -> Outcome:
        """`cdk import` of the one resource of a type."""
        mapping = json.dumps({self.resource(kind)[0]: identifier})
        return self.environment.cdk.run(
            "import", STACK, "--app", str(self.output), f"--resource-mapping-inline={mapping}"
        )

    def deploy(self) -> None:
        """`cdk deploy` of the assembly."""
        outcome = self.environment.cdk.deploy(self.output)
        assert outcome.succeeded, outcome.output


def runtime(stack: cdk.Stack, artifact: agentcore.AgentRuntimeArtifact, role: iam.IRole) -> agentcore.Runtime:
    """The Runtime under its existing name, retained when its stack is deleted."""
    made = agentcore.Runtime(
        stack, "Agent", runtime_name=NAME, agent_runtime_artifact=artifact, execution_role=role
    )
    made.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
    return made


def as_it_is(role_arn: str) -> apps.Fill:
    """The Runtime with the image and the role that it has, and nothing else."""

    def fill(stack: cdk.Stack) -> None:
        artifact = agentcore.AgentRuntimeArtifact.from_image_uri(BUSYBOX_BASE)
        runtime(stack, artifact, iam.Role.from_role_arn(stack, "Role", role_arn, mutable=False))

    return fill


def with_its_image(role_arn: str, directory: Path) -> apps.Fill:
    """The Runtime with an image that CodeBuild builds."""

    def fill(stack: cdk.Stack) -> None:
        image = apps.image(stack, "Image", directory)
        role = iam.Role.from_role_arn(stack, "Role", role_arn)
        image.bind_runtime(runtime(stack, image.agent_runtime_artifact, role))

    return fill


def own_repository(directory: Path | None) -> apps.Fill:
    """The repository, alone or with an image in it and a Runtime."""

    def fill(stack: cdk.Stack) -> None:
        made = ecr.Repository(
            stack,
            "Repository",
            repository_name=REPOSITORY,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        if directory:
            build = ImageBuild.code_build(repository=made)
            apps.runtime(stack, "Agent", apps.image(stack, "Image", directory, build=build))

    return fill


def test_an_existing_runtime_is_imported_as_it_is_and_then_updated_to_its_image(
    existing: str, role: str, project: Project
) -> None:
    project.synthesize("1", as_it_is(role))
    imported = project.take_over(RUNTIME, AgentRuntimeId=existing)
    assert imported.succeeded, imported.output
    before = project.resource(RUNTIME)
    found = queries.runtimes(project.environment.aws)[NAME]
    assert (found["uri"], found["version"]) == (BUSYBOX_BASE, 1)

    began = project.environment.aws.now()
    project.synthesize("2", with_its_image(role, project.directory))
    project.deploy()
    after = project.resource(RUNTIME)
    assert [resource[0] for resource in (before, after)] == [before[0]] * 2
    assert changed(before[1]["Properties"], after[1]["Properties"]) == {"AgentRuntimeArtifact"}
    assert len(project.environment.aws.builds(began)) == 1
    control = project.environment.aws.client("bedrock-agentcore-control")
    updated = control.get_agent_runtime(agentRuntimeId=existing)
    uri = updated["agentRuntimeArtifact"]["containerConfiguration"]["containerUri"]
    assert updated["agentRuntimeVersion"] == "2"
    assert queries.tags(project.environment.aws, queries.repository_of(uri)) == {uri.rpartition(":")[2]}


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """The properties that differ."""
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def test_an_import_together_with_the_image_is_refused_and_leaves_nothing(
    environment: Environment, existing: str, role: str, tmp_path: Path
) -> None:
    project = Project(environment, tmp_path)
    before = queries.leftovers(environment.aws)
    project.synthesize("at-once", with_its_image(role, project.directory))
    outcome = project.take_over(RUNTIME, AgentRuntimeId=existing)
    assert not outcome.succeeded
    assert "Unresolved resource dependencies" in outcome.output
    assert project.resource("Custom::Arm64AgentImage")[0] in outcome.output
    assert queries.leftovers(environment.aws) == before


def test_an_existing_repository_is_imported_and_then_holds_the_image(
    repository: str, project: Project
) -> None:
    project.synthesize("1", own_repository(None))
    imported = project.take_over("AWS::ECR::Repository", RepositoryName=repository)
    assert imported.succeeded, imported.output

    project.synthesize("2", own_repository(project.directory))
    project.deploy()
    uri = str(queries.runtimes(project.environment.aws)[f"{STACK}_Agent"]["uri"])
    (tag,) = queries.tags(project.environment.aws, repository)
    assert uri.partition("/")[2] == f"{repository}:{tag}"
