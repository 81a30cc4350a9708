"""Who builds, by the first rule that matches: each environment in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Annotations as CdkAnnotations
from aws_cdk import App, Stack, Stage
from aws_cdk.assertions import Annotations, Match

from test.synth import container_uri, new_app, new_image, new_runtime, synthesize
from tools.hosts import environment, folder_of

ROOT = Path(__file__).parents[1]
ARM, X86 = "arm64", "x64"
CONTEXT, VARIABLE = "arm64-agent-image:build", "ARM64_AGENT_IMAGE_BUILD"
NOTHING: dict[str, Any] = {}
AMPLIFY = "amplify-backend-type"


def choices(
    directory: Path,
    architecture: str,
    *contexts: dict[str, Any],
    commands: tuple[str, ...] = (),
    stage: bool = False,
    variables: Mapping[str, str] | None = None,
    **env: str,
) -> list[dict[str, str]]:
    """What a host of this architecture, with nothing but these variables, chooses for each context."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "build" / "bindings" / "python" / "src")])
    process = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "test.print_build_choice",
                str(directory),
                json.dumps(contexts or [NOTHING]),
            ),
            *(["--stage"] if stage else []),
        ],
        cwd=ROOT,
        env={**environment(architecture, *commands, **{**env, **(variables or {})}), "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: list[dict[str, str]] = json.loads(process.stdout)
    return found


def modes(
    directory: Path, architecture: str, *contexts: dict[str, Any], variables: Mapping[str, str]
) -> list[str]:
    return [choice["mode"] for choice in choices(directory, architecture, *contexts, variables=variables)]


def test_context_is_asked_first(agent: Path) -> None:
    contexts = [{CONTEXT: "local", AMPLIFY: "branch"}, {CONTEXT: "codebuild", AMPLIFY: "sandbox"}]
    env = {VARIABLE: "codebuild", "AWS_BRANCH": "main", "CI": "true"}
    assert modes(agent, ARM, *contexts, variables=env) == ["local", "codebuild"]


@pytest.mark.parametrize("mode", ["local", "codebuild"])
def test_then_the_environment_variable(agent: Path, mode: str) -> None:
    contexts = [NOTHING, {AMPLIFY: "branch"}, {AMPLIFY: "sandbox"}]
    found = choices(agent, X86, *contexts, variables={VARIABLE: mode, "AWS_BRANCH": "main"})
    assert [choice["mode"] for choice in found] == [mode] * 3
    assert found[0]["reason"] == f"environment variable {VARIABLE} is {mode}"


@pytest.mark.parametrize("value", ["docker", "LOCAL", "true"])
def test_fails_when_the_environment_variable_is_something_else(agent: Path, value: str) -> None:
    (found,) = choices(agent, ARM, variables={VARIABLE: value})
    expected = f"environment variable {VARIABLE} must be 'local' or 'codebuild', got \"{value}\""
    assert expected in found["error"]


def test_fails_when_the_context_is_something_else(app: App, agent: Path) -> None:
    for number, value in enumerate(["docker", True, 1]):
        stack = Stack(new_app(agent.parent / str(number), {CONTEXT: value}), "Agent")
        with pytest.raises(RuntimeError, match=f"context '{CONTEXT}' must be 'local' or 'codebuild', got"):
            new_image(stack, agent, image_build=None)


def test_an_empty_environment_variable_says_nothing(agent: Path) -> None:
    assert modes(agent, ARM, variables={VARIABLE: ""}) == ["local"]


def test_an_amplify_branch_builds_in_codebuild(agent: Path) -> None:
    (found,) = choices(agent, ARM, {AMPLIFY: "branch"})
    assert found["mode"] == "codebuild"
    assert found["reason"] == "an Amplify branch deployment (context 'amplify-backend-type' is branch)"


@pytest.mark.parametrize(("architecture", "mode"), [(ARM, "local"), (X86, "codebuild")])
def test_an_amplify_sandbox_is_a_developers_machine(agent: Path, architecture: str, mode: str) -> None:
    contexts = [{AMPLIFY: "sandbox"}, {AMPLIFY: "standalone"}]
    env = {"AWS_BRANCH": "main"} if mode == "local" else {}
    found = modes(agent, architecture, *contexts, variables=env)
    assert found == [mode, "codebuild"]


def test_the_amplify_console_builds_in_codebuild(agent: Path) -> None:
    (found,) = choices(agent, ARM, AWS_BRANCH="feature/x")
    assert found["mode"] == "codebuild"
    assert found["reason"] == "an Amplify Console build (environment variable AWS_BRANCH is feature/x)"


@pytest.mark.parametrize("architecture", [ARM, X86])
def test_a_build_in_codebuild_leaves_the_image_to_codebuild(agent: Path, architecture: str) -> None:
    (found,) = choices(agent, architecture, CODEBUILD_BUILD_ID="synth:1", CI="true")
    assert found["mode"] == "codebuild"
    assert found["reason"].startswith(
        "a build in AWS CodeBuild (environment variable CODEBUILD_BUILD_ID is set)"
    )


def test_a_stage_of_a_pipeline_builds_in_codebuild(agent: Path) -> None:
    (found,) = choices(agent, ARM, stage=True)
    assert found["mode"] == "codebuild"
    assert found["reason"].startswith("a stage of CDK Pipelines (in stack Pipeline)")


def test_a_stage_of_the_app_itself_is_no_pipeline(tmp_path: Path, agent: Path) -> None:
    app = new_app(tmp_path / "out")
    image = new_image(Stack(Stage(app, "Test"), "Agent"), agent, image_build=None)
    assert "CDK Pipelines" not in image.build_mode_reason


@pytest.mark.parametrize("variable", ["CI", "GITHUB_ACTIONS"])
def test_a_ci_machine_builds_itself_only_if_it_is_arm(agent: Path, variable: str) -> None:
    (found,) = choices(agent, X86, variables={variable: "true"})
    assert found["mode"] == "codebuild"
    assert found["reason"].startswith(f"a CI machine (environment variable {variable} is set)")
    assert modes(agent, ARM, variables={variable: "true"}) == ["local"]


@pytest.mark.parametrize(
    ("architecture", "mode", "reason"),
    [
        (ARM, "local", "a developer's machine of architecture arm64 builds the image itself, with docker"),
        (X86, "codebuild", "a developer's machine of architecture x64 cannot build an arm64 image natively"),
    ],
)
def test_a_developers_machine_builds_if_it_is_arm(
    agent: Path, architecture: str, mode: str, reason: str
) -> None:
    (found,) = choices(agent, architecture, CI="false")
    assert (found["mode"], found["reason"]) == (mode, reason)


@pytest.mark.parametrize("command", ["docker", "finch", "podman"])
def test_any_known_container_command_builds_locally(agent: Path, command: str) -> None:
    (found,) = choices(agent, ARM, commands=(command,))
    assert found["mode"] == "local"
    assert found["reason"].endswith(f"builds the image itself, with {command}")


@pytest.mark.parametrize("contexts", [NOTHING, {AMPLIFY: "sandbox"}])
def test_a_machine_without_a_container_command_leaves_the_image_to_codebuild(
    agent: Path, contexts: dict[str, Any]
) -> None:
    (found,) = choices(agent, ARM, contexts, commands=("git",))
    assert found["mode"] == "codebuild"
    assert found["reason"].endswith(
        "without a container command: neither docker, finch nor podman is on its PATH"
    )


def test_cdk_docker_is_the_container_command(agent: Path) -> None:
    for command in ("podman", str(folder_of("podman") / "podman")):
        (found,) = choices(agent, ARM, commands=("podman",), CDK_DOCKER=command)
        assert found["mode"] == "local"
        assert found["reason"].endswith(f"with {command}")


def test_cdk_docker_that_does_not_exist_leaves_the_image_to_codebuild(agent: Path) -> None:
    for command in ("pdoman", "/no/such/podman", str(agent)):
        (found,) = choices(agent, ARM, commands=("docker",), CDK_DOCKER=command)
        assert found["mode"] == "codebuild"
        expected = f"'{command}' (environment variable CDK_DOCKER) is not an executable on it"
        assert found["reason"].endswith(expected)


FORCED_LOCAL = {CONTEXT: "local"}


def test_a_local_build_on_x86_warns_that_it_needs_emulation(agent: Path) -> None:
    (found,) = choices(agent, X86, FORCED_LOCAL)
    assert found["warnings"].startswith(
        "this machine is x64, so it builds a linux/arm64 image only with emulation"
    )
    assert "[ack: arm64-agent-image:emulation]" in found["warnings"]
    (found,) = choices(agent, ARM, FORCED_LOCAL)
    assert found["warnings"] == ""


@pytest.mark.parametrize(
    ("commands", "advice"),
    [
        (("finch",), "set the environment variable CDK_DOCKER to 'finch'"),
        (("git",), "install Docker, or set the environment variable CDK_DOCKER"),
    ],
)
def test_a_local_build_warns_when_the_cdk_cli_would_not_find_its_command(
    agent: Path, commands: tuple[str, ...], advice: str
) -> None:
    (found,) = choices(agent, ARM, FORCED_LOCAL, commands=commands)
    assert "the CDK CLI builds the image with 'docker', which is not an executable" in found["warnings"]
    assert advice in found["warnings"]
    assert "[ack: arm64-agent-image:containerCommand]" in found["warnings"]
    (found,) = choices(
        agent, ARM, FORCED_LOCAL, commands=commands, CDK_DOCKER=str(folder_of("finch") / "finch")
    )
    assert found["warnings"] == ""


@pytest.mark.parametrize("mode", ["local", "codebuild"])
def test_the_choice_and_its_reason_are_one_note(tmp_path: Path, agent: Path, mode: str) -> None:
    stack = Stack(new_app(tmp_path / "out", {CONTEXT: mode}), "Agent")
    image = new_image(stack, agent, image_build=None)
    notes = Annotations.from_stack(stack).find_info("/Agent/Image", Match.any_value())
    acknowledge = "[ack: arm64-agent-image:build]"
    assert [note.entry.data for note in notes] == [
        f"image build: {mode}; {image.build_mode_reason} {acknowledge}"
    ]
    assert image.build_mode_reason == f"context '{CONTEXT}' is {mode}"


def test_the_note_can_be_acknowledged(tmp_path: Path, agent: Path) -> None:
    stack = Stack(new_app(tmp_path / "out", {CONTEXT: "codebuild"}), "Agent")
    image = new_image(stack, agent, image_build=None)
    CdkAnnotations.of(image).acknowledge_info("arm64-agent-image:build")
    assert Annotations.from_stack(stack).find_info("*", Match.any_value()) == []


def test_another_choice_updates_the_runtime_in_place(tmp_path: Path, agent: Path) -> None:
    runtimes = {}
    for mode in ("local", "codebuild"):
        stack = Stack(new_app(tmp_path / mode, {CONTEXT: mode}), "Agent")
        new_runtime(stack, new_image(stack, agent, image_build=None))
        runtimes[mode] = synthesize(stack.node.root).only.only("AWS::BedrockAgentCore::Runtime")  # type: ignore[arg-type]
    local, codebuild = runtimes.values()
    assert local.logical_id == codebuild.logical_id
    assert container_uri(local) != container_uri(codebuild)
    for runtime in runtimes.values():
        runtime.properties.pop("AgentRuntimeArtifact")
    assert local.properties == codebuild.properties
