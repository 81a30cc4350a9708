"""Every block of Python and TypeScript in docs/ works as printed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from aws_cdk import App, Environment, Stack

from test.examples import documented
from test.examples.documented import DOCS, PAGES, Block, Names
from test.examples.synthesis import ROOT
from test.synth import new_app

SHOWN_ELSEWHERE = {"aws.md", "first-agent.md", "performance.md", "security.md"}
CONTEXT = {"agent-digest": f"sha256:{'a' * 64}"}


@pytest.fixture
def app(tmp_path: Path) -> App:
    return new_app(tmp_path / "cdk.out", CONTEXT)


@pytest.mark.parametrize("block", documented.blocks("python"), ids=str)
def test_a_block_of_python_runs_and_synthesizes(block: Block, app: App, agent: Path) -> None:
    stack = Stack(app, "Documented", env=Environment(account="111122223333", region="us-east-1"))
    Names(stack, agent).run(block)
    assert app.synth().get_stack_by_name("Documented").template


def test_every_block_of_typescript_compiles(tmp_path: Path) -> None:
    project = documented.typescript_project(tmp_path)
    assert list(project.glob("block*.ts"))
    tsc = [str(ROOT / "node_modules/.bin/tsc"), "--project", str(project)]
    compiled = subprocess.run(tsc, capture_output=True, text=True, check=False)
    assert compiled.returncode == 0, compiled.stdout


def test_every_page_with_code_is_among_them() -> None:
    pages = {
        path.name
        for path in DOCS.glob("*.md")
        if "```python" in path.read_text() or "```ts" in path.read_text()
    }
    assert pages - SHOWN_ELSEWHERE == set(PAGES)
