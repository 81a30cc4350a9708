"""Binding: every Runtime waits for its image and can pull it, or synthesis fails."""

from collections.abc import Callable
from pathlib import Path

import jsii
import pytest
from aws_cdk import (
    App,
    Aspects,
    CfnParameter,
    Environment,
    Fn,
    IAspect,
    NestedStack,
    Stack,
    Stage,
    assertions,
)
from aws_cdk import aws_bedrockagentcore as agentcore
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct, IConstruct

from arm64_agent_image import Arm64AgentRuntimeArtifact, ImageBuild
from test.synth import (
    IMAGE,
    POLICY,
    REPOSITORY,
    RUNTIME,
    Resource,
    Template,
    canonical,
    container_uri,
    new_app,
    new_image,
    new_runtime,
    synthesize,
)

ROLE_ARN = "arn:aws:iam::111122223333:role/agents/agent"
LOCAL = ImageBuild.local()
CODE_BUILD = ImageBuild.code_build()


def cfn_runtime(
    scope: Construct, image: Arm64AgentRuntimeArtifact, role_arn: str, name: str = "L1"
) -> agentcore.CfnRuntime:
    container = agentcore.CfnRuntime.ContainerConfigurationProperty(container_uri=image.image_uri)
    return agentcore.CfnRuntime(
        scope,
        name,
        agent_runtime_name="agent",
        role_arn=role_arn,
        network_configuration=agentcore.CfnRuntime.NetworkConfigurationProperty(network_mode="PUBLIC"),
        agent_runtime_artifact=agentcore.CfnRuntime.AgentRuntimeArtifactProperty(
            container_configuration=container
        ),
    )


def agent_role(scope: Construct, name: str = "AgentRole") -> iam.Role:
    return iam.Role(scope, name, assumed_by=iam.ServicePrincipal("bedrock-agentcore.amazonaws.com"))


def pulling_policies(template: Template) -> list[Resource]:
    """The policies that grant permission to pull an image and to log in."""
    texts = {
        policy.logical_id: canonical(policy.properties["PolicyDocument"]) for policy in template.all(POLICY)
    }
    needed = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:GetAuthorizationToken")
    return [
        template.named(name)
        for name, text in texts.items()
        if all(action in text for action in needed) and "ecr:PutImage" not in text
    ]


def assert_bound(template: Template, runtime: Resource | None = None) -> None:
    """The Runtime waits for its permission to pull, and for every image in this template."""
    runtime = runtime or template.only(RUNTIME)
    (pulling,) = pulling_policies(template)
    assert pulling.logical_id in runtime.depends_on
    for image in template.all(IMAGE):
        assert image.logical_id in runtime.depends_on


@pytest.mark.parametrize(("build", "ignored"), [(LOCAL, ["E1"]), (CODE_BUILD, ["E1", "W3005"])])
def test_linter_settings_of_the_app_are_kept(
    app: App, stack: Stack, agent: Path, build: ImageBuild, ignored: list[str]
) -> None:
    image = new_image(stack, agent, image_build=build)
    runtime = cfn_runtime(stack, image, ROLE_ARN)
    runtime.add_metadata("cfn-lint", {"config": {"ignore_checks": ["E1"], "configure_checks": {}}})
    runtime.add_metadata("checkov", {"skip": []})
    image.bind_runtime(runtime)
    (metadata,) = [r.body["Metadata"] for r in synthesize(app)["Agent"].all(RUNTIME)]
    assert metadata["cfn-lint"] == {"config": {"ignore_checks": ignored, "configure_checks": {}}}
    assert metadata["checkov"] == {"skip": []}


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "not bound"])
@pytest.mark.parametrize("build", [LOCAL, CODE_BUILD], ids=["local", "codebuild"])
def test_a_runtime_waits_for_the_image_and_can_pull_it(
    app: App, stack: Stack, agent: Path, bound: bool, build: ImageBuild
) -> None:
    image = new_image(stack, agent, image_build=build)
    runtime = new_runtime(stack, image)
    if bound:
        image.bind_runtime(runtime)
    assert_bound(synthesize(app).only)


def test_binding_changes_the_runtime_only(tmp_path: Path, agent: Path) -> None:
    def template(output: str, bound: bool) -> Template:
        app = new_app(tmp_path / output)
        stack = Stack(app, "Agent")
        image = new_image(stack, agent)
        runtime = cfn_runtime(stack, image, agent_role(stack).role_arn)
        runtime.agent_runtime_artifact = another_image
        if bound:
            image.bind_runtime(runtime)
        return synthesize(app).only

    another_image = agentcore.CfnRuntime.AgentRuntimeArtifactProperty(
        container_configuration=agentcore.CfnRuntime.ContainerConfigurationProperty(
            container_uri="111122223333.dkr.ecr.us-east-1.amazonaws.com/agents:v1"
        )
    )
    without, bound = template("without", False), template("bound", True)
    bound_runtime, (pulling,) = bound.body["Resources"].pop("L1"), pulling_policies(bound)
    runtime = without.body["Resources"].pop("L1")
    bound.body["Resources"].pop(pulling.logical_id)
    assert bound == without
    assert bound_runtime.pop("Metadata") == {"cfn-lint": {"config": {"ignore_checks": ["W3005"]}}}
    assert {**runtime, "DependsOn": [bound.only(IMAGE).logical_id, pulling.logical_id]} == bound_runtime


def test_only_the_runtime_depends_on_the_image(app: App, stack: Stack, agent: Path) -> None:
    image = new_image(stack, agent)
    image.bind_runtime(new_runtime(stack, image))
    template = synthesize(app).only
    name = template.only(IMAGE).logical_id
    assert [r.body["Type"] for r in template.resources if name in r.depends_on] == [RUNTIME]


def test_the_template_is_the_same_without_bind_runtime(tmp_path: Path, agent: Path) -> None:
    templates = []
    for bound in (True, False):
        app = new_app(tmp_path / str(bound))
        stack = Stack(app, "Agent")
        image = new_image(stack, agent)
        runtime = new_runtime(stack, image)
        if bound:
            image.bind_runtime(runtime)
        templates.append(synthesize(app).only.body)
    assert templates[0] == templates[1]


def test_binding_twice_has_no_effect(tmp_path: Path, agent: Path) -> None:
    templates = []
    for times in (1, 2):
        app = new_app(tmp_path / str(times))
        stack = Stack(app, "Agent")
        image = new_image(stack, agent)
        runtimes = [new_runtime(stack, image), cfn_runtime(stack, image, ROLE_ARN)]
        for _ in range(times):
            for runtime in runtimes:
                image.bind_runtime(runtime)
        templates.append(synthesize(app).only.body)
    assert templates[0] == templates[1]


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "not bound"])
def test_several_runtimes_of_one_image_can_pull_it(app: App, stack: Stack, agent: Path, bound: bool) -> None:
    image = new_image(stack, agent)
    for name in ("One", "Two", "Three"):
        runtime = new_runtime(stack, image, name)
        if bound:
            image.bind_runtime(runtime)
    template = synthesize(app).only
    pulling = {policy.logical_id for policy in pulling_policies(template)}
    assert len(pulling) == 3
    for runtime_resource in template.all(RUNTIME):
        assert template.only(IMAGE).logical_id in runtime_resource.depends_on
        assert len(pulling & set(runtime_resource.depends_on)) == 1


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "not bound"])
def test_a_runtime_waits_for_the_permission_of_a_role_of_the_app(
    app: App, stack: Stack, agent: Path, bound: bool
) -> None:
    image = new_image(stack, agent)
    runtime = new_runtime(stack, image, execution_role=agent_role(stack))
    if bound:
        image.bind_runtime(runtime)
    assert_bound(synthesize(app).only)


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "not bound"])
def test_a_runtime_waits_for_the_permission_of_an_imported_role(
    app: App, stack: Stack, agent: Path, bound: bool
) -> None:
    image = new_image(stack, agent)
    role = iam.Role.from_role_arn(stack, "AgentRole", ROLE_ARN)
    runtime = new_runtime(stack, image, execution_role=role)
    if bound:
        image.bind_runtime(runtime)
    template = synthesize(app).only
    assert_bound(template)
    assert pulling_policies(template)[0].properties["Roles"] == ["agent"]


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "not bound"])
def test_an_immutable_role_is_not_changed(app: App, stack: Stack, agent: Path, bound: bool) -> None:
    image = new_image(stack, agent)
    role = iam.Role.from_role_arn(stack, "AgentRole", ROLE_ARN, mutable=False)
    runtime = new_runtime(stack, image, execution_role=role)
    if bound:
        image.bind_runtime(runtime)
    assert pulling_policies(synthesize(app).only) == []


def literal_role(_stack: Stack) -> str:
    return ROLE_ARN


def l2_role(stack: Stack) -> str:
    return agent_role(stack).role_arn


def l1_role(stack: Stack) -> str:
    return iam.CfnRole(stack, "AgentRole", assume_role_policy_document={}).attr_arn


def role_by_attribute(stack: Stack) -> str:
    l1_role(stack)
    return Fn.get_att("AgentRole", "Arn").to_string()


def parameter(stack: Stack) -> str:
    return CfnParameter(stack, "RoleArn").value_as_string


@pytest.mark.parametrize("role", [literal_role, l2_role, l1_role, role_by_attribute, parameter])
def test_an_l1_runtime_is_bound_whatever_its_role_is(
    app: App, stack: Stack, agent: Path, role: Callable[[Stack], str]
) -> None:
    image = new_image(stack, agent)
    image.bind_runtime(cfn_runtime(stack, image, role(stack)))
    assert_bound(synthesize(app).only)


def test_two_l1_runtimes_of_one_literal_role_are_both_bound(app: App, stack: Stack, agent: Path) -> None:
    image = new_image(stack, agent)
    for name in ("One", "Two"):
        image.bind_runtime(cfn_runtime(stack, image, ROLE_ARN, name))
    template = synthesize(app).only
    assert [
        len(set(r.depends_on) & {p.logical_id for p in pulling_policies(template)})
        for r in template.all(RUNTIME)
    ] == [1, 1]


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "not bound"])
@pytest.mark.parametrize("build", [LOCAL, CODE_BUILD], ids=["local", "codebuild"])
def test_a_runtime_of_the_alpha_module_is_bound(
    app: App, stack: Stack, agent: Path, bound: bool, build: ImageBuild
) -> None:
    image = new_image(stack, agent, image_build=build)
    alpha = pytest.importorskip("aws_cdk.aws_bedrock_agentcore_alpha", reason="needs a newer CDK")
    artifact = alpha.AgentRuntimeArtifact.from_image_uri(image.image_uri)
    runtime = alpha.Runtime(stack, "Runtime", runtime_name="agent", agent_runtime_artifact=artifact)
    if bound:
        image.bind_runtime(runtime)
    template = synthesize(app).only
    assert_bound(template)
    assert template.container_uri == stack.resolve(image.image_uri)


def test_a_construct_that_contains_a_runtime_is_bound(app: App, stack: Stack, agent: Path) -> None:
    image = new_image(stack, agent)
    outer = Construct(stack, "Outer")
    new_runtime(Construct(outer, "Inner"), image)
    image.bind_runtime(outer)
    assert_bound(synthesize(app).only)


def test_a_policy_that_names_its_own_runtime_causes_no_cycle(app: App, stack: Stack, agent: Path) -> None:
    image = new_image(stack, agent)
    role = agent_role(stack)
    runtime = cfn_runtime(stack, image, role.role_arn)
    policy = iam.Policy(stack, "SelfInvoke", roles=[role])
    policy.add_statements(
        iam.PolicyStatement(
            actions=["bedrock-agentcore:InvokeAgentRuntime"], resources=[runtime.attr_agent_runtime_arn]
        )
    )
    image.bind_runtime(runtime)
    template = synthesize(app).only
    assert_bound(template)
    assert not any(name.startswith("SelfInvoke") for name in template.only(RUNTIME).depends_on)


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "not bound"])
@pytest.mark.parametrize("build", [LOCAL, CODE_BUILD], ids=["local", "codebuild"])
def test_a_runtime_in_another_stack_is_bound(
    app: App, stack: Stack, agent: Path, bound: bool, build: ImageBuild
) -> None:
    image = new_image(Stack(app, "Images"), agent, image_build=build)
    runtime = new_runtime(stack, image)
    if bound:
        image.bind_runtime(runtime)
    assembly = synthesize(app)
    assert_bound(assembly["Agent"])
    if build is CODE_BUILD:
        assert "Images" in assembly.stack_dependencies("Agent")


def test_a_code_change_changes_no_export_of_the_image_stack(tmp_path: Path, agent: Path) -> None:
    exports, uris = [], []
    for content in ("one", "two"):
        (agent / "server.py").write_text(content)
        app = new_app(tmp_path / content)
        image = new_image(Stack(app, "Images"), agent)
        image.bind_runtime(new_runtime(Stack(app, "Agent"), image))
        assembly = synthesize(app)
        exports.append(assembly["Images"].body["Outputs"])
        uris.append(canonical(assembly["Agent"].container_uri))
        assert image.image_tag in uris[-1]
        assert image.image_tag not in canonical(exports[-1])
    assert exports[0] == exports[1]
    assert uris[0] != uris[1]
    exported = {canonical(output["Value"]) for output in exports[0].values()}
    repository = assembly["Images"].only(REPOSITORY).logical_id
    assert exported == {
        canonical({"Fn::GetAtt": [assembly["Images"].only(IMAGE).logical_id, "RepositoryUri"]}),
        canonical({"Fn::GetAtt": [repository, "Arn"]}),
    }


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "not bound"])
def test_a_role_in_a_third_stack_is_bound(app: App, stack: Stack, agent: Path, bound: bool) -> None:
    image = new_image(Stack(app, "Images"), agent)
    runtime = new_runtime(stack, image, execution_role=agent_role(Stack(app, "Roles")))
    if bound:
        image.bind_runtime(runtime)
    assembly = synthesize(app)
    assert_bound(assembly["Agent"])
    assert set(assembly.stack_dependencies("Agent")) >= {"Images", "Roles"}


@jsii.implements(IAspect)
class LateRuntime:
    """Defines a Runtime too late to be bound automatically."""

    def __init__(self, image: Arm64AgentRuntimeArtifact) -> None:
        self.image = image

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, Stack) and node.node.try_find_child("Late") is None:
            new_runtime(node, self.image, "Late")


def test_fails_when_a_runtime_is_defined_too_late_and_says_what_to_call(
    app: App, stack: Stack, agent: Path
) -> None:
    image = new_image(stack, agent)
    Aspects.of(Stack(app, "Zzz")).add(LateRuntime(image))
    with pytest.raises(RuntimeError, match=r"Zzz/Late.*call bind_runtime\(runtime\) on the image"):
        app.synth()


def test_a_template_assertion_before_synthesis_changes_nothing(app: App, stack: Stack, agent: Path) -> None:
    image = new_image(stack, agent)
    new_runtime(stack, image)
    assert container_uri(Template(dict(assertions.Template.from_stack(stack).to_json())).only(RUNTIME))
    assert_bound(synthesize(app).only)


def test_a_role_in_the_stack_of_the_image_is_bound(app: App, stack: Stack, agent: Path) -> None:
    images = Stack(app, "Images")
    image = new_image(images, agent)
    new_runtime(stack, image, execution_role=agent_role(images))
    assembly = synthesize(app)
    assert_bound(assembly["Agent"])
    assert "Images" in assembly.stack_dependencies("Agent")


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "not bound"])
@pytest.mark.parametrize("build", [LOCAL, CODE_BUILD], ids=["local", "codebuild"])
def test_a_runtime_in_a_nested_stack_is_bound(
    app: App, stack: Stack, agent: Path, bound: bool, build: ImageBuild
) -> None:
    image = new_image(stack, agent, image_build=build)
    runtime = new_runtime(NestedStack(stack, "Nested"), image)
    if bound:
        image.bind_runtime(runtime)
    assembly = synthesize(app)
    assert_bound(assembly.nested("Nested"))
    if build is CODE_BUILD:
        nested = assembly["Agent"].only("AWS::CloudFormation::Stack")
        assert assembly["Agent"].only(IMAGE).logical_id in canonical(nested.body)


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "not bound"])
@pytest.mark.parametrize("build", [LOCAL, CODE_BUILD], ids=["local", "codebuild"])
def test_an_image_in_a_nested_stack_is_bound(
    app: App, stack: Stack, agent: Path, bound: bool, build: ImageBuild
) -> None:
    image = new_image(NestedStack(stack, "Nested"), agent, image_build=build)
    runtime = new_runtime(stack, image)
    if bound:
        image.bind_runtime(runtime)
    template = synthesize(app)["Agent"]
    assert_bound(template)
    if build is CODE_BUILD:
        assert template.only("AWS::CloudFormation::Stack").logical_id in canonical(
            template.only(RUNTIME).body
        )


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "not bound"])
def test_image_and_runtime_in_sibling_nested_stacks_are_bound(
    app: App, stack: Stack, agent: Path, bound: bool
) -> None:
    image = new_image(NestedStack(stack, "Images"), agent)
    runtime = new_runtime(NestedStack(stack, "Agents"), image)
    if bound:
        image.bind_runtime(runtime)
    assembly = synthesize(app)
    assert_bound(assembly.nested("Agents"))


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "not bound"])
def test_image_and_runtime_of_one_nested_stack_are_bound(
    app: App, stack: Stack, agent: Path, bound: bool
) -> None:
    nested = NestedStack(stack, "Nested")
    image = new_image(nested, agent)
    runtime = new_runtime(nested, image)
    if bound:
        image.bind_runtime(runtime)
    assert_bound(synthesize(app).nested("Nested"))


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "not bound"])
def test_a_runtime_in_the_same_stage_is_bound(app: App, agent: Path, bound: bool) -> None:
    stage = Stage(app, "Production")
    image = new_image(Stack(stage, "Images"), agent)
    runtime = new_runtime(Stack(stage, "Agent"), image)
    if bound:
        image.bind_runtime(runtime)
    templates = synthesize(app).templates
    (name,) = [name for name in templates if "Agent" in name]
    assert_bound(templates[name])


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "not bound"])
def test_fails_when_the_runtime_is_in_another_stage(app: App, agent: Path, bound: bool) -> None:
    image = new_image(Stack(Stage(app, "One"), "Images"), agent)
    runtime = new_runtime(Stack(Stage(app, "Two"), "Agent"), image)
    with pytest.raises(RuntimeError, match=r"Two/Agent/Runtime.* belongs to another Stage than the image"):
        image.bind_runtime(runtime) if bound else app.synth()


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "not bound"])
def test_fails_when_the_runtime_is_in_another_region_than_the_repository(
    app: App, agent: Path, bound: bool
) -> None:
    def home(name: str, region: str) -> Stack:
        env = Environment(account="111122223333", region=region)
        return Stack(app, name, env=env, cross_region_references=True)

    image = new_image(home("Images", "us-east-1"), agent)
    runtime = new_runtime(home("Agent", "eu-west-1"), image)
    with pytest.raises(RuntimeError, match=r"region eu-west-1.* region us-east-1"):
        image.bind_runtime(runtime) if bound else app.synth()


def test_warns_when_the_repository_is_in_another_account(app: App) -> None:
    stack = Stack(app, "Agent", env=Environment(account="444455556666", region="us-east-1"))
    arn = "arn:aws:ecr:us-east-1:111122223333:repository/agents"
    repository = ecr.Repository.from_repository_arn(stack, "Repository", arn)
    image = Arm64AgentRuntimeArtifact.from_image_tag(stack, "Image", repository=repository, tag="1")
    image.bind_runtime(new_runtime(stack, image))
    (warning,) = assertions.Annotations.from_stack(stack).find_warning("*", assertions.Match.any_value())
    expected = "the repository policy must allow account 444455556666 to pull"
    assert expected in str(warning.entry.data)
    template = synthesize(app).only
    assert arn in [
        s["Resource"] for p in template.all(POLICY) for s in p.properties["PolicyDocument"]["Statement"]
    ]


def test_fails_when_the_runtime_is_imported(stack: Stack, agent: Path) -> None:
    runtime = agentcore.Runtime.from_agent_runtime_attributes(
        stack,
        "Imported",
        agent_runtime_arn="arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/agent",
        agent_runtime_id="agent",
        agent_runtime_name="agent",
        agent_runtime_version="1",
        role_arn=ROLE_ARN,
    )
    with pytest.raises(RuntimeError, match=r"'runtime' is an imported Runtime \(Agent/Imported\)"):
        new_image(stack, agent).bind_runtime(runtime)


def test_fails_when_the_construct_contains_no_runtime(stack: Stack, agent: Path) -> None:
    with pytest.raises(
        RuntimeError, match=r"must be or contain an AWS::BedrockAgentCore::Runtime, got Agent/Bucket;"
    ):
        new_image(stack, agent).bind_runtime(s3.Bucket(stack, "Bucket"))


def test_the_runtime_can_pull_from_a_repository_of_the_app_in_another_stack(
    app: App, stack: Stack, agent: Path
) -> None:
    repository = ecr.Repository(Stack(app, "Storage"), "Repository")
    image = new_image(stack, agent, image_build=ImageBuild.code_build(repository=repository))
    new_runtime(stack, image)
    assert_bound(synthesize(app)["Agent"])
