"""What the automatic choice gives for each context: `python -m test.choices DIRECTORY CONTEXTS`.

A process of its own, because jsii's Node process keeps the environment that it started with.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from aws_cdk import Stack

from arm64_agent_image import Arm64AgentRuntimeArtifact
from test.synth import new_app


def choice(directory: str, context: dict[str, Any]) -> dict[str, str]:
    """The mode and its reason, or the error."""
    with tempfile.TemporaryDirectory() as output:
        stack = Stack(new_app(Path(output), context), "Agent")
        try:
            image = Arm64AgentRuntimeArtifact(stack, "Image", directory=directory)
        except RuntimeError as error:
            return {"error": str(error)}
        return {"mode": image.build_mode, "reason": image.build_mode_reason}


if __name__ == "__main__":
    json.dump([choice(sys.argv[1], context) for context in json.loads(sys.argv[2])], sys.stdout)
