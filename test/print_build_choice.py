"""Prints the automatic choice for each context: `python -m test.print_build_choice DIRECTORY CONTEXTS`.

A process of its own, because jsii's Node process keeps the environment that it started with.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from aws_cdk import Stack, Stage
from aws_cdk.assertions import Annotations, Match

from arm64_agent_image import Arm64AgentRuntimeArtifact
from test.synth import new_app


def choice(directory: str, context: dict[str, Any], in_stage: bool) -> dict[str, str]:
    """The mode, its reason and all warnings, or the error."""
    with tempfile.TemporaryDirectory() as output:
        app = new_app(Path(output), context)
        scope = Stage(Stack(app, "Pipeline"), "Production") if in_stage else app
        stack = Stack(scope, "Agent")
        try:
            image = Arm64AgentRuntimeArtifact(stack, "Image", directory=directory)
        except RuntimeError as error:
            return {"error": str(error)}
        warnings = Annotations.from_stack(stack).find_warning("*", Match.any_value())
        return {
            "mode": image.build_mode,
            "reason": image.build_mode_reason,
            "warnings": "\n".join(str(warning.entry.data) for warning in warnings),
        }


if __name__ == "__main__":
    json.dump(
        [choice(sys.argv[1], context, "--stage" in sys.argv) for context in json.loads(sys.argv[2])],
        sys.stdout,
    )
