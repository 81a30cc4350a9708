"""Who builds, by the first rule that matches: each environment in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Annotations, Match

from test.synth import container_uri, new_app, new_image, new_runtime, synthesize
from tools.hosts import environment

ROOT = Path(__file__).parents[1]
ARM, X86 = "arm64", "x64"
CONTEXT, VARIABLE = "arm64-agent-image:build", "ARM64_AGENT_IMAGE_BUILD"
NOTHING: dict[str, Any] = {}
AMPLIFY = "amplify-backend-type"


def choices(
    directory: Path, architecture: str, *contexts: dict[str, Any], **env: str
) -> list[dict[str, str]]:
    """What a host of this architecture, with nothing but these variables, chooses for each context."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "build" / "bindings" / "python" / "src")])
    process = subprocess.run(
        [sys.executable, "-m", "test.choices", str(directory), json.dumps(contexts or [NOTHING])],
        cwd=ROOT,
        env={**environment(architecture, **env), "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: list[dict[str, str]] = json.loads(process.stdout)
    return found


def modes(directory: Path, architecture: str, *contexts: dict[str, Any], **env: str) -> list[str]:
    return [choice["mode"] for choice in choices(directory, architecture, *contexts, **env)]


def test_context_is_asked_first(agent: Path) -> None:
    contexts = [{CONTEXT: "local", AMPLIFY: "branch"}, {CONTEXT: "codebuild", AMPLIFY: "sandbox"}]
    env = {VARIABLE: "codebuild", "AWS_BRANCH": "main", "CI": "true"}
    assert modes(agent, ARM, *contexts, **env) == ["local", "codebuild"]


@pytest.mark.parametrize("mode", ["local", "codebuild"])
def test_then_the_environment_variable(agent: Path, mode: str) -> None:
    contexts = [NOTHING, {AMPLIFY: "branch"}, {AMPLIFY: "sandbox"}]
    found = choices(agent, X86, *contexts, **{VARIABLE: mode, "AWS_BRANCH": "main"})
    assert [choice["mode"] for choice in found] == [mode] * 3
    assert found[0]["reason"] == f"environment variable {VARIABLE} is {mode}"


@pytest.mark.parametrize("value", ["docker", "LOCAL", "true"])
def test_fails_when_the_environment_variable_is_something_else(agent: Path, value: str) -> None:
    (found,) = choices(agent, ARM, **{VARIABLE: value})
    expected = f"environment variable {VARIABLE} must be 'local' or 'codebuild', got \"{value}\""
    assert expected in found["error"]


def test_fails_when_the_context_is_something_else(app: App, agent: Path) -> None:
    for number, value in enumerate(["docker", True, 1]):
        stack = Stack(new_app(agent.parent / str(number), {CONTEXT: value}), "Agent")
        with pytest.raises(RuntimeError, match=f"context '{CONTEXT}' must be 'local' or 'codebuild', got"):
            new_image(stack, agent, image_build=None)


def test_an_empty_environment_variable_says_nothing(agent: Path) -> None:
    assert modes(agent, ARM, **{VARIABLE: ""}) == ["local"]


def test_an_amplify_branch_builds_in_codebuild(agent: Path) -> None:
    (found,) = choices(agent, ARM, {AMPLIFY: "branch"})
    assert found == {
        "mode": "codebuild",
        "reason": "an Amplify branch deployment (context 'amplify-backend-type' is branch)",
    }


@pytest.mark.parametrize(("architecture", "mode"), [(ARM, "local"), (X86, "codebuild")])
def test_an_amplify_sandbox_is_a_developers_machine(agent: Path, architecture: str, mode: str) -> None:
    contexts = [{AMPLIFY: "sandbox"}, {AMPLIFY: "standalone"}]
    env = {"AWS_BRANCH": "main"} if mode == "local" else {}
    found = modes(agent, architecture, *contexts, **env)
    assert found == [mode, "codebuild"]


def test_the_amplify_console_builds_in_codebuild(agent: Path) -> None:
    (found,) = choices(agent, ARM, AWS_BRANCH="feature/x")
    assert found == {
        "mode": "codebuild",
        "reason": "an Amplify Console build (environment variable AWS_BRANCH is feature/x)",
    }


@pytest.mark.parametrize("variable", ["CI", "CODEBUILD_BUILD_ID", "GITHUB_ACTIONS"])
def test_a_ci_machine_builds_itself_only_if_it_is_arm(agent: Path, variable: str) -> None:
    (found,) = choices(agent, X86, **{variable: "true"})
    assert found["mode"] == "codebuild"
    assert found["reason"].startswith(f"a CI machine (environment variable {variable} is set)")
    assert modes(agent, ARM, **{variable: "true"}) == ["local"]


@pytest.mark.parametrize(
    ("architecture", "mode", "reason"),
    [
        (ARM, "local", "a developer's machine of architecture arm64 builds the image itself"),
        (X86, "codebuild", "a developer's machine of architecture x64 cannot build an arm64 image natively"),
    ],
)
def test_a_developers_machine_builds_if_it_is_arm(
    agent: Path, architecture: str, mode: str, reason: str
) -> None:
    assert choices(agent, architecture, CI="false") == [{"mode": mode, "reason": reason}]


@pytest.mark.parametrize("mode", ["local", "codebuild"])
def test_the_choice_and_its_reason_are_one_note(tmp_path: Path, agent: Path, mode: str) -> None:
    stack = Stack(new_app(tmp_path / "out", {CONTEXT: mode}), "Agent")
    image = new_image(stack, agent, image_build=None)
    notes = Annotations.from_stack(stack).find_info("/Agent/Image", Match.any_value())
    assert [note.entry.data for note in notes] == [f"image build: {mode}; {image.build_mode_reason}"]
    assert image.build_mode_reason == f"context '{CONTEXT}' is {mode}"


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
