"""docs/what-is-created.md lists every resource, for each image, stack and Runtime."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from aws_cdk import App, Stack
from aws_cdk import aws_bedrockagentcore as agentcore

from test.synth import RUNTIME, Template, new_app, new_image, new_runtime, synthesize

PAGE = Path(__file__).parents[1] / "docs/what-is-created.md"
Kinds = Counter[str]


def listed(subject: str) -> Kinds:
    return Counter(re.findall(rf"^\| {subject} \| `([^`]+)` \|", PAGE.read_text(), re.MULTILINE))


def created(template: Template) -> Kinds:
    return Counter(resource.body["Type"] for resource in template.resources)


def test_the_page_lists_what_the_first_image_and_each_further_one_create(
    app: App, stack: Stack, agent: Path, tmp_path: Path
) -> None:
    new_image(stack, agent)
    assert created(synthesize(app).only) == listed("image") + listed("stack")

    other = new_app(tmp_path / "two")
    two = Stack(other, "Agent")
    new_image(two, agent, "One")
    new_image(two, agent, "Two")
    assert created(synthesize(other).only) == listed("image") + listed("image") + listed("stack")


def test_the_page_lists_what_a_runtime_gets(app: App, stack: Stack, agent: Path, tmp_path: Path) -> None:
    new_runtime(stack, new_image(stack, agent))
    other = new_app(tmp_path / "bare")
    artifact = agentcore.AgentRuntimeArtifact.from_image_uri(
        "111122223333.dkr.ecr.us-east-1.amazonaws.com/agents:v1"
    )
    agentcore.Runtime(Stack(other, "Agent"), "Runtime", agent_runtime_artifact=artifact)
    without = created(synthesize(other).only)
    assert without[RUNTIME] == 1
    assert created(synthesize(app).only) - without == listed("image") + listed("stack") + listed("Runtime")
