"""The library reads a Dockerfile as Docker's own engine does, or leaves it to the build.

``DOCKERFILES=2000 pytest test/docker/test_dockerfile.py`` compares more Dockerfiles.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Stack
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from test.rehearsal import engine
from test.rehearsal.docker_engine import Engine
from test.synth import new_app, new_image

DOCKERFILES = int(os.environ.get("DOCKERFILES", "60"))
BASE = "arm64-agent-image-base:1"
ARM64, OTHER = "linux/arm64", "linux/riscv64"
compared = settings(
    max_examples=DOCKERFILES,
    deadline=None,
    derandomize="DOCKERFILES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Comparison:
    """A Docker engine, and a build context that both Docker and the library read."""

    engine: Engine
    context: Path
    scratch: Path

    def write(self, dockerfile: str) -> None:
        (self.context / "Dockerfile").write_bytes(dockerfile.encode())

    def docker(self, *options: str) -> "subprocess.CompletedProcess[str]":
        command = [self.engine.docker, "buildx", "build", "--provenance=false", *options, str(self.context)]
        environment = {**os.environ, **self.engine.environment, "BUILDX_EXPERIMENTAL": "1"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def stages_of_docker(self) -> list[str] | None:
        """The names of the stages; None if Docker rejects the Dockerfile."""
        done = self.docker(f"--{self.question}=targets,format=json")
        if done.returncode:
            return None
        targets = json.loads(done.stdout)["targets"]
        return list(dict.fromkeys(target["name"] for target in targets if target.get("name")))

    @cached_property
    def question(self) -> str:
        """The option that lists the stages: `call`, or `print` in older versions of buildx."""
        return "call" if "--call" in self.docker("--help").stdout else "print"

    def stages_of_library(self) -> list[str] | None:
        """The names of the stages; None if the library leaves the Dockerfile to the build."""
        try:
            self.image(target="no such stage")
        except RuntimeError as error:
            names = re.findall(r"its stages (?:are (.*)|have no names)", str(error))[0]
            return [name for name in names.split(", ") if name]
        return None

    def platforms_of_docker(self, build_args: Mapping[str, str]) -> set[str] | None:
        """The platforms of the last stage's base image in a build for two platforms; None if the build fails.

        `scratch` has no platform.
        """
        arguments = [f"--build-arg={name}={value}" for name, value in build_args.items()]
        platform = f"--platform={ARM64},{OTHER}"
        done = self.docker(platform, *arguments, "--progress=plain", "--output=type=cacheonly")
        found = re.findall(r"^#\d+ \[(\S+) internal\] load metadata for", done.stderr, re.MULTILINE)
        return None if done.returncode else set(found)

    def platform_of_library(self, build_args: Mapping[str, str]) -> str | None:
        """The platform that the library rejects; None if it accepts the Dockerfile."""
        try:
            self.image(build_args=build_args)
        except RuntimeError as error:
            return re.split("to the platform (.*), but AgentCore", str(error))[1]
        return None

    def image(self, **props: Any) -> None:
        new_image(Stack(new_app(self.scratch), "Agent"), self.context, **props)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Comparison]:
    if sentence := engine.missing():
        pytest.skip(sentence)
    context = tmp_path_factory.mktemp("context")
    with engine.engine() as running:
        made = Comparison(running, context, tmp_path_factory.mktemp("cdk.out"))
        made.write("FROM scratch\nCOPY Dockerfile /\n")
        assert made.docker(f"--tag={BASE}", "--output=type=docker").returncode == 0
        yield made
        running.run("image", "rm", "--force", BASE)


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map("".join)


def optionally(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.just("") | part


ESCAPE = "@"
BLANKS = st.sampled_from([" ", "  ", "\t", " \t "])
INDENT = st.sampled_from(["", "", " ", "\t"])
NAMES = st.sampled_from(["a", "b", "Base", "base", "x.y", "x-y_1", "from", "as"])
CONTINUATIONS = st.sampled_from(
    ["@\n", "@ \t\n", "@\n# comment\n", "@\n\n", "@\n  # AS wrong\n \t\n", "@\n#@\n", "@\n \t@\n"]
)
PLAIN_WORDS = st.sampled_from([
    "true", "<", "<<", "<<<EOF", "$((1<<2))", "'<<EOF'", '"<<EOF"', "#", "\\", "\\\\", "`", "``",
    "a\\b", "&&", "EOF",
    "\\<<EOF", "x<<EOF", "''", "a'b'", '"\\""', "FROM scratch AS wrong", '"a <<EOF b"', "@@\n",
])  # fmt: skip
HEREDOCS = {
    "<<EOF": "EOF", "<<-EOF": "EOF", "<<'EOF'": "EOF", '<<"EOF"': "EOF", '<<E"O"F': "EOF", "3<<EOF": "EOF",
    "<<A-B": "A-B", "<<$X": "$X", "<<E\\OF": "EOF", "<<'A B'": "A B", "<<-'\tEOF'": "\tEOF",
}  # fmt: skip
BODIES = st.sampled_from([
    "FROM scratch AS wrong", "\tFROM scratch AS wrong", "EOF ", "@EOF", " EOF", "'EOF'",
    "# comment", "", "x @", "EOFF",
])  # fmt: skip
COMMANDS = st.sampled_from(["RUN ", "COPY ", "ADD ", "run\t", "ONBUILD RUN ", "onbuild  Copy "])
FROM = st.builds(
    "{}{}{}{}{}{}".format,
    INDENT,
    st.sampled_from(["FROM", "FROM", "from", "From", "FR@\nOM"]),
    BLANKS | CONTINUATIONS.map(" {}".format),
    optionally(st.sampled_from(["--platform=linux/arm64 ", "--platform=$X\t", '--platform="a b" @\n'])),
    st.sampled_from(["scratch", "scratch", "base", "${X:-scratch}"]),
    optionally(
        st.builds("{}{}{}{}".format, BLANKS, st.sampled_from(["AS", "as", "As", "@\nAS"]), BLANKS, NAMES)
        | st.sampled_from([" ", "\t"])
    ),
)
PLAIN_LINES = st.sampled_from([
    "", " ", "# comment", "  # comment @", "#", "COPY a /", "ARG X=scratch", "# escape=`",
    "USER a@@", "USER\t@\nb",
])  # fmt: skip
DIRECTIVES = {
    "`": ["# escape=`", "#escape=`", "# Escape = `  ", "#\tescape=`", " # ESCAPE=`"],
    "\\": ["", "# escape=\\", "# x\n# escape=`", "\n# escape=`", "# x=y\n# escape=`",
        "# escape: `", "## escape=`"],
}  # fmt: skip


@st.composite
def commands(draw: st.DrawFn, words: st.SearchStrategy[str], heredocs: Mapping[str, str]) -> str:
    """An instruction with a few words, and the here-documents that it begins."""
    found, bodies = [], []
    for _ in range(draw(st.integers(0, 4))):
        if draw(st.booleans()):
            found.append(draw(words))
        else:
            marker, end = draw(st.sampled_from(sorted(heredocs.items())))
            found.append(marker)
            indent = draw(st.sampled_from(["", "\t"])) if "-" in marker else ""
            bodies += [*draw(st.lists(BODIES, max_size=2)), indent + end]
    return "\n".join([draw(INDENT) + draw(COMMANDS) + " ".join(["a", *found, "x"]), *bodies])


@st.composite
def dockerfiles(draw: st.DrawFn) -> str:
    """Stages, and everything that could hide or imitate one."""
    escape = draw(st.sampled_from(sorted(DIRECTIVES)))
    middle = draw(st.lists(FROM | commands(PLAIN_WORDS | CONTINUATIONS, HEREDOCS) | PLAIN_LINES, max_size=6))
    lines = [draw(st.sampled_from(DIRECTIVES[escape])), draw(FROM), *middle, draw(FROM)]
    text = draw(optionally(st.just("\ufeff"))) + "\n".join(lines) + draw(optionally(st.just("\nUSER x\n")))
    return text.replace(ESCAPE, escape).replace("\n", draw(st.sampled_from(["\n", "\n", "\r\n"])))


COMMON_HEREDOCS = {
    "<<EOF": "EOF",
    "<<-EOF": "EOF",
    "<<'EOF'": "EOF",
    '<<"EOF"': "EOF",
    "<<main_py": "main_py",
}
COMMON_WORDS = st.sampled_from(
    ["true", "&&", "$X", "--mount=type=cache,target=/x", "\\\n", "\\\n# comment\n", ">"]
)
COMMON_LINES = st.sampled_from(
    ["", "# comment", "ARG X=scratch", "ENV A=1 \\\n  B='2'", 'CMD ["python", "a.py"]']
)
COMMON_FROM = st.builds(
    "{} {}{}{}".format,
    st.sampled_from(["FROM", "from"]),
    optionally(st.sampled_from(["--platform=linux/arm64 ", "--platform=$TARGETPLATFORM ", "\\\n  "])),
    st.sampled_from(["scratch", "scratch", "base", "${X:-scratch}"]),
    optionally(
        st.builds(" {} {}".format, st.sampled_from(["AS", "as"]), st.sampled_from(["a", "b", "base"]))
    ),
)


@st.composite
def common_dockerfiles(draw: st.DrawFn) -> str:
    """The Dockerfiles that people write."""
    command = commands(COMMON_WORDS, COMMON_HEREDOCS).filter(
        lambda text: not text.lstrip().lower().startswith("onbuild")
    )
    middle = draw(st.lists(COMMON_FROM | command | COMMON_LINES, max_size=6))
    lines = [
        draw(st.sampled_from(["", "# syntax=docker/dockerfile:1"])),
        draw(COMMON_FROM),
        *middle,
        "USER x",
        "",
    ]
    return "\n".join(lines).replace(ESCAPE, "\\").replace("\n", draw(st.sampled_from(["\n", "\n", "\r\n"])))


@compared
@given(dockerfiles())
def test_reads_the_stages_that_docker_reads_or_none(comparison: Comparison, dockerfile: str) -> None:
    comparison.write(dockerfile)
    expected, found = comparison.stages_of_docker(), comparison.stages_of_library()
    event("rejected by Docker" if expected is None else "left to the build" if found is None else "read")
    assert expected is None or found in (expected, None)


@compared
@given(common_dockerfiles())
def test_reads_the_stages_of_common_dockerfiles(comparison: Comparison, dockerfile: str) -> None:
    comparison.write(dockerfile)
    expected = comparison.stages_of_docker()
    event("rejected by Docker" if expected is None else "read")
    assert expected is None or comparison.stages_of_library() == expected


PLATFORMS = [
    "linux/arm64",
    "linux/amd64",
    "linux/arm64/v8",
    "arm64",
    "aarch64",
    "LINUX/ARM64",
    "linux/arm/v7",
]
PLATFORMS += ["amd64", "windows/amd64", "linux/x86_64", "linux/riscv64", 'linux/"arm64"', "linux/\\arm64"]
ARGUMENTS = ["P", "Q", "ARCH", "OS"]
VALUES = st.sampled_from([*PLATFORMS, "linux", "amd64", "arm64", ""])
PREDEFINED = ["TARGETPLATFORM", "TARGETARCH", "TARGETOS", "BUILDPLATFORM", "NONE"]
REFERENCES = st.builds(
    str.format,
    st.sampled_from([
        "${}", "${{{}}}", "${}", "${{{}}}", "${{{}:-linux/amd64}}", "${{{}-linux/amd64}}",
    "${{{}:+linux/amd64}}",
        "${{{}+linux/arm64}}", "${{{}:-$Q}}", "${{{}:-${{P}}}}", "${{{}%/*}}/arm64", "\\${}",
    ]),
    st.sampled_from([*ARGUMENTS, *ARGUMENTS, *PREDEFINED]),
)  # fmt: skip
EXPRESSIONS = st.one_of(
    st.sampled_from(PLATFORMS),
    REFERENCES,
    joined(st.just("linux/"), REFERENCES),
    joined(REFERENCES, st.just("/arm64")),
)
FLAGS = st.sampled_from(PLATFORMS)
QUOTED = FLAGS | st.builds(str.format, st.sampled_from(["{}", "{}", "{}", '"{}"', "'{}'"]), EXPRESSIONS)
DEFAULTS = st.builds(str.format, st.sampled_from(["{}", "{}", '"{}"', "'{}'"]), VALUES | EXPRESSIONS)
ARGS = st.lists(
    joined(st.sampled_from(ARGUMENTS), optionally(joined(st.just("="), DEFAULTS))), min_size=1, max_size=2
).map(lambda words: "ARG " + " ".join(words))


@st.composite
def platforms(draw: st.DrawFn) -> str:
    """Stages whose platforms depend on arguments and on the stages that they start from."""
    lines, bases = draw(st.lists(ARGS, max_size=3)), [BASE, BASE]
    for number in range(draw(st.integers(1, 3))):
        flag = draw(optionally(QUOTED.map("--platform={} ".format)))
        name = draw(st.sampled_from([f"stage{number}", "Twice"]))
        lines += [f"FROM {flag}{draw(st.sampled_from(bases))} AS {name}", *draw(st.lists(ARGS, max_size=1))]
        bases += [name, name.upper(), f"${{B:-{name}}}"]
    return "\n".join([*lines, "USER x", ""])


BUILD_ARGS = st.dictionaries(st.sampled_from([*ARGUMENTS, "TARGETARCH"]), VALUES, max_size=2)


@compared
@given(platforms(), BUILD_ARGS)
def test_rejects_the_platforms_that_docker_would_use_and_no_others(
    comparison: Comparison, dockerfile: str, build_args: Mapping[str, str]
) -> None:
    comparison.write(dockerfile)
    expected = comparison.platforms_of_docker(build_args)
    refused = comparison.platform_of_library(build_args)
    event("rejected" if refused else "accepted")
    if expected is None:
        event("not built by Docker")
    elif any(platform.startswith(ARM64) for platform in expected):
        assert refused is None
    elif expected:
        assert refused or is_left_to_the_build(dockerfile), expected


def is_left_to_the_build(dockerfile: str) -> bool:
    """Whether a stage depends on a variable, or on more of Docker's syntax than the library reads."""
    return any(re.search(r"[$\"'\\]", line) for line in re.findall(r"^FROM .*", dockerfile, re.MULTILINE))


def test_docker_does_not_select_stages_by_number(comparison: Comparison) -> None:
    comparison.write("FROM scratch\nCOPY Dockerfile /\nFROM scratch\nCOPY Dockerfile /\n")
    done = comparison.docker("--target=0", "--output=type=cacheonly")
    assert 'target stage "0" could not be found' in done.stderr
