"""Fixtures for the tests of the construct."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("CDK_VALIDATION", "false")
"""CloudFormation Validate takes most of the time of a synthesis; test/packages/test_linters.py runs it."""

from aws_cdk import App, Stack  # noqa: E402

from test.synth import new_app, write_files  # noqa: E402

settings.register_profile("quick", max_examples=20)


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    """A directory with a Dockerfile and one source file."""
    return write_files(
        tmp_path / "agent",
        {"Dockerfile": "FROM python:3.13-slim\nCOPY . /app\n", "server.py": "print('agent')\n"},
    )


@pytest.fixture
def app(tmp_path: Path) -> App:
    return new_app(tmp_path / "cdk.out")


@pytest.fixture
def stack(app: App) -> Stack:
    return Stack(app, "Agent")
