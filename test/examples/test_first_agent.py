"""The first agent: its page and its files agree, its packages exist for ARM, and it answers."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from test.examples import first_agent
from test.examples.first_agent import AGENTS, ANSWER, EXAMPLE, ROOT

PAGE = (ROOT / "docs/first-agent.md").read_text()
SHOWN = {
    "agent/server.py": "agent/server.py",
    "agent/requirements.txt": "agent/requirements.txt",
    "agent/Dockerfile": "agent/Dockerfile",
    "agent/.dockerignore": "agent/.dockerignore",
    "app.py": "app.py",
    "cdk.json": "cdk.json",
    "requirements.txt": "requirements.txt",
    "fastapi/server.py": "agent/server.py",
    "fastapi/requirements.txt": "agent/requirements.txt",
}


@pytest.mark.parametrize(("file", "name"), SHOWN.items())
def test_the_page_shows_the_file_unchanged(file: str, name: str) -> None:
    content = re.escape((EXAMPLE / file).read_text())
    assert re.search(rf"`{re.escape(name)}`:\n\n```\w*\n{content}```\n", PAGE)


def test_the_page_shows_every_file_of_the_example() -> None:
    files = {str(path.relative_to(EXAMPLE)) for path in EXAMPLE.rglob("*") if path.is_file()}
    made = {name for name in files if re.search(r"__pycache__|cdk\.out|\.venv", name)}
    assert files - made == {*SHOWN, "README.md"}


def test_the_code_is_copied_last() -> None:
    instructions = re.findall(r"^[A-Z]+", (EXAMPLE / "agent/Dockerfile").read_text(), re.MULTILINE)
    after = instructions[len(instructions) - instructions[::-1].index("COPY") :]
    assert set(after) <= {"USER", "EXPOSE", "CMD"}


@pytest.mark.parametrize("kind", AGENTS)
def test_every_package_has_a_wheel_for_arm(kind: str) -> None:
    packages = first_agent.arm64_packages(AGENTS[kind] / "requirements.txt")
    assert {"strands-agents", "uvicorn", "pydantic_core"} <= set(packages)


@pytest.mark.parametrize("kind", AGENTS)
def test_the_agent_follows_the_contract_of_agentcore(kind: str, tmp_path: Path) -> None:
    with first_agent.running(AGENTS[kind], tmp_path / "log") as address:
        with urllib.request.urlopen(f"{address}/ping", timeout=10) as answer:
            assert json.load(answer)["status"] == "Healthy"
        assert first_agent.post(address, {"prompt": "What is 6 times 7?"}) == {"answer": ANSWER}


def test_an_invocation_without_a_prompt_says_what_is_missing(tmp_path: Path) -> None:
    with first_agent.running(AGENTS["strands"], tmp_path / "strands") as address:
        assert "prompt" in str(first_agent.post(address, {})["error"])
    with first_agent.running(AGENTS["fastapi"], tmp_path / "fastapi") as address:
        with pytest.raises(urllib.error.HTTPError) as refused:
            first_agent.post(address, {"prompt": ""})
        assert refused.value.code == 422
        assert b"prompt" in refused.value.read()
