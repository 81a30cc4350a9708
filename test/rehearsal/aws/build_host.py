"""One CodeBuild host: it fetches the source with the project's role and runs the commands in bash.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from . import buildspec

PASSED_ON = ("DOCKER_HOST", "LANG", "REHEARSAL_DOCKER", "REHEARSAL_REGISTRY", "AWS_ENDPOINT_URL", "TMPDIR")


class BuildError(Exception):
    """A build that ends before its commands: the phase, CodeBuild's status code and its message."""

    def __init__(self, phase: str, code: str, message: str) -> None:
        super().__init__(message)
        self.phase, self.code = phase, code


@dataclass
class BuildHost:
    """A fresh working folder, the role's credentials, and one command at a time."""

    credentials: Mapping[str, str]
    region: str
    variables: Sequence[Mapping[str, str]]
    codebuild: Mapping[str, str]
    emit: Callable[[str], None]
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="rehearsal-build-")))
    running: subprocess.Popen[str] | None = None
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def source(self) -> Path:
        """Where the source lies and the commands run."""
        return self.folder / "src"

    def download(self, location: str) -> None:
        """Fetch `bucket/key` and unpack it."""
        bucket, _, key = location.partition("/")
        try:
            body = self._client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        except Exception as error:
            raise BuildError(
                "DOWNLOAD_SOURCE", "CLIENT_ERROR", f"error while downloading key {key}, error: {error}"
            ) from error
        self.source.mkdir()
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            for entry in archive.infolist():
                path = Path(archive.extract(entry, self.source))
                mode = entry.external_attr >> 16 & 0o777
                if mode:
                    path.chmod(mode)

    def environment(self, spec: str) -> dict[str, str]:
        """What the commands see: CodeBuild's variables, the project's and the request's, secrets resolved."""
        home = self.folder / "home"
        client = home / ".docker"
        client.mkdir(parents=True, exist_ok=True)
        if "REHEARSAL_DOCKER_CONFIG" in os.environ:
            shutil.copy(os.environ["REHEARSAL_DOCKER_CONFIG"], client / "config.json")
        return {
            **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
            **self.credentials,
            **buildspec.variables(spec),
            **{variable["name"]: self._value(variable) for variable in self.variables},
            **self.codebuild,
            "PATH": os.environ["REHEARSAL_BUILD_PATH"],
            "HOME": str(home),
            "DOCKER_CONFIG": str(client),
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "CODEBUILD_SRC_DIR": str(self.source),
        }

    def _value(self, variable: Mapping[str, str]) -> str:
        kind, value = variable.get("type", "PLAINTEXT"), variable["value"]
        if kind == "PARAMETER_STORE":
            return str(
                self._client("ssm").get_parameter(Name=value, WithDecryption=True)["Parameter"]["Value"]
            )
        if kind == "SECRETS_MANAGER":
            name, _, key = _secret_reference(value)
            text = self._client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
            return str(json.loads(text)[key]) if key else str(text)
        return value

    def _client(self, service: str) -> Any:
        keys = self.credentials
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=os.environ["AWS_ENDPOINT_URL"],
            region_name=self.region,
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=keys["AWS_SESSION_TOKEN"],
        )

    def execute(self, command: str, environment: Mapping[str, str]) -> int:
        """Run one command in bash; its output goes line by line to the build's log."""
        self.emit(f"[Container] {time.strftime('%Y/%m/%d %H:%M:%S')} Running command {command}")
        if self.ended.is_set():
            return 1
        with subprocess.Popen(
            ["bash", "-c", command],
            cwd=self.source,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            self.running = process
            assert process.stdout
            for line in process.stdout:
                self.emit(line.rstrip("\n"))
        self.running = None
        if process.returncode:
            failed = f"Command did not exit successfully {command} exit status {process.returncode}"
            self.emit(f"[Container] {time.strftime('%Y/%m/%d %H:%M:%S')} {failed}")
        return process.returncode

    def end(self) -> None:
        """End the running command and everything it started, now."""
        self.ended.set()
        process = self.running
        if process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Remove the working folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _secret_reference(value: str) -> tuple[str, str, str]:
    """The secret and the JSON key of `secret-id:json-key:version-stage:version-id`; the id may be an ARN."""
    parts = value.split(":")
    size = 7 if value.startswith("arn:") else 1
    rest = [*parts[size:], ""]
    return ":".join(parts[:size]), ":", rest[0]
