"""Secrets reach the step that mounts them and nothing else; a hostile Dockerfile finds nothing to steal."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
import tarfile
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm

from arm64_agent_image import Arm64AgentRuntimeArtifact, BuildSecret, ImageBuild

from . import apps, queries
from .environment import BUSYBOX_BASE, Environment

DOCKERFILE = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN --mount=type=secret,id=token,required=true sha256sum /run/secrets/token > /token.sha256
RUN --mount=type=secret,id=parameter,required=true sha256sum /run/secrets/parameter > /parameter.sha256
RUN ls -a /run/secrets > /mounted 2>&1; env > /environment; cat /proc/[0-9]*/environ > /environs; \
    cat /root/.docker/config.json > /docker-config; true
"""


@pytest.fixture(scope="module")
def planted(environment: Environment) -> dict[str, str]:
    """The values of a secret and of a parameter that the account holds."""
    values = {"token": secrets.token_hex(20), "parameter": secrets.token_hex(20)}
    client = environment.aws.client("secretsmanager")
    arn = client.create_secret(Name="hub", SecretString=json.dumps({"field": values["token"]}))["ARN"]
    environment.aws.client("ssm").put_parameter(
        Name="/agent/parameter", Value=values["parameter"], Type="SecureString"
    )
    return {**values, "arn": arn}


@pytest.fixture(scope="module")
def assembly(planted: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secrets")
    directory = apps.source(folder / "agent", "1", DOCKERFILE)

    def fill(stack: cdk.Stack) -> None:
        secret = secretsmanager.Secret.from_secret_complete_arn(stack, "Secret", planted["arn"])
        parameter = ssm.StringParameter.from_secure_string_parameter_attributes(
            stack, "Parameter", parameter_name="/agent/parameter"
        )
        image = Arm64AgentRuntimeArtifact(
            stack,
            "Image",
            directory=str(directory),
            build_args={"BASE_IMAGE": BUSYBOX_BASE},
            image_build=ImageBuild.code_build(
                build_secrets={
                    "token": BuildSecret.from_secrets_manager(secret, "field"),
                    "parameter": BuildSecret.from_ssm_parameter(parameter),
                }
            ),
        )
        apps.runtime(stack, "Agent", image)

    return apps.synthesize(folder / "out", Secrets=fill)


@pytest.fixture(scope="module")
def image(environment: Environment, assembly: Path) -> tuple[bytes, str]:
    """The image as `docker save` writes it, and its URI; the stack is deleted afterwards."""
    outcome = environment.cdk.deploy(assembly)
    assert outcome.succeeded, outcome.output
    uri = queries.runtimes(environment.aws)["Secrets_Agent"]["uri"]
    local = uri.replace(uri.partition("/")[0], environment.aws.registry, 1)
    environment.engine.run("pull", "--quiet", "--platform=linux/arm64", local)
    saved = assembly.parent / "image.tar"
    environment.engine.run("save", f"--output={saved}", local)
    environment.engine.run("rmi", "--force", local)
    return saved.read_bytes(), uri


def contents(saved: bytes) -> dict[str, bytes]:
    """Every file of every layer, and the image's manifest and config."""
    found: dict[str, bytes] = {}

    def unpack(data: bytes, prefix: str) -> None:
        if not tarfile.is_tarfile(io.BytesIO(data)):
            found[prefix] = data
            return
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content:
                    unpack(content.read(), f"{prefix}/{member.name}")

    unpack(saved, "")
    return found


def file(saved: bytes, name: str) -> str:
    (content,) = [data for path, data in contents(saved).items() if path.endswith(f"/{name}")]
    return content.decode(errors="replace")


def test_a_secret_arrives_where_it_is_mounted(image: tuple[bytes, str], planted: dict[str, str]) -> None:
    for name in ("token", "parameter"):
        assert file(image[0], f"{name}.sha256").startswith(hashlib.sha256(planted[name].encode()).hexdigest())


def test_a_secret_is_nowhere_else(
    environment: Environment, image: tuple[bytes, str], assembly: Path, planted: dict[str, str]
) -> None:
    places = {f"image{path}": data for path, data in contents(image[0]).items()}
    places |= {str(path): path.read_bytes() for path in assembly.rglob("*") if path.is_file()}
    logs = environment.aws.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        events = logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
        places[f"log {group['logGroupName']}"] = "\n".join(e["message"] for e in events).encode()
    assert any(b"image_builder.build_program build" in d for p, d in places.items() if p.startswith("log "))
    assert sum(place.startswith("image") for place in places) > 3
    for name in ("token", "parameter"):
        assert [place for place, data in places.items() if planted[name].encode() in data] == []


def test_a_run_step_sees_nothing_of_the_build_s_environment(image: tuple[bytes, str]) -> None:
    seen = "\n".join(file(image[0], name) for name in ("environment", "environs", "mounted", "docker-config"))
    assert "PATH=" in seen
    for word in ("AWS_", "BUILD_SECRET", "REQUEST_ID", "CODEBUILD", "ResponseURL", "auths"):
        assert word not in seen


def test_the_build_never_sees_the_url_of_cloudformations_response(
    environment: Environment, image: tuple[bytes, str]
) -> None:
    codebuild = environment.aws.client("codebuild")
    builds = [
        codebuild.batch_get_builds(ids=codebuild.list_builds_for_project(projectName=project)["ids"])[
            "builds"
        ]
        for project in codebuild.list_projects()["projects"]
    ]
    text = json.dumps(builds, default=str)
    assert image[1].rpartition(":")[2] in text
    for word in ("ResponseURL", "cloudformation-custom-resource-response", "X-Amz-Signature"):
        assert word not in text
