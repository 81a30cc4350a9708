"""What several agents share, in resources and builds, as docs/images.md states it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from aws_cdk import NestedStack, Stack

from test.examples.synthesis import EXAMPLES, ROOT, Synthesis
from test.synth import (
    IMAGE,
    POLICY,
    PROJECT,
    REPOSITORY,
    RUNTIME,
    Assembly,
    Resource,
    canonical,
    new_app,
    new_image,
    new_runtime,
    synthesize,
)

PAGE = ROOT / "docs/images.md"
AGENTS = ("Researcher", "Writer")
NESTED = "AWS::CloudFormation::Stack"


def resources(assembly: Assembly) -> list[Resource]:
    """Everything but the Runtimes, their roles and policies, and nested stacks."""
    return [
        resource
        for template in assembly.templates.values()
        for resource in template.resources
        if resource.body["Type"] not in (RUNTIME, NESTED)
        and not (
            resource.body["Type"] == POLICY and "ExecutionRole" in canonical(resource.properties["Roles"])
        )
        and "bedrock-agentcore.amazonaws.com" not in canonical(resource.properties)
    ]


def builds(assembly: Assembly) -> set[tuple[str, str, str]]:
    """The images that are not the same, by stack, repository and tag."""
    return {
        (
            name if "ImportValue" not in canonical(image.properties["RepositoryName"]) else "",
            canonical(image.properties["RepositoryName"]),
            image.properties["ImageTag"],
        )
        for name, template in assembly.templates.items()
        for image in template.all(IMAGE)
    }


def each_its_own(output: Path, kind: type[Stack]) -> Assembly:
    """The same two agents, each with an image of its own in a stack of its own."""
    app = new_app(output)
    parent = Stack(app, "Backend") if kind is NestedStack else app
    for name in AGENTS:
        stack = kind(parent, name)
        image = new_image(stack, EXAMPLES / "agent")
        image.bind_runtime(new_runtime(stack, image))
    return synthesize(app)


def two_repositories(output: Path) -> Assembly:
    """Two images from one directory in one stack, without a repository of the app's own."""
    app = new_app(output)
    stack = Stack(app, "Agents")
    for name in AGENTS:
        image = new_image(stack, EXAMPLES, f"{name}Image", file="sharing/Dockerfile", target=name.lower())
        image.bind_runtime(new_runtime(stack, image, name))
    return synthesize(app)


@pytest.fixture(scope="module")
def assemblies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Assembly]:
    folder = tmp_path_factory.mktemp("sharing")
    synthesized = Synthesis(folder)
    return {
        "existing-apps/several_runtimes.py": synthesized("existing-apps/several_runtimes.py"),
        "sharing/several_agents.py": synthesized("sharing/several_agents.py"),
        "sharing/several_stacks.py": synthesized("sharing/several_stacks.py"),
        "sharing/nested_stacks.py": synthesized("sharing/nested_stacks.py"),
        "two images in one stack": two_repositories(folder / "images"),
        "an image in each of two stacks": each_its_own(folder / "stacks", Stack),
        "an image in each of two nested stacks": each_its_own(folder / "nested", NestedStack),
    }


def test_the_page_states_what_each_form_creates_and_builds(assemblies: dict[str, Assembly]) -> None:
    stated = {
        re.sub(r"\[([^]]+)\]\([^)]+\)|`", r"\1", form): (int(created), int(repositories), int(built))
        for form, created, repositories, built in re.findall(
            r"^\| ([^|]+) \| [^|]+ \| (\d+) \| (\d+) \| (\d+) \|$", PAGE.read_text(), re.MULTILINE
        )
    }
    assert stated == {
        form: (
            len(resources(assembly)),
            sum(resource.body["Type"] == REPOSITORY for resource in resources(assembly)),
            len(builds(assembly)),
        )
        for form, assembly in assemblies.items()
    }


@pytest.mark.parametrize(
    "form", ["sharing/several_agents.py", "sharing/several_stacks.py", "sharing/nested_stacks.py"]
)
def test_every_runtime_waits_for_its_image_and_may_pull_it(
    assemblies: dict[str, Assembly], form: str
) -> None:
    templates = [t for t in assemblies[form].templates.values() if t.all(RUNTIME)]
    for template in templates:
        images = {image.logical_id for image in template.all(IMAGE)}
        for runtime in template.all(RUNTIME):
            (role,) = [
                r.logical_id
                for r in template.resources
                if r.logical_id in canonical(runtime.properties["RoleArn"])
            ]
            allowed = [a for s in template.statements(role) for a in s["Action"]]
            assert "ecr:BatchGetImage" in allowed
            waits = images & set(runtime.depends_on)
            assert waits or "RepositoryUri" in canonical(runtime.properties["AgentRuntimeArtifact"])
    assert sum(len(template.all(RUNTIME)) for template in templates) == len(AGENTS)


def test_images_of_one_repository_differ_in_their_stage(assemblies: dict[str, Assembly]) -> None:
    assembly = assemblies["sharing/several_agents.py"]
    images = assembly.only.all(IMAGE)
    assert {canonical(image.properties["RepositoryName"]) for image in images} == {
        canonical({"Ref": assembly.only.only(REPOSITORY).logical_id})
    }
    assert '"target":"researcher"' in assembly.parameters(images[0])
    assert '"target":"writer"' in assembly.parameters(images[1])
    assert len(assembly.only.all(PROJECT)) == len(images)
