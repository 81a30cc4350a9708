"""Local mode: a Docker asset of the CDK and no other resource, so that hotswap keeps working."""

import subprocess
from pathlib import Path

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam

from arm64_agent_image import BuildMode, ImageBuild
from test.synth import (
    POLICY,
    REPOSITORY,
    ROLE,
    RUNTIME,
    Assembly,
    canonical,
    new_image,
    new_runtime,
    synthesize,
    synthesize_image,
    write_files,
)

ROOT = Path(__file__).parents[1]


def local(output: Path, directory: Path, **props: object) -> Assembly:
    return synthesize_image(output, directory, **{"image_build": ImageBuild.local(), **props})


def test_the_template_contains_only_the_runtime_its_role_and_policies(tmp_path: Path, agent: Path) -> None:
    template = local(tmp_path / "out", agent).only
    assert sorted(resource.body["Type"] for resource in template.resources) == [
        RUNTIME,
        POLICY,
        POLICY,
        ROLE,
    ]


def test_the_docker_asset_is_built_for_arm64(tmp_path: Path, agent: Path) -> None:
    (image,) = local(tmp_path / "out", agent).docker_images
    assert image["platform"] == "linux/arm64"
    assert image["dockerFile"] == "Dockerfile"


def test_the_runtime_uses_the_uri_of_the_asset(app: App, stack: Stack, agent: Path) -> None:
    image = new_image(stack, agent, image_build=ImageBuild.local())
    new_runtime(stack, image)
    assembly = synthesize(app)
    (asset,) = assembly.docker_images
    assert asset["directory"] == f"asset.{image.image_tag}"
    assert assembly.only.container_uri == stack.resolve(image.image_uri)
    assert f":{image.image_tag}" in canonical(assembly.only.container_uri)


def test_build_options_are_passed_to_the_docker_asset(tmp_path: Path, agent: Path) -> None:
    write_files(agent, {"docker/agent.Dockerfile": "FROM scratch AS base\nFROM base AS final\n"})
    (image,) = local(
        tmp_path / "out",
        agent,
        file="docker/agent.Dockerfile",
        target="final",
        build_args={"VERSION": "1"},
        build_contexts={"base": "docker-image://alpine"},
        image_build=ImageBuild.local(build_secrets={"npmrc": "src=.npmrc"}),
    ).docker_images
    assert {name: value for name, value in image.items() if name != "directory"} == {
        "dockerFile": "docker/agent.Dockerfile",
        "dockerBuildTarget": "final",
        "dockerBuildArgs": {"VERSION": "1"},
        "dockerBuildContexts": {"base": "docker-image://alpine"},
        "dockerBuildSecrets": {"npmrc": "src=.npmrc"},
        "platform": "linux/arm64",
    }


def test_the_runtime_waits_for_its_permission_to_pull(tmp_path: Path, agent: Path) -> None:
    template = local(tmp_path / "out", agent).only
    (pulling,) = [
        policy for policy in template.all(POLICY) if "ecr:BatchGetImage" in canonical(policy.properties)
    ]
    assert pulling.logical_id in template.only(RUNTIME).depends_on


def test_a_grant_to_the_builder_succeeds_without_effect(app: App, stack: Stack, agent: Path) -> None:
    image = new_image(stack, agent, image_build=ImageBuild.local())
    base = ecr.Repository(stack, "Base")
    base.grant_pull(image).assert_success()
    image.grant_pull(iam.Role(stack, "Reader", assumed_by=iam.AnyPrincipal()))
    template = synthesize(app).only
    assert "RepositoryPolicyText" not in template.only(REPOSITORY).properties
    assert template.only(POLICY).properties["Roles"] == [{"Ref": template.only(ROLE).logical_id}]
    assert image.build_mode is BuildMode.LOCAL


LOADED_MODULES = """
const { App, Stack } = require('aws-cdk-lib');
const { Arm64AgentRuntimeArtifact, ImageBuild } = require(process.argv[1]);
const [directory, outdir, mode] = process.argv.slice(2);
const app = new App({ outdir });
const stack = new Stack(app, 'Agent');
new Arm64AgentRuntimeArtifact(stack, 'Image', { directory, imageBuild: ImageBuild[mode]() });
app.synth();
console.log(Object.keys(require.cache).join('\\n'));
"""


@pytest.mark.parametrize(("mode", "loads"), [("local", False), ("codeBuild", True)])
def test_only_codebuild_mode_loads_the_modules_of_its_resources(
    tmp_path: Path, agent: Path, mode: str, loads: bool
) -> None:
    command = ["node", "-e", LOADED_MODULES, str(ROOT / "lib"), str(agent), str(tmp_path / "out"), mode]
    modules = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for module in ("/codebuild.generated.js", "/lambda.generated.js", "/logs.generated.js"):
        assert (module in modules) is loads
