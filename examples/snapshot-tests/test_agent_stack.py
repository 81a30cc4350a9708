"""A laptop and CI agree on this snapshot: who builds is pinned, and content hashes are masked."""

import json
import re
from typing import Any

import aws_cdk as cdk
from agent_stack import AgentStack
from aws_cdk.assertions import Template
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension


def normalised(stack: cdk.Stack) -> Any:
    text = json.dumps(Template.from_stack(stack).to_json())
    return json.loads(re.sub(r"\b[0-9a-f]{64}\b", "<hash>", text))


def test_agent_stack(snapshot: SnapshotAssertion) -> None:
    app = cdk.App(context={"arm64-agent-image:build": "codebuild"})
    stack = AgentStack(app, "Agent")
    assert normalised(stack) == snapshot(extension_class=JSONSnapshotExtension)
