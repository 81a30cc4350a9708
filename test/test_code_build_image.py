"""CodeBuild mode: what is created, who may do what, and in which order."""

import json
from pathlib import Path

from aws_cdk import App, Stack

from test.synth import (
    IMAGE,
    POLICY,
    PROJECT,
    REPOSITORY,
    RUNTIME,
    Json,
    Template,
    canonical,
    new_image,
    new_runtime,
    references,
    synthesize,
    synthesize_image,
)


def only(tmp_path: Path, agent: Path, **props: object) -> Template:
    return synthesize_image(tmp_path / "out", agent, **props).only


def test_the_project_builds_on_arm(tmp_path: Path, agent: Path) -> None:
    project = only(tmp_path, agent).only(PROJECT).properties
    assert project["Environment"] == {
        "Type": "ARM_CONTAINER",
        "ComputeType": "BUILD_GENERAL1_SMALL",
        "Image": "aws/codebuild/amazonlinux-aarch64-standard:3.0",
        "ImagePullCredentialsType": "CODEBUILD",
        "PrivilegedMode": True,
    }
    assert (project["TimeoutInMinutes"], project["QueuedTimeoutInMinutes"]) == (30, 5)


def test_the_project_does_not_change_with_the_source(tmp_path: Path, agent: Path) -> None:
    before = synthesize_image(tmp_path / "before", agent).only.only(PROJECT)
    (agent / "server.py").write_text("print('changed')\n")
    after = synthesize_image(tmp_path / "after", agent).only.only(PROJECT)
    assert before.properties["Source"]["Type"] == "NO_SOURCE"
    assert before == after


def test_tags_of_the_repository_are_immutable_and_it_goes_with_the_stack(tmp_path: Path, agent: Path) -> None:
    repository = only(tmp_path, agent).only(REPOSITORY)
    assert repository.properties["ImageTagMutability"] == "IMMUTABLE"
    assert repository.properties["EmptyOnDelete"] is True
    assert repository.body["DeletionPolicy"] == "Delete"
    assert repository.body["UpdateReplacePolicy"] == "Delete"


def test_images_never_expire(tmp_path: Path, agent: Path) -> None:
    policy = only(tmp_path, agent).only(REPOSITORY).properties["LifecyclePolicy"]
    rules = json.loads(policy["LifecyclePolicyText"])["rules"]
    assert [rule["selection"].get("tagPrefixList") for rule in rules] == [["cache-"]]
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["tagged"]


def test_the_image_is_one_custom_resource_with_literal_tag_and_source(
    app: App, stack: Stack, agent: Path
) -> None:
    image = new_image(stack, agent, build_args={"B": "2", "A": "1"})
    properties = synthesize(app).only.only(IMAGE).properties
    assert properties["ImageTag"] == image.image_tag
    assert len(image.image_tag) == 64
    assert properties["TimeoutInMinutes"] == "30"
    assert properties["LayerCache"] == "true"
    assert json.loads(properties["DockerBuild"]) == {"file": "Dockerfile", "buildArgs": {"A": "1", "B": "2"}}
    assert set(properties) == {
        "ServiceToken",
        "ProjectName",
        "RepositoryName",
        "RegistryId",
        "RepositoryUri",
        "ImageTag",
        "SourceLocation",
        "TimeoutInMinutes",
        "LayerCache",
        "DockerBuild",
    }


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


def test_two_images_of_one_directory_are_apart(app: App, stack: Stack, agent: Path) -> None:
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


def test_the_build_waits_for_the_permissions_of_everybody_who_takes_part(tmp_path: Path, agent: Path) -> None:
    template = only(tmp_path, agent)
    takes_part = {
        policy.logical_id for policy in template.all(POLICY) if policy.logical_id.startswith("Image")
    }
    assert len(takes_part) == 3
    assert takes_part < set(template.only(IMAGE).depends_on)


def test_the_uri_names_the_repository_by_the_image_and_the_content_by_a_literal(
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


def test_the_build_may_read_its_source_only(tmp_path: Path, agent: Path) -> None:
    template = only(tmp_path, agent)
    location = template.only(IMAGE).properties["SourceLocation"]["Fn::Join"][1]
    (reading,) = [s for s in build_statements(template) if "s3:GetObject" in s["Action"]]
    assert reading["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]
    assert location[-1] in canonical(reading["Resource"])
    assert "*" not in canonical(reading["Resource"])


def test_wildcards_are_for_registry_logins_only(tmp_path: Path, agent: Path) -> None:
    logins = {"ecr:GetAuthorizationToken", "ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken"}
    wide = {
        action
        for statement in build_statements(only(tmp_path, agent))
        if statement["Resource"] == "*"
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    assert wide == logins


def test_no_reference_of_a_resource_is_to_the_runtime(tmp_path: Path, agent: Path) -> None:
    template = only(tmp_path, agent)
    runtime = template.only(RUNTIME).logical_id
    assert not [value for _, value in references(template.body) if value == runtime or runtime in value[:1]]


def test_repository_names_are_what_agentcore_accepts(app: App, agent: Path) -> None:
    for name in ("amplify-d1a2b3c4-main-branch-0a1b2c3d4e", "A--B", "x" * 100):
        new_image(Stack(app, name), agent, "An-Image_of--mine")
    for template in synthesize(app).templates.values():
        prefix, stack_id = template.only(REPOSITORY).properties["RepositoryName"]["Fn::Join"][1]
        assert prefix == prefix.lower()
        assert "--" not in prefix
        assert len(prefix) < 100
        assert "AWS::StackId" in canonical(stack_id)


def build_statements(template: Template) -> list[Json]:
    (role,) = [
        resource.logical_id
        for resource in template.all("AWS::IAM::Role")
        if "codebuild.amazonaws.com" in canonical(resource.properties["AssumeRolePolicyDocument"])
    ]
    return template.statements(role)
