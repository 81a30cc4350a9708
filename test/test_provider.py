"""The resources that CodeBuild mode adds to a stack: number, order, and the effect of further images."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_bedrockagentcore as agentcore
from aws_cdk import aws_ecr as ecr

from arm64_agent_image import ImageBuild
from test.synth import IMAGE, ROLE, RUNTIME, Template, canonical, new_app, new_image, new_runtime, synthesize
from tools.creation_order import dependencies, seconds_before

TEMPLATE_LIMIT = 1024 * 1024
RESOURCE_LIMIT = 500


def stack_with(output: Path, agent: Path, images: int) -> Template:
    """A stack with this number of images, each with a Runtime."""
    app = new_app(output)
    stack = Stack(app, "Agents")
    for number in range(images):
        image = new_image(stack, agent, f"Image{number}", build_args={"AGENT": str(number)})
        image.bind_runtime(new_runtime(stack, image, f"Runtime{number}", runtime_name=f"agent_{number}"))
    return synthesize(app).only


def bare_runtime(output: Path) -> Template:
    """A Runtime with an existing image."""
    app = new_app(output)
    artifact = agentcore.AgentRuntimeArtifact.from_image_uri(
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a:1"
    )
    agentcore.Runtime(Stack(app, "Agents"), "Runtime", agent_runtime_artifact=artifact)
    return synthesize(app).only


def seconds_before_image(template: Template, kind: str) -> int:
    return seconds_before(template.body["Resources"], template.only(kind).logical_id)


def test_the_first_image_adds_at_most_12_resources_and_each_further_one_6(
    tmp_path: Path, agent: Path
) -> None:
    runtime = len(bare_runtime(tmp_path / "bare").resources)
    one, two, three = (len(stack_with(tmp_path / str(n), agent, n).resources) for n in (1, 2, 3))
    assert one - runtime <= 12
    assert two - one - runtime <= 6
    assert three - two == two - one


def test_fifty_images_with_their_runtimes_fit_into_one_stack(tmp_path: Path, agent: Path) -> None:
    template = stack_with(tmp_path / "out", agent, 50)
    assert len(template.all(RUNTIME)) == len(template.all(IMAGE)) == 50
    assert len(template.resources) <= RESOURCE_LIMIT
    assert len(json.dumps(template.body, separators=(",", ":"))) < TEMPLATE_LIMIT


def test_the_first_build_starts_no_later_than_that_of_deploy_time_build(tmp_path: Path, agent: Path) -> None:
    deploy_time_build = pytest.importorskip("cdklabs.deploy_time_build", reason="needs a newer CDK")
    app = new_app(tmp_path / "peer")
    deploy_time_build.ContainerImageBuild(Stack(app, "Agents"), "Image", directory=str(agent))
    peer = seconds_before_image(synthesize(app).only, "Custom::CDKContainerImageBuild")
    ours = seconds_before_image(stack_with(tmp_path / "ours", agent, 1), IMAGE)
    assert 0 < ours <= peer


def test_a_further_image_changes_no_resource_of_the_stack(tmp_path: Path, agent: Path) -> None:
    one, two = stack_with(tmp_path / "one", agent, 1), stack_with(tmp_path / "two", agent, 2)
    assert [r.logical_id for r in one.resources if two.named(r.logical_id) != r] == []


def test_no_permission_refers_to_a_source(tmp_path: Path, agent: Path) -> None:
    template = stack_with(tmp_path / "out", agent, 2)
    tags = [image.properties["ImageTag"] for image in template.all(IMAGE)]
    granted = canonical([r.properties for r in template.resources if r.body["Type"].startswith("AWS::IAM::")])
    for image in template.all(IMAGE):
        for location in ("Source", "Parameters"):
            key = canonical(image.properties[location]).rpartition("/")[2].split(".")[0]
            assert len(key) == 64
            assert key not in granted
    assert not any(tag in granted for tag in tags)


def test_roles_wait_for_no_other_resource_of_the_construct(tmp_path: Path, agent: Path) -> None:
    template = stack_with(tmp_path / "out", agent, 2)
    ours = [role for role in template.all(ROLE) if role.logical_id.startswith(("Image", "Arm64"))]
    assert len(ours) == 4
    for role in ours:
        assert dependencies(template.body["Resources"], role.logical_id) == set()


def test_a_repository_of_the_app_adds_a_statement_for_the_function(
    app: App, stack: Stack, agent: Path
) -> None:
    own = ecr.Repository(stack, "Own")
    new_image(stack, agent, image_build=ImageBuild.code_build(repository=own))
    (arn,) = repository_arns(synthesize(app).only, "Own")
    assert arn == stack.resolve(own.repository_arn)


def test_images_that_share_a_repository_share_its_statement(app: App, stack: Stack, agent: Path) -> None:
    own = ecr.Repository(stack, "Own")
    for name in ("One", "Two"):
        new_image(stack, agent, name, image_build=ImageBuild.code_build(repository=own))
    assert len(list(repository_arns(synthesize(app).only, "Own"))) == 1


def repository_arns(template: Template, name: str) -> Iterator[Mapping[str, Any]]:
    function = template.only("AWS::Lambda::Function").properties["Role"]["Fn::GetAtt"][0]
    for statement in template.statements(function):
        if name in canonical(statement["Resource"]):
            yield statement["Resource"]


def test_fails_when_a_policy_would_name_too_many_repositories(app: App, stack: Stack, agent: Path) -> None:
    for number in range(60):
        repository = ecr.Repository.from_repository_name(stack, f"Own{number}", f"agents/{number:0200}")
        build = ImageBuild.code_build(repository=repository)
        new_image(stack, agent, f"Image{number}", image_build=build)
    with pytest.raises(
        RuntimeError, match=r"so many different values of 'repository'.* but IAM allows 10240"
    ):
        synthesize(app)


def test_each_stack_has_its_own_provider(app: App, agent: Path) -> None:
    for name in ("One", "Two"):
        new_image(Stack(app, name), agent)
    assembly = synthesize(app)
    assert [len(assembly[name].all("AWS::Lambda::Function")) for name in ("One", "Two")] == [1, 1]
