"""The account that the scenarios deploy to: the rehearsal's, or a real one that the environment names."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from test.rehearsal import cdk_cli
from test.rehearsal.emulated_aws import ACCOUNT as EMULATED_ACCOUNT
from test.rehearsal.environment import AMD64_BASE, PROJECT, PYTHON_BASE, Environment

VARIABLE = "ACCEPTANCE_ACCOUNT"
PUBLIC_PYTHON_BASE = "public.ecr.aws/docker/library/python:3.13-slim"
DEPLOY_SECONDS = 4500.0


class UnusableAccountError(Exception):
    """The account cannot be used; the text says what to do."""


@dataclass(frozen=True)
class Target:
    """An account with the CDK CLI that deploys to it, and the base images that builds find in it."""

    account: str
    region: str
    session: Any
    environment: Mapping[str, str]
    folder: Path
    run: str
    python_base: str
    amd64_base: str
    is_real: bool

    def client(self, service: str) -> Any:
        """A boto3 client with the credentials of the deployment."""
        return self.session.client(service)

    def cdk(self, *arguments: str) -> cdk_cli.Outcome:
        """Run a command of the CDK CLI and wait for it."""
        launcher = cdk_cli.launcher(cdk_cli.program(PROJECT / "node_modules"), fast_polling=not self.is_real)
        return cdk_cli.run([*launcher, *arguments], self.environment, self.folder, DEPLOY_SECONDS)

    @property
    def lacks_docker(self) -> str | None:
        """Why this machine cannot build images for this target, if so."""
        command = self.environment.get("CDK_DOCKER", "docker")
        return (
            None if shutil.which(command) else f"local builds need '{command}', which is not on this machine"
        )


def emulated(environment: Environment) -> Target:
    """The rehearsal's account."""
    region = environment.aws.region.name
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=region)
    return Target(
        account=EMULATED_ACCOUNT,
        region=region,
        session=_Endpoint(session, environment.aws.endpoint),
        environment=environment.cdk.environment(),
        folder=environment.folder,
        run="Rehearsal",
        python_base=PYTHON_BASE,
        amd64_base=AMD64_BASE,
        is_real=False,
    )


@contextlib.contextmanager
def real(wanted: str) -> Iterator[Target]:
    """The account whose id is given, with the credentials and the region of the environment.

    :raises UnusableAccountError: when the credentials are of another account, or it is not bootstrapped.
    """
    session = boto3.Session()
    if session.region_name is None:
        raise UnusableAccountError("no region: set AWS_REGION to the region to deploy to")
    account = session.client("sts").get_caller_identity()["Account"]
    if account != wanted:
        raise UnusableAccountError(
            f"{VARIABLE} must be the account of the credentials, got '{wanted}' with credentials of {account}"
        )
    _require_bootstrap(session, account)
    folder = Path(tempfile.mkdtemp(prefix="arm64-acceptance-"))
    try:
        yield Target(
            account=account,
            region=session.region_name,
            session=session,
            environment={**os.environ, "AWS_REGION": session.region_name, "CI": "true"},
            folder=folder,
            run=f"Acceptance{secrets.token_hex(3)}",
            python_base=PUBLIC_PYTHON_BASE,
            amd64_base=PUBLIC_PYTHON_BASE,
            is_real=True,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _require_bootstrap(session: Any, account: str) -> None:
    """The default bootstrap stack leaves its version in this parameter.

    https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
    """
    ssm = session.client("ssm")
    try:
        ssm.get_parameter(Name="/cdk-bootstrap/hnb659fds/version")
    except ssm.exceptions.ParameterNotFound as error:
        place = f"aws://{account}/{session.region_name}"
        raise UnusableAccountError(f"{place} is not bootstrapped: run `cdk bootstrap {place}`") from error


@dataclass(frozen=True)
class _Endpoint:
    """A session whose clients all talk to one endpoint."""

    session: boto3.Session
    url: str

    def client(self, service: str) -> Any:
        return self.session.client(service, endpoint_url=self.url)  # type: ignore[call-overload]
