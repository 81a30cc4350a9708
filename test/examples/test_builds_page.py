"""The facts of docs/builds.md, read from the templates and the package."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from aws_cdk import App, Stack
from image_builder import timeouts

from arm64_agent_image import Arm64AgentRuntimeArtifact
from test.examples.documented import DOCS
from test.examples.synthesis import ROOT
from test.synth import PROJECT, Template, canonical, new_app, new_runtime, synthesize

PAGE = (DOCS / "builds.md").read_text()
PACKAGE = json.loads((ROOT / "package.json").read_text())


def template(mode: str, output: Path, agent: Path) -> Template:
    app: App = new_app(output, {"arm64-agent-image:build": mode})
    stack = Stack(app, "Agent")
    image = Arm64AgentRuntimeArtifact(stack, "Image", directory=str(agent))
    image.bind_runtime(new_runtime(stack, image))
    return synthesize(app).only


@pytest.fixture
def codebuild(tmp_path: Path, agent: Path) -> Template:
    return template("codebuild", tmp_path / "codebuild", agent)


@pytest.fixture
def local(tmp_path: Path, agent: Path) -> Template:
    return template("local", tmp_path / "local", agent)


def types(template: Template) -> set[str]:
    return {resource.body["Type"] for resource in template.resources}


def row(name: str) -> set[str]:
    """The code in a row of a table."""
    (line,) = re.findall(rf"^\| {name} \| (.*) \|$", PAGE, re.MULTILINE)
    return set(re.findall(r"`([^`]+)`", line))


def test_the_page_lists_the_types_of_all_resources(codebuild: Template, local: Template) -> None:
    assert row("both") == types(local)
    assert row("CodeBuild") == types(codebuild) - types(local)


def test_the_page_lists_the_services_that_get_a_role(codebuild: Template) -> None:
    services = set(re.findall(r"[a-z-]+\.amazonaws\.com", canonical(codebuild.body["Resources"])))
    listed = PAGE[PAGE.index("`iam:PassRole` to") : PAGE.index("for the custom resource")]
    assert set(re.findall(r"`([a-z-]+\.amazonaws\.com)`", listed)) == services


def test_the_log_group_of_a_build_is_named_after_its_project(codebuild: Template) -> None:
    project = codebuild.only(PROJECT)
    name = project.properties["Name"]["Fn::Join"][1]
    logs = codebuild.named(project.properties["LogsConfig"]["CloudWatchLogs"]["GroupName"]["Ref"])
    assert logs.properties["LogGroupName"]["Fn::Join"][1] == [f"/aws/codebuild/{name[0]}", *name[1:]]


def test_the_log_group_of_the_function_is_named_after_it(codebuild: Template) -> None:
    function = codebuild.only("AWS::Lambda::Function")
    assert function.logical_id.startswith("Arm64AgentImageProviderFunction")
    name = function.properties["FunctionName"]["Fn::Join"][1]
    logs = codebuild.named(function.properties["LoggingConfig"]["LogGroup"]["Ref"])
    assert logs.properties["LogGroupName"]["Fn::Join"][1] == [f"/aws/lambda/{name[0]}", *name[1:]]


def test_the_page_names_the_machine_and_the_limits(codebuild: Template) -> None:
    environment = codebuild.only(PROJECT).properties["Environment"]
    assert (environment["Type"], environment["ComputeType"]) == ("ARM_CONTAINER", "BUILD_GENERAL1_SMALL")
    assert codebuild.only(PROJECT).properties["TimeoutInMinutes"] == 30
    latest_start = timeouts.LATEST_START // 60
    assert f"(30 minutes unless you set it), after up to {latest_start} minutes" in PAGE


def test_the_page_names_the_versions_of_the_package(codebuild: Template) -> None:
    library = PACKAGE["peerDependencies"]["aws-cdk-lib"].removeprefix("^")
    assert f"| `aws-cdk-lib` | {library} |" in PAGE
    assert f"the tests use {PACKAGE['devDependencies']['aws-cdk']} |" in PAGE
    node = PACKAGE["engines"]["node"].removeprefix(">= ").rpartition(".")[0]
    assert f"| Node.js | {node} |" in PAGE
    (rule,) = codebuild.body["Rules"]["CheckBootstrapVersion"]["Assertions"]
    too_old = [str(version) for version in range(1, 6)]
    assert too_old in [value for _, value in walk(rule)]
    assert "| bootstrap stack | version 6 |" in PAGE


def walk(value: object) -> list[tuple[str, object]]:
    if isinstance(value, dict):
        return [pair for key, item in value.items() for pair in [(key, item), *walk(item)]]
    if isinstance(value, list):
        return [pair for item in value for pair in [("", item), *walk(item)]]
    return []
