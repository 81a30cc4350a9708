"""The life of a stack, in order: each test goes on where the one before it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_bedrockagentcore as agentcore
from aws_cdk import aws_ssm as ssm

from arm64_agent_image import Arm64AgentRuntimeArtifact

from . import apps, reading
from .cdk import Outcome
from .stage import Rehearsal

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@dataclass
class Life:
    """The app between two deployments, and what is known of it."""

    stage: Rehearsal
    folder: Path
    began: float
    deployments: int = 0
    uris: dict[str, str] = field(default_factory=dict)

    def deploy(
        self, version: str, *fills: apps.Fill, stack: str = "Life", second_image: bool = False
    ) -> Outcome:
        """Synthesize one image and one Runtime, and what else the stack is to hold, then deploy."""
        self.deployments += 1
        directory = apps.source(self.folder / "agent", version)

        def everything(scope: cdk.Stack) -> None:
            apps.agent(directory)(scope)
            if second_image:
                other = apps.source(self.folder / "other", "other 1")
                apps.runtime(scope, "Other", apps.image(scope, "OtherImage", other))
            for fill in fills:
                fill(scope)

        output = self.folder / f"out-{self.deployments}"
        return self.stage.cdk.deploy(apps.synthesize(output, "codebuild", **{stack: everything}))

    @property
    def builds(self) -> int:
        """How many builds were started since the beginning."""
        return len(self.stage.account.builds(self.began))

    def runtime(self, stack: str = "Life") -> dict[str, object]:
        """The Runtime as the control plane has it."""
        return reading.runtimes(self.stage.account)[f"{stack}_Agent"]


@pytest.fixture(scope="module")
def life(stage: Rehearsal, tmp_path_factory: pytest.TempPathFactory) -> Life:
    """One app for the whole module."""
    return Life(stage, tmp_path_factory.mktemp("life"), stage.account.now())


def parameter(value: str) -> apps.Fill:
    """A resource that has nothing to do with the image."""

    def fill(stack: cdk.Stack) -> None:
        ssm.StringParameter(stack, "Unrelated", string_value=value)

    return fill


def failing(stack: cdk.Stack) -> None:
    """A Runtime of an image that nobody built, made after everything else."""
    first, image = stack.node.find_child("Agent"), stack.node.find_child("Image")
    assert isinstance(first, agentcore.Runtime)
    assert isinstance(image, Arm64AgentRuntimeArtifact)
    late = agentcore.CfnRuntime(
        stack,
        "Late",
        agent_runtime_name="late",
        role_arn=first.role.role_arn,
        network_configuration={"networkMode": "PUBLIC"},
        agent_runtime_artifact={
            "containerConfiguration": {"containerUri": f"{image.repository.repository_uri}:nobody-built-it"}
        },
    )
    late.node.add_dependency(first)


def test_first_deploy_builds_once_and_the_runtime_runs_that_image(life: Life) -> None:
    outcome = life.deploy("1", parameter("a"))
    assert outcome.succeeded, outcome.output
    assert life.builds == 1
    uri = str(life.runtime()["uri"])
    life.uris["1"] = uri
    assert reading.platform(life.stage.account, uri) == "linux/arm64"
    manifest = reading.manifest(life.stage.account, uri)
    assert manifest["mediaType"] == DOCKER_MANIFEST
    assert {layer["mediaType"] for layer in manifest["layers"]} == {DOCKER_LAYER}
    events = [
        e for e in life.stage.account.journal("resource", life.began) if e["status"] == "CREATE_COMPLETE"
    ]
    kinds = [event["type"] for event in events]
    assert kinds.index("Custom::Arm64AgentImage") < kinds.index("AWS::BedrockAgentCore::Runtime")


def test_redeploy_without_change_builds_nothing(life: Life) -> None:
    outcome = life.deploy("1", parameter("a"))
    assert outcome.succeeded, outcome.output
    assert "(no changes)" in outcome.output
    assert life.builds == 1


def test_unrelated_change_builds_nothing_and_leaves_the_runtime_alone(life: Life) -> None:
    outcome = life.deploy("1", parameter("b"))
    assert outcome.succeeded, outcome.output
    assert life.builds == 1
    assert life.runtime() == {"uri": life.uris["1"], "version": 1}


def test_code_change_builds_once_and_updates_the_runtime_in_place(life: Life) -> None:
    outcome = life.deploy("2", parameter("b"))
    assert outcome.succeeded, outcome.output
    assert life.builds == 2
    life.uris["2"] = str(life.runtime()["uri"])
    assert life.uris["2"] != life.uris["1"]
    assert life.runtime()["version"] == 2


def test_later_failure_rolls_the_runtime_back_without_a_build(life: Life) -> None:
    outcome = life.deploy("3", parameter("b"), failing)
    assert not outcome.succeeded
    assert "The specified image identifier does not exist" in outcome.output
    assert reading.stack_status(life.stage.account, "Life") == "UPDATE_ROLLBACK_COMPLETE"
    assert life.builds == 3
    assert life.runtime()["uri"] == life.uris["2"]


def test_same_change_again_uses_the_image_that_is_already_there(life: Life) -> None:
    outcome = life.deploy("3", parameter("b"))
    assert outcome.succeeded, outcome.output
    assert life.builds == 3
    assert life.runtime()["uri"] not in life.uris.values()


def test_back_to_the_first_version_builds_nothing(life: Life) -> None:
    outcome = life.deploy("1", parameter("b"))
    assert outcome.succeeded, outcome.output
    assert life.builds == 3
    assert life.runtime()["uri"] == life.uris["1"]


def test_second_stack_has_its_own_repository_and_one_build(life: Life) -> None:
    outcome = life.deploy("1", stack="Twin")
    assert outcome.succeeded, outcome.output
    assert life.builds == 4
    assert life.runtime("Twin")["uri"] != life.uris["1"]
    assert len(reading.repositories(life.stage.account)) == 2


def test_second_image_in_one_stack_builds_only_itself(life: Life) -> None:
    outcome = life.deploy("1", parameter("b"), second_image=True)
    assert outcome.succeeded, outcome.output
    assert life.builds == 5
    assert life.runtime()["uri"] == life.uris["1"]
    functions = [f["FunctionName"] for f in life.stage.account.client("lambda").list_functions()["Functions"]]
    assert len([name for name in functions if name.startswith("arm64-agent-image-")]) == 2, "one for a stack"


def test_builds_are_one_for_each_distinct_source_and_repository(life: Life) -> None:
    account = life.stage.account
    distinct = {(name, tag) for name in reading.repositories(account) for tag in reading.tags(account, name)}
    assert life.builds == len(distinct) == 5


def test_destroy_leaves_nothing_in_the_registry_or_the_account(life: Life) -> None:
    for stack, number in (("Life", 9), ("Twin", 8)):
        outcome = life.stage.cdk.destroy(life.folder / f"out-{number}", [stack])
        assert outcome.succeeded, outcome.output
    assert reading.leftovers(life.stage.account) == {}
