"""Environments that make a CDK app believe it runs on another machine."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

KEPT = ("HOME", "TMPDIR", "LANG", "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION")
COMMANDS = Path(__file__).parents[1] / "build/hosts"


def environment(architecture: str, *commands: str, **variables: str) -> dict[str, str]:
    """A host of this architecture, `arm64` or `x64`, without the CI variables of this one.

    Its `PATH` has Node.js and these container commands, `docker` unless others are named: files that are
    found but not run, as at synthesis.
    """
    script = quote(f"Object.defineProperty(process,'arch',{{value:'{architecture}'}})", safe="(),.")
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {
        **kept,
        "PATH": os.pathsep.join(str(folder_of(command)) for command in ("node", *(commands or ("docker",)))),
        "NODE_OPTIONS": f"--import=data:text/javascript,{script}",
        "CDK_DEFAULT_ACCOUNT": "111122223333",
        "CDK_DEFAULT_REGION": "us-east-1",
        **variables,
    }


def folder_of(command: str) -> Path:
    """A folder with nothing but this command: Node.js as it is here, or a stand-in for another."""
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
    """What the command is: Node.js itself, rather than a version manager's script, or `false`."""
    if command == "node":
        return subprocess.check_output(["node", "-p", "process.execPath"], text=True).strip()
    found = shutil.which("false")
    assert found
    return found
