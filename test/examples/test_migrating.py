"""What happens to Runtimes, images and permissions in the migrations of docs/migrating.md."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk import aws_bedrockagentcore as agentcore
from aws_cdk import aws_s3 as s3

from test.examples.documented import DOCS, Names, blocks
from test.synth import (
    POLICY,
    REPOSITORY,
    RUNTIME,
    Assembly,
    Resource,
    Template,
    canonical,
    new_app,
    synthesize,
)

DEPLOY_TIME_BUILD = "Custom::CDKContainerImageBuild"
Fill = Callable[[Names], Any]
Deploy = Callable[..., Assembly]


@pytest.fixture
def deploy(tmp_path: Path, agent: Path) -> Deploy:
    """Synthesizes the app as it is after a step of the migration."""
    steps = []

    def synthesized(*parts: Fill, mode: str = "codebuild") -> Assembly:
        steps.append(parts)
        app = new_app(tmp_path / f"step-{len(steps)}", {"arm64-agent-image:build": mode})
        names = Names(Stack(app, "Agent"), agent)
        for part in parts:
            part(names)
        return synthesize(app)

    return synthesized


def page(heading: str, number: int) -> Fill:
    """A block of the page."""
    (block,) = [
        block
        for block in blocks("python")
        if (block.page, block.heading, block.number) == ("migrating.md", heading, number)
    ]
    return lambda names: names.run(block)


def builds_with_deploy_time_build(names: Names) -> None:
    build = names["build"]
    artifact = agentcore.AgentRuntimeArtifact.from_ecr_repository(build.repository, build.image_tag)
    names["runtime"] = agentcore.Runtime(names.stack, "Runtime", agent_runtime_artifact=artifact)
    names["runtime"].node.add_dependency(build)


def has_a_runtime(names: Names) -> None:
    artifact = names["image"].agent_runtime_artifact
    names["runtime"] = agentcore.Runtime(names.stack, "Runtime", agent_runtime_artifact=artifact)


def pulls_from(template: Template) -> str:
    return canonical(
        [
            statement["Resource"]
            for policy in template.all(POLICY)
            if "RuntimeExecutionRole" in canonical(policy.properties["Roles"])
            for statement in policy.properties["PolicyDocument"]["Statement"]
            if "ecr:BatchGetImage" in statement["Action"]
        ]
    )


def changes(before: Resource, after: Resource) -> set[str]:
    assert before.logical_id == after.logical_id
    return {key for key in before.properties if before.properties[key] != after.properties.get(key)}


def test_an_image_runtime_is_updated_in_place(deploy: Deploy) -> None:
    before = deploy(builds_with_deploy_time_build).only.only(RUNTIME)
    after = deploy(page("From deploy-time-build", 2), has_a_runtime).only.only(RUNTIME)
    assert changes(before, after) == {"AgentRuntimeArtifact"}


def test_removing_deploy_time_build_deletes_its_repository_with_all_images(deploy: Deploy) -> None:
    before = deploy(builds_with_deploy_time_build).only
    old = before.only(REPOSITORY)
    assert (old.body["DeletionPolicy"], old.properties["EmptyOnDelete"]) == ("Delete", True)
    after = deploy(page("From deploy-time-build", 2), has_a_runtime).only
    assert old.logical_id not in after.body["Resources"]
    assert old.logical_id in pulls_from(before)
    assert old.logical_id not in pulls_from(after)


def test_keeping_deploy_time_build_changes_neither_its_repository_nor_its_build(deploy: Deploy) -> None:
    before = deploy(builds_with_deploy_time_build).only
    after = deploy(lambda names: names["build"], page("From deploy-time-build", 1)).only
    for kind in (REPOSITORY, DEPLOY_TIME_BUILD):
        assert before.only(kind) == after.only(kind)


def test_a_retained_repository_stays_and_can_still_be_pulled(deploy: Deploy) -> None:
    first = deploy(builds_with_deploy_time_build, page("Keeping the old images", 1)).only
    assert first.only(REPOSITORY).body["DeletionPolicy"] == "Retain"
    second = deploy(page("From deploy-time-build", 2), has_a_runtime, page("Keeping the old images", 2)).only
    assert first.only(REPOSITORY).logical_id not in second.body["Resources"]
    assert ":repository/name-of-the-old-repository" in pulls_from(second)


@pytest.mark.parametrize("mode", ["local", "codebuild"])
def test_moving_from_an_asset_changes_the_tag(deploy: Deploy, mode: str) -> None:
    heading = "From AgentRuntimeArtifact.from_asset"
    before, after = (deploy(page(heading, number), mode=mode) for number in (1, 2))
    assert changes(before.only.only(RUNTIME), after.only.only(RUNTIME)) == {"AgentRuntimeArtifact"}
    same = pulls_from(after.only) == pulls_from(before.only)
    assert same == (mode == "local")


def test_the_alpha_runtime_refuses_the_artifact_with_the_error_that_the_page_quotes(deploy: Deploy) -> None:
    def gives_it_the_artifact(names: Names) -> None:
        artifact = names["image"].agent_runtime_artifact
        names["alpha"].Runtime(names.stack, "Runtime", agent_runtime_artifact=artifact)

    with pytest.raises(TypeError) as refused:
        deploy(page("From deploy-time-build", 2), gives_it_the_artifact)
    quoted = re.sub(r"\s+", " ", (DOCS / "migrating.md").read_text())
    assert f"`{str(refused.value).partition(';')[0]}`" in quoted


def test_the_alpha_runtime_and_the_stable_one_are_the_same_resource(deploy: Deploy) -> None:
    alpha = deploy(page("From the alpha module", 1)).only.only(RUNTIME)
    stable = deploy(page("From AgentRuntimeArtifact.from_asset", 2)).only.only(RUNTIME)
    assert changes(alpha, stable) == set()


def test_a_runtime_of_a_zip_archive_stays_beside_its_successor(deploy: Deploy) -> None:
    def has_a_zip_runtime(names: Names) -> None:
        bucket = s3.Bucket.from_bucket_name(names.stack, "Code", "code")
        artifact = agentcore.AgentRuntimeArtifact.from_s3(
            s3.Location(bucket_name=bucket.bucket_name, object_key="agent.zip"),
            agentcore.AgentCoreRuntime.PYTHON_3_13,
            ["main.py"],
        )
        agentcore.Runtime(names.stack, "Runtime", runtime_name="my_agent", agent_runtime_artifact=artifact)

    before = deploy(has_a_zip_runtime).only.only(RUNTIME)
    both = deploy(has_a_zip_runtime, page("From a ZIP archive", 1)).only.all(RUNTIME)
    (successor,) = [runtime for runtime in both if runtime.logical_id != before.logical_id]
    assert before in both
    assert set(before.properties["AgentRuntimeArtifact"]) == {"CodeConfiguration"}
    assert set(successor.properties["AgentRuntimeArtifact"]) == {"ContainerConfiguration"}
    assert successor.properties["AgentRuntimeName"] != before.properties["AgentRuntimeName"]
