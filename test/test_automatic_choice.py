"""Who builds: the first rule that matches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Annotations as CdkAnnotations
from aws_cdk import Stack, Stage
from aws_cdk.assertions import Annotations, Match

from test.synth import container_uri, new_app, new_image, new_runtime, synthesize
from tools.hosts import change_host, changing_host, folder_of

ROOT = Path(__file__).parents[1]
ARM, X86 = "arm64", "x64"
CONTEXT, VARIABLE = "arm64-agent-image:build", "ARM64_AGENT_IMAGE_BUILD"
NOTHING: dict[str, Any] = {}
AMPLIFY = "amplify-backend-type"


@dataclass(frozen=True)
class Host:
    """A simulated host of any architecture and environment, and the agent whose app it synthesizes."""

    process: subprocess.Popen[str]
    file: Path
    directory: Path

    def choices(
        self,
        architecture: str,
        *contexts: dict[str, Any],
        commands: tuple[str, ...] = (),
        stage: bool = False,
        variables: Mapping[str, str] | None = None,
    ) -> list[dict[str, str]]:
        """What a host of this architecture, with nothing but these variables, chooses for each context."""
        change_host(self.file, architecture, *commands, **(variables or {}))
        case = {"directory": str(self.directory), "contexts": contexts or [NOTHING], "stage": stage}
        assert self.process.stdin
        assert self.process.stdout
        print(json.dumps(case), file=self.process.stdin, flush=True)
        found: list[dict[str, str]] = json.loads(self.process.stdout.readline())
        return found

    def choice(self, architecture: str, *contexts: dict[str, Any], **options: Any) -> dict[str, str]:
        """What the host chooses for one context."""
        (found,) = self.choices(architecture, *contexts, **options)
        return found

    def modes(self, architecture: str, *contexts: dict[str, Any], **options: Any) -> list[str]:
        """The modes that the host chooses for each context."""
        return [choice["mode"] for choice in self.choices(architecture, *contexts, **options)]


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that synthesizes, and the file that says on which host."""
    file = tmp_path_factory.mktemp("host") / "host.json"
    path = os.pathsep.join([str(ROOT), str(ROOT / "build" / "bindings" / "python" / "src")])
    with subprocess.Popen(
        [sys.executable, "-m", "test.print_build_choice"],
        cwd=ROOT,
        env={**os.environ, **changing_host(file, ARM), "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        yield running, file
        assert running.stdin
        running.stdin.close()


@pytest.fixture
def host(process: tuple[subprocess.Popen[str], Path], agent: Path) -> Host:
    return Host(*process, agent)


def test_the_context_value_takes_precedence(host: Host) -> None:
    contexts = [{CONTEXT: "local", AMPLIFY: "branch"}, {CONTEXT: "codebuild", AMPLIFY: "sandbox"}]
    env = {VARIABLE: "codebuild", "AWS_BRANCH": "main", "CI": "true"}
    assert host.modes(ARM, *contexts, variables=env) == ["local", "codebuild"]


@pytest.mark.parametrize("mode", ["local", "codebuild"])
def test_the_environment_variable_comes_next(host: Host, mode: str) -> None:
    contexts = [NOTHING, {AMPLIFY: "branch"}, {AMPLIFY: "sandbox"}]
    found = host.choices(X86, *contexts, variables={VARIABLE: mode, "AWS_BRANCH": "main"})
    assert [choice["mode"] for choice in found] == [mode] * 3
    assert found[0]["reason"] == f"environment variable {VARIABLE} is {mode}"


@pytest.mark.parametrize("value", ["docker", "LOCAL", "true"])
def test_fails_when_the_environment_variable_has_another_value(host: Host, value: str) -> None:
    found = host.choice(ARM, variables={VARIABLE: value})
    expected = f"environment variable {VARIABLE} must be 'local' or 'codebuild', got \"{value}\""
    assert expected in found["error"]


def test_fails_when_the_context_value_is_unknown(agent: Path) -> None:
    for number, value in enumerate(["docker", True, 1]):
        stack = Stack(new_app(agent.parent / str(number), {CONTEXT: value}), "Agent")
        with pytest.raises(RuntimeError, match=f"context '{CONTEXT}' must be 'local' or 'codebuild', got"):
            new_image(stack, agent, image_build=None)


def test_an_empty_environment_variable_is_ignored(host: Host) -> None:
    assert host.modes(ARM, variables={VARIABLE: ""}) == ["local"]


def test_an_amplify_branch_builds_in_codebuild(host: Host) -> None:
    found = host.choice(ARM, {AMPLIFY: "branch"})
    assert found["mode"] == "codebuild"
    assert (
        found["reason"] == "this is an Amplify branch deployment (context 'amplify-backend-type' is branch)"
    )


@pytest.mark.parametrize(("architecture", "mode"), [(ARM, "local"), (X86, "codebuild")])
def test_an_amplify_sandbox_builds_as_a_developer_machine_does(
    host: Host, architecture: str, mode: str
) -> None:
    contexts = [{AMPLIFY: "sandbox"}, {AMPLIFY: "standalone"}]
    env = {"AWS_BRANCH": "main"} if mode == "local" else {}
    found = host.modes(architecture, *contexts, variables=env)
    assert found == [mode, "codebuild"]


def test_the_amplify_console_builds_in_codebuild(host: Host) -> None:
    found = host.choice(ARM, variables={"AWS_BRANCH": "feature/x"})
    assert found["mode"] == "codebuild"
    assert (
        found["reason"] == "this is an Amplify Console build (environment variable AWS_BRANCH is feature/x)"
    )


@pytest.mark.parametrize("architecture", [ARM, X86])
def test_synthesis_in_codebuild_chooses_codebuild(host: Host, architecture: str) -> None:
    found = host.choice(architecture, variables={"CODEBUILD_BUILD_ID": "synth:1", "CI": "true"})
    assert found["mode"] == "codebuild"
    assert found["reason"].startswith(
        "this is a build in AWS CodeBuild (environment variable CODEBUILD_BUILD_ID is set)"
    )


def test_a_stage_of_a_pipeline_builds_in_codebuild(host: Host) -> None:
    found = host.choice(ARM, stage=True)
    assert found["mode"] == "codebuild"
    assert found["reason"].startswith("the image is in a stage of CDK Pipelines (stack Pipeline)")


def test_a_stage_of_the_app_itself_is_not_a_pipeline(tmp_path: Path, agent: Path) -> None:
    app = new_app(tmp_path / "out")
    image = new_image(Stack(Stage(app, "Test"), "Agent"), agent, image_build=None)
    assert "CDK Pipelines" not in image.build_mode_reason


@pytest.mark.parametrize("variable", ["CI", "GITHUB_ACTIONS"])
def test_a_ci_machine_builds_locally_only_if_it_is_arm(host: Host, variable: str) -> None:
    found = host.choice(X86, variables={variable: "true"})
    assert found["mode"] == "codebuild"
    assert found["reason"].startswith(f"this CI machine (environment variable {variable} is set)")
    assert host.modes(ARM, variables={variable: "true"}) == ["local"]


@pytest.mark.parametrize(
    ("architecture", "mode", "reason"),
    [
        (ARM, "local", "this machine is arm64 and has docker"),
        (X86, "codebuild", "this machine is x64 and cannot build an arm64 image natively"),
    ],
)
def test_a_developer_machine_builds_locally_only_if_it_is_arm(
    host: Host, architecture: str, mode: str, reason: str
) -> None:
    found = host.choice(architecture, variables={"CI": "false"})
    assert (found["mode"], found["reason"]) == (mode, reason)


@pytest.mark.parametrize("command", ["docker", "finch", "podman"])
def test_any_known_container_command_builds_locally(host: Host, command: str) -> None:
    found = host.choice(ARM, commands=(command,))
    assert found["mode"] == "local"
    assert found["reason"].endswith(f"is arm64 and has {command}")


@pytest.mark.parametrize("contexts", [NOTHING, {AMPLIFY: "sandbox"}])
def test_a_machine_without_a_container_command_chooses_codebuild(
    host: Host, contexts: dict[str, Any]
) -> None:
    found = host.choice(ARM, contexts, commands=("git",))
    assert found["mode"] == "codebuild"
    assert found["reason"].endswith("has no container command: docker, finch and podman are not on its PATH")


def test_cdk_docker_is_the_container_command(host: Host) -> None:
    for command in ("podman", str(folder_of("podman") / "podman")):
        found = host.choice(ARM, commands=("podman",), variables={"CDK_DOCKER": command})
        assert found["mode"] == "local"
        assert found["reason"].endswith(f"has {command}")


def test_a_missing_cdk_docker_command_chooses_codebuild(host: Host) -> None:
    for command in ("pdoman", "/no/such/podman", str(host.directory)):
        found = host.choice(ARM, commands=("docker",), variables={"CDK_DOCKER": command})
        assert found["mode"] == "codebuild"
        expected = f"'{command}' (environment variable CDK_DOCKER) is not an executable"
        assert found["reason"].endswith(expected)


FORCED_LOCAL = {CONTEXT: "local"}


def test_a_local_build_on_x86_warns_of_emulation(host: Host) -> None:
    found = host.choice(X86, FORCED_LOCAL)
    assert found["warnings"].startswith(
        "this machine is x64, so it builds a linux/arm64 image with emulation"
    )
    assert "[ack: arm64-agent-image:emulation]" in found["warnings"]
    found = host.choice(ARM, FORCED_LOCAL)
    assert found["warnings"] == ""


@pytest.mark.parametrize(
    ("commands", "advice"),
    [
        (("finch",), "set the environment variable CDK_DOCKER to 'finch'"),
        (("git",), "install Docker, or set the environment variable CDK_DOCKER"),
    ],
)
def test_a_local_build_warns_when_the_cdk_cli_would_not_find_its_command(
    host: Host, commands: tuple[str, ...], advice: str
) -> None:
    found = host.choice(ARM, FORCED_LOCAL, commands=commands)
    assert "the CDK CLI builds the image with 'docker', which is not an executable" in found["warnings"]
    assert advice in found["warnings"]
    assert "[ack: arm64-agent-image:containerCommand]" in found["warnings"]
    found = host.choice(
        ARM, FORCED_LOCAL, commands=commands, variables={"CDK_DOCKER": str(folder_of("finch") / "finch")}
    )
    assert found["warnings"] == ""


@pytest.mark.parametrize("mode", ["local", "codebuild"])
def test_one_note_states_the_choice_and_its_reason(tmp_path: Path, agent: Path, mode: str) -> None:
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
