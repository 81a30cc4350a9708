"""The emulated AWS account: the process that serves it, and what it holds."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from . import shared_files
from .aws.namespace import remove_all
from .docker_engine import Engine
from .patience import wait_for
from .processes import answers, free_port, spawn, stop, wait_until
from .progress import step

ACCOUNT = "123456789012"
WAIT_SCALE = "0.2"
DELETION_POLL_SECONDS = 0.2
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Region:
    """A region, its partition and the domain of its endpoints."""

    partition: str = "aws"
    name: str = "us-east-1"
    url_suffix: str = "amazonaws.com"

    @property
    def registry(self) -> str:
        """The host name of the account's ECR registry."""
        return f"{ACCOUNT}.dkr.ecr.{self.name}.{self.url_suffix}"


DEFAULT_REGION = Region()


@dataclass(frozen=True)
class EmulatedAws:
    """An emulated account on one port of 127.0.0.1."""

    folder: Path
    port: int
    region: Region = DEFAULT_REGION

    @property
    def endpoint(self) -> str:
        """The endpoint of every AWS API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def registry(self) -> str:
        """The registry's host and port, for docker."""
        return f"127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """The variables that make an AWS SDK use this account and nothing else."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": self.region.name,
            "AWS_DEFAULT_REGION": self.region.name,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def client(self, service: str, read_timeout: float = 60) -> Any:
        """A boto3 client of the account's administrator."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name=self.region.name,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(read_timeout=read_timeout),
        )

    def journal(self, kind: str = "", since: float = 0.0) -> list[dict[str, Any]]:
        """The events in the account, oldest first."""
        path = self.folder / "journal.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        of_kind = [line for line in lines if f'"kind": "{kind}' in line]
        events: list[dict[str, Any]] = [json.loads(line) for line in of_kind]
        return [event for event in events if event["at"] >= since and (not kind or event["kind"] == kind)]

    def builds(self, since: float = 0.0) -> list[str]:
        """The ids of the builds that were started."""
        return [event["id"] for event in self.journal("build", since) if event["status"] == "IN_PROGRESS"]

    def ends_of_builds(self, since: float = 0.0) -> list[str]:
        """The statuses of the builds that were started, once they have ended.

        A deployment waits for its image only: the build then still writes its layer cache.
        """
        builds = self.builds(since)

        def running() -> set[str]:
            return set(builds) - self._ends_of(builds).keys()

        wait_for(lambda: not running(), lambda: f"builds that have not ended: {running()}")
        ends = self._ends_of(builds)
        return [ends[build] for build in builds]

    def _ends_of(self, builds: list[str]) -> dict[str, str]:
        return {
            event["id"]: event["status"]
            for event in self.journal("build")
            if event["id"] in builds and event["status"] != "IN_PROGRESS"
        }

    def plan_fault(self, kind: str, times: int = 1, **details: Any) -> None:
        """Make the next `times` operations of this kind fail."""
        path = self.folder / "faults.json"
        planned = json.loads(path.read_text()) if path.exists() else []
        shared_files.write(path, [*planned, {"kind": kind, "times": times, **details}])

    def clear_faults(self) -> None:
        """Remove all planned faults and the limit of builds."""
        shared_files.write(self.folder / "faults.json", [])
        self.limit_builds(None)

    def limit_builds(self, running: int | None) -> None:
        """Limit the builds that run at a time; five times as many may be queued."""
        shared_files.write(self.folder / "limits.json", {"running": running})

    def delete_stack(self, name: str) -> None:
        """Delete a stack and wait until it is gone."""
        cloudformation = self.client("cloudformation")
        cloudformation.delete_stack(StackName=name)
        waiting = {"Delay": DELETION_POLL_SECONDS, "MaxAttempts": 600}
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig=waiting)

    def now(self) -> float:
        """The current time, for `since`."""
        return time.time()


@contextlib.contextmanager
def emulated_aws(folder: Path, engine: Engine, region: Region = DEFAULT_REGION) -> Iterator[EmulatedAws]:
    """An account for the duration of the block."""
    served = EmulatedAws(folder, free_port(), region)
    log = folder / "aws.log"
    environment = {
        **os.environ,
        **served.environment(),
        **engine.environment,
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "EDGE_PORT": str(served.port),
        "GATEWAY_PORT": str(served.port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": region.name,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "SFN_WAIT_SCALE": WAIT_SCALE,
        "LOG_LEVEL": "INFO",
        "NODE_PATH": str(HERE / "shims"),
        "PYTHONPATH": str(HERE.parents[1]),
        "TMPDIR": str(folder / "tmp"),
        "REHEARSAL_FOLDER": str(folder),
        "REHEARSAL_PARTITION": region.partition,
        "REHEARSAL_URL_SUFFIX": region.url_suffix,
        "REHEARSAL_DOCKER_CONFIG": f"{engine.environment['DOCKER_CONFIG']}/config.json",
        "REHEARSAL_LAUNCHERS": str(_launchers(folder, engine.docker, served.registry)),
    }
    if engine.packages:
        environment["REHEARSAL_ENGINE_PACKAGES"] = str(engine.packages)
    (folder / "tmp").mkdir()
    with step("starting the emulated AWS"):
        process = spawn([sys.executable, "-m", "test.rehearsal.aws"], log, environment, cwd=folder)
        try:
            wait_until(lambda: answers(served.port), "the emulated AWS", process, log)
        except BaseException:
            stop(process)
            raise
    try:
        yield served
    finally:
        stop(process)
        remove_all(folder / "tmp")


def _launchers(folder: Path, docker: str, registry: str) -> Path:
    """The commands of CodeBuild's image that are not the machine's own: docker, aws and python3."""
    target = folder / "bin"
    target.mkdir()
    base = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
    bare = f'"{base}" -I -S "{HERE}/shims'
    commands = {
        "docker": f'{bare}/docker.py" "{docker}" "{registry}"',
        "aws": f'"{sys.executable}" "{HERE}/shims/aws.py"',
        "python3": f'{bare}/python3.py" "{base}"',
    }
    for name, command in commands.items():
        launcher = target / name
        launcher.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        launcher.chmod(0o755)
    return target
