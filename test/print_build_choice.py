"""Prints the automatic choice case by case: `python -m test.print_build_choice`.

Each line of standard input is a case, each line of standard output its choices.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from aws_cdk import Stack, Stage
from aws_cdk.assertions import Annotations, Match

from arm64_agent_image import Arm64AgentRuntimeArtifact, BuildMode
from test.synth import new_app

MODES = {BuildMode.LOCAL: "local", BuildMode.CODE_BUILD: "codebuild"}


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
            "mode": MODES[image.build_mode],
            "reason": image.build_mode_reason,
            "warnings": "\n".join(str(warning.entry.data) for warning in warnings),
        }


def main() -> None:
    """Answer case by case, until standard input ends."""
    for line in sys.stdin:
        case = json.loads(line)
        found = [choice(case["directory"], context, case["stage"]) for context in case["contexts"]]
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
