"""The CDK CLI asks for no approval of a code change, by its own comparison of the templates."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from aws_cdk import Stack

from arm64_agent_image import ImageBuild
from test.synth import new_app, new_image, new_runtime, write_files

ROOT = Path(__file__).parents[2]
BUILDS = {"local": ImageBuild.local(), "codebuild": ImageBuild.code_build()}


def synthesized(output: Path, agent: Path, mode: str, images: int = 1) -> Path:
    app = new_app(output)
    stack = Stack(app, "Agent")
    for number in range(images):
        image = new_image(stack, agent, f"Image{number}", image_build=BUILDS[mode])
        image.bind_runtime(new_runtime(stack, image, f"Runtime{number}"))
    return Path(app.synth().directory)


def security_changes(before: Path, after: Path) -> tuple[bool, str]:
    """Whether `cdk diff` finds changes that would need approval, and what it prints."""
    command = [
        *(str(ROOT / "node_modules/.bin/cdk"), "diff", "Agent", "--app", str(after)),
        *("--template", str(before / "Agent.template.json"), "--security-only", "--fail", "--no-color"),
    ]
    environment = {**os.environ, "CDK_DISABLE_CLI_TELEMETRY": "1", "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(command, env=environment, cwd=after, capture_output=True, text=True, check=False)
    return done.returncode != 0, done.stdout + done.stderr


@pytest.mark.parametrize("mode", BUILDS)
def test_a_code_change_needs_no_approval(tmp_path: Path, agent: Path, mode: str) -> None:
    before = synthesized(tmp_path / "before", agent, mode)
    write_files(agent, {"server.py": "print('changed')\n"})
    after = synthesized(tmp_path / "after", agent, mode)
    assert (before / "Agent.template.json").read_text() != (after / "Agent.template.json").read_text()
    changed, printed = security_changes(before, after)
    assert not changed, printed
    assert "Number of stacks with differences: 0" in printed


def test_a_further_runtime_needs_approval(tmp_path: Path, agent: Path) -> None:
    before = synthesized(tmp_path / "before", agent, "codebuild")
    after = synthesized(tmp_path / "after", agent, "codebuild", images=2)
    changed, printed = security_changes(before, after)
    assert changed
    assert "IAM Statement Changes" in printed
