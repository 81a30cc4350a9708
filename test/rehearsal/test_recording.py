"""README shows deployments as they are."""

from __future__ import annotations

import pytest

from tools import pictures

from .environment import Environment
from .recording import HOSTS, IMAGE, excerpt, record

OUTPUT = """\
INFO image build: local; this machine is arm64 and has docker (Construct Annotations)
#6 [1/2] FROM 127.0.0.1:37999/base/python:3.13-slim@sha256:fc4a
#7 [2/2] COPY server.py ./
#7 DONE 0.1s
Agents: success: Published AgentImage/Asset (123456789012-us-east-1-4874fbf5)
Agents |  8/14 | 4:56:00 AM | CREATE_IN_PROGRESS | Custom::Arm64AgentImage | AgentImage/Resource (Agent1)
Agents | 12/14 | 4:56:37 AM | CREATE_COMPLETE    | AWS::IAM::Role          | Runtime/ExecutionRole (Runtime1)
Agents | 13/14 | 4:56:37 AM | CREATE_COMPLETE    | AWS::BedrockAgentCore::Runtime | Runtime (Runtime2)
✨  Deployment time: 37.63s
"""


@pytest.mark.parametrize("name", HOSTS)
def test_a_recording_shows_what_the_cdk_cli_prints_today(name: str, environment: Environment) -> None:
    recorded = pictures.recording(name).read_text().splitlines()
    assert lasting(record(environment, name)) == lasting(recorded)


def lasting(lines: list[str]) -> list[str]:
    """The lines that do not depend on what earlier deployments have already published."""
    return sorted(line for line in lines if not line.startswith("published "))


def test_an_image_that_codebuild_builds_is_complete_before_its_runtime() -> None:
    recorded = pictures.recording("ci").read_text().splitlines()
    image, runtime = (
        next(number for number, line in enumerate(recorded) if "_COMPLETE" in line and kind in line)
        for kind in (IMAGE, "AWS::BedrockAgentCore::Runtime")
    )
    assert image < runtime


def test_an_excerpt_has_no_times_and_no_hashes() -> None:
    assert list(excerpt(OUTPUT)) == [
        "INFO image build: local; this machine is arm64 and has docker",
        "docker build: [2/2] COPY server.py ./",
        "published AgentImage/Asset",
        "CREATE_IN_PROGRESS | Custom::Arm64AgentImage        | AgentImage/Resource",
        "CREATE_COMPLETE    | AWS::BedrockAgentCore::Runtime | Runtime",
    ]
