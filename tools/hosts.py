"""Environments that make a CDK app run as if on another machine."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

KEPT = ("HOME", "TMPDIR", "LANG", "CDK_VALIDATION", "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION")
CHANGING_HOST = """\
import { readFileSync } from 'node:fs';
const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(NODE|JSII|SIM)/.test(name)));
const host = () => JSON.parse(readFileSync(own.SIMULATED_HOST, 'utf8'));
Object.defineProperty(process, 'arch', { get: () => host().architecture });
Object.defineProperty(process, 'env', { get: () => ({ ...own, ...host().variables }) });
"""
COMMANDS = Path(__file__).parents[1] / "build/hosts"


def environment(architecture: str, *commands: str, **variables: str) -> dict[str, str]:
    """The environment of a host of this architecture, `arm64` or `x64`, without this machine's CI variables.

    Its `PATH` has Node.js and these container commands, `docker` unless others are named: files that are
    found but not run, as at synthesis.
    """
    script = f"Object.defineProperty(process,'arch',{{value:'{architecture}'}})"
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {
        **kept,
        "PATH": os.pathsep.join(str(folder_of(command)) for command in ("node", *(commands or ("docker",)))),
        "NODE_OPTIONS": _preloading(script),
        "CDK_DEFAULT_ACCOUNT": "111122223333",
        "CDK_DEFAULT_REGION": "us-east-1",
        **variables,
    }


def changing_host(file: Path, architecture: str, *commands: str, **variables: str) -> dict[str, str]:
    """An environment in which Node.js reads the host from a file, which starts with this one.

    jsii's Node.js process keeps the environment and architecture it starts with, and takes seconds to start;
    this way, one process can be many hosts.
    """
    change_host(file, architecture, *commands, **variables)
    return {"SIMULATED_HOST": str(file), "NODE_OPTIONS": _preloading(CHANGING_HOST)}


def change_host(file: Path, architecture: str, *commands: str, **variables: str) -> None:
    """Change the host of the process that reads it from this file."""
    seen = environment(architecture, *commands, **variables)
    del seen["NODE_OPTIONS"]
    file.write_text(json.dumps({"architecture": architecture, "variables": seen}))


def _preloading(script: str) -> str:
    """The value of NODE_OPTIONS that runs a script before the program."""
    return f"--import=data:text/javascript,{quote(script, safe='(),.')}"


def folder_of(command: str) -> Path:
    """A folder with only this command: the real Node.js, or a stand-in for another command."""
    folder = COMMANDS / command
    if not folder.exists():
        COMMANDS.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(dir=COMMANDS))
        staged.chmod(0o755)
        staged.joinpath(command).symlink_to(program(command))
        try:
            staged.rename(folder)
        except OSError:
            shutil.rmtree(staged)
    return folder


def program(command: str) -> str:
    """The path of the command: of Node.js itself, not of a version manager's script, or of `false`."""
    if command == "node":
        return subprocess.check_output(["node", "-p", "process.execPath"], text=True).strip()
    found = shutil.which("false")
    assert found
    return found
