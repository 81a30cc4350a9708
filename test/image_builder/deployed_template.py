"""The time limits in the synthesized template, and the definition of its state machine."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import Stack

from test.synth import IMAGE, PROJECT, new_app, new_image, synthesize, write_files


@dataclass(frozen=True)
class DeployedTemplate:
    """The parts of a template that determine a deployment's timing; times are in seconds."""

    definition: dict[str, Any]
    service_timeout: int
    function_timeout: int
    build_timeout: int
    queue_timeout: int

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Short, as Hypothesis prints every argument of a test that fails."""
        printer.text("template")


def deployed_template(folder: Path, **props: Any) -> DeployedTemplate:
    """Synthesize an app of one image and read its template."""
    agent = write_files(folder / "agent", {"Dockerfile": "FROM scratch\n"})
    app = new_app(folder / "cdk.out")
    new_image(Stack(app, "Agent"), agent, **props)
    template = synthesize(app).only
    machine = template.only("AWS::StepFunctions::StateMachine").properties
    project = template.only(PROJECT).properties
    return DeployedTemplate(
        definition=json.loads(_text(machine["DefinitionString"])),
        service_timeout=int(template.only(IMAGE).properties["ServiceTimeout"]),
        function_timeout=template.only("AWS::Lambda::Function").properties["Timeout"],
        build_timeout=project["TimeoutInMinutes"] * 60,
        queue_timeout=project["QueuedTimeoutInMinutes"] * 60,
    )


def _text(value: Any) -> str:
    """A string with its tokens replaced by their names."""
    if isinstance(value, dict):
        (function, argument), *others = value.items()
        assert not others
        if function == "Fn::Join":
            return str(argument[0]).join(_text(part) for part in argument[1])
        return str(function).rpartition(":")[2]
    return str(value)
