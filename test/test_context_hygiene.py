"""Warnings about what rarely belongs in an image, and errors about what cannot be read."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Annotations, Stack

from arm64_agent_image import ImageBuild
from test.synth import new_image, warnings_of, write_files

ROOT = Path(__file__).parents[1]
MODES = {"local": ImageBuild.local(), "codebuild": ImageBuild.code_build()}
both_modes = pytest.mark.parametrize("mode", MODES)
MB = 1_000_000


def sparse(file: Path, size: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        stream.truncate(size)


def warnings(stack: Stack, agent: Path, mode: str = "codebuild", **props: Any) -> dict[str, str]:
    """The warnings about the build context, by id."""
    new_image(stack, agent, image_build=MODES[mode], **props)
    found = [warning.partition(" [ack: arm64-agent-image:") for warning in warnings_of(stack)]
    return {id.rstrip("]"): text for text, _, id in found if id not in ("emulation]", "containerCommand]")}


@both_modes
def test_does_not_warn_about_an_ordinary_directory(stack: Stack, agent: Path, mode: str) -> None:
    write_files(agent, {".dockerignore": "*.log\n", ".gitignore": "", ".env.example": "", "a/Dockerfile": ""})
    assert warnings(stack, agent, mode) == {}


@both_modes
def test_warns_of_directories_that_do_not_belong_in_an_image(stack: Stack, agent: Path, mode: str) -> None:
    write_files(agent, {".git/HEAD": "ref", "web/node_modules/x/index.js": "", "venv/pyvenv.cfg": ""})
    sparse(agent / ".venv/lib/torch.so", 12 * MB)
    found = warnings(stack, agent, mode)
    assert list(found) == ["unwantedFiles"]
    assert (
        "contains .venv (12 MB), .git (0.0 MB), venv (0.0 MB), web/node_modules (0.0 MB)"
        in found["unwantedFiles"]
    )
    assert found["unwantedFiles"].endswith("add to .dockerignore: .venv, .git, venv, web/node_modules")


def test_does_not_warn_of_what_is_excluded(stack: Stack, agent: Path) -> None:
    write_files(
        agent,
        {
            ".dockerignore": ".git\n**/node_modules\n.env\n",
            ".git/HEAD": "",
            "web/node_modules/index.js": "",
            ".env": "",
            "keys/id_rsa": "",
        },
    )
    assert warnings(stack, agent, exclude=["keys"]) == {}


def test_names_the_ignore_file_that_docker_reads(stack: Stack, agent: Path) -> None:
    write_files(
        agent,
        {"docker/Dockerfile": "FROM scratch\n", "docker/Dockerfile.dockerignore": "x\n", ".git/HEAD": ""},
    )
    found = warnings(stack, agent, file="docker/Dockerfile")
    assert "add to docker/Dockerfile.dockerignore: .git" in found["unwantedFiles"]


def test_warns_of_files_that_usually_hold_credentials(stack: Stack, agent: Path) -> None:
    names = [
        ".env",
        ".env.production",
        ".aws/credentials",
        "a/.netrc",
        "keys/id_ed25519",
        ".pypirc",
        "b/.ssh/config",
    ]
    write_files(agent, {**dict.fromkeys(names, "secret"), ".env.example": "", "environment": "", "aws/x": ""})
    found = warnings(stack, agent)
    assert list(found) == ["credentials"]
    assert (
        ".aws/credentials, .env, .env.production, .pypirc, a/.netrc and 2 more; add them to .dockerignore"
        in found["credentials"]
    )
    assert "secret" not in found["credentials"].replace("reads its secrets", "").replace(
        "read its secrets", ""
    )


IN_MEGABYTES = """
const fs = require('fs');
const { App, Stack } = require('aws-cdk-lib');
const { Annotations, Match } = require('aws-cdk-lib/assertions');
const { Arm64AgentRuntimeArtifact, ImageBuild } = require(process.argv[1]);
const [directory, outdir, mode] = process.argv.slice(2);
const { statSync } = fs;
fs.statSync = (...asked) => {
  const found = statSync(...asked);
  return typeof found?.size === 'number' ? Object.assign(found, { size: found.size * 1e6 }) : found;
};
const stack = new Stack(new App({ outdir }), 'Agent');
new Arm64AgentRuntimeArtifact(stack, 'Image', { directory, imageBuild: ImageBuild[mode]() });
const [{ entry }] = Annotations.fromStack(stack).findWarning('*', Match.stringLikeRegexp('contextSize'));
console.log(entry.data);
"""


def warning_of_size(agent: Path, sizes: dict[str, int], mode: str = "codeBuild") -> str:
    """The warning about a directory with files of these sizes in MB, of which only so many bytes are read."""
    write_files(agent, {name: b"x" * size for name, size in sizes.items()} | {"Dockerfile": ""})
    command = ["node", "-e", IN_MEGABYTES, str(ROOT / "lib"), str(agent), str(agent.parent / "cdk.out"), mode]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("mode", ["local", "codeBuild"])
def test_warns_of_a_large_directory_and_names_its_largest_parts(agent: Path, mode: str) -> None:
    sizes = {"models/a": 250, "data/b": 60, "data/c": 30, "big": 20, "d/e": 1, "server.py": 0}
    found = warning_of_size(agent, sizes, mode)
    assert "'directory' has 361 MB, which every deployment of new code uploads" in found
    assert "the largest parts are models (250 MB), data (90 MB), big (20 MB); exclude" in found


def test_warns_when_the_directory_is_near_the_limit_of_agentcore(agent: Path) -> None:
    found = warning_of_size(agent, {"weights.bin": 1600, "server.py": 0})
    assert "'directory' has 1600 MB, and AgentCore runs images of up to 2 GB" in found


@pytest.mark.parametrize("file", ["docker/Dockerfile", "docker/agent.Dockerfile"])
def test_warns_of_an_ignore_file_that_docker_does_not_read(stack: Stack, agent: Path, file: str) -> None:
    write_files(agent, {file: "FROM scratch\n", "docker/.dockerignore": "*.md\n", ".dockerignore": "x\n"})
    found = warnings(stack, agent, file=file)
    assert list(found) == ["ignoreFile"]
    assert "Docker does not read 'docker/.dockerignore'" in found["ignoreFile"]
    assert f"rename it to '{file}.dockerignore', with patterns relative to 'directory'" in found["ignoreFile"]


def test_warnings_can_be_acknowledged(stack: Stack, agent: Path) -> None:
    write_files(agent, {".git/HEAD": "", ".env": ""})
    for id in ("unwantedFiles", "credentials"):
        Annotations.of(stack).acknowledge_warning(f"arm64-agent-image:{id}")
    assert warnings(stack, agent) == {}


def fifo(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(path))
    bound.close()


@both_modes
@pytest.mark.parametrize(
    ("make", "kind"), [(fifo, "a FIFO"), (unix_socket, "a socket")], ids=["FIFO", "socket"]
)
def test_fails_at_once_when_a_file_is_special(
    stack: Stack,
    agent: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    make: Callable[[Path], None],
    kind: str,
) -> None:
    (agent / "run").mkdir()
    monkeypatch.chdir(agent)
    make(Path("run/special"))
    expected = (
        rf"symbolic links only, got {kind}, 'run/special'; remove it, or exclude it with \.dockerignore"
    )
    with pytest.raises(RuntimeError, match=expected):
        new_image(stack, agent, image_build=MODES[mode])
    new_image(stack, agent, "Excluded", image_build=MODES[mode], exclude=["run"])


UNREADABLE = """
const { App, Stack } = require('aws-cdk-lib');
const { Arm64AgentRuntimeArtifact, ImageBuild } = require(process.argv[1]);
const stack = new Stack(new App({ outdir: process.argv[3] }), 'Agent');
const build = (directory) => {
  try {
    new Arm64AgentRuntimeArtifact(stack, directory, { directory, imageBuild: ImageBuild.local() });
  } catch (error) {
    console.log(error.message);
  }
};
build('/no/such/directory');
if (process.getuid() === 0) {
  process.setuid(65534);
}
build(process.argv[2]);
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("secret/key", "secret/key"),
        ("secret", "secret"),
        ("Dockerfile", "/Dockerfile"),
        (".dockerignore", ".dockerignore"),
    ],
)
def test_fails_with_the_name_of_what_cannot_be_read(name: str, said: str) -> None:
    """The process gives up root, to whom the operating system refuses nothing."""
    folder = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    folder.chmod(0o755)
    agent = write_files(
        folder / "agent", {"Dockerfile": "FROM scratch\n", "secret/key": "", ".dockerignore": "x\n"}
    )
    (agent / name).chmod(0)
    command = ["node", "-e", UNREADABLE, str(ROOT / "lib"), str(agent), str(folder / "cdk.out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    error = done.stdout.splitlines()[-1]
    assert "'directory' must be readable, got EACCES for" in error, done.stderr
    assert f"{said}'; change its permissions, or exclude it with .dockerignore" in error
