"""The agent of docs/first-agent.md: its Dockerfile builds, and its server answers when it is invoked."""

from __future__ import annotations

import json
import platform
import shutil
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_bedrockagentcore as agentcore

from . import apps, queries, wheelhouse
from .environment import PROJECT, Environment

AGENT = PROJECT / "examples/strands/agent"
NATIVE = platform.machine() in ("aarch64", "arm64")


def agent(folder: Path) -> Path:
    """The agent; where QEMU would take minutes to compile and import its packages, without bytecode."""
    if NATIVE:
        return AGENT
    shutil.copytree(AGENT, folder)
    dockerfile = folder / "Dockerfile"
    compiled = dockerfile.read_text()
    dockerfile.write_text(compiled.replace(" --compile-bytecode", ""))
    assert dockerfile.read_text() != compiled
    return folder


def test_the_first_agent_is_built_and_deployed(environment: Environment, tmp_path: Path) -> None:
    try:
        base = wheelhouse.uv_base(environment, AGENT / "requirements.txt")
    except wheelhouse.NoPackageIndexError as error:
        pytest.skip(f"no package index is reachable: {error}")

    directory = agent(tmp_path / "agent")

    def fill(stack: cdk.Stack) -> None:
        image = apps.image(stack, "Image", directory, base)
        runtime = agentcore.Runtime(
            stack,
            "Runtime",
            runtime_name="first_agent",
            agent_runtime_artifact=image.agent_runtime_artifact,
            environment_variables={"AWS_REGION": stack.region, "MODEL_ID": "model"},
        )
        image.bind_runtime(runtime)

    output = apps.synthesize(tmp_path / "out", FirstAgent=fill)
    try:
        outcome = environment.cdk.deploy(output)
        assert outcome.succeeded, outcome.output
        runtime = queries.runtimes(environment.aws)["first_agent"]
        assert queries.platform(environment.aws, runtime["uri"]) == "linux/arm64"
        answer = ask(environment, runtime["arn"], b"{}")
        assert answer == {"error": 'the payload must be JSON like {"prompt": "..."}'}
    finally:
        environment.delete_stacks(output)


def ask(environment: Environment, arn: str, payload: bytes) -> object:
    """What the deployed agent answers; QEMU takes minutes to import its packages."""
    data = environment.aws.client("bedrock-agentcore", read_timeout=300)
    return json.loads(data.invoke_agent_runtime(agentRuntimeArn=arn, payload=payload)["response"].read())
