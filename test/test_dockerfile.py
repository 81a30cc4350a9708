"""Reading the Dockerfile at synthesis finds a wrong target or platform, and rejects nothing that is right."""

from pathlib import Path

import pytest
from aws_cdk import Stack

from arm64_agent_image import Arm64AgentRuntimeArtifact
from test.synth import new_image, write_files

STAGES = (
    "FROM python:3.13 AS base\nRUN true\nFROM base AS Build\nRUN true\nFROM base\nCOPY --from=build / /\n"
)


def image(stack: Stack, agent: Path, dockerfile: str, **props: object) -> Arm64AgentRuntimeArtifact:
    write_files(agent, {"Dockerfile": dockerfile})
    return new_image(stack, agent, f"Image{len(stack.node.children)}", **props)


@pytest.mark.parametrize("target", ["base", "build", "BUILD"])
def test_a_stage_is_found_by_name_in_any_case(stack: Stack, agent: Path, target: str) -> None:
    image(stack, agent, STAGES, target=target)


@pytest.mark.parametrize("target", ["prod", "0", "2", "python:3.13", "-1", "--build-arg"])
def test_fails_when_there_is_no_such_stage(stack: Stack, agent: Path, target: str) -> None:
    with pytest.raises(RuntimeError) as failure:
        image(stack, agent, STAGES, target=target)
    assert "'target' must be a stage of" in str(failure.value)
    assert f"got '{target}'; its stages are base, build" in str(failure.value)


def test_explains_how_to_name_a_stage_when_none_has_a_name(stack: Stack, agent: Path) -> None:
    with pytest.raises(RuntimeError, match="got '0'; its stages have no names, so add one with 'AS'"):
        image(stack, agent, "FROM python:3.13\n", target="0")


@pytest.mark.parametrize(
    "dockerfile",
    [
        "FROM alpine AS a\nRUN <<EOF\nFROM alpine AS wrong\nEOF\nFROM a AS last\n",
        'FROM alpine AS a\nRUN <<-"EOF" cat\n\tFROM alpine AS wrong\n\tEOF\nFROM a AS last\n',
        "FROM alpine AS a\nRUN python3 <<'EOF'\nFROM = 'x'\nFROM x AS wrong\nEOF\nFROM a AS last\n",
        "FROM alpine AS a\nCOPY <<one <<two /\nFROM x AS wrong\none\nFROM y AS wrong\ntwo\nFROM a AS last\n",
        "FROM alpine AS a\nRUN echo $((1 << 2))\nFROM a AS last\n",
        "FROM alpine AS a\nRUN true \\\n# comment\n\n  && echo \\\n  FROM x AS wrong\nFROM a AS last\n",
        "\ufeffFROM alpine AS a\r\nFROM a AS last\r\n",
        "FROM alpine \\\n  AS a\nFROM --platform=$BUILDPLATFORM a AS last\n",
        "# syntax=docker/dockerfile:1\n# check=skip=all\nFROM alpine AS a\nFROM a AS last\n",
        "ARG VERSION=3\nFROM alpine:${VERSION} AS a\nFROM ${BASE:-a} AS last\n",
        "FROM alpine AS a\nRUN dir C:\\\\\nFROM a AS last\n",
    ],
)
def test_reads_stages_as_docker_does(stack: Stack, agent: Path, dockerfile: str) -> None:
    image(stack, agent, dockerfile, target="last")
    with pytest.raises(RuntimeError, match="its stages are a, last"):
        image(stack, agent, dockerfile, target="wrong")


UNUSUAL = [
    "",
    "FROM\n",
    "this is not a Dockerfile\n",
    "FROM --platform=linux/amd64 --unknown=x alpine\n",
    "# escape=`\nFROM alpine `\n  AS a\nFROM a\n",
    "FROM alpine AS a\nRUN <<EOF\nnever ends\n",
    "FROM alpine AS a\nRUN cat <<<EOF\n",
    "FROM alpine AS a\nRUN cat '<<EOF' \\<<EOF z<<EOF\n",
    "FROM alpine AS a\nRUN echo don't <<EOF\n",
    "FROM alpine AS a\nRUN echo ${x^^} <<EOF\n",
    "FROM alpine AS a\nRUN <<'A B' cat\nA B\n",
    "FROM alpine AS a\nONBUILD RUN <<EOF\nFROM x AS wrong\nEOF\n",
    'FROM --platform="linux/amd64" alpine AS a\n',
]


@pytest.mark.parametrize("dockerfile", UNUSUAL)
def test_leaves_unusual_dockerfiles_to_the_build(stack: Stack, agent: Path, dockerfile: str) -> None:
    image(stack, agent, dockerfile, target="anything")


@pytest.mark.parametrize(
    "dockerfile",
    [
        "FROM --platform=linux/amd64 python:3.13\n",
        "from --platform=linux/amd64 python:3.13 as final\n",
        "FROM scratch AS first\nFROM --platform=linux/amd64 \\\n  python:3.13\n",
        "ARG VERSION=3.13\nFROM --platform=linux/amd64 python:${VERSION}-slim\n",
        "ARG VERSION\nFROM --platform=linux/amd64 python:$VERSION\n",
        "FROM --platform=linux/amd64 python:3.13 AS base\nFROM base AS middle\nFROM middle\n",
        "FROM --platform=linux/amd64 python:3.13 AS base\nFROM --platform=linux/arm64 base\n",
        "FROM --platform=linux/amd64 python:3.13 AS scratch\nFROM scratch\n",
        "FROM --platform=linux/amd64 python:3.13 AS base\nARG B=BASE\nFROM base\n",
    ],
)
def test_fails_when_the_final_stage_is_for_another_platform(
    stack: Stack, agent: Path, dockerfile: str
) -> None:
    with pytest.raises(RuntimeError) as failure:
        image(stack, agent, dockerfile)
    assert "pins its final stage to the platform linux/amd64, but AgentCore Runtime runs" in str(
        failure.value
    )
    assert "remove '--platform=linux/amd64' from its FROM" in str(failure.value)


@pytest.mark.parametrize(
    "dockerfile",
    [
        "FROM --platform=linux/arm64 python:3.13\n",
        "FROM --platform=linux/arm64/v8 python:3.13\n",
        "FROM --platform=arm64 python:3.13\n",
        "FROM --platform=linux/amd64 node AS a\nFROM --platform=linux/arm64 node AS a\nFROM a\n",
        "FROM --platform=$TARGETPLATFORM python:3.13\n",
        "FROM --platform=${BUILDPLATFORM:-linux/amd64} python:3.13\n",
        "FROM --platform=linux/${TARGETARCH} python:3.13\n",
        "ARG PLATFORM=linux/arm64\nFROM --platform=$PLATFORM python:3.13\n",
        "FROM --platform=linux python:3.13\n",
        "FROM --platform=linux/arm64 python AS base\nFROM --platform=linux/amd64 ${B:-base}\n",
        "FROM --platform=linux/arm64 python AS base\nARG B=base\nFROM --platform=linux/amd64 $B\n",
        "FROM --platform=linux/amd64 scratch\nCOPY agent /\n",
        "FROM --platform=linux/amd64 node AS assets\nFROM python:3.13\nCOPY --from=assets /a /a\n",
        "FROM python:3.13\nRUN <<EOF\nFROM --platform=linux/amd64 nothing\nEOF\n",
        "FROM python:3.13\nCOPY <<-'END' /note\n\tFROM --platform=linux/amd64 nothing\n\tEND\nRUN true\n",
        "FROM python:3.13\nRUN echo \\\n# FROM --platform=linux/amd64 x\n  FROM --platform=linux/amd64\n",
        "\ufeff# syntax=docker/dockerfile:1\r\nFROM python:3.13\r\n# FROM --platform=linux/amd64 x\r\n",
    ],
)
def test_accepts_a_dockerfile_that_docker_builds_for_arm64(
    stack: Stack, agent: Path, dockerfile: str
) -> None:
    image(stack, agent, dockerfile)


def test_only_the_stage_that_is_built_counts(stack: Stack, agent: Path) -> None:
    dockerfile = "FROM python:3.13 AS arm\nFROM --platform=linux/amd64 python:3.13 AS x86\n"
    image(stack, agent, dockerfile, target="arm")
    with pytest.raises(RuntimeError, match="to the platform linux/amd64"):
        image(stack, agent, dockerfile, target="x86")
