"""The clean-up deletes no image that a version of a Runtime refers to, whatever else it finds."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from test.examples.synthesis import EXAMPLES

ACCOUNT, REGION, REPOSITORY = "123456789012", "us-east-1", "agents/one"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
NOW = datetime.now(UTC)
IN_USE, OLD, OTHER = "a" * 64, "b" * 64, "c" * 64


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "unused_images", EXAMPLES / "unused-images/unused_images.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


program = load()


@pytest.fixture
def ecr(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("ecr", region_name=REGION)
        client.create_repository(repositoryName=REPOSITORY)
        yield client


def push(ecr: Any, *tags: str) -> str:
    """An image of its own with these tags; returns its digest."""
    layer = {"mediaType": "application/octet-stream", "size": 1, "digest": f"sha256:{tags[0][:1] * 64}"}
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": layer,
            "layers": [layer],
        }
    )
    images = [
        ecr.put_image(repositoryName=REPOSITORY, imageManifest=manifest, imageTag=tag)["image"]
        for tag in tags
    ]
    return str(images[0]["imageId"]["imageDigest"])


def control(*versions: dict[str, Any]) -> Any:
    """AgentCore with one Runtime that has versions with these artifacts, on two pages."""
    client = boto3.client("bedrock-agentcore-control", region_name=REGION)
    stub = Stubber(client)
    id, name = "agent-0123456789", "agent"
    arn = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:runtime/{id}"
    common = {
        "agentRuntimeArn": arn,
        "agentRuntimeId": id,
        "agentRuntimeName": name,
        "lastUpdatedAt": NOW,
        "status": "READY",
    }
    listed = [
        {**common, "description": "agent", "agentRuntimeVersion": str(n)} for n in range(1, len(versions) + 1)
    ]
    stub.add_response("list_agent_runtimes", {"agentRuntimes": listed[-1:]}, {})
    middle = len(listed) // 2
    pages: tuple[dict[str, Any], ...] = (
        {"agentRuntimes": listed[:middle], "nextToken": "more"},
        {"agentRuntimes": listed[middle:]},
    )
    details = iter(enumerate(versions, 1))
    for page, token in zip(pages, ({}, {"nextToken": "more"}), strict=True):
        stub.add_response("list_agent_runtime_versions", page, {"agentRuntimeId": id, **token})
        for _ in page["agentRuntimes"]:
            number, artifact = next(details)
            answer = {
                **common,
                "agentRuntimeVersion": str(number),
                "createdAt": NOW,
                "roleArn": f"arn:aws:iam::{ACCOUNT}:role/agent",
                "networkConfiguration": {"networkMode": "PUBLIC"},
                "lifecycleConfiguration": {},
                "agentRuntimeArtifact": artifact,
            }
            asked = {"agentRuntimeId": id, "agentRuntimeVersion": str(number)}
            stub.add_response("get_agent_runtime", answer, asked)
    stub.activate()
    return client


def container(reference: str, repository: str = REPOSITORY) -> dict[str, Any]:
    return {"containerConfiguration": {"containerUri": f"{REGISTRY}/{repository}{reference}"}}


def found(ecr: Any, agentcore: Any, before: datetime = NOW + timedelta(days=1)) -> set[str]:
    """The tags of the images that would be deleted."""
    images = program.unused_images(ecr, agentcore, REPOSITORY, before)
    return {tag for image in images for tag in image["imageTags"]}


def test_keeps_the_image_of_every_version(ecr: Any) -> None:
    for tag in (IN_USE, OLD, OTHER):
        push(ecr, tag)
    assert found(ecr, control(container(f":{OTHER}"), container(f":{IN_USE}"))) == {OLD}


def test_keeps_an_image_that_a_version_names_by_digest(ecr: Any) -> None:
    digest = push(ecr, IN_USE)
    push(ecr, OLD)
    assert found(ecr, control(container(f"@{digest}"))) == {OLD}


def test_keeps_an_image_that_has_another_tag_in_use(ecr: Any) -> None:
    push(ecr, OTHER, IN_USE)
    assert found(ecr, control(container(f":{IN_USE}"))) == set()


def test_keeps_images_that_the_construct_did_not_tag(ecr: Any) -> None:
    for tags in (("latest",), (f"cache-{OLD}",), (OLD, "release-1")):
        push(ecr, *tags)
    assert found(ecr, control(container(f":{IN_USE}"))) == set()


def test_keeps_recent_images(ecr: Any) -> None:
    push(ecr, OLD)
    assert found(ecr, control(container(f":{IN_USE}")), before=NOW - timedelta(days=30)) == set()


def test_a_version_that_uses_another_repository_keeps_no_image(ecr: Any) -> None:
    push(ecr, OLD)
    assert found(ecr, control(container(f":{OLD}", "agents/one-more"))) == {OLD}


def test_a_version_that_runs_code_from_s3_has_no_image(ecr: Any) -> None:
    push(ecr, OLD)
    code = {
        "code": {"s3": {"bucket": "code", "prefix": "agent.zip"}},
        "runtime": "PYTHON_3_13",
        "entryPoint": ["main.py"],
    }
    assert found(ecr, control({"codeConfiguration": code})) == {OLD}


def test_an_agentcore_error_stops_it_before_it_deletes_anything(ecr: Any) -> None:
    push(ecr, OLD)
    client = boto3.client("bedrock-agentcore-control", region_name=REGION)
    with Stubber(client) as stub:
        stub.add_client_error("list_agent_runtimes", "ThrottlingException")
        with pytest.raises(ClientError, match="ThrottlingException"):
            found(ecr, client)


def test_deletes_only_what_it_listed(ecr: Any) -> None:
    for tag in (IN_USE, OLD):
        push(ecr, tag)
    agentcore = control(container(f":{IN_USE}"))
    program.delete(
        ecr, REPOSITORY, program.unused_images(ecr, agentcore, REPOSITORY, NOW + timedelta(days=1))
    )
    left = ecr.describe_images(repositoryName=REPOSITORY)["imageDetails"]
    assert [image["imageTags"] for image in left] == [[IN_USE]]
