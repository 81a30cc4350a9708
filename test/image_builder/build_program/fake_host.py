"""A build host whose ``docker`` and ``aws`` record their calls and follow the test's rules."""

import json
import os
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml
from image_builder.build_program import settings
from image_builder.build_program.settings import Settings

TAG, PREVIOUS_TAG = "1" * 64, "0" * 64
HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
REPOSITORY = f"{HOST}/agent-image-1a2b3c"
IMAGE = f"{REPOSITORY}:{TAG}"
REQUESTED_AT = 1_600_000_000
PACKAGE = Path(settings.__file__).parents[1]
BUILDSPEC = PACKAGE / "build_program/buildspec.yml"

BASE = [
    "buildx",
    "build",
    "--progress=plain",
    "--platform=linux/arm64",
    "--provenance=false",
    "--sbom=false",
]
CACHE_FROM = f"--cache-from=type=registry,ref={REPOSITORY}:cache-{PREVIOUS_TAG}"
CACHE_TO = (
    f"--cache-to=type=registry,ref={REPOSITORY}:cache-{TAG},mode=max,image-manifest=true,oci-mediatypes=true"
)
CONTAINERD = {"'docker info'*": """echo '[["driver-type","io.containerd.snapshotter.v1"]]'"""}
CLASSIC = {"'docker info'*": """echo '[["Backing Filesystem","extfs"]]'"""}
ARM64_IMAGE = {
    "'docker image inspect'*": """echo '[{"Os": "linux", "Architecture": "arm64", "Size": 1000}]'"""
}

_PROGRAM = """#!/bin/bash
call=$RECORD/$EPOCHREALTIME-$BASHPID
name=${0##*/}
printf '%s' "$PWD" > "$call.cwd"
[[ " $* " == *" --password-stdin "* ]] && cat > "$call.stdin"
printf '%s\\0' "$name" "$@" > "$call.argv"
case "$name $*" in
RULES
'aws s3 cp '*) cp "$BUCKETS/${3#s3://}" "$4" || exit 1 ;;
'docker create '*) echo 'no command specified' >&2; exit 1 ;;
'docker buildx imagetools '*) exit 1 ;;
esac
exit 0
"""

HOSTILE = {
    "spaces": "a b  c",
    "double quotes": 'say "hi"',
    "single quotes": "it's 'quoted'",
    "both quotes": """'"'"'""",
    "a variable": "$HOME ${PATH}",
    "a substitution": "$(touch $CANARY)",
    "backticks": "`touch $CANARY`",
    "a semicolon": "x; touch $CANARY",
    "an ampersand": "x && touch $CANARY & touch $CANARY",
    "a pipe": "x | touch $CANARY",
    "a redirection": "x > $CANARY < /etc/passwd",
    "a newline": "one\ntwo\n\nthree",
    "a newline and a command": "one\ntouch $CANARY\n",
    "carriage returns": "one\r\ntwo\r",
    "tabs": "\ta\tb\t",
    "backslashes": "\\ \\\\ \\n \\x41 \\' a\\",
    "trailing blanks": "value   ",
    "leading blanks": "   value",
    "json": '{"key": ["value", 1, null, "$(id)", "\\n"]}',
    "pem": "-----BEGIN CERTIFICATE-----\nMIIB+jCCAWOgAwIBAgI=\n-----END CERTIFICATE-----\n",
    "non-ascii": "na\u00efve caf\u00e9 \u2013 \u65e5\u672c\u8a9e",
    "beyond the basic plane": "\U0001f9be \U0001d518\U0001d52b\U0010ffff",
    "line separators": "a\u0085b\u2028c\u2029d",
    "a byte order mark": "\ufeffx",
    "control characters": "".join(map(chr, range(1, 32))) + "\x7f\x80\x9f",
    "empty": "",
    "a leading dash": "-x",
    "leading dashes": "--push",
    "a dash": "-",
    "two dashes": "--",
    "globs": "* ? [a-z] {a,b} ~ ~root",
    "history": "!! !x ^a^b",
    "a comment": "# x",
    "a percent": "%s %d %%",
    "equals": "a=b=c",
    "a comma": "a,b",
    "yaml": "- a: &b *c | > ! % @ `",
    "a colon": "key: value #x",
    "a heredoc": "<<EOF\nx\nEOF",
    "ansi quoting": "$'\\x41' $\"x\"",
    "brackets": "[[ 1 ]] (( 1 )) { x; }",
}


@dataclass(frozen=True)
class Call:
    """One call of ``docker`` or ``aws``."""

    name: str
    arguments: list[str]
    cwd: Path
    stdin: str | None


@dataclass(frozen=True)
class Result:
    """The outcome of a build's phases."""

    log: str
    failed_phase: str | None


@dataclass
class FakeHost:
    """A build host in its own folder."""

    root: Path
    rules: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str | None] = field(default_factory=dict)
    python_options: str = ""

    @property
    def source(self) -> Path:
        """The folder that CodeBuild unpacks the project's source to, which is the program."""
        return self.root / "source"

    @property
    def context(self) -> Path:
        """The build context."""
        return self.root / "tmp/arm64-agent-image/context"

    @property
    def canary(self) -> Path:
        """The file that hostile values create when a shell evaluates them."""
        return self.root / "canary"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a build."""
        variables: dict[str, str | None] = {
            "PATH": f"{self.root}/bin:/usr/bin:/bin",
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.root / "tmp"),
            "DOCKER_HOST": "unix:///no/engine/of/this/machine.sock",
            "PYTHONDONTWRITEBYTECODE": "1",
            "RECORD": str(self.root / "record"),
            "BUCKETS": str(self.root / "buckets"),
            "CANARY": str(self.canary),
            "AWS_REGION": "eu-west-1",
            "CODEBUILD_BUILD_ARN": "arn:aws:codebuild:eu-west-1:123456789012:build/Project:7c9e6679",
            "CODEBUILD_START_TIME": f"{REQUESTED_AT + 10}000",
            "IMAGE_REPOSITORY": REPOSITORY,
            "IMAGE_TAG": TAG,
            "LAYER_CACHE": "true",
            "KEEP_PLAN": "true",
            "REQUESTED_AT": str(REQUESTED_AT),
            "SOURCE": "assets/source.zip",
            "PARAMETERS": "assets/parameters.json",
            **self.variables,
        }
        return {name: value for name, value in variables.items() if value is not None}

    @property
    def settings(self) -> Settings:
        """The settings of the build, with this machine's folder."""
        return replace(settings.read(self.environment), folder=self.root / "tmp/arm64-agent-image")

    @property
    def calls(self) -> list[Call]:
        """All calls, in order."""
        return [_read(file) for file in sorted((self.root / "record").glob("*.argv"))]

    def docker(self, *beginning: str) -> list[list[str]]:
        """The arguments of the calls of docker that begin so."""
        return self._calls_of("docker", beginning)

    def aws(self, *beginning: str) -> list[list[str]]:
        """The arguments of the calls of the AWS CLI that begin so."""
        return self._calls_of("aws", beginning)

    def _calls_of(self, name: str, beginning: Sequence[str]) -> list[list[str]]:
        arguments = [call.arguments for call in self.calls if call.name == name]
        return [words for words in arguments if words[: len(beginning)] == list(beginning)]

    def install(self) -> None:
        """Write the programs with the rules of now."""
        for folder in ("bin", "home", "record", "source", "tmp", "buckets/assets"):
            (self.root / folder).mkdir(exist_ok=True, parents=True)
        if not (self.source / "image_builder").exists():
            (self.source / "image_builder").symlink_to(PACKAGE)
        cases = "\n".join(f"{pattern}) {body} ;;" for pattern, body in self.rules.items())
        recorder = _PROGRAM.replace("RULES", cases)
        python = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {self.python_options} "$@"\n'
        for name, text in {"docker": recorder, "aws": recorder, "python3": python}.items():
            program = self.root / "bin" / name
            program.write_text(text)
            program.chmod(0o755)

    def upload(self, files: Mapping[str, str] | None = None, **parameters: object) -> None:
        """Put a source archive and the parameters of its build into the bucket."""
        folder = self.root / "buckets/assets"
        folder.mkdir(exist_ok=True, parents=True)
        with zipfile.ZipFile(folder / "source.zip", "w") as archive:
            for name, text in {"Dockerfile": "FROM scratch\n", **(files or {})}.items():
                archive.writestr(name, text)
        document = json.dumps({"file": "Dockerfile", **parameters})
        (folder / "parameters.json").write_text(document)

    def run(self, *phases: str) -> Result:
        """Run the buildspec's phases, or these of them, until one fails."""
        self.install()
        log = ""
        for name, phase in yaml.safe_load(BUILDSPEC.read_text())["phases"].items():
            for command in phase["commands"] if not phases or name in phases else ():
                done = subprocess.run(
                    ["bash", "-c", command],
                    cwd=self.source,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    check=False,
                    timeout=120,
                )
                log += done.stdout.decode(errors="replace")
                if done.returncode:
                    return Result(log, name)
        return Result(log, None)


def first_time(failure: str, then: str = "") -> str:
    """The body of a rule that fails only at its first call."""
    return f'if mkdir "$RECORD/failed" 2>/dev/null; then {failure}; fi; {then}'


def at_once(own: str, other: str) -> str:
    """The beginning of a rule that fails unless the other one's call begins before this one ends."""
    met = f'[[ -e "$RECORD/{other}" ]]'
    return (
        f'touch "$RECORD/{own}"; for _ in {{1..200}}; do {met} && break; sleep 0.1; done; {met} || exit 1; '
    )


def lost_race(said: str) -> dict[str, str]:
    """The rules of a push that fails with this message while another build pushes the image."""
    return {
        "'docker push '*": f"touch $RECORD/pushed; echo '{said}'; exit 1",
        "'docker buildx imagetools '*": "test -e $RECORD/pushed || exit 1",
    }


def _read(file: Path) -> Call:
    name, *arguments = file.read_bytes().decode().split("\0")[:-1]
    stdin = file.with_suffix(".stdin")
    cwd = Path(os.fsdecode(file.with_suffix(".cwd").read_bytes()))
    return Call(name, arguments, cwd, stdin.read_bytes().decode() if stdin.exists() else None)
