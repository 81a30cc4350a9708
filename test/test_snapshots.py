"""The templates of both modes, one readable file each, in which hashes and versions are normalised."""

import json
import re
from pathlib import Path

import pytest
from aws_cdk import App, Stack
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from arm64_agent_image import ImageBuild
from test.synth import Json, Template, new_image, new_runtime, synthesize

BUILDS = {"local": ImageBuild.local(), "codebuild": ImageBuild.code_build()}
CHANGING = {
    re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])"): "<hash>",
    re.compile(r"(?<=/lambda/)v\d+"): "<version>",
}


def readable(template: Template) -> Json:
    text = template.text
    for pattern, replacement in CHANGING.items():
        text = pattern.sub(replacement, text)
    body: Json = json.loads(text)
    for boilerplate in ("Parameters", "Rules", "Conditions", "Mappings"):
        body.pop(boilerplate, None)
    for resource in body["Resources"].values():
        resource.pop("Metadata", None)
    return body


@pytest.mark.parametrize("mode", BUILDS)
def test_the_template_is_as_reviewed(
    app: App, stack: Stack, agent: Path, mode: str, snapshot: SnapshotAssertion
) -> None:
    image = new_image(stack, agent, image_build=BUILDS[mode])
    image.bind_runtime(new_runtime(stack, image))
    assert readable(synthesize(app).only) == snapshot(extension_class=JSONSnapshotExtension)
