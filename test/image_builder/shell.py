"""Runs a buildspec in real bash as CodeBuild would; ``docker`` and ``aws`` only record their argv."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import yaml

Mode = Literal["one process", "process per phase", "process per command", "errexit per phase"]
MODES: tuple[Mode, ...] = ("one process", "process per phase", "process per command", "errexit per phase")

RECORDER = """#!/bin/bash
call=$RECORD/$EPOCHREALTIME-$BASHPID
name=${0##*/}
printf '%s\\0' "$name" "$@" > "$call.argv"
[[ " $* " == *" --password-stdin "* ]] && cat > "$call.stdin"
case "$name $*" in
RULES
esac
exit 0
"""


@dataclass
class Result:
    """What a build did."""

    calls: list[list[str]]
    inputs: list[str]
    log: str
    failed_phase: str | None

    def docker(self, *beginning: str) -> list[list[str]]:
        """The calls of docker whose arguments begin so."""
        return [
            c[1:] for c in self.calls if c[0] == "docker" and tuple(c[1 : 1 + len(beginning)]) == beginning
        ]


@dataclass
class Machine:
    """A build machine in a folder of its own."""

    root: Path
    rules: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> Path:
        """The folder that CodeBuild unpacks the source to."""
        return self.root / "source"

    def run(self, document: str, mode: Mode = "process per phase") -> Result:
        """Runs the phases; a failing phase skips what CodeBuild would skip with ``on-failure: ABORT``."""
        spec = yaml.safe_load(document)
        assert spec == json.loads(document)
        assert spec["version"] == "0.2"
        assert spec["env"] == {"shell": "bash"}
        self._install()
        log, failed = "", None
        if mode == "one process":
            everything = [c for phase in spec["phases"].values() for c in phase["commands"]]
            code, log = self._bash(until_failure(everything))
            failed = "some" if code else None
        else:
            for name, phase in spec["phases"].items():
                assert phase["on-failure"] == "ABORT"
                code, output = self._phase(phase["commands"], mode)
                log += output
                if code:
                    failed = name
                    break
        return Result(self._calls(), self._inputs(), log, failed)

    def _phase(self, commands: list[str], mode: Mode) -> tuple[int, str]:
        if mode == "errexit per phase":
            return self._bash("set -e\n" + "\n".join(commands))
        if mode == "process per phase":
            return self._bash(until_failure(commands))
        log = ""
        for command in commands:
            code, output = self._bash(command)
            log += output
            if code:
                return code, log
        return 0, log

    def _bash(self, script: str) -> tuple[int, str]:
        environment = {
            "PATH": f"{self.root}/bin:/usr/bin:/bin",
            "HOME": str(self.root / "home"),
            "RECORD": str(self.root / "record"),
            "CANARY": str(self.root / "canary"),
            **self.variables,
        }
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.source,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=60,
        )
        return done.returncode, done.stdout.decode("utf-8", "replace")

    def _install(self) -> None:
        for folder in ("bin", "home", "record", "source"):
            (self.root / folder).mkdir(exist_ok=True, parents=True)
        cases = "\n".join(f"{pattern}) {body} ;;" for pattern, body in self.rules.items())
        for name in ("docker", "aws"):
            program = self.root / "bin" / name
            program.write_text(RECORDER.replace("RULES", cases))
            program.chmod(0o755)

    def _calls(self) -> list[list[str]]:
        files = sorted((self.root / "record").glob("*.argv"))
        return [file.read_bytes().decode().split("\0")[:-1] for file in files]

    def _inputs(self) -> list[str]:
        return [file.read_text() for file in sorted((self.root / "record").glob("*.stdin"))]


def until_failure(commands: list[str]) -> str:
    """The commands in one shell, each on its own, up to the first that fails."""
    return "\n".join(f"{{\n{command}\n}}\ncode=$?; [ $code = 0 ] || exit $code" for command in commands)
