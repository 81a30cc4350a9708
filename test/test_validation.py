"""Invalid input fails at synthesis: the error quotes the property, shows the value and says what to do."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import CfnParameter, Duration, RemovalPolicy, Stack, Token
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager

from arm64_agent_image import Arm64AgentRuntimeArtifact, BuildSecret, ImageBuild, RegistryCredentials
from test.synth import new_image, write_files

ROOT = Path(__file__).parents[1]
TOKEN = "must be known at synthesis because it is part of the content tag, got a token"
DIGEST = "sha256:" + "0a" * 32
Props = Callable[[Stack], dict[str, Any]]


def parameter(stack: Stack) -> str:
    return CfnParameter(stack, f"Parameter{len(stack.node.children)}").value_as_string


def in_codebuild(**options: Any) -> dict[str, Any]:
    return {"image_build": ImageBuild.code_build(**options)}


def repository(stack: Stack) -> ecr.IRepository:
    return ecr.Repository.from_repository_name(stack, "Own", "own")


CASES: dict[str, tuple[Props, str, str]] = {
    "no directory": (
        lambda _: {"directory": "no/such/directory"},
        "'directory' does not exist, got 'no/such/directory'",
        f"pass an absolute path, or a path relative to the working directory {Path.cwd()}",
    ),
    "an empty directory": (
        lambda _: {"directory": ""},
        "'directory' must not be empty, got ''",
        "pass the directory that contains the Dockerfile",
    ),
    "a file as directory": (
        lambda _: {"directory": __file__},
        "'directory' must be a directory, got the file",
        "pass the directory that contains it",
    ),
    "no Dockerfile": (
        lambda _: {"file": "Containerfile"},
        "'file' does not exist, got 'Containerfile' in",
        "create the Dockerfile, or pass its path",
    ),
    "a directory as Dockerfile": (
        lambda _: {"file": "folder"},
        "'file' does not exist, got 'folder' in",
        "create the Dockerfile, or pass its path",
    ),
    "a Dockerfile outside the directory": (
        lambda _: {"file": "../Dockerfile"},
        "'file' must be a path inside 'directory', got '../Dockerfile'",
        "pass a 'directory' that contains the Dockerfile",
    ),
    "a Dockerfile that is a link to a file outside the directory": (
        lambda _: {"file": "outside"},
        "'file' must not be a symbolic link to a file outside 'directory', got 'outside'",
        "pass a 'directory' that contains the Dockerfile",
    ),
    "an absolute Dockerfile": (
        lambda _: {"file": "/etc/hostname"},
        "'file' must be a path inside 'directory', got '/etc/hostname'",
        "pass a 'directory' that contains the Dockerfile",
    ),
    "a Dockerfile with a line break in its name": (
        lambda _: {"file": "Docker\nfile"},
        "'file' must not contain control characters, which BuildKit does not accept, got \"Docker\\nfile\"",
        "rename the file",
    ),
    "a token as directory": (
        lambda stack: {"directory": parameter(stack)},
        f"'directory' {TOKEN}",
        "pass a literal value",
    ),
    "a token as file": (lambda stack: {"file": parameter(stack)}, f"'file' {TOKEN}", "pass a literal value"),
    "a token as target": (
        lambda stack: {"target": parameter(stack)},
        f"'target' {TOKEN}",
        "pass a literal value",
    ),
    "a token as extra hash": (
        lambda stack: {"extra_hash": f"{parameter(stack)}-1"},
        f"'extra_hash' {TOKEN}",
        "pass a literal value",
    ),
    "a token in a build context": (
        lambda stack: {"build_contexts": {"base": f"docker-image://{stack.account}"}},
        f"'build_contexts.base' {TOKEN}",
        "pass a literal value",
    ),
    "a token in a build argument": (
        lambda stack: {"build_args": {"REGION": stack.region}},
        f"'build_args.REGION' {TOKEN}",
        "read the value when the agent starts",
    ),
    "a token in the name of a build argument": (
        lambda stack: {"build_args": {parameter(stack): "1"}},
        f"a name in 'build_args' {TOKEN}",
        "pass a literal value",
    ),
    "a build argument without a name": (
        lambda _: {"build_args": {"": "1"}},
        "'build_args' must have names that are not empty and contain no '=', got ''",
        "rename it",
    ),
    "a build argument with '=' in its name": (
        lambda _: {"build_args": {"A=B": "1"}},
        "'build_args' must have names that are not empty and contain no '=', got 'A=B'",
        "rename it",
    ),
    "a NUL in a build argument": (
        lambda _: {"build_args": {"KEY": "a\0b"}},
        "'build_args.KEY' must not contain NUL characters or unpaired surrogates, got \"a\\u0000b\"",
        "remove them, or encode the value",
    ),
    "an unpaired surrogate in a build argument": (
        lambda _: {"build_args": {"KEY": "a\ud800b"}},
        "'build_args.KEY' must not contain NUL characters or unpaired surrogates",
        "remove them, or encode the value",
    ),
    "an unpaired surrogate in the name of a stage": (
        lambda _: {"target": "\udc00"},
        "'target' must not contain NUL characters or unpaired surrogates",
        "remove them, or encode the value",
    ),
    "a build argument that is too long for a process": (
        lambda _: {"build_args": {"KEY": "é" * 50_000}},
        "'build_args.KEY' must not exceed 100000 bytes, got 100004",
        "move the value into a file in 'directory'",
    ),
    "build arguments that are too long for a process together": (
        lambda _: {"build_args": {f"KEY_{number}": "x" * 99_000 for number in range(6)}},
        "'build_args' must not exceed 500000 bytes in total, got 594036",
        "move long values into files in 'directory'",
    ),
    "a local directory as build context": (
        lambda _: {"build_contexts": {"shared": "../common"}},
        "'build_contexts.shared' must be an image, a URL or a Git repository, got '../common'",
        "local directories are not uploaded to CodeBuild, so move it into 'directory'",
    ),
    "a timeout that is too short": (
        lambda _: in_codebuild(timeout=Duration.minutes(4)),
        "'timeout' must be 5 to 40 whole minutes, got 4 minutes",
        "CloudFormation allows one hour for the image",
    ),
    "a timeout that is longer than CloudFormation waits": (
        lambda _: in_codebuild(timeout=Duration.hours(1)),
        "'timeout' must be 5 to 40 whole minutes, got 1 hour",
        "CloudFormation allows one hour for the image",
    ),
    "a timeout with seconds": (
        lambda _: in_codebuild(timeout=Duration.seconds(330)),
        "'timeout' must be 5 to 40 whole minutes, got 5 minutes 30 seconds",
        "CloudFormation allows one hour for the image",
    ),
    "a timeout that is a token": (
        lambda stack: in_codebuild(timeout=Duration.seconds(Token.as_number(stack.account))),
        "'timeout' must be 5 to 40 whole minutes, got a token",
        "CloudFormation allows one hour for the image",
    ),
    "a build image for x86": (
        lambda _: in_codebuild(build_image=codebuild.LinuxBuildImage.STANDARD_7_0),
        "'build_image' must be an ARM image that can run Docker, got aws/codebuild/standard:7.0",
        "use a LinuxArmBuildImage",
    ),
    "a build image of Lambda": (
        lambda _: in_codebuild(build_image=codebuild.LinuxArmLambdaBuildImage.AMAZON_LINUX_2023_PYTHON_3_12),
        "'build_image' must be an ARM image that can run Docker, got",
        "use a LinuxArmBuildImage",
    ),
    "a compute type of Lambda": (
        lambda _: in_codebuild(compute_type=codebuild.ComputeType.LAMBDA_1GB),
        "ARM images do not support Lambda ComputeTypes",
        "got BUILD_LAMBDA_1GB",
    ),
    "an encryption key together with a repository": (
        lambda stack: in_codebuild(repository=repository(stack), encryption_key=kms.Key(stack, "Key")),
        "'encryption_key' must not be given together with 'repository', got Agent/Key",
        "set the encryption key of that repository",
    ),
    "a removal policy together with a repository": (
        lambda stack: in_codebuild(repository=repository(stack), removal_policy=RemovalPolicy.RETAIN),
        "'removal_policy' must not be given together with 'repository', got 'retain'",
        "set the removal policy of that repository",
    ),
    "subnets without a VPC": (
        lambda _: in_codebuild(
            subnet_selection=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
        ),
        "'subnet_selection' needs 'vpc', got none",
        "pass the VPC too",
    ),
    "security groups without a VPC": (
        lambda stack: in_codebuild(
            security_groups=[ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-12345678")]
        ),
        "'security_groups' needs 'vpc', got none",
        "pass the VPC too",
    ),
    "no security groups": (
        lambda stack: in_codebuild(vpc=imported_vpc(stack), security_groups=[]),
        "'security_groups' must be 1 to 5 security groups, got 0",
        "remove 'security_groups' for a new one",
    ),
    "too many security groups": (
        lambda stack: in_codebuild(
            vpc=imported_vpc(stack),
            security_groups=[
                ec2.SecurityGroup.from_security_group_id(stack, f"Group{number}", f"sg-{number}")
                for number in range(6)
            ],
        ),
        "'security_groups' must be 1 to 5 security groups, got 6",
        "pass as many as CodeBuild accepts",
    ),
    "too many subnets": (
        lambda stack: in_codebuild(vpc=imported_vpc(stack, subnets=17)),
        "'subnet_selection' must select at most 16 subnets of 'vpc' (Agent/Vpc), got 17",
        "select fewer",
    ),
    "an invalid secret id": (
        lambda stack: in_codebuild(build_secrets={"a,b": secret(stack)}),
        "'build_secrets' must have ids of letters, digits, '_', '.' and '-', got 'a,b'",
        "rename it here and in the Dockerfile",
    ),
    "two logins for one registry": (
        lambda stack: in_codebuild(
            registry_credentials=[
                RegistryCredentials.from_secrets_manager("docker.io", imported_secret(stack, name))
                for name in ("one", "two")
            ]
        ),
        "'registry_credentials' must have one login for a registry, got several for 'docker.io'",
        "keep the one that may pull the base images",
    ),
    "a registry that is not a host name": (
        lambda stack: in_codebuild(registry_credentials=[credentials(stack, "--password docker.io")]),
        "'server' must be the host name of a registry, got '--password docker.io'",
        "pass 'docker.io' for Docker Hub",
    ),
}


def imported_vpc(stack: Stack, subnets: int = 1) -> ec2.IVpc:
    return ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-1",
        availability_zones=[f"zone-{number}" for number in range(subnets)],
        private_subnet_ids=[f"subnet-{number}" for number in range(subnets)],
    )


def secret(stack: Stack) -> BuildSecret:
    return BuildSecret.from_secrets_manager(imported_secret(stack))


def imported_secret(stack: Stack, name: str = "hub") -> secretsmanager.ISecret:
    return secretsmanager.Secret.from_secret_name_v2(stack, f"Secret-{name}", name)


def credentials(stack: Stack, server: str) -> RegistryCredentials:
    return RegistryCredentials.from_secrets_manager(server, imported_secret(stack))


@pytest.mark.parametrize("case", CASES)
def test_fails_at_synthesis_with(stack: Stack, agent: Path, case: str) -> None:
    write_files(agent, {"folder/file": ""})
    (agent / "outside").symlink_to(__file__)
    props, problem, remedy = CASES[case]
    given = props(stack)
    directory = given.pop("directory", agent)
    with pytest.raises(RuntimeError) as failure:
        new_image(stack, directory, **given)
    error = str(failure.value)
    assert problem in error
    assert remedy in error
    assert not error.rstrip().endswith(".")


@pytest.mark.parametrize("tag", ["sha256:" + "0" * 64, "-1", ""])
def test_fails_when_the_tag_of_an_existing_image_is_invalid(stack: Stack, tag: str) -> None:
    problem = f"'tag' must be 1 to 128 letters, digits, '_', '.' and '-', got '{tag}'; pass a digest"
    with pytest.raises(RuntimeError, match=re.escape(problem)):
        Arm64AgentRuntimeArtifact.from_image_tag(stack, "Image", repository=repository(stack), tag=tag)


@pytest.mark.parametrize("digest", ["0" * 64, "sha256:ABC", "v1"])
def test_fails_when_the_digest_of_an_existing_image_is_invalid(stack: Stack, digest: str) -> None:
    problem = f"'digest' must be 'sha256:' and 64 lower-case hexadecimal digits, got '{digest}'; pass a tag"
    with pytest.raises(RuntimeError, match=re.escape(problem)):
        Arm64AgentRuntimeArtifact.from_image_digest(
            stack, "Image", repository=repository(stack), digest=digest
        )


def test_the_error_names_the_construct(stack: Stack, agent: Path) -> None:
    with pytest.raises(RuntimeError, match="Agent/Image: 'file' does not exist"):
        new_image(stack, agent, file="Containerfile")


@pytest.mark.parametrize("minutes", [5, 40])
def test_accepts_the_bounds_of_the_timeout(stack: Stack, agent: Path, minutes: int) -> None:
    new_image(stack, agent, **in_codebuild(timeout=Duration.minutes(minutes)))


BUILDS = [ImageBuild.local(), ImageBuild.code_build()]
ODD_VALUES = ["", " a ", "'\"`$HOME$(id);&|", "line\nline\ttab\\", "é😀", "-f", "--x", "${a}", '{"a":1}']
REMOTE_CONTEXTS = [
    "docker-image://alpine",
    "https://github.com/a/b.git#main",
    "git@github.com:a/b.git",
    "http://a/b.tar",
]


@pytest.mark.parametrize("build", BUILDS, ids=["local", "codebuild"])
def test_accepts_every_value_that_an_argument_can_have(stack: Stack, agent: Path, build: ImageBuild) -> None:
    values = {f"strange name {number}": value for number, value in enumerate(ODD_VALUES)}
    new_image(stack, agent, build_args=values, image_build=build)


@pytest.mark.parametrize("build", BUILDS, ids=["local", "codebuild"])
def test_accepts_remote_build_contexts(stack: Stack, agent: Path, build: ImageBuild) -> None:
    contexts = {f"context{number}": value for number, value in enumerate(REMOTE_CONTEXTS)}
    new_image(stack, agent, build_contexts=contexts, image_build=build)


@pytest.mark.parametrize(
    "context", ["../common", "/opt/shared", ".", "oci-layout://images", "target:base", ""]
)
@pytest.mark.parametrize("build", BUILDS, ids=["local", "codebuild"])
def test_fails_when_a_build_context_is_local(
    stack: Stack, agent: Path, build: ImageBuild, context: str
) -> None:
    with pytest.raises(RuntimeError, match=r"'build_contexts\.shared' must be an image, a URL or a Git repo"):
        new_image(stack, agent, build_contexts={"shared": context}, image_build=build)


TYPESCRIPT = """
const { App, Stack } = require('aws-cdk-lib');
const { Arm64AgentRuntimeArtifact } = require(process.argv[1]);
const stack = new Stack(new App(), 'Agent');
new Arm64AgentRuntimeArtifact(stack, 'Image', { directory: process.argv[2], buildArgs: { 'A=B': '1' } });
"""


def test_errors_spell_properties_as_typescript_does_in_a_typescript_app(agent: Path) -> None:
    """In Python, every error of this module quotes them in snake case."""
    command = ["node", "-e", TYPESCRIPT, str(ROOT / "lib"), str(agent)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "Error: Agent/Image: 'buildArgs' must have names" in done.stderr
