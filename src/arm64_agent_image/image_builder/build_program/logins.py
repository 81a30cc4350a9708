"""Logs in to the image's own registry, to those of the registry credentials, and to Amazon ECR Public."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor

from .process import BuildError, CommandError, output
from .retry import retry_denied
from .settings import Registry, Settings

ECR_PUBLIC, ECR_PUBLIC_REGION = "public.ecr.aws", "us-east-1"


def log_in(settings: Settings) -> None:
    """Log in to every registry; a failure for ECR Public is ignored, since it allows anonymous pulls.

    Docker logs in to one registry at a time, because each login rewrites the same file.

    :raises CommandError: when AWS or a registry rejects the login.
    """
    with ThreadPoolExecutor() as pool:
        public = pool.submit(_password, "ecr-public", ECR_PUBLIC_REGION) if settings.has_ecr_public else None
        _to_ecr(settings, settings.region, settings.registry_host)
        for registry in settings.registries:
            _to_registry(settings, registry)
        if public is not None:
            _to_ecr_public(public)


def _to_registry(settings: Settings, registry: Registry) -> None:
    if registry.region:
        _to_ecr(settings, registry.region, registry.server)
        return
    username = os.environ.get(registry.username_variable)
    password = os.environ.get(registry.password_variable)
    if username is None or password is None:
        raise BuildError(f"the build has no credentials for {registry.server}")
    _docker_login(registry.server, username, password)


def _to_ecr_public(password: Future[str]) -> None:
    try:
        _docker_login(ECR_PUBLIC, "AWS", password.result())
    except CommandError as error:
        print(f"notice: could not log in to ECR Public, pulling its images anonymously: {error}")


def _to_ecr(settings: Settings, region: str, host: str) -> None:
    password = retry_denied(lambda: _password("ecr", region), settings.requested_at)
    _docker_login(host, "AWS", password)


def _password(service: str, region: str) -> str:
    return output(["aws", service, "get-login-password", f"--region={region}"]).strip()


def _docker_login(server: str, username: str, password: str) -> None:
    output(["docker", "login", f"--username={username}", "--password-stdin", "--", server], stdin=password)
    print(f"logged in to {server}")
