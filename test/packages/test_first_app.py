"""Following README in an empty folder with the packed artifacts gives an app that synthesizes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

from test.synth import IMAGE, RUNTIME, Assembly, read_assembly
from tools.hosts import environment

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
START = README.partition("## Smallest example\n")[2].partition("\n## ")[0]
PYTHON_APP = """\
{imports}
import aws_cdk as cdk


class AgentStack(cdk.Stack):
    def __init__(self, scope, id):
        super().__init__(scope, id)
{body}

app = cdk.App()
AgentStack(app, "Agent")
app.synth()
"""
TYPESCRIPT_APP = """\
{imports}
import * as cdk from 'aws-cdk-lib';

class AgentStack extends cdk.Stack {{
  constructor(scope: cdk.App, id: string) {{
    super(scope, id);
{body}
  }}
}}

const app = new cdk.App();
new AgentStack(app, 'Agent');
app.synth();
"""
COMPILER = ["--strict", "--skipLibCheck", "--target", "es2022", "--module", "node16", "--types", "node"]


def block(language: str) -> str:
    """The one block of this language in the smallest example."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", START, re.MULTILINE | re.DOTALL)
    return str(found)


def app(template: str, language: str, indentation: str) -> str:
    """The block as the body of a stack, with its imports at the top."""
    lines = block(language).splitlines()
    imports = [line for line in lines if re.match(r"import |from ", line)]
    body = "\n".join(line for line in lines if line not in imports).strip()
    return template.format(imports="\n".join(imports), body=textwrap.indent(body, indentation))


def run(command: Sequence[str | Path], folder: Path, variables: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def synthesized(command: Sequence[str | Path], folder: Path) -> Assembly:
    output = folder / "cdk.out"
    run(command, folder, {**environment("x64"), "CDK_OUTDIR": str(output)})
    return read_assembly(output)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder, but for the agent that README describes."""
    agent = tmp_path / "agent"
    agent.mkdir()
    (agent / "Dockerfile").write_text(block("dockerfile"))
    (agent / "requirements.txt").write_text("bedrock-agentcore\n")
    (agent / "server.py").write_text("print('agent')\n")
    return tmp_path


def check(assembly: Assembly) -> None:
    """The Runtime is created from the image, after it."""
    template = assembly.only
    runtime, image = template.only(RUNTIME), template.only(IMAGE)
    assert image.logical_id in runtime.depends_on
    assert image.logical_id in json.dumps(runtime.properties["AgentRuntimeArtifact"])


def test_readme_names_the_packages_that_are_packed() -> None:
    (wheel,) = ROOT.glob("dist/python/*.whl")
    (tarball,) = ROOT.glob("dist/js/*.tgz")
    assert "`pip install arm64-agent-image`" in START
    assert "`npm install arm64-agent-image`" in START
    assert wheel.name.startswith("arm64_agent_image-")
    assert tarball.name.startswith("arm64-agent-image@")


def test_the_python_example_synthesizes_from_the_wheel(folder: Path) -> None:
    (wheel,) = ROOT.glob("dist/python/*.whl")
    python = folder / ".venv/bin/python"
    run([sys.executable, "-m", "venv", folder / ".venv"], folder)
    constraints = ROOT / "requirements-dev.txt"
    run([python, "-m", "pip", "install", "-qq", "--constraint", constraints, wheel], folder)
    (folder / "app.py").write_text(app(PYTHON_APP, "python", " " * 8))
    check(synthesized([python, "app.py"], folder))


def test_the_typescript_example_synthesizes_from_the_tarball(folder: Path) -> None:
    """The CDK, which a reader has, is linked from this project instead of downloaded."""
    (tarball,) = ROOT.glob("dist/js/*.tgz")
    modules = ROOT / "node_modules"
    peers = [f"file:{modules / name}" for name in ("aws-cdk-lib", "constructs", "@types/node")]
    (folder / "package.json").write_text("{}")
    run(["npm", "install", "--offline", "--no-audit", "--no-fund", tarball, *peers], folder)
    (folder / "app.ts").write_text(app(TYPESCRIPT_APP, "ts", " " * 4))
    run([modules / ".bin/tsc", *COMPILER, "app.ts"], folder)
    check(synthesized(["node", "app.js"], folder))
