"""Mistakes that deploy, and then fail or deploy nothing: each gets an error or a warning at synthesis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Annotations, App, Environment, Stack
from aws_cdk import aws_bedrockagentcore as agentcore
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from constructs import Construct

from arm64_agent_image import Arm64AgentRuntimeArtifact, ImageBuild
from test.synth import new_image, new_runtime, synthesize, warnings_of

ROLE_ARN = "arn:aws:iam::111122223333:role/agents/agent"
FIXED = Environment(account="111122223333", region="eu-west-1")
LOCAL, CODE_BUILD = ImageBuild.local(), ImageBuild.code_build()


def only_warning(stack: Stack, id: str) -> str:
    (warning,) = [text for text in warnings_of(stack) if f"[ack: arm64-agent-image:{id}]" in text]
    return warning


def existing(stack: Stack, tag: str) -> Arm64AgentRuntimeArtifact:
    repository = ecr.Repository.from_repository_name(stack, "Repository", "agents")
    return Arm64AgentRuntimeArtifact.from_image_tag(stack, "Image", repository=repository, tag=tag)


@pytest.mark.parametrize("private", [False, True], ids=["public", "private"])
def test_warns_of_a_build_in_public_subnets(stack: Stack, agent: Path, private: bool) -> None:
    kinds = [ec2.SubnetType.PUBLIC, *([ec2.SubnetType.PRIVATE_WITH_EGRESS] if private else [])]
    subnets = [ec2.SubnetConfiguration(name=kind.name, subnet_type=kind) for kind in kinds]
    vpc = ec2.Vpc(stack, "Vpc", subnet_configuration=subnets)
    new_image(stack, agent, image_build=ImageBuild.code_build(vpc=vpc))
    if private:
        assert warnings_of(stack) == []
    else:
        expected = "select private subnets with a NAT gateway in 'subnet_selection'"
        assert expected in only_warning(stack, "publicSubnets")


@pytest.mark.parametrize("tag", ["latest", "main", "Stable"])
def test_warns_of_a_tag_that_moves(stack: Stack, tag: str) -> None:
    existing(stack, tag)
    warning = only_warning(stack, "movingTag")
    assert f"'tag' is '{tag}', which usually moves to new images" in warning
    assert "pass a tag that is unique to the image, or its digest" in warning


def test_does_not_warn_of_a_tag_that_stays(stack: Stack) -> None:
    existing(stack, "v1.2.3")
    assert warnings_of(stack) == []


@pytest.mark.parametrize("contained", [False, True], ids=["runtime", "construct that contains it"])
def test_fails_when_the_runtime_uses_another_image(stack: Stack, agent: Path, contained: bool) -> None:
    one, two = new_image(stack, agent, "One"), new_image(stack, agent, "Two")
    scope = Construct(stack, "Scope")
    runtime = new_runtime(scope, two)
    expected = (
        r"Agent/One: 'runtime' \(Agent/Scope/Runtime/Resource\) uses the image Agent/Two; "
        r"call bind_runtime\(runtime\) on that image, or pass agent_runtime_artifact of this one"
    )
    with pytest.raises(RuntimeError, match=expected):
        one.bind_runtime(scope if contained else runtime)


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "not bound"])
def test_warns_when_the_execution_role_cannot_be_changed(stack: Stack, agent: Path, bound: bool) -> None:
    role = iam.Role.from_role_arn(stack, "Role", ROLE_ARN, mutable=False)
    image = new_image(stack, agent)
    runtime = new_runtime(stack, image, execution_role=role)
    if bound:
        image.bind_runtime(runtime)
    warning = only_warning(stack, "immutableRole")
    assert "cannot change the execution role of 'runtime' (Agent/Runtime/Resource)" in warning
    assert "ecr:BatchGetImage, ecr:GetAuthorizationToken where it is defined" in warning


def test_does_not_warn_when_the_execution_role_can_be_changed(stack: Stack, agent: Path) -> None:
    image = new_image(stack, agent)
    role = iam.Role.from_role_arn(stack, "Role", ROLE_ARN)
    image.bind_runtime(new_runtime(stack, image, execution_role=role))
    image.bind_runtime(new_runtime(stack, image, "Other"))
    assert warnings_of(stack) == []


SECRET_NAMES = ["API_KEY", "GITHUB_TOKEN", "password", "DB_SECRET_ARN", "AUTH", "OPENAI_APIKEY"]


@pytest.mark.parametrize("build", [LOCAL, CODE_BUILD], ids=["local", "codebuild"])
def test_warns_of_build_arguments_that_look_like_secrets(
    stack: Stack, agent: Path, build: ImageBuild
) -> None:
    arguments = dict.fromkeys([*SECRET_NAMES, "PUBLIC_KEY", "KEYBOARD", "TOKENIZER", "VERSION"], "hunter2")
    new_image(stack, agent, build_args=arguments, image_build=build)
    warning = only_warning(stack, "secretBuildArg")
    assert f"'build_args' may contain secrets: {', '.join(SECRET_NAMES)}; " in warning
    assert "pass secrets as 'build_secrets' instead" in warning
    assert "hunter2" not in warning


@pytest.mark.parametrize("fixed", ["Images", "Agent"])
def test_fails_when_only_one_region_is_known(app: App, agent: Path, fixed: str) -> None:
    images, agents = (Stack(app, name, env=FIXED if name == fixed else None) for name in ("Images", "Agent"))
    image = new_image(images, agent)
    runtime = new_runtime(agents, image)
    other = {"Images": "Agent", "Agent": "Images"}[fixed]
    expected = rf"stack {fixed} is in eu-west-1 and the region of stack {other} is not known.*set 'env' of"
    with pytest.raises(RuntimeError, match=expected):
        image.bind_runtime(runtime)


def test_warns_when_only_one_region_is_known_of_an_existing_image(app: App, stack: Stack) -> None:
    image = existing(stack, "v1")
    image.bind_runtime(new_runtime(Stack(app, "Fixed", env=FIXED), image))
    assert "set 'env' of stack Agent" in only_warning(stack, "unknownRegion")


@pytest.mark.parametrize("kind", ["defined", "imported"])
def test_fails_when_the_runtime_is_an_endpoint(stack: Stack, agent: Path, kind: str) -> None:
    image = new_image(stack, agent)
    runtime = new_runtime(stack, image)
    endpoint: Any = runtime.add_endpoint("production")
    if kind == "imported":
        endpoint = agentcore.RuntimeEndpoint.from_runtime_endpoint_attributes(
            stack,
            "Imported",
            agent_runtime_endpoint_arn="arn:aws:bedrock-agentcore:eu-west-1:111122223333:runtime/a/runtime-endpoint/b",
            endpoint_name="b",
            agent_runtime_arn="arn:aws:bedrock-agentcore:eu-west-1:111122223333:runtime/a",
        )
    with pytest.raises(
        RuntimeError, match=r"'runtime' is an endpoint \(.*\); pass the Runtime that the endpoint"
    ):
        image.bind_runtime(endpoint)


@pytest.mark.parametrize(
    ("props", "error", "said"),
    [
        ({"directory": None}, TypeError, "argument directory must be str; got NoneType"),
        ({"directory": Path("agent")}, TypeError, "argument directory must be str; got pathlib"),
        ({"file": Path("Dockerfile")}, TypeError, "argument file must be one of .*; got pathlib"),
        ({"target": 1}, TypeError, "argument target must be one of .*; got int"),
        ({"build_args": "A=1"}, TypeError, "argument build_args must be one of .*; got str"),
        ({"build_args": {"A": 1}}, RuntimeError, r"(?s)Key 'buildArgs'.*Key 'A'.*Value is not a string"),
        ({"build_args": {"A": None}}, RuntimeError, r"(?s)Key 'buildArgs'.*A value is required"),
        ({"exclude": "*.md"}, RuntimeError, r"(?s)Key 'exclude'.*not an array"),
        (
            {"image_build": "codebuild"},
            TypeError,
            r"argument image_build must be one of \(arm64_agent_image.ImageBuild",
        ),
    ],
)
def test_values_of_the_wrong_type_are_named(
    stack: Stack, agent: Path, props: dict[str, Any], error: type[Exception], said: str
) -> None:
    given: dict[str, Any] = {"directory": str(agent), **props}
    with pytest.raises(error, match=said):
        Arm64AgentRuntimeArtifact(stack, "Image", **given)


@pytest.mark.parametrize("where", ["stack", "image"])
def test_the_note_about_the_build_can_be_silenced(app: App, stack: Stack, agent: Path, where: str) -> None:
    if where == "image":
        Annotations.of(new_image(stack, agent)).acknowledge_info("arm64-agent-image:build")
    else:
        Annotations.of(stack).acknowledge_info("arm64-agent-image:build")
        new_image(stack, agent)
    messages = [message.entry.data for message in app.synth().get_stack_by_name("Agent").messages]
    assert not [message for message in messages if "image build" in str(message)]


WARNINGS = ["publicSubnets", "movingTag", "immutableRole", "secretBuildArg", "unknownRegion"]


@pytest.mark.parametrize("id", WARNINGS)
def test_every_warning_can_be_acknowledged(app: App, stack: Stack, agent: Path, id: str) -> None:
    Annotations.of(stack).acknowledge_warning(f"arm64-agent-image:{id}")
    subnets = [ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC)]
    vpc = ec2.Vpc(stack, "Vpc", subnet_configuration=subnets)
    moving = existing(stack, "latest")
    moving.bind_runtime(new_runtime(Stack(app, "Fixed", env=FIXED), moving))
    built = new_image(
        stack, agent, "Built", build_args={"API_KEY": "1"}, image_build=ImageBuild.code_build(vpc=vpc)
    )
    role = iam.Role.from_role_arn(stack, "Role", ROLE_ARN, mutable=False)
    built.bind_runtime(new_runtime(stack, built, execution_role=role))
    warned = {text.rpartition("[ack: arm64-agent-image:")[2].rstrip("]") for text in warnings_of(stack)}
    assert warned == set(WARNINGS) - {id}
    synthesize(app)


def test_a_relative_directory_that_is_missing_is_shown_with_what_it_is_relative_to(stack: Stack) -> None:
    with pytest.raises(RuntimeError) as failure:
        Arm64AgentRuntimeArtifact(stack, "Image", directory="no/agent")
    error = str(failure.value)
    assert f"'directory' does not exist, got 'no/agent' ({Path.cwd() / 'no/agent'})" in error
    assert f"pass an absolute path, or a path relative to the working directory {Path.cwd()}" in error
