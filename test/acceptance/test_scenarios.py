"""What must hold in every account, in the cheapest order; each scenario can also run alone."""

from __future__ import annotations

import time

import aws_cdk as cdk
import pytest
from aws_cdk import aws_bedrockagentcore as agentcore
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_ssm as ssm

from arm64_agent_image import Arm64AgentRuntimeArtifact, ImageBuild

from .app import App, Fill
from .queries import config_of, leftovers, manifest_of

scenario = pytest.mark.scenario
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
PHASES = ["SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD", "BUILD"]
CACHE_SECONDS = 900.0
BUILD_SECONDS = 120.0
PINNED_LATE = (
    'ARG BASE_IMAGE\nFROM --platform=${BUILDOS}/amd64 ${BASE_IMAGE}\nCOPY version.txt /\nCMD ["sh"]\n'
)


def unrelated(value: str) -> Fill:
    """A resource that has nothing to do with the image."""

    def fill(stack: cdk.Stack) -> None:
        ssm.StringParameter(stack, "Unrelated", string_value=value)

    return fill


def failing(stack: cdk.Stack) -> None:
    """A Runtime of an image that does not exist, created after the good one."""
    first, image = stack.node.find_child("Agent"), stack.node.find_child("Image")
    assert isinstance(first, agentcore.Runtime)
    assert isinstance(image, Arm64AgentRuntimeArtifact)
    late = agentcore.CfnRuntime(
        stack,
        "Late",
        agent_runtime_name=f"{stack.stack_name}_late",
        role_arn=first.role.role_arn,
        network_configuration={"networkMode": "PUBLIC"},
        agent_runtime_artifact={
            "containerConfiguration": {"containerUri": f"{image.repository.repository_uri}:does-not-exist"}
        },
    )
    late.node.add_dependency(first)


@scenario("first deploy")
def test_first_deploy_builds_once_and_the_runtime_has_that_image(life: App) -> None:
    life.ensure("1")
    assert len(life.builds()) == 1
    uri = life.runtime()["uri"]
    manifest = manifest_of(life.target, uri)
    assert manifest["mediaType"] == DOCKER_MANIFEST
    assert {layer["mediaType"] for layer in manifest["layers"]} == {DOCKER_LAYER}
    config = config_of(life.target, uri)
    assert (config["os"], config["architecture"]) == ("linux", "arm64")


@scenario("first deploy")
def test_the_build_record_has_what_the_function_reads(life: App) -> None:
    life.ensure("1")
    build = life.builds()[-1]
    variables = {v["name"]: v["value"] for v in build["environment"]["environmentVariables"]}
    assert {"REQUEST_ID", "IMAGE_TAG"} <= set(variables)
    assert life.uris["1"].endswith(f":{variables['IMAGE_TAG']}")
    assert [phase["phaseType"] for phase in build["phases"]][: len(PHASES)] == PHASES
    assert build["logs"]["groupName"] in life.ids("AWS::Logs::LogGroup")


@scenario("first deploy")
def test_the_build_writes_its_layer_cache(life: App) -> None:
    life.ensure("1")
    wanted, deadline = f"cache-{life.uris['1'].rpartition(':')[2]}", time.monotonic() + CACHE_SECONDS
    while wanted not in life.tags() and time.monotonic() < deadline:
        time.sleep(5)
    assert wanted in life.tags()


@scenario("invoke")
def test_the_agent_answers_on_arm64(life: App) -> None:
    life.ensure("1")
    assert life.answer("1") == {"version": "1", "machine": "aarch64"}


@scenario("no-op")
def test_redeploy_without_a_change_does_nothing(life: App) -> None:
    life.ensure("1")
    builds = len(life.builds())
    outcome = life.deploy("1")
    assert outcome.succeeded, outcome.output
    assert "(no changes)" in outcome.output
    assert len(life.builds()) == builds


@scenario("no-op")
def test_an_unrelated_change_builds_nothing_and_leaves_the_runtime_alone(life: App) -> None:
    life.ensure("1")
    builds, before = len(life.builds()), life.runtime()
    outcome = life.deploy("1", unrelated("a"))
    assert outcome.succeeded, outcome.output
    assert len(life.builds()) == builds
    assert life.runtime() == before


@scenario("code change")
def test_a_code_change_builds_once_and_updates_the_runtime_in_place(life: App) -> None:
    life.ensure("1")
    builds, before = len(life.builds()), life.runtime()
    outcome = life.deploy("2")
    assert outcome.succeeded, outcome.output
    assert len(life.builds()) == builds + 1
    after = life.runtime()
    assert (after["arn"], after["version"]) == (before["arn"], before["version"] + 1)
    assert after["uri"] != before["uri"]
    assert life.answer("2")["version"] == "2"


@scenario("rollback")
def test_a_later_failure_rolls_the_runtime_back_and_keeps_the_new_image(life: App) -> None:
    life.ensure("2")
    builds = len(life.builds())
    outcome = life.deploy("3", failing)
    assert not outcome.succeeded
    assert "The specified image identifier does not exist" in outcome.output
    assert life.status == "UPDATE_ROLLBACK_COMPLETE"
    assert len(life.builds()) == builds + 1
    assert life.runtime()["uri"] == life.uris["2"]
    assert life.answer("2")["version"] == "2"
    outcome = life.deploy("3")
    assert outcome.succeeded, outcome.output
    assert len(life.builds()) == builds + 1


@scenario("rollback")
def test_a_reverted_change_uses_the_image_that_is_already_there(life: App) -> None:
    life.ensure("1")
    life.ensure("2")
    builds = len(life.builds())
    outcome = life.deploy("1")
    assert outcome.succeeded, outcome.output
    assert len(life.builds()) == builds
    assert life.runtime()["uri"] == life.uris["1"]


@scenario("failing build")
def test_a_failing_build_fails_the_deployment_with_its_reason(life: App) -> None:
    life.ensure("1")
    dockerfile = life.source("broken") / "Dockerfile"
    dockerfile.write_text(f"{dockerfile.read_text()}RUN echo this agent cannot be built && exit 3\n")

    def broken(stack: cdk.Stack) -> None:
        life.agent(stack, life.image(stack, dockerfile.parent))

    outcome = life.run_deploy(life.synthesize("codebuild", broken))
    printed = outcome.one_line
    assert not outcome.succeeded
    assert "failed (FAILED in phase BUILD)" in printed
    assert "this agent cannot be built" in printed
    assert "exit code: 3" in printed
    assert life.status == "UPDATE_ROLLBACK_COMPLETE"
    assert life.runtime()["uri"] == life.uris["1"]
    build = life.builds()[0]
    assert build["buildStatus"] == "FAILED"
    failed = [phase for phase in build["phases"] if phase.get("phaseStatus") == "FAILED"]
    assert failed[0]["phaseType"] == "BUILD"
    assert {"statusCode", "message"} <= set(failed[0]["contexts"][0])


@scenario("wrong architecture")
def test_an_image_of_another_architecture_never_gets_its_tag(life: App) -> None:
    life.ensure("1")
    before = life.tags()
    directory = life.source("amd64")
    (directory / "Dockerfile").write_text(PINNED_LATE)

    def wrong(stack: cdk.Stack) -> None:
        life.agent(stack, life.image(stack, directory, base=life.target.amd64_base))

    outcome = life.run_deploy(life.synthesize("codebuild", wrong))
    assert not outcome.succeeded
    printed = outcome.one_line
    assert "which the image starts, is for" in printed
    assert "use base images that support linux/arm64" in printed
    assert life.tags() == before
    assert life.runtime()["uri"] == life.uris["1"]


@scenario("hotswap")
def test_hotswap_leaves_an_image_of_codebuild_out_and_falls_back_to_a_deployment(life: App) -> None:
    life.ensure("1")
    builds, before = len(life.builds()), life.runtime()["uri"]
    outcome = life.deploy("hot", options=("--hotswap",))
    printed = outcome.one_line
    assert "non-hotswappable changes were found" in printed, outcome.output
    assert "--hotswap-fallback" in printed
    assert life.runtime()["uri"] == before
    assert len(life.builds()) == builds
    life.version = "1"

    outcome = life.deploy("warm", options=("--hotswap-fallback",))
    assert outcome.succeeded, outcome.output
    assert len(life.builds()) == builds + 1
    assert life.answer("warm")["version"] == "warm"


@scenario("hotswap")
def test_hotswap_brings_a_local_image_in_without_a_deployment(another: App) -> None:
    if another.target.lacks_docker:
        pytest.skip(another.target.lacks_docker)
    outcome = another.deploy("1", mode="local")
    assert outcome.succeeded, outcome.output
    outcome = another.deploy("2", mode="local", options=("--hotswap",))
    assert outcome.succeeded, outcome.output
    assert "hotswapped" in outcome.output
    assert another.status == "CREATE_COMPLETE"
    assert another.answer("2")["version"] == "2"


@scenario("two images")
def test_a_second_image_in_the_stack_builds_only_itself(life: App) -> None:
    life.ensure("1")
    builds, first = len(life.builds()), life.runtime()
    directory = life.source("another 1", "another")

    def second(stack: cdk.Stack) -> None:
        life.agent(stack, life.image(stack, directory, "AnotherImage"), "Another")

    outcome = life.deploy("1", second)
    assert outcome.succeeded, outcome.output
    assert len(life.builds()) == builds + 1
    assert life.runtime() == first
    assert life.answer("another 1", "Another")["version"] == "another 1"
    functions = [name for name in life.ids("AWS::Lambda::Function") if name.startswith("arm64-agent-image-")]
    assert len(functions) == 1


@scenario("assembled change")
def test_code_changes_need_no_build_after_the_first(another: App) -> None:
    build = ImageBuild.code_build()
    outcome = another.deploy("1", build=build)
    assert outcome.succeeded, outcome.output
    deadline = time.monotonic() + BUILD_SECONDS
    while any(build["buildStatus"] == "IN_PROGRESS" for build in another.builds()):
        assert time.monotonic() < deadline, "the first build has pushed its image, but does not end"
        time.sleep(1)
    if not another.target.is_real and not any(tag.startswith("plan-") for tag in another.tags()):
        pytest.skip(
            "the Docker of this machine is too old to describe its builds; test_assembly.py has its own"
        )
    for version in ("2", "3"):
        outcome = another.deploy(version, build=build)
        assert outcome.succeeded, outcome.output
        assert another.answer(version)["version"] == version
    assert len(another.builds()) == 1


@scenario("VPC")
def test_a_build_in_a_vpc(another: App) -> None:
    def in_vpc(stack: cdk.Stack) -> None:
        vpc = ec2.Vpc(stack, "Vpc", max_azs=1, nat_gateways=1)
        image = another.image(stack, another.source("1"), build=ImageBuild.code_build(vpc=vpc))
        another.agent(stack, image)

    outcome = another.run_deploy(another.synthesize("codebuild", in_vpc))
    assert outcome.succeeded, outcome.output
    (build,) = another.builds()
    assert build["vpcConfig"]["vpcId"] in another.ids("AWS::EC2::VPC")
    assert another.answer("1")["version"] == "1"


@scenario("customer-managed key")
def test_a_customer_managed_key_can_be_replaced(another: App) -> None:
    seen = []
    for name in ("First", "Second"):

        def encrypted(stack: cdk.Stack, name: str = name) -> None:
            keys = {
                each: kms.Key(
                    stack,
                    each,
                    removal_policy=cdk.RemovalPolicy.DESTROY,
                    pending_window=cdk.Duration.days(7),
                )
                for each in ("First", "Second")
            }
            build = ImageBuild.code_build(encryption_key=keys[name])
            another.agent(stack, another.image(stack, another.source("1"), build=build))

        outcome = another.run_deploy(another.synthesize("codebuild", encrypted))
        assert outcome.succeeded, outcome.output
        (repository,) = another.ids("AWS::ECR::Repository")
        (found,) = another.target.client("ecr").describe_repositories(repositoryNames=[repository])[
            "repositories"
        ]
        seen.append((repository, found["encryptionConfiguration"]["kmsKey"]))
        assert another.answer("1")["version"] == "1"
    assert len({repository for repository, _ in seen}) == 2
    assert len({key for _, key in seen}) == 2


@scenario("destroy")
def test_destroy_leaves_nothing_behind(life: App) -> None:
    life.ensure("1")
    resources = life.resources()
    assert {"AWS::ECR::Repository", "AWS::CodeBuild::Project", "AWS::Lambda::Function"} <= {
        kind for kind, _ in resources
    }
    outcome = life.destroy()
    assert outcome is not None
    assert outcome.succeeded, outcome.output
    assert leftovers(life.target, resources) == []
