"""Other users of an image: whatever uses it waits for it, and whatever may pull it does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsii
import pytest
from aws_cdk import App, Aspects, CfnResource, IAspect, NestedStack, Stack, Stage
from aws_cdk import aws_bedrockagentcore as agentcore
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import IConstruct

from arm64_agent_image import Arm64AgentRuntimeArtifact, ImageBuild
from test.synth import (
    IMAGE,
    POLICY,
    REPOSITORY,
    RUNTIME,
    Resource,
    Template,
    canonical,
    new_image,
    new_runtime,
    synthesize,
)
from tools.creation_order import dependencies

FUNCTION, TASK = "AWS::Lambda::Function", "AWS::ECS::TaskDefinition"
OTHER_URI = "111122223333.dkr.ecr.us-east-1.amazonaws.com/agents:v1"
ROLE_ARN = "arn:aws:iam::111122223333:role/agent"
REQUIRED = {
    "AgentRuntimeName": "agent",
    "NetworkConfiguration": {"NetworkMode": "PUBLIC"},
    "RoleArn": ROLE_ARN,
}
LOCAL, CODE_BUILD = ImageBuild.local(), ImageBuild.code_build()
Use = Callable[[Stack, Arm64AgentRuntimeArtifact], object]


def docker_function(stack: Stack, image: Arm64AgentRuntimeArtifact) -> object:
    code = lambda_.DockerImageCode.from_ecr(image.repository, tag_or_digest=image.image_tag)
    return lambda_.DockerImageFunction(stack, "User", code=code)


def ecs_task(stack: Stack, image: Arm64AgentRuntimeArtifact) -> object:
    task = ecs.FargateTaskDefinition(stack, "User")
    return task.add_container(
        "Agent", image=ecs.ContainerImage.from_ecr_repository(image.repository, image.image_tag)
    )


def runtime_by_repository(stack: Stack, image: Arm64AgentRuntimeArtifact) -> object:
    artifact = agentcore.AgentRuntimeArtifact.from_ecr_repository(image.repository, image.image_tag)
    return agentcore.Runtime(stack, "User", agent_runtime_artifact=artifact)


def runtime_by_uri(stack: Stack, image: Arm64AgentRuntimeArtifact) -> object:
    artifact = agentcore.AgentRuntimeArtifact.from_image_uri(image.image_uri)
    return agentcore.Runtime(stack, "User", agent_runtime_artifact=artifact)


def l1_runtime(stack: Stack, image: Arm64AgentRuntimeArtifact) -> object:
    return cfn_runtime(stack, image.image_uri)


def l1_runtime_by_repository(stack: Stack, image: Arm64AgentRuntimeArtifact) -> object:
    return cfn_runtime(stack, image.repository.repository_uri_for_tag(image.image_tag))


def container(uri: str) -> agentcore.CfnRuntime.AgentRuntimeArtifactProperty:
    return agentcore.CfnRuntime.AgentRuntimeArtifactProperty(
        container_configuration=agentcore.CfnRuntime.ContainerConfigurationProperty(container_uri=uri)
    )


def another_image() -> agentcore.AgentRuntimeArtifact:
    return agentcore.AgentRuntimeArtifact.from_image_uri(OTHER_URI)


def l1_of(runtime: agentcore.Runtime) -> agentcore.CfnRuntime:
    l1 = runtime.node.default_child
    assert isinstance(l1, agentcore.CfnRuntime)
    return l1


def cfn_runtime(stack: Stack, uri: str, name: str = "User") -> agentcore.CfnRuntime:
    return agentcore.CfnRuntime(
        stack,
        name,
        agent_runtime_name="agent",
        role_arn=ROLE_ARN,
        network_configuration=agentcore.CfnRuntime.NetworkConfigurationProperty(network_mode="PUBLIC"),
        agent_runtime_artifact=container(uri),
    )


URI = "AgentRuntimeArtifact.ContainerConfiguration.ContainerUri"


def override_of_an_l1(stack: Stack, image: Arm64AgentRuntimeArtifact) -> object:
    runtime = cfn_runtime(stack, "to be overridden")
    runtime.add_property_override(URI, image.image_uri)
    return runtime


def override_of_an_l2(stack: Stack, image: Arm64AgentRuntimeArtifact) -> object:
    runtime = agentcore.Runtime(stack, "User", agent_runtime_artifact=another_image())
    l1_of(runtime).add_property_override(
        "AgentRuntimeArtifact", {"ContainerConfiguration": {"ContainerUri": image.image_uri}}
    )
    return runtime


def changed_l1_of_an_l2(stack: Stack, image: Arm64AgentRuntimeArtifact) -> object:
    runtime = agentcore.Runtime(stack, "User", agent_runtime_artifact=another_image())
    l1_of(runtime).agent_runtime_artifact = container(image.image_uri)
    return runtime


def plain_resource(stack: Stack, image: Arm64AgentRuntimeArtifact) -> object:
    artifact = {"ContainerConfiguration": {"ContainerUri": image.image_uri}}
    return CfnResource(stack, "User", type=RUNTIME, properties={**REQUIRED, "AgentRuntimeArtifact": artifact})


def plain_resource_by_overrides(stack: Stack, image: Arm64AgentRuntimeArtifact) -> object:
    runtime = CfnResource(stack, "User", type=RUNTIME)
    for name, value in {**REQUIRED, URI: image.image_uri}.items():
        runtime.add_property_override(name, value)
    return runtime


RUNTIMES = [
    runtime_by_repository,
    runtime_by_uri,
    l1_runtime,
    l1_runtime_by_repository,
    override_of_an_l1,
    override_of_an_l2,
    changed_l1_of_an_l2,
    plain_resource,
    plain_resource_by_overrides,
]


def user_of(template: Template) -> Resource:
    (user,) = [
        resource
        for kind in (RUNTIME, FUNCTION, TASK)
        for resource in template.all(kind)
        if resource.logical_id.startswith("User")
    ]
    return user


@pytest.mark.parametrize("use", [docker_function, ecs_task, *RUNTIMES])
def test_whatever_uses_the_repository_with_the_tag_waits_for_the_image(
    app: App, stack: Stack, agent: Path, use: Use
) -> None:
    use(stack, new_image(stack, agent))
    template = synthesize(app).only
    waits_for = dependencies(template.body["Resources"], user_of(template).logical_id)
    assert template.only(IMAGE).logical_id in waits_for


@pytest.mark.parametrize("use", [docker_function, ecs_task])
def test_the_uri_of_another_user_is_that_of_the_image(app: App, stack: Stack, agent: Path, use: Use) -> None:
    image = new_image(stack, agent)
    use(stack, image)
    assert canonical(stack.resolve(image.image_uri)) in canonical(user_of(synthesize(app).only).properties)


@pytest.mark.parametrize("use", [docker_function, ecs_task, *RUNTIMES])
def test_permissions_to_pull_do_not_wait_for_the_image(app: App, stack: Stack, agent: Path, use: Use) -> None:
    use(stack, new_image(stack, agent))
    template = synthesize(app).only
    image = template.only(IMAGE).logical_id
    pulling = [
        policy
        for policy in [*template.all(POLICY), template.only(REPOSITORY)]
        if "ecr:BatchGetImage" in canonical(policy.properties)
    ]
    assert pulling
    for policy in pulling:
        assert image not in dependencies(template.body["Resources"], policy.logical_id)


def test_a_grant_on_the_repository_names_its_arn(app: App, stack: Stack, agent: Path) -> None:
    image = new_image(stack, agent)
    reader = iam.Role(stack, "Reader", assumed_by=iam.AccountRootPrincipal())
    image.repository.grant_pull(reader).assert_success()
    image.repository.add_to_resource_policy(
        iam.PolicyStatement(actions=["ecr:BatchGetImage"], principals=[iam.AccountPrincipal("444455556666")])
    )
    template = synthesize(app).only
    repository = template.only(REPOSITORY)
    statements = template.statements(stack.resolve(reader.role_name)["Ref"])
    assert {"Fn::GetAtt": [repository.logical_id, "Arn"]} in [s["Resource"] for s in statements]
    assert "444455556666" in canonical(repository.properties["RepositoryPolicyText"])


def test_an_image_that_shares_the_repository_of_another_does_not_wait_for_it(
    app: App, stack: Stack, agent: Path
) -> None:
    first = new_image(stack, agent, "First")
    new_image(stack, agent, "Second", image_build=ImageBuild.code_build(repository=first.repository))
    template = synthesize(app).only
    (one, two) = sorted(resource.logical_id for resource in template.all(IMAGE))
    assert one not in dependencies(template.body["Resources"], two)
    assert len(template.all(REPOSITORY)) == 1


def assert_can_pull(template: Template) -> None:
    runtime = user_of(template)
    (policy,) = [policy for policy in template.all(POLICY) if "ImagePull" in policy.logical_id]
    assert policy.logical_id in runtime.depends_on
    assert "ecr:BatchGetImage" in canonical(policy.properties)


@pytest.mark.parametrize("build", [LOCAL, CODE_BUILD], ids=["local", "codebuild"])
@pytest.mark.parametrize("use", RUNTIMES)
def test_a_runtime_that_uses_the_image_by_its_uri_is_bound(
    app: App, stack: Stack, agent: Path, use: Use, build: ImageBuild
) -> None:
    use(stack, new_image(stack, agent, image_build=build))
    assert_can_pull(synthesize(app).only)


def existing_image(
    stack: Stack, repository: ecr.IRepository | None = None, **props: Any
) -> Arm64AgentRuntimeArtifact:
    repository = repository or ecr.Repository.from_repository_name(stack, "Imported", "agents")
    return Arm64AgentRuntimeArtifact.from_image_tag(stack, "Image", repository=repository, tag="v1", **props)


def test_a_runtime_with_an_existing_image_is_bound(app: App, stack: Stack) -> None:
    cfn_runtime(stack, existing_image(stack).image_uri)
    assert_can_pull(synthesize(app).only)


@pytest.mark.parametrize("nested", [False, True], ids=["another stack", "a nested stack"])
def test_a_runtime_in_another_stack_that_uses_the_uri_is_bound(
    app: App, stack: Stack, agent: Path, nested: bool
) -> None:
    image = new_image(Stack(app, "Images"), agent)
    cfn_runtime(NestedStack(stack, "Nested") if nested else stack, image.image_uri)
    assembly = synthesize(app)
    assert_can_pull(assembly.nested("Nested") if nested else assembly["Agent"])


@pytest.mark.parametrize("own_repository", [False, True], ids=["name", "repository of the app"])
def test_a_runtime_with_an_existing_image_of_another_stack_is_bound(
    app: App, stack: Stack, own_repository: bool
) -> None:
    images = Stack(app, "Images")
    image = existing_image(images, ecr.Repository(images, "Repository") if own_repository else None)
    cfn_runtime(stack, image.image_uri)
    assert_can_pull(synthesize(app)["Agent"])


def test_an_existing_image_in_the_stack_of_the_runtime_takes_precedence(app: App, stack: Stack) -> None:
    images = Stack(app, "Images")
    ready = CfnResource(images, "Ready", type="AWS::CloudFormation::WaitConditionHandle")
    existing_image(images, dependencies=[ready])
    cfn_runtime(stack, existing_image(stack).image_uri)
    assembly = synthesize(app)
    assert_can_pull(assembly["Agent"])
    assert "Images" not in assembly.stack_dependencies("Agent")


def test_a_runtime_in_another_stage_with_the_uri_of_an_existing_image_is_left_alone(
    app: App, stack: Stack
) -> None:
    existing_image(stack)
    production = Stack(Stage(app, "Production"), "Agent")
    repository = ecr.Repository.from_repository_name(production, "Repository", "agents")
    cfn_runtime(production, repository.repository_uri_for_tag("v1"))
    app.synth()
    assert production.node.try_find_child("UserImagePull") is None


def test_a_runtime_with_a_repository_of_the_app_is_bound(app: App, stack: Stack, agent: Path) -> None:
    repository = ecr.Repository(stack, "Repository")
    image = new_image(stack, agent, image_build=ImageBuild.code_build(repository=repository))
    cfn_runtime(stack, repository.repository_uri_for_tag(image.image_tag))
    template = synthesize(app).only
    assert_can_pull(template)
    assert template.only(IMAGE).logical_id in user_of(template).depends_on


def test_an_overridden_role_can_pull(app: App, stack: Stack, agent: Path) -> None:
    runtime = cfn_runtime(stack, new_image(stack, agent).image_uri)
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("bedrock-agentcore.amazonaws.com"))
    runtime.add_property_override("RoleArn", role.role_arn)
    template = synthesize(app).only
    assert_can_pull(template)
    (policy,) = [policy for policy in template.all(POLICY) if "ImagePull" in policy.logical_id]
    assert policy.properties["Roles"] == [stack.resolve(role.role_name)]


def test_a_runtime_whose_image_is_overridden_is_not_bound_to_the_former_one(
    app: App, stack: Stack, agent: Path
) -> None:
    former, image = new_image(stack, agent, "Former"), new_image(stack, agent)
    l1_of(new_runtime(stack, former, "User")).add_property_override(URI, image.image_uri)
    template = synthesize(app).only
    assert_can_pull(template)
    images = {resource.logical_id for resource in template.all(IMAGE)}
    (waits_for,) = images & set(user_of(template).depends_on)
    assert waits_for.startswith("Image")


@jsii.implements(IAspect)
class LateUse:
    """Lets a Runtime use an image after the image has looked for its Runtimes."""

    def __init__(self, use: Use, image: Arm64AgentRuntimeArtifact) -> None:
        self.use, self.image = use, image

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, Stack) and node.node.try_find_child("User") is None:
            self.use(node, self.image)


@pytest.mark.parametrize("build", [LOCAL, CODE_BUILD], ids=["local", "codebuild"])
@pytest.mark.parametrize("use", [runtime_by_uri, override_of_an_l1, plain_resource])
def test_fails_when_a_runtime_uses_the_image_too_late_to_be_bound(
    app: App, stack: Stack, agent: Path, use: Use, build: ImageBuild
) -> None:
    Aspects.of(Stack(app, "Zzz")).add(LateUse(use, new_image(stack, agent, image_build=build)))
    with pytest.raises(
        RuntimeError, match=r"'runtime' \(Zzz/User.*\) was defined or changed.*call bind_runtime\(runtime\)"
    ):
        app.synth()


def bound_runtime(stack: Stack, image: Arm64AgentRuntimeArtifact) -> object:
    runtime = cfn_runtime(stack, image.image_uri)
    image.bind_runtime(runtime)
    return runtime


def test_a_late_runtime_can_be_bound_where_it_is_defined(app: App, stack: Stack, agent: Path) -> None:
    Aspects.of(Stack(app, "Zzz")).add(LateUse(bound_runtime, new_image(stack, agent)))
    assert_can_pull(synthesize(app)["Zzz"])


def test_a_runtime_is_bound_to_its_own_image_among_equal_ones(app: App, agent: Path) -> None:
    stacks = [Stack(app, name) for name in ("One", "Two")]
    for stack in stacks:
        cfn_runtime(stack, new_image(stack, agent).image_uri)
    assembly = synthesize(app)
    for name in ("One", "Two"):
        assert "Fn::ImportValue" not in assembly[name].text
        assert_can_pull(assembly[name])


def test_a_runtime_with_another_image_is_not_bound(app: App, stack: Stack, agent: Path) -> None:
    new_image(stack, agent)
    asset = agentcore.AgentRuntimeArtifact.from_asset(str(agent))
    agentcore.Runtime(stack, "User", agent_runtime_artifact=asset)
    cfn_runtime(stack, OTHER_URI, "Other")
    template = synthesize(app).only
    assert not [policy for policy in template.all(POLICY) if "ImagePull" in policy.logical_id]
    assert not template.named("Other").depends_on


def test_a_runtime_with_the_artifact_is_bound_as_before(app: App, stack: Stack, agent: Path) -> None:
    new_runtime(stack, new_image(stack, agent), "User")
    assert_can_pull(synthesize(app).only)
