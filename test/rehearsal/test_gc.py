"""`cdk gc` deletes what no current template refers to: former sources, never an image built by CodeBuild."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from test.synth import literal_end

from . import apps, queries
from .emulated_aws import ACCOUNT, DEFAULT_REGION
from .environment import Environment

OBJECTS = f"cdk-hnb659fds-assets-{ACCOUNT}-{DEFAULT_REGION.name}"
IMAGES = f"cdk-hnb659fds-container-assets-{ACCOUNT}-{DEFAULT_REGION.name}"


class App:
    """One stack in one mode, with two deployed versions, after `cdk gc`."""

    def __init__(self, environment: Environment, folder: Path, mode: str) -> None:
        self.environment, self.folder, self.mode = environment, folder, mode
        self.stack = f"Gc{mode.capitalize()}"
        self.deploy("1")
        self.deploy("2")
        self.collect()

    def deploy(self, version: str) -> str:
        """Deploy this version of the agent; the image that its Runtime runs then."""
        directory = apps.source(self.folder / "agent", version)
        output = apps.synthesize(self.output(version), self.mode, **{self.stack: apps.agent(directory)})
        outcome = self.environment.cdk.deploy(output)
        assert outcome.succeeded, outcome.output
        return self.uri()

    def collect(self) -> None:
        """Run `cdk gc`, which by default keeps what is younger than a day."""
        environment = f"aws://{ACCOUNT}/{DEFAULT_REGION.name}"
        outcome = self.environment.cdk.run(
            "gc", environment, "--unstable=gc", "--created-buffer-days=0", "--confirm=false"
        )
        assert outcome.succeeded, outcome.output

    def output(self, version: str) -> Path:
        """The assembly of this version."""
        return self.folder / f"out-{version}"

    def template(self, version: str) -> dict[str, Any]:
        """The template of this version."""
        document: dict[str, Any] = json.loads(
            (self.output(version) / f"{self.stack}.template.json").read_text()
        )
        return document

    def image(self, version: str) -> dict[str, Any]:
        """The custom resource's properties in this version."""
        (image,) = (
            resource["Properties"]
            for resource in self.template(version)["Resources"].values()
            if resource["Type"] == "Custom::Arm64AgentImage"
        )
        properties: dict[str, Any] = image
        return properties

    def uri(self) -> str:
        """The image that the Runtime runs."""
        return str(queries.runtimes(self.environment.aws)[f"{self.stack}_Agent"]["uri"])

    def objects(self) -> set[str]:
        """The keys of the bootstrap bucket."""
        listed = self.environment.aws.client("s3").list_objects_v2(Bucket=OBJECTS)
        return {entry["Key"] for entry in listed.get("Contents", [])}


def asset(location: Any) -> str:
    """The key of an asset that a property of the custom resource names."""
    return literal_end(location).rpartition("/")[2]


@pytest.fixture(scope="module")
def built_by_codebuild(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app in CodeBuild mode."""
    app = App(environment, tmp_path_factory.mktemp("gc"), "codebuild")
    yield app
    environment.delete_stacks(app.output("2"))


@pytest.fixture
def built_locally(environment: Environment, tmp_path: Path) -> Iterator[App]:
    """The app in local mode."""
    app = App(environment, tmp_path, "local")
    yield app
    environment.delete_stacks(app.output("2"))


def test_gc_deletes_the_source_of_a_former_version_and_no_image(built_by_codebuild: App) -> None:
    app = built_by_codebuild
    former, current = app.image("1"), app.image("2")
    assert asset(former["Source"]) not in app.objects()
    assert {asset(current["Source"]), asset(current["Parameters"])} <= app.objects()
    repository = queries.repository_of(app.uri())
    assert queries.tags(app.environment.aws, repository) == {former["ImageTag"], current["ImageTag"]}


def test_a_former_version_needs_neither_its_source_nor_a_build(built_by_codebuild: App) -> None:
    """CloudFormation alone, as in a rollback: the CDK CLI would upload the source again."""
    app, began = built_by_codebuild, built_by_codebuild.environment.aws.now()
    cloudformation = app.environment.aws.client("cloudformation")
    cloudformation.update_stack(
        StackName=app.stack, TemplateBody=json.dumps(app.template("1")), Capabilities=["CAPABILITY_IAM"]
    )
    cloudformation.get_waiter("stack_update_complete").wait(
        StackName=app.stack, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )
    assert app.uri().endswith(f":{app.image('1')['ImageTag']}")
    assert asset(app.image("1")["Source"]) not in app.objects()
    assert app.environment.aws.builds(began) == []


def test_cdk_deploy_of_a_former_version_builds_nothing_after_gc(built_by_codebuild: App) -> None:
    app, began = built_by_codebuild, built_by_codebuild.environment.aws.now()
    for version in ("2", "1"):
        assert app.deploy(version).endswith(f":{app.image(version)['ImageTag']}")
    assert app.environment.aws.builds(began) == []


def test_a_new_version_is_built_after_gc(built_by_codebuild: App) -> None:
    app, began = built_by_codebuild, built_by_codebuild.environment.aws.now()
    app.deploy("3")
    assert len(app.environment.aws.builds(began)) == 1


def test_gc_deletes_the_image_of_a_former_version_that_was_built_locally(built_locally: App) -> None:
    app, current = built_locally, built_locally.uri()
    assert queries.tags(app.environment.aws, IMAGES) == {current.rpartition(":")[2]}
    former = app.deploy("1")
    assert former != current
    assert former.rpartition(":")[2] in queries.tags(app.environment.aws, IMAGES), "built and pushed again"
