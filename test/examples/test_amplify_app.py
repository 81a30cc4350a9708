"""The Amplify example, in the real `@aws-amplify/backend`: in the sandbox and as a branch."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from test.examples import amplify
from test.examples.amplify import Backend, branch, sandbox
from test.synth import IMAGE, PROJECT, REPOSITORY, RUNTIME, canonical, references

LONG = "feature/" + "--A_very.long--name/" * 11 + "end"
DEPLOYMENTS = {
    "x86 sandbox": sandbox("x64"),
    "ARM sandbox": sandbox("arm64"),
    "forced": sandbox("arm64", ARM64_AGENT_IMAGE_BUILD="codebuild"),
    "branch": branch("main"),
    "long branch": branch(LONG),
}
IN_CODEBUILD = [name for name in DEPLOYMENTS if name != "ARM sandbox"]
BRANCHES = ["branch", "long branch"]

AGENTCORE_URI = re.compile(
    r"\d{12}\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/"
    r"((?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*)([:@]\S+)"
)
"""What AgentCore accepts: the pattern of `ContainerUri` in the documentation of `ContainerConfiguration`."""


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    amplify.install()


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Backend]:
    def synthesized(name: str) -> Backend:
        return amplify.synthesize(DEPLOYMENTS[name], output / name.replace(" ", "-"))

    output: Path = tmp_path_factory.mktemp("amplify")
    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(DEPLOYMENTS, pool.map(synthesized, DEPLOYMENTS), strict=True))


@pytest.mark.parametrize(
    ("name", "note"),
    [
        (
            "x86 sandbox",
            "codebuild; this Amplify sandbox machine is x64 and cannot build an arm64 image natively",
        ),
        (
            "ARM sandbox",
            "local; this Amplify sandbox machine is arm64 and has docker",
        ),
        ("forced", "codebuild; environment variable ARM64_AGENT_IMAGE_BUILD is codebuild"),
        (
            "branch",
            "codebuild; this is an Amplify branch deployment (context 'amplify-backend-type' is branch)",
        ),
        (
            "long branch",
            "codebuild; this is an Amplify branch deployment (context 'amplify-backend-type' is branch)",
        ),
    ],
)
def test_states_the_mode_and_its_reason(backends: Mapping[str, Backend], name: str, note: str) -> None:
    assert backends[name].note == f"image build: {note} [ack: arm64-agent-image:build]"
    assert f"image build: {note}\n" in backends[name].printed


def test_an_arm_sandbox_has_one_docker_asset_and_no_codebuild_resources(
    backends: Mapping[str, Backend],
) -> None:
    backend = backends["ARM sandbox"]
    (image,) = backend.assembly.docker_images
    assert image["platform"] == "linux/arm64"
    assert [backend.agent.all(kind) for kind in (IMAGE, PROJECT, REPOSITORY)] == [[], [], []]


@pytest.mark.parametrize("name", IN_CODEBUILD)
def test_elsewhere_no_docker_is_needed_and_the_runtime_waits_for_its_image(
    backends: Mapping[str, Backend], name: str
) -> None:
    backend = backends[name]
    image, runtime = backend.agent.only(IMAGE), backend.agent.only(RUNTIME)
    assert backend.assembly.docker_images == []
    assert image.logical_id in runtime.depends_on
    assert ("Fn::GetAtt", [image.logical_id, "RepositoryUri"]) in references(backend.agent.container_uri)


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_the_runtime_is_in_the_nested_stack_and_its_arn_in_the_outputs_of_amplify(
    backends: Mapping[str, Backend], name: str
) -> None:
    backend = backends[name]
    assert backend.root.all(RUNTIME) == []
    runtime = backend.agent.only(RUNTIME).logical_id
    ((output, value),) = backend.agent.body["Outputs"].items()
    assert value["Value"] == {"Fn::GetAtt": [runtime, "AgentRuntimeArn"]}
    nested = backend.root.only("AWS::CloudFormation::Stack").logical_id
    of_amplify = references(backend.root.body["Outputs"]["customOutputs"])
    assert list(of_amplify) == [("Fn::GetAtt", [nested, f"Outputs.{output}"])]


@pytest.mark.parametrize("name", IN_CODEBUILD)
def test_the_repository_has_a_name_that_agentcore_accepts(backends: Mapping[str, Backend], name: str) -> None:
    repository = repository_name(backends[name], "0a1b2c3d-0000-4000-8000-000000000000")
    uri = f"111122223333.dkr.ecr.us-east-1.amazonaws.com/{repository}:{'f' * 64}"
    accepted = AGENTCORE_URI.fullmatch(uri)
    assert accepted
    assert accepted[2] == repository
    assert "--" not in repository
    assert repository == repository.lower()
    assert len(repository) <= 256


def test_each_branch_has_its_own_repository(backends: Mapping[str, Backend]) -> None:
    ids = ["0a1b2c3d-0000-4000-8000-000000000000", "4e5f6a7b-0000-4000-8000-000000000000"]
    for name in BRANCHES:
        declared = backends[name].agent.only(REPOSITORY).properties["RepositoryName"]
        assert ("Ref", "AWS::StackId") in references(declared)
    names = {repository_name(backends[name], stack) for name in BRANCHES for stack in ids}
    assert len(names) == len(BRANCHES) * len(ids)


def test_every_deployment_has_the_same_content_tag(backends: Mapping[str, Backend]) -> None:
    tags = {backends[name].agent.only(IMAGE).properties["ImageTag"] for name in IN_CODEBUILD}
    assert len(tags) == 1


def test_several_agents_of_a_backend_share_one_image(tmp_path: Path) -> None:
    backend = amplify.synthesize(branch("main"), tmp_path / "out", "amplify/several-agents.ts")
    nested = [t for name, t in backend.assembly.templates.items() if name.endswith(".nested")]
    (images,) = [template for template in nested if template.all(IMAGE)]
    agents = [template for template in nested if template.all(RUNTIME)]
    assert len(agents) == 2
    assert len(images.all(PROJECT)) == len(images.all(REPOSITORY)) == 1
    tag = images.only(IMAGE).properties["ImageTag"]
    for agent in agents:
        assert f":{tag}" in canonical(agent.container_uri)
        assert "RepositoryUri" in canonical(agent.container_uri)


def test_the_page_shows_the_backend_of_several_agents() -> None:
    page = (amplify.ROOT / "docs/images.md").read_text()
    (block,) = re.findall(r"```ts\n(.*?)```", page, re.DOTALL)
    assert block in (amplify.EXAMPLES / "amplify-app/amplify/several-agents.ts").read_text()


def test_the_example_passes_the_strict_type_checker() -> None:
    process = amplify.type_check()
    assert process.returncode == 0, process.stdout


def test_versions_are_pinned() -> None:
    package = json.loads((amplify.EXAMPLES / "amplify-app/package.json").read_text())
    wanted = {**package["dependencies"], **package["devDependencies"]}
    del wanted[amplify.LIBRARY]
    assert [v for v in wanted.values() if not re.fullmatch(r"\d+\.\d+\.\d+", v)] == []


def repository_name(backend: Backend, stack: str) -> str:
    """The name as CloudFormation resolves it, in a stack whose ARN ends in this."""
    declared = backend.agent.only(REPOSITORY).properties["RepositoryName"]
    return str(resolved(declared, f"arn:aws:cloudformation:us-east-1:111122223333:stack/agent/{stack}"))


def resolved(value: Any, stack_id: str) -> Any:
    if isinstance(value, list):
        return [resolved(item, stack_id) for item in value]
    if not isinstance(value, dict):
        return value
    ((function, argument),) = value.items()
    arguments = resolved(argument, stack_id)
    match function:
        case "Ref" if arguments == "AWS::StackId":
            return stack_id
        case "Fn::Join":
            return arguments[0].join(arguments[1])
        case "Fn::Split":
            return arguments[1].split(arguments[0])
        case "Fn::Select":
            return arguments[1][int(arguments[0])]
    raise NotImplementedError(function)
