"""What must stay as it is for ever: a deployed stack keeps its resources when the library is upgraded."""

import json
from pathlib import Path

from aws_cdk import App, Stack
from aws_cdk import aws_ec2 as ec2

from arm64_agent_image import ImageBuild
from test.synth import IMAGE, new_app, new_image, new_runtime, synthesize

ROOT = Path(__file__).parents[1]
CUSTOM_RESOURCE_TYPE = "Custom::Arm64AgentImage"
ATTRIBUTE = "RepositoryUri"
IMAGE_RESOURCES = {
    "Image9D742C96": CUSTOM_RESOURCE_TYPE,
    "ImageIsCompletePolicyD2444FD9": "AWS::IAM::Policy",
    "ImageLogsFD3490A4": "AWS::Logs::LogGroup",
    "ImageOnEventPolicy50D8BB5D": "AWS::IAM::Policy",
    "ImageProject1544FA78": "AWS::CodeBuild::Project",
    "ImageRepositoryD8036990": "AWS::ECR::Repository",
    "ImageRole1BFBDE6E": "AWS::IAM::Role",
    "ImageRoleDefaultPolicyA10B2E65": "AWS::IAM::Policy",
    "ImageSecurityGroupA9F6A77E": "AWS::EC2::SecurityGroup",
}
PROVIDER_CONSTRUCTS = {
    "FrameworkIsCompleteRole",
    "FrameworkOnEventRole",
    "IsComplete",
    "IsCompleteRole",
    "Logs",
    "OnEvent",
    "OnEventRole",
    "Provider",
}
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
    provider = {name for name in found if name.startswith("Arm64AgentImageProvider")}
    runtime = {name for name in found if name.startswith("Runtime")}
    assert {name: kind for name, kind in found.items() if name not in provider | runtime} == IMAGE_RESOURCES
    assert RUNTIME_POLICY in runtime
    assert IMAGE == CUSTOM_RESOURCE_TYPE
    assert {"Fn::GetAtt": ["Image9D742C96", ATTRIBUTE]} in template.container_uri["Fn::Join"][1]


def test_the_provider_keeps_its_construct_ids(stack: Stack, agent: Path) -> None:
    new_image(stack, agent)
    provider = stack.node.find_child("Arm64AgentImageProvider")
    assert {child.node.id for child in provider.node.children} == PROVIDER_CONSTRUCTS


def test_the_content_tag_keeps_its_form(stack: Stack, agent: Path) -> None:
    """Another form would build every image again with the first upgrade, and update every Runtime."""
    image = new_image(stack, agent)
    assert image.image_tag == "66a159dae74c415a99b57968930d475fa8c63bd2e95aa2aaf4fbf9411f61f814"


def test_the_name_of_the_repository_keeps_its_form(app: App, stack: Stack, agent: Path) -> None:
    """Another name would replace the repository, and delete the images that Runtimes run."""
    new_image(stack, agent)
    name = synthesize(app).only.only("AWS::ECR::Repository").properties["RepositoryName"]
    literal, stack_id = name["Fn::Join"][1]
    assert literal == "agent-image-41d28352-"
    assert "AWS::StackId" in str(stack_id)


def test_feature_flags_that_the_cdk_recommends_change_no_logical_id(tmp_path: Path, agent: Path) -> None:
    flags = json.loads((ROOT / "node_modules/aws-cdk-lib/recommended-feature-flags.json").read_text())
    logical_ids = []
    for name, context in (("flags", flags), ("none", {})):
        app = new_app(tmp_path / name, context)
        stack = Stack(app, "Agent")
        new_runtime(stack, new_image(stack, agent))
        logical_ids.append([resource.logical_id for resource in synthesize(app).only.resources])
    assert logical_ids[0] == logical_ids[1]
