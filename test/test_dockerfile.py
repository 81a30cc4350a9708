"""What the Dockerfile tells at synthesis: a wrong target or a wrong platform, and nothing that is right."""

from pathlib import Path

import pytest
from aws_cdk import App, Stack

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
    assert f"got '{target}'; its stages are: base, build" in str(failure.value)


def test_says_how_to_name_a_stage_when_none_has_a_name(stack: Stack, agent: Path) -> None:
    with pytest.raises(RuntimeError, match="got '0'; its stages have no names: add one with 'AS'"):
        image(stack, agent, "FROM python:3.13\n", target="0")


@pytest.mark.parametrize(
    "dockerfile",
    [
        "FROM alpine AS a\nRUN <<EOF\nFROM alpine AS wrong\nEOF\nFROM a AS last\n",
        'FROM alpine AS a\nRUN <<-"EOF" cat\n\tFROM alpine AS wrong\n\tEOF\nFROM a AS last\n',
        "FROM alpine AS a\nCOPY <<one <<two /\nFROM x AS wrong\none\nFROM y AS wrong\ntwo\nFROM a AS last\n",
        "FROM alpine AS a\nRUN cat <<<EOF\nFROM a AS last\n",
        "FROM alpine AS a\nRUN echo $((1 << 2))\nFROM a AS last\n",
        "FROM alpine AS a\nRUN true \\\n# comment\n\n  && echo \\\n  FROM x AS wrong\nFROM a AS last\n",
        "# escape=`\nFROM alpine AS a\nRUN dir C:\\\nFROM a `\n  AS last\n",
        "\ufeffFROM alpine AS a\r\nFROM a AS last\r\n",
        "FROM alpine \\\n  AS a\nFROM --platform=$BUILDPLATFORM a AS last\n",
        "ONBUILD RUN <<EOF\nFROM x AS wrong\nEOF\nFROM alpine AS a\nFROM a AS last\n",
        "FROM alpine AS a\nRUN dir C:\\\\\nFROM a AS last\n",
        "FR\\\nOM alpine A\\\n# comment\n\nS a\nFROM a AS last\n",
        "FROM alpine AS a\nRUN cat '<<EOF' \"x <<EOF y\" \\<<EOF z<<EOF\nFROM a AS last\n",
        "FROM alpine AS a\nRUN <<'A B' <<E\"O\"F\nFROM x AS wrong\nA B\nFROM y AS no\nEOF\nFROM a AS last\n",
        "FROM alpine AS a\nRUN echo don't <<EOF\nFROM a AS last\n",
        "FROM alpine AS a\nRUN echo ${x^^} <<EOF\nFROM a AS last\n",
        "# comment\n# escape=`\nFROM alpine \\\n  AS a\nFROM a AS last\n",
        "# x=y\n# escape=`\nFROM alpine \\\n  AS a\nFROM a AS last\n",
        "# syntax=x\n# check=skip=all\n# Escape = `\nFROM alpine `\n  AS a\nFROM a AS last\n",
    ],
)
def test_stages_are_read_as_docker_reads_them(stack: Stack, agent: Path, dockerfile: str) -> None:
    image(stack, agent, dockerfile, target="last")
    with pytest.raises(RuntimeError, match="its stages are: a, last"):
        image(stack, agent, dockerfile, target="wrong")


@pytest.mark.parametrize(
    "dockerfile",
    [
        "FROM --platform=linux/amd64 python:3.13\n",
        "from --platform=linux/amd64 python:3.13 as final\n",
        'FROM --platform="linux/amd64" python:3.13\n',
        "FROM scratch AS first\nFROM --platform=linux/amd64 \\\n  python:3.13\n",
        "# escape=`\nFROM --platform=linux/amd64 `\n  python:3.13\n",
        "ARG PLATFORM=linux/amd64\nFROM --platform=$PLATFORM python:3.13\n",
        "ARG OS=linux\nARG PLATFORM=${OS}/amd64\nFROM --platform=${PLATFORM} python:3.13\n",
        "FROM --platform=${PLATFORM:-linux/amd64} python:3.13\n",
        "FROM --platform=linux/amd64 python:3.13 AS base\nFROM base AS middle\nFROM middle\n",
        "FROM --platform=linux/amd64 python:3.13 AS base\nFROM --platform=linux/arm64 base\n",
        "ARG A=linux ARCH=amd64\nARG P=$A/${ARCH}\nFROM --platform=$P python:3.13\n",
        "FROM --platform=${TARGETOS}/amd64 python:3.13\n",
        "FROM --platform=linux/amd64 python:3.13 AS scratch\nFROM scratch\n",
        'FROM --platform=linux/"amd64" python:3.13\n',
        "FROM --platform=linux/amd64 python:3.13 AS base\nARG B=BASE\nFROM base\n",
    ],
)
def test_fails_when_the_final_stage_is_for_another_platform(
    stack: Stack, agent: Path, dockerfile: str
) -> None:
    with pytest.raises(RuntimeError) as failure:
        image(stack, agent, dockerfile)
    assert "pinned to the platform linux/amd64, but AgentCore Runtime runs linux/arm64" in str(failure.value)
    assert "remove '--platform=linux/amd64' from its FROM" in str(failure.value)


@pytest.mark.parametrize(
    "dockerfile",
    [
        "FROM --platform=linux/arm64 python:3.13\n",
        "FROM --platform=linux/arm64/v8 python:3.13\n",
        "FROM --platform=arm64 python:3.13\n",
        "FROM --platform=linux/amd64 node AS a\nFROM --platform=linux/arm64 node AS a\nFROM a\n",
        "FROM --platform=$TARGETPLATFORM python:3.13\n",
        "FROM --platform=${BUILDPLATFORM} python:3.13\n",
        "FROM --platform=linux/${TARGETARCH} python:3.13\n",
        "FROM --platform=${BUILDOS}/amd64 python:3.13\n",
        "FROM --platform=linux python:3.13\n",
        'FROM --platform=linux/"arm64" python:3.13\n',
        "ARG P=''\nFROM --platform=${P-linux/amd64} python:3.13\n",
        "ARG P=linux/amd64\nFROM --platform=${P:+linux/arm64} python:3.13\n",
        "ARG P=linux/arm64\nARG P\nFROM --platform=${P:-linux/amd64} python:3.13\n",
        "FROM --platform=${P%/*}/amd64 python:3.13\n",
        "FROM --platform=linux/amd64 python:3.13 AS x86\nFROM ${BUILDARCH}\n",
        "FROM --platform=linux/amd64 scratch\nCOPY agent /\n",
        "ARG PLATFORM\nFROM --platform=$PLATFORM python:3.13\n",
        "FROM --platform=linux/amd64 node AS assets\nFROM python:3.13\nCOPY --from=assets /a /a\n",
        "FROM python:3.13\nRUN <<EOF\nFROM --platform=linux/amd64 nothing\nEOF\n",
        "FROM python:3.13\nCOPY <<-'END' /note\n\tFROM --platform=linux/amd64 nothing\n\tEND\nRUN true\n",
        "FROM python:3.13\nRUN echo \\\n# FROM --platform=linux/amd64 x\n  FROM --platform=linux/amd64\n",
        "\ufeff# syntax=docker/dockerfile:1\r\nFROM python:3.13\r\n# FROM --platform=linux/amd64 x\r\n",
    ],
)
def test_a_dockerfile_that_docker_builds_for_arm64_is_accepted(
    stack: Stack, agent: Path, dockerfile: str
) -> None:
    image(stack, agent, dockerfile)


def test_a_build_argument_decides_the_platform(stack: Stack, agent: Path) -> None:
    dockerfile = "ARG PLATFORM=linux/arm64\nFROM --platform=$PLATFORM python:3.13\n"
    image(stack, agent, dockerfile)
    with pytest.raises(RuntimeError, match="pinned to the platform linux/386"):
        image(stack, agent, dockerfile, build_args={"PLATFORM": "linux/386"})


def test_only_the_stage_that_is_built_counts(stack: Stack, agent: Path) -> None:
    dockerfile = "FROM python:3.13 AS arm\nFROM --platform=linux/amd64 python:3.13 AS x86\n"
    image(stack, agent, dockerfile, target="arm")
    with pytest.raises(RuntimeError, match="pinned to the platform linux/amd64"):
        image(stack, agent, dockerfile, target="x86")


def test_what_only_a_build_can_tell_is_left_to_the_build(app: App, agent: Path) -> None:
    stack = Stack(app, "Strange")
    for dockerfile in ("", "FROM\n", "FROM $BASE\n", "this is not a Dockerfile\n", "RUN <<EOF\nnever ends\n"):
        image(stack, agent, dockerfile, target="anything" if "FROM" not in dockerfile else None)
