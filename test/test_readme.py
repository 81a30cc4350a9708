"""README's code works as printed: its smallest example is in test/packages, its snapshot test here."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_bedrockagentcore as agentcore
from constructs import Construct

from arm64_agent_image import Arm64AgentRuntimeArtifact

README = (Path(__file__).parents[1] / "README.md").read_text()
SECTION = README.partition("## Snapshot tests\n")[2].partition("\n## ")[0]


class Recorder:
    """A snapshot that keeps what it is compared with."""

    value: object = None

    def __eq__(self, other: object) -> bool:
        self.value = other
        return True

    __hash__ = None  # type: ignore[assignment]


def snapshot_of(agent: Path) -> object:
    """What README's test compares for an agent with this directory."""

    class AgentStack(Stack):
        def __init__(self, scope: Construct, id: str) -> None:
            super().__init__(scope, id)
            image = Arm64AgentRuntimeArtifact(self, "AgentImage", directory=str(agent))
            artifact = image.agent_runtime_artifact
            image.bind_runtime(agentcore.Runtime(self, "Runtime", agent_runtime_artifact=artifact))

    (block,) = re.findall(r"^```python\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {"AgentStack": AgentStack}
    exec(compile(block, "README.md", "exec"), names)
    test_stack: Callable[[Recorder], None] = names["test_stack"]
    test_stack(snapshot := Recorder())
    return snapshot.value


def test_a_snapshot_does_not_change_with_the_code_of_the_agent(agent: Path) -> None:
    before = snapshot_of(agent)
    (agent / "server.py").write_text("print('another agent')\n")
    assert snapshot_of(agent) == before
    assert "Custom::Arm64AgentImage" in str(before)
    assert "<hash>" in str(before)
