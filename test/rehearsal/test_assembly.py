"""A change of code alone is deployed without a build, and everything else is built."""

from __future__ import annotations

import io
import json
import tarfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_bedrockagentcore as agentcore

from arm64_agent_image import ImageBuild

from . import agent_container, apps, engine, queries
from .cdk_cli import Outcome
from .environment import AMD64, AMD64_BASE, PYTHON, PYTHON_BASE, Environment, bootstrapped
from .patience import wait_for

STACK = "Assembled"
DOCKERFILE = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
WORKDIR /app
COPY requirements.txt .
RUN cp requirements.txt /installed
EXPOSE 8080
COPY . .
CMD ["python", "agent.py"]
"""
AGENT = """\
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

class Handler(BaseHTTPRequestHandler):
    def answer(self):
        body = f"VERSION with {Path('/installed').read_text()}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

HTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""


class App:
    """One agent, whose code and requirements change."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        self.environment, self.folder, self.aws = environment, folder, environment.aws

    def deploy(self, code: str, requirements: str = "boto3==1") -> Outcome:
        """Deploy this code with these requirements."""
        outcome = self.try_to_deploy(apps.agent, code, requirements)
        assert outcome.succeeded, outcome.output
        return outcome

    def try_to_deploy(
        self, stack: Callable[..., apps.Fill], code: str, requirements: str = "boto3==1"
    ) -> Outcome:
        """Deploy a stack with this code, which may fail."""
        directory = apps.source(self.folder / "agent", code, DOCKERFILE)
        (directory / "agent.py").write_text(AGENT.replace("VERSION", code))
        (directory / "requirements.txt").write_text(requirements)
        build = ImageBuild.code_build()
        output = apps.synthesize(
            self.folder / "cdk.out", **{STACK: stack(directory, base=PYTHON_BASE, build=build)}
        )
        return self.environment.cdk.deploy(output)

    @property
    def uri(self) -> str:
        """The image of the Runtime."""
        return str(queries.runtimes(self.aws)[f"{STACK}_Agent"]["uri"])

    @property
    def repository(self) -> str:
        """The image's repository."""
        return self.uri.partition("/")[2].rpartition(":")[0]

    def answer(self) -> str:
        """What the agent answers."""
        with agent_container.running(self.environment.engine, self.aws, self.uri) as address:
            return agent_container.invoke(address, b"{}")

    def said(self) -> list[str]:
        """What the function has logged about assembling."""
        logs, lines = self.aws.client("logs"), []
        for group in logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/arm64-agent-image-")[
            "logGroups"
        ]:
            events = logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
            lines += [event["message"] for event in events if "built, not assembled" in event["message"]]
        return lines

    def tags(self, prefix: str) -> set[str]:
        """The tags of caches or plans."""
        images = self.aws.client("ecr").list_images(repositoryName=self.repository)["imageIds"]
        return {image["imageTag"] for image in images if image.get("imageTag", "").startswith(prefix)}

    def wait_for_build(self) -> None:
        """Wait until the build of the deployed image has kept its plan and its layer cache."""
        tag = self.uri.rpartition(":")[2]
        wait_for(lambda: f"cache-{tag}" in self.tags("cache-"), lambda: self.tags(""))
        log = [event["line"] for event in self.aws.journal("log")]
        assert self.tags("plan-"), [line for line in log if "notice" in line]


@pytest.fixture(scope="module")
def environment() -> Iterator[Environment]:
    """An account whose builds have the Docker of the curated images: older versions tell no plan."""
    if sentence := engine.missing():
        pytest.skip(sentence)
    with (
        engine.curated(containerd_store=True) as docker,
        bootstrapped(docker, images=[PYTHON, AMD64]) as running,
    ):
        yield running


@pytest.fixture
def app(environment: Environment, tmp_path: Path) -> Iterator[App]:
    """The app; its stack is deleted at the end."""
    yield App(environment, tmp_path)
    environment.delete_stacks(tmp_path / "cdk.out")


def test_code_changes_are_assembled_and_a_change_of_requirements_is_built(app: App) -> None:
    first = app.deploy("one")
    assert len(app.aws.builds(first.began)) == 1
    assert app.answer() == "one with boto3==1"
    app.wait_for_build()

    for code in ("two", "three"):
        changed = app.deploy(code)
        assert app.aws.builds(changed.began) == [], "\n".join(app.said())
        assert app.answer() == f"{code} with boto3==1"
    assert f"cache-{app.uri.rpartition(':')[2]}" in app.tags("cache-")

    back = app.deploy("two")
    assert app.aws.builds(back.began) == []
    assert app.answer() == "two with boto3==1"

    required = app.deploy("two", "boto3==2")
    assert len(app.aws.builds(required.began)) == 1
    log = [event["line"] for event in app.aws.journal("log", required.began)]
    assert any("importing cache manifest" in line for line in log)
    assert app.answer() == "two with boto3==2"
    app.wait_for_build()

    again = app.deploy("four", "boto3==2")
    assert app.aws.builds(again.began) == []
    assert app.answer() == "four with boto3==2"


def test_an_assembled_change_is_rolled_back_and_deployed_again_without_a_build(app: App) -> None:
    app.deploy("one")
    app.wait_for_build()
    first = app.uri

    failed = app.try_to_deploy(agent_beside_one_that_fails, "two")
    assert not failed.succeeded
    assert queries.stack_status(app.aws, STACK) == "UPDATE_ROLLBACK_COMPLETE"
    assert app.aws.builds(failed.began) == [], "\n".join(app.said())
    assert app.uri == first
    assert app.answer() == "one with boto3==1"

    again = app.deploy("two")
    assert app.aws.builds(again.began) == []
    assert app.answer() == "two with boto3==1"


def test_a_plan_that_the_previous_image_disproves_is_not_used(app: App) -> None:
    app.deploy("one")
    app.wait_for_build()
    replace_plan(app)
    changed = app.deploy("two")
    assert len(app.aws.builds(changed.began)) == 1
    assert app.answer() == "two with boto3==1"


def test_an_upload_that_is_refused_is_built(app: App) -> None:
    app.deploy("one")
    app.wait_for_build()
    app.aws.plan_fault("Upload", code="AccessDeniedException", message="no", repository=app.repository)
    changed = app.deploy("two")
    assert len(app.aws.builds(changed.began)) == 1
    assert app.answer() == "two with boto3==1"


def agent_beside_one_that_fails(directory: Path, **options: object) -> apps.Fill:
    """The stack of an agent, and after it a second Runtime, whose image AgentCore refuses."""

    def fill(stack: cdk.Stack) -> None:
        apps.agent(directory, **options)(stack)
        refused = agentcore.AgentRuntimeArtifact.from_image_uri(AMD64_BASE)
        other = agentcore.Runtime(stack, "Refused", agent_runtime_artifact=refused)
        other.node.add_dependency(stack.node.find_child("Agent"))

    return fill


def replace_plan(app: App) -> None:
    """Let the plan claim that the files of the last COPY have another mode."""
    ecr, name = app.aws.client("ecr"), app.repository
    (tag,) = app.tags("plan-")
    (image,) = ecr.batch_get_image(repositoryName=name, imageIds=[{"imageTag": tag}])["images"]
    manifest = json.loads(image["imageManifest"])
    url = ecr.get_download_url_for_layer(repositoryName=name, layerDigest=manifest["layers"][0]["digest"])[
        "downloadUrl"
    ]
    with (
        urllib.request.urlopen(url) as answer,
        tarfile.open(fileobj=io.BytesIO(answer.read())) as archive,
    ):
        file = archive.extractfile("plan.json")
        assert file
        plan: dict[str, Any] = json.load(file)
    plan["layers"][0]["actions"][0]["mode"] = 0o700
    context = app.folder / "plan"
    context.mkdir()
    (context / "plan.json").write_text(json.dumps(plan))
    (context / "Dockerfile").write_text("FROM scratch\nCOPY plan.json /\n")
    ecr.batch_delete_image(repositoryName=name, imageIds=[{"imageTag": tag}])
    target = f"{app.aws.registry}/{name}:{tag}"
    options = ("--platform=linux/arm64", "--provenance=false", f"--tag={target}")
    app.environment.engine.run("buildx", "build", *options, "--output=type=docker", str(context))
    app.environment.engine.run("push", target)
