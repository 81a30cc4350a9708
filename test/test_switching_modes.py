"""What a change of who builds does to a deployed stack, as docs/images.md and decision 14 say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_ecr as ecr

from arm64_agent_image import Arm64AgentRuntimeArtifact, CodeBuildOptions, ImageBuild
from test.synth import (
    IMAGE,
    POLICY,
    REPOSITORY,
    RUNTIME,
    Assembly,
    Template,
    canonical,
    new_app,
    new_runtime,
    synthesize,
)

Build = Callable[[Stack], ImageBuild]
MODES = ("codebuild", "local")


def automatic(_stack: Stack) -> ImageBuild:
    return ImageBuild.auto()


def retained(_stack: Stack) -> ImageBuild:
    return ImageBuild.auto(code_build=CodeBuildOptions(removal_policy=RemovalPolicy.RETAIN))


class Deployments:
    """The same app, as it is deployed by one mode and then by the other."""

    def __init__(self, folder: Path, agent: Path) -> None:
        self.folder, self.agent = folder, agent

    def one_stack(self, mode: str, build: Build = automatic) -> Template:
        app = new_app(self.folder / f"one-{mode}", {"arm64-agent-image:build": mode})
        stack = Stack(app, "Agent")
        self._bind(stack, self._image(stack, build))
        return synthesize(app).only

    def two_stacks(self, mode: str) -> Assembly:
        app = new_app(self.folder / f"two-{mode}", {"arm64-agent-image:build": mode})
        # CloudFormation takes no stack without a resource
        image_stack = Stack(app, "Image")
        ecr.Repository(image_stack, "Other")
        self._bind(Stack(app, "Agent"), self._image(image_stack, automatic))
        return synthesize(app)

    def own_repository(self, mode: str) -> Template:
        app = new_app(self.folder / f"own-{mode}", {"arm64-agent-image:build": mode})
        stack = Stack(app, "Agent")
        repository = ecr.Repository(
            stack,
            "Images",
            repository_name="agents",
            removal_policy=RemovalPolicy.DESTROY,
            empty_on_delete=True,
        )
        image = self._image(
            stack, lambda _: ImageBuild.auto(code_build=CodeBuildOptions(repository=repository))
        )
        self._bind(stack, image)
        return synthesize(app).only

    def _image(self, stack: Stack, build: Build) -> Arm64AgentRuntimeArtifact:
        return Arm64AgentRuntimeArtifact(stack, "Image", directory=str(self.agent), image_build=build(stack))

    def _bind(self, stack: Stack, image: Arm64AgentRuntimeArtifact) -> Any:
        runtime = new_runtime(stack, image)
        image.bind_runtime(runtime)
        return runtime


@pytest.fixture
def deployments(tmp_path: Path, agent: Path) -> Deployments:
    return Deployments(tmp_path, agent)


def pulls_from(template: Template) -> list[str]:
    """The repositories that the Runtime's role may pull from."""
    policies = [policy.properties for policy in template.all(POLICY)]
    return sorted(
        {
            canonical(statement["Resource"])
            for policy in policies
            if "RuntimeExecutionRole" in canonical(policy["Roles"])
            for statement in policy["PolicyDocument"]["Statement"]
            if "ecr:BatchGetImage" in statement["Action"]
        }
    )


def exports(template: Template) -> set[str]:
    return {canonical(output["Export"]["Name"]) for output in template.body.get("Outputs", {}).values()}


def test_the_runtime_is_updated_in_place(deployments: Deployments) -> None:
    before, after = (deployments.one_stack(mode).only(RUNTIME) for mode in MODES)
    assert before.logical_id == after.logical_id
    changed = {key for key in before.properties if before.properties[key] != after.properties[key]}
    assert changed == {"AgentRuntimeArtifact"}


def test_from_codebuild_to_local_the_construct_deletes_its_repository_and_images(
    deployments: Deployments,
) -> None:
    before, after = (deployments.one_stack(mode) for mode in MODES)
    repository = before.only(REPOSITORY)
    assert repository.logical_id not in after.body["Resources"]
    assert repository.body["DeletionPolicy"] == "Delete"
    assert repository.properties["EmptyOnDelete"] is True


@pytest.mark.parametrize(("former", "latter"), [MODES, MODES[::-1]])
def test_the_role_may_no_longer_pull_the_former_image(
    deployments: Deployments, former: str, latter: str
) -> None:
    (before,), (after,) = pulls_from(deployments.one_stack(former)), pulls_from(deployments.one_stack(latter))
    assert before != after


def test_a_retained_repository_has_the_name_that_codebuild_needs_again(deployments: Deployments) -> None:
    template = deployments.one_stack("codebuild", retained)
    repository = template.only(REPOSITORY)
    assert repository.body["DeletionPolicy"] == "Retain"
    assert repository.properties["RepositoryName"]
    assert deployments.one_stack("local", retained).all(REPOSITORY) == []


def test_from_codebuild_to_local_exports_in_use_are_removed(deployments: Deployments) -> None:
    before, after = (deployments.two_stacks(mode) for mode in MODES)
    assert "Fn::ImportValue" in canonical(before["Agent"].container_uri)
    assert exports(before["Image"])
    assert exports(after["Image"]) == set()
    assert "Fn::ImportValue" not in after["Agent"].text


def test_a_repository_of_the_app_keeps_images_and_permission(deployments: Deployments) -> None:
    before, after = (deployments.own_repository(mode) for mode in MODES)
    assert after.only(REPOSITORY) == before.only(REPOSITORY)
    assert set(pulls_from(before)) < set(pulls_from(after))
    assert before.all(IMAGE)
    assert not after.all(IMAGE)


def test_the_change_to_a_repository_of_the_app_deletes_the_construct_s_own(deployments: Deployments) -> None:
    own = deployments.one_stack("codebuild").only(REPOSITORY)
    assert own.logical_id not in deployments.own_repository("codebuild").body["Resources"]
