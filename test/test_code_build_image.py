"""CodeBuild mode: the resources that it creates, their permissions and their order."""

import json
from pathlib import Path

from aws_cdk import App, Stack, Stage

from test.synth import (
    IMAGE,
    PROJECT,
    REPOSITORY,
    RUNTIME,
    Json,
    Template,
    canonical,
    literal_end,
    new_app,
    new_image,
    new_runtime,
    references,
    synthesize,
    synthesize_image,
)
from tools.creation_order import dependencies


def only(tmp_path: Path, agent: Path, **props: object) -> Template:
    return synthesize_image(tmp_path / "out", agent, **props).only


def test_the_project_builds_on_arm(tmp_path: Path, agent: Path) -> None:
    project = only(tmp_path, agent).only(PROJECT).properties
    environment = project["Environment"]
    variables = {v["Name"] for v in environment.pop("EnvironmentVariables")}
    assert variables == {"IMAGE_REPOSITORY", "LAYER_CACHE", "KEEP_PLAN"}
    assert environment == {
        "Type": "ARM_CONTAINER",
        "ComputeType": "BUILD_GENERAL1_SMALL",
        "Image": "aws/codebuild/amazonlinux-aarch64-standard:4.0",
        "ImagePullCredentialsType": "CODEBUILD",
        "PrivilegedMode": True,
    }
    assert project["TimeoutInMinutes"] == 30


def test_the_source_of_the_project_is_the_build_program(tmp_path: Path, agent: Path) -> None:
    assembly = synthesize_image(tmp_path / "out", agent)
    source = assembly.only.only(PROJECT).properties["Source"]
    assert source["Type"] == "S3"
    code = (
        tmp_path / "out" / f"asset.{literal_end(source['Location']).rpartition('/')[2].removesuffix('.zip')}"
    )
    assert (code / source["BuildSpec"]).is_file()
    assert (code / "image_builder/build_program/__main__.py").is_file()
    assert source["BuildSpec"] == "image_builder/build_program/buildspec.yml"


def test_the_cli_finds_every_file_when_nothing_is_staged(tmp_path: Path, agent: Path) -> None:
    app = new_app(tmp_path / "out", {"aws:cdk:disable-asset-staging": True})
    new_image(Stack(app, "Agent"), agent)
    manifest = json.loads((synthesize(app).directory / "Agent.assets.json").read_text())
    files = {
        file["displayName"]: tmp_path / "out" / file["source"]["path"] for file in manifest["files"].values()
    }
    assert files["Image/Source"] == agent
    assert json.loads(files["Image/Parameters"].read_text()) == {"file": "Dockerfile"}
    assert (files["Arm64AgentImageProvider/Code"] / "image_builder").is_dir()


def test_the_cli_finds_every_file_of_a_stack_in_a_stage(tmp_path: Path, agent: Path) -> None:
    app = new_app(tmp_path / "out")
    new_image(Stack(Stage(app, "Production"), "Agent"), agent)
    (manifest,) = synthesize(app).directory.glob("assembly-*/*.assets.json")
    files = json.loads(manifest.read_text())["files"].values()
    paths = {file["displayName"]: manifest.parent / file["source"]["path"] for file in files}
    assert {"Image/Source", "Image/Parameters", "Arm64AgentImageProvider/Code"} < set(paths)
    assert [name for name, path in paths.items() if not path.exists()] == []


def test_a_code_change_changes_the_image_and_the_runtime_only(tmp_path: Path, agent: Path) -> None:
    before = synthesize_image(tmp_path / "before", agent).only
    (agent / "server.py").write_text("print('changed')\n")
    after = synthesize_image(tmp_path / "after", agent).only
    changed = [r.body["Type"] for r in before.resources if after.named(r.logical_id) != r]
    assert sorted(changed) == sorted([RUNTIME, IMAGE])
    assert {r.logical_id for r in before.resources} == {r.logical_id for r in after.resources}
    assert {key: before.body[key] for key in before.body if key != "Resources"} == {
        key: after.body[key] for key in after.body if key != "Resources"
    }


def test_the_repository_has_immutable_tags_and_is_deleted_with_the_stack(tmp_path: Path, agent: Path) -> None:
    repository = only(tmp_path, agent).only(REPOSITORY)
    assert repository.properties["ImageTagMutability"] == "IMMUTABLE"
    assert repository.properties["EmptyOnDelete"] is True
    assert repository.body["DeletionPolicy"] == "Delete"
    assert repository.body["UpdateReplacePolicy"] == "Delete"


def test_images_never_expire(tmp_path: Path, agent: Path) -> None:
    policy = only(tmp_path, agent).only(REPOSITORY).properties["LifecyclePolicy"]
    rules = json.loads(policy["LifecyclePolicyText"])["rules"]
    assert [rule["selection"].get("tagPrefixList") for rule in rules] == [["cache-"], ["plan-"]]
    assert {rule["selection"]["tagStatus"] for rule in rules} == {"tagged"}


def test_the_image_is_one_custom_resource_with_literal_tag_and_source(
    app: App, stack: Stack, agent: Path
) -> None:
    image = new_image(stack, agent, build_args={"B": "2", "A": "1"})
    assembly = synthesize(app)
    properties = assembly.only.only(IMAGE).properties
    parameters = json.loads(assembly.parameters(assembly.only.only(IMAGE)))
    assert parameters == {"file": "Dockerfile", "buildArgs": {"A": "1", "B": "2"}}
    assert properties["ImageTag"] == image.image_tag
    assert len(image.image_tag) == 64
    assert properties["OwnsRepository"] == "true"
    assert set(properties) == {
        "ServiceToken",
        "ProjectName",
        "RepositoryName",
        "RegistryId",
        "RepositoryUri",
        "ServiceTimeout",
        "OwnsRepository",
        "ImageTag",
        "Source",
        "Parameters",
        "RecipeHash",
        "BaseImageMaxAge",
    }
    assert properties["BaseImageMaxAge"] == "86400"


def test_two_images_share_one_provider(app: App, agent: Path) -> None:
    one, two = Stack(app, "One"), Stack(app, "Two")
    new_image(one, agent)
    new_image(two, agent)
    new_image(two, agent, "Other", extra_hash="other")
    assembly = synthesize(app)
    assert len(assembly["Two"].all("AWS::Lambda::Function")) == len(
        assembly["One"].all("AWS::Lambda::Function")
    )
    assert len(assembly["Two"].all("AWS::StepFunctions::StateMachine")) == 1
    assert [len(assembly["Two"].all(kind)) for kind in (IMAGE, PROJECT, REPOSITORY)] == [2, 2, 2]


def test_two_images_of_one_directory_have_separate_resources(app: App, stack: Stack, agent: Path) -> None:
    one, two = new_image(stack, agent, "One"), new_image(stack, agent, "Two")
    new_runtime(stack, one, "RuntimeOne")
    new_runtime(stack, two, "RuntimeTwo")
    template = synthesize(app).only
    assert one.image_tag == two.image_tag
    names = {canonical(image.properties["RepositoryName"]) for image in template.all(IMAGE)}
    assert len(names) == 2
    assert (
        len({canonical(runtime.properties["AgentRuntimeArtifact"]) for runtime in template.all(RUNTIME)}) == 2
    )


def test_the_image_waits_for_everything_that_its_build_uses(tmp_path: Path, agent: Path) -> None:
    template = only(tmp_path, agent)
    takes_part = {r.logical_id for r in template.resources if r.logical_id.startswith(("Image", "Arm64"))}
    image = template.only(IMAGE).logical_id
    resources = template.body["Resources"]
    waits_for, found = {image}, {image}
    while found:
        found = set().union(*(dependencies(resources, name) for name in found)) - waits_for
        waits_for |= found
    assert takes_part <= waits_for


def test_the_uri_joins_the_repository_of_the_image_and_a_literal_tag(
    app: App, stack: Stack, agent: Path
) -> None:
    image = new_image(stack, agent)
    new_runtime(stack, image)
    template = synthesize(app).only
    assert template.container_uri == {
        "Fn::Join": [
            "",
            [{"Fn::GetAtt": [template.only(IMAGE).logical_id, "RepositoryUri"]}, f":{image.image_tag}"],
        ]
    }


def test_wildcards_are_for_registry_logins_only(tmp_path: Path, agent: Path) -> None:
    logins = {"ecr:GetAuthorizationToken", "ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken"}
    wide = {
        action
        for statement in build_statements(only(tmp_path, agent))
        if statement["Resource"] == "*"
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    assert wide == logins


def test_no_resource_refers_to_the_runtime(tmp_path: Path, agent: Path) -> None:
    template = only(tmp_path, agent)
    runtime = template.only(RUNTIME).logical_id
    assert not [value for _, value in references(template.body) if value == runtime or runtime in value[:1]]


def test_agentcore_accepts_the_names_of_repositories(app: App, agent: Path) -> None:
    for name in ("amplify-d1a2b3c4-main-branch-0a1b2c3d4e", "A--B", "x" * 100):
        new_image(Stack(app, name), agent, "An-Image_of--mine")
    for template in synthesize(app).templates.values():
        prefix, stack_id, path = template.only(REPOSITORY).properties["RepositoryName"]["Fn::Join"][1]
        assert prefix == "arm64-agent-image-"
        assert "AWS::StackId" in canonical(stack_id)
        assert path == path.lower()
        assert "--" not in path
        assert len(path) < 100


def build_statements(template: Template) -> list[Json]:
    (role,) = [
        resource.logical_id
        for resource in template.all("AWS::IAM::Role")
        if "codebuild.amazonaws.com" in canonical(resource.properties["AssumeRolePolicyDocument"])
    ]
    return template.statements(role)
