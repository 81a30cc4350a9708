"""What must never change: an upgrade of the library keeps the resources of a deployed stack."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_ec2 as ec2

from arm64_agent_image import ImageBuild
from test.synth import IMAGE, new_app, new_image, new_runtime, synthesize

ROOT = Path(__file__).parents[1]
CUSTOM_RESOURCE_TYPE = "Custom::Arm64AgentImage"
ATTRIBUTE = "RepositoryUri"
IMAGE_RESOURCES = {
    "Image9D742C96": CUSTOM_RESOURCE_TYPE,
    "ImageLogsFD3490A4": "AWS::Logs::LogGroup",
    "ImageProject1544FA78": "AWS::CodeBuild::Project",
    "ImageRepositoryD8036990": "AWS::ECR::Repository",
    "ImageRole1BFBDE6E": "AWS::IAM::Role",
    "ImageSecurityGroupA9F6A77E": "AWS::EC2::SecurityGroup",
}
PROVIDER_RESOURCES = {
    "Arm64AgentImageProviderFunctionF4637E1C": "AWS::Lambda::Function",
    "Arm64AgentImageProviderLogsB0C4134A": "AWS::Logs::LogGroup",
    "Arm64AgentImageProviderRole5073477E": "AWS::IAM::Role",
    "Arm64AgentImageProviderStateMachine8108645B": "AWS::StepFunctions::StateMachine",
    "Arm64AgentImageProviderStateMachineRole7907A0F5": "AWS::IAM::Role",
}
STACK_ID = "arn:aws:cloudformation:eu-west-1:111122223333:stack/Agent/5e7a2b10-c9a1-11f0-8f5c-0a1b2c3d4e5f"
NAMES = {
    ("Arm64AgentImageProviderFunctionF4637E1C", "FunctionName"):
        "arm64-agent-image-5e7a2b10-c9a1-11f0-8f5c-0a1b2c3d4e5f",
    ("Arm64AgentImageProviderLogsB0C4134A", "LogGroupName"):
        "/aws/lambda/arm64-agent-image-5e7a2b10-c9a1-11f0-8f5c-0a1b2c3d4e5f",
    ("Arm64AgentImageProviderStateMachine8108645B", "StateMachineName"):
        "arm64-agent-image-5e7a2b10-c9a1-11f0-8f5c-0a1b2c3d4e5f",
    ("ImageLogsFD3490A4", "LogGroupName"): "/aws/codebuild/arm64-agent-image-5e7a2b10-agent-image-41d28352",
    ("ImageProject1544FA78", "Name"): "arm64-agent-image-5e7a2b10-agent-image-41d28352",
    ("ImageRepositoryD8036990", "RepositoryName"): "arm64-agent-image-5e7a2b10-agent-image-41d28352",
}  # fmt: skip
RUNTIME_POLICY = "RuntimeResourceImagePullA7F396CD"


def test_the_resources_of_an_image_keep_their_logical_ids_and_types(
    app: App, stack: Stack, agent: Path
) -> None:
    vpc = ec2.Vpc.from_vpc_attributes(
        stack, "Vpc", vpc_id="vpc-1", availability_zones=["a"], private_subnet_ids=["subnet-1"]
    )
    image = new_image(stack, agent, image_build=ImageBuild.code_build(vpc=vpc))
    image.bind_runtime(new_runtime(stack, image))
    template = synthesize(app).only
    found = {resource.logical_id: resource.body["Type"] for resource in template.resources}
    provider = set(PROVIDER_RESOURCES)
    runtime = {name for name in found if name.startswith("Runtime")}
    assert {name: kind for name, kind in found.items() if name not in provider | runtime} == IMAGE_RESOURCES
    assert RUNTIME_POLICY in runtime
    assert IMAGE == CUSTOM_RESOURCE_TYPE
    assert {"Fn::GetAtt": ["Image9D742C96", ATTRIBUTE]} in template.container_uri["Fn::Join"][1]


def test_the_provider_keeps_its_logical_ids_and_types(app: App, stack: Stack, agent: Path) -> None:
    """CloudFormation rejects another service token, so the function can never be replaced."""
    new_image(stack, agent)
    found = {r.logical_id: r.body["Type"] for r in synthesize(app).only.resources}
    provider = {name: kind for name, kind in found.items() if name.startswith("Arm64AgentImageProvider")}
    assert provider == PROVIDER_RESOURCES


def deployed(value: Any) -> str:
    """The value of a name in the stack with the id ``STACK_ID``."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return str(argument[0]).join(deployed(part) for part in argument[1])
    if function == "Fn::Select":
        separator, text = argument[1]["Fn::Split"]
        return deployed(text).split(str(separator))[int(argument[0])]
    assert value == {"Ref": "AWS::StackId"}
    return STACK_ID


def test_names_of_resources_stay_the_same(app: App, stack: Stack, agent: Path) -> None:
    """Another name replaces its resource: updates fail, or the images of the repository are deleted."""
    new_image(stack, agent)
    template = synthesize(app).only
    assert {key: deployed(template.named(key[0]).properties[key[1]]) for key in NAMES} == NAMES
    named = {
        (r.logical_id, property)
        for r in template.resources
        for property in r.properties
        if property.endswith("Name")
        and property not in ("RoleName", "ProjectName")
        and r.body["Type"] != IMAGE
    } | {(r.logical_id, "Name") for r in template.all("AWS::CodeBuild::Project")}
    assert named == set(NAMES)


@pytest.mark.parametrize(
    ("kind", "property", "limit"),
    [
        ("AWS::Lambda::Function", "FunctionName", 64),
        ("AWS::StepFunctions::StateMachine", "StateMachineName", 80),
        ("AWS::CodeBuild::Project", "Name", 150),
    ],
)
def test_names_fit_however_long_ids_are(app: App, agent: Path, kind: str, property: str, limit: int) -> None:
    new_image(Stack(app, "S" * 128), agent, "I" * 200)
    assert len(deployed(synthesize(app).only.only(kind).properties[property])) <= limit


def test_the_content_tag_of_the_same_source_stays_the_same(stack: Stack, agent: Path) -> None:
    """Another tag would rebuild every image and update every Runtime with the first upgrade."""
    image = new_image(stack, agent)
    assert image.image_tag == "20033d9dbf69ca2109236ba164b5a02c627d6d7bbf2fd28638a59b443f4a3d3c"


def test_recommended_feature_flags_change_no_logical_id(tmp_path: Path, agent: Path) -> None:
    flags = json.loads((ROOT / "node_modules/aws-cdk-lib/recommended-feature-flags.json").read_text())
    logical_ids = []
    for name, context in (("flags", flags), ("none", {})):
        app = new_app(tmp_path / name, context)
        stack = Stack(app, "Agent")
        new_runtime(stack, new_image(stack, agent))
        logical_ids.append([resource.logical_id for resource in synthesize(app).only.resources])
    assert logical_ids[0] == logical_ids[1]
