"""An existing image, used through the same interface."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from aws_cdk import App, CfnParameter, CfnResource, Stack
from aws_cdk import aws_ecr as ecr

from arm64_agent_image import Arm64AgentRuntimeArtifact, BuildMode, ImageBuild
from test.synth import POLICY, REPOSITORY, ROLE, RUNTIME, canonical, new_image, new_runtime, synthesize

DIGEST = "sha256:" + "0a" * 32
Factory = Callable[..., Arm64AgentRuntimeArtifact]
by_tag = Arm64AgentRuntimeArtifact.from_image_tag
by_digest = Arm64AgentRuntimeArtifact.from_image_digest


@pytest.fixture
def repository(stack: Stack) -> ecr.IRepository:
    return ecr.Repository.from_repository_name(stack, "Repository", "agents")


@pytest.mark.parametrize(
    ("factory", "named_by", "ending"),
    [(by_tag, {"tag": "v1.2"}, ":v1.2"), (by_digest, {"digest": DIGEST}, f"@{DIGEST}")],
    ids=["tag", "digest"],
)
def test_the_runtime_uses_the_named_image(
    app: App,
    stack: Stack,
    repository: ecr.IRepository,
    factory: Factory,
    named_by: dict[str, str],
    ending: str,
) -> None:
    image = factory(stack, "Image", repository=repository, **named_by)
    new_runtime(stack, image)
    template = synthesize(app).only
    uri = template.container_uri
    assert uri["Fn::Join"][1][-1].endswith(f"/agents{ending}")
    assert stack.resolve(image.image_uri) == uri
    assert image.image_tag == ending[1:]
    assert (image.build_mode, image.repository.repository_name) == (BuildMode.PREBUILT, "agents")


def test_the_tag_can_be_a_deploy_time_value(app: App, stack: Stack, repository: ecr.IRepository) -> None:
    tag = CfnParameter(stack, "Tag").value_as_string
    digest = CfnParameter(stack, "Digest").value_as_string
    new_runtime(stack, by_tag(stack, "ByTag", repository=repository, tag=tag), "One")
    new_runtime(stack, by_digest(stack, "ByDigest", repository=repository, digest=digest), "Two")
    parts = [canonical(runtime.properties) for runtime in synthesize(app).only.all(RUNTIME)]
    assert '/agents:", {"Ref": "Tag"}' in parts[0]
    assert '/agents@", {"Ref": "Digest"}' in parts[1]


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "not bound"])
def test_nothing_is_built_and_the_runtime_can_pull(
    app: App, stack: Stack, repository: ecr.IRepository, bound: bool
) -> None:
    image = by_tag(stack, "Image", repository=repository, tag="1")
    runtime = new_runtime(stack, image)
    if bound:
        image.bind_runtime(runtime)
    template = synthesize(app).only
    assert {resource.body["Type"] for resource in template.resources} == {RUNTIME, ROLE, POLICY}
    (pulling,) = [
        policy for policy in template.all(POLICY) if "repository/agents" in canonical(policy.properties)
    ]
    assert pulling.logical_id in template.only(RUNTIME).depends_on


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "not bound"])
def test_the_runtime_waits_for_what_the_image_depends_on(
    app: App, stack: Stack, repository: ecr.IRepository, bound: bool
) -> None:
    push = CfnResource(stack, "Push", type="Custom::Push")
    image = by_tag(stack, "Image", repository=repository, tag="1", dependencies=[push])
    runtime = new_runtime(stack, image)
    if bound:
        image.bind_runtime(runtime)
    template = synthesize(app).only
    assert [r.body["Type"] for r in template.resources if "Push" in r.depends_on] == [RUNTIME]


def test_the_runtime_waits_for_an_image_of_deploy_time_build(app: App, stack: Stack, agent: Path) -> None:
    deploy_time_build = pytest.importorskip("cdklabs.deploy_time_build", reason="needs a newer CDK")
    build = deploy_time_build.ContainerImageBuild(stack, "Build", directory=str(agent), tag="v1")
    image = by_tag(stack, "Image", repository=build.repository, tag="v1", dependencies=[build])
    image.bind_runtime(new_runtime(stack, image))
    template = synthesize(app).only
    (custom,) = [
        resource for resource in template.resources if resource.body["Type"].startswith("Custom::CDK")
    ]
    assert custom.logical_id in template.only(RUNTIME).depends_on


def test_the_runtime_can_pull_from_a_repository_of_another_stack(app: App, stack: Stack) -> None:
    repository = ecr.Repository(Stack(app, "Storage"), "Repository")
    new_runtime(stack, by_tag(stack, "Image", repository=repository, tag="1"))
    assembly = synthesize(app)
    assert assembly["Storage"].only(REPOSITORY)
    assert "Fn::ImportValue" in canonical([p.properties for p in assembly["Agent"].all(POLICY)])


@pytest.mark.parametrize("name", ["my--agent", "my-agent-", "team//agent", "a._b", "Team/agent"])
def test_fails_when_agentcore_would_refuse_the_repository_name(stack: Stack, agent: Path, name: str) -> None:
    expected = f"'repository' must have a name that AgentCore accepts, got '{name}'"
    repositories = {
        "Imported": ecr.Repository.from_repository_name(stack, "Imported", name),
        "Arn": ecr.Repository.from_repository_arn(
            stack, "Arn", f"arn:aws:ecr:eu-west-1:111122223333:repository/{name}"
        ),
    }
    for kind, repository in repositories.items():
        with pytest.raises(RuntimeError, match=re.escape(expected)):
            by_tag(stack, f"Prebuilt{kind}", repository=repository, tag="1")
        with pytest.raises(RuntimeError, match=re.escape(expected)):
            new_image(
                stack, agent, f"CodeBuild{kind}", image_build=ImageBuild.code_build(repository=repository)
            )


def test_accepts_repository_names_that_agentcore_accepts_and_tokens(stack: Stack) -> None:
    names = ["agent", "team/my-agent_1.x", CfnParameter(stack, "Name").value_as_string]
    for number, name in enumerate(names):
        repository = ecr.Repository.from_repository_name(stack, f"Repository{number}", name)
        by_tag(stack, f"Image{number}", repository=repository, tag="1")
    by_tag(stack, "Unnamed", repository=ecr.Repository(stack, "Own"), tag="1")


def test_a_grant_to_the_builder_has_no_effect(app: App, stack: Stack, repository: ecr.IRepository) -> None:
    image = by_tag(stack, "Image", repository=repository, tag="1")
    ecr.Repository(stack, "Base").grant_pull(image).assert_success()
    assert [resource.body["Type"] for resource in synthesize(app).only.resources] == [REPOSITORY]
