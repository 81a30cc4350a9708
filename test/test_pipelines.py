"""CDK Pipelines: a code change of an agent deploys its stack and does not change the pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Stack, Stage, pipelines

from arm64_agent_image import ImageBuild
from test.synth import (
    RUNTIME,
    container_uri,
    new_app,
    new_image,
    new_runtime,
    read_assembly,
    write_files,
)

CONNECTION = "arn:aws:codeconnections:us-east-1:111122223333:connection/00000000-0000-0000-0000-000000000000"
BUILDS = {"codebuild": ImageBuild.code_build(), "local": ImageBuild.local()}


def synthesize(folder: Path, version: str, build: str, images: int = 1, **options: Any) -> Path:
    """The cloud assembly that the Synth step of the pipeline writes for this version."""
    agent = write_files(
        folder / "agent", {"Dockerfile": "FROM python:3.13-slim\nCOPY . /\n", "code": version}
    )
    app = new_app(folder / f"{version}-{images}")
    stack = Stack(app, "Pipeline")
    source = pipelines.CodePipelineSource.connection("owner/name", "main", connection_arn=CONNECTION)
    synth = pipelines.ShellStep("Synth", input=source, commands=["cdk synth"])
    pipeline = pipelines.CodePipeline(stack, "Pipeline", synth=synth, **options)
    production = Stage(app, "Production")
    deployed = Stack(production, "Agent")
    for number in range(images):
        image = new_image(
            deployed, agent, f"Image{number}", image_build=BUILDS[build], extra_hash=str(number)
        )
        new_runtime(deployed, image, f"Runtime{number}")
    pipeline.add_stage(production)
    return Path(app.synth().directory)


def pipeline_of(assembly: Path) -> tuple[str, str]:
    """The template and the asset manifest, which the SelfMutate step deploys."""
    return (
        (assembly / "Pipeline.template.json").read_text(),
        (assembly / "Pipeline.assets.json").read_text(),
    )


def uris(assembly: Path) -> list[Any]:
    """The image URIs of the Runtimes that the pipeline deploys."""
    templates = read_assembly(assembly).templates.values()
    return [container_uri(runtime) for template in templates for runtime in template.all(RUNTIME)]


def publishing(assembly: Path) -> dict[str, str]:
    """The buildspecs of the steps that publish assets, by file name."""
    return {file.name: file.read_text() for file in assembly.glob("buildspec-*.yaml")}


@pytest.mark.parametrize("build", BUILDS)
def test_new_code_does_not_change_a_pipeline_that_publishes_assets_in_one_step(
    tmp_path: Path, build: str
) -> None:
    old, new = (
        synthesize(tmp_path, version, build, publish_assets_in_parallel=False) for version in ("1", "2")
    )
    assert pipeline_of(old) == pipeline_of(new)
    assert publishing(old).keys() == publishing(new).keys()
    assert publishing(old) != publishing(new), "the assets to publish are named outside of the template"
    assert uris(old) != uris(new)


@pytest.mark.parametrize("build", BUILDS)
def test_new_code_changes_a_pipeline_with_a_publishing_step_for_each_asset(
    tmp_path: Path, build: str
) -> None:
    """By default, the buildspecs in the template of the pipeline contain the hashes of the assets."""
    old, new = (synthesize(tmp_path, version, build) for version in ("1", "2"))
    assert pipeline_of(old) != pipeline_of(new)
    assert publishing(new) == {}


def test_a_further_image_does_not_change_a_pipeline_that_publishes_assets_in_one_step(tmp_path: Path) -> None:
    one, two = (
        synthesize(tmp_path, "1", "codebuild", images, publish_assets_in_parallel=False) for images in (1, 2)
    )
    assert pipeline_of(one) == pipeline_of(two)
    assert len(uris(two)) == 2
