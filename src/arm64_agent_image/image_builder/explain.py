"""Errors of AWS as sentences that say what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .aws import ErrorKind, classify, error_code, error_message
from .errors import printable, truncate

if TYPE_CHECKING:
    from .request import Request

NO_CODEBUILD = (
    "build with ImageBuild.local(), or deploy a prebuilt image with"
    " Arm64AgentRuntimeArtifact.fromEcrRepository()"
)
RECREATE = (
    "it was deleted outside of CloudFormation; recreate it, or remove the image from the app, deploy, and add"
    " it back"
)
_BUILDS_IN_QUEUE = re.compile(r"more than (\d+) builds? in queue")


def allows_no_build(error: Exception) -> bool:
    """Whether the account may run no build at all, which waiting does not change."""
    found = _BUILDS_IN_QUEUE.search(error_message(error))
    return classify(error) is ErrorKind.ACCOUNT_LIMIT and found is not None and found[1] == "0"


def quote(error: Exception) -> str:
    """The service's code and message on one line."""
    return truncate(f"{error_code(error)}: {printable(error_message(error))}", 600)


def explain(error: Exception, request: Request) -> str:
    """What AWS refused, and what to change."""
    code, kind, said = error_code(error), classify(error), quote(error)
    if allows_no_build(error):
        return (
            f"this account may not run ARM builds in CodeBuild yet ({said}): ask AWS Support or Service"
            f" Quotas to raise the number of concurrently running ARM builds, or {NO_CODEBUILD}"
        )
    if kind is ErrorKind.ACCOUNT_LIMIT:
        return (
            "no build could start in time, because other builds use all the capacity of this account"
            f" ({said}): deploy again when they have finished, deploy fewer images at once, or ask Service"
            " Quotas for more concurrently running ARM builds"
        )
    if kind is ErrorKind.ACCESS_DENIED:
        return (
            f"access is still denied although IAM has had time to propagate new permissions ({said}): check"
            " for a permissions boundary, service control policy or VPC endpoint policy that denies it, then"
            " deploy again"
        )
    if kind is ErrorKind.TRANSIENT:
        return f"AWS returned a transient error ({said}): deploy again"
    if code == "RepositoryNotFoundException":
        return (
            f"the repository '{request.repository_name}' does not exist in account {request.registry_id}"
            f" ({said}): {RECREATE}"
        )
    if code == "ResourceNotFoundException":
        return f"the CodeBuild project '{request.project_name}' does not exist ({said}): {RECREATE}"
    if code == "StateMachineDoesNotExist":
        return f"the state machine that waits for builds does not exist ({said}): {RECREATE}"
    if code == "InvalidInputException" and re.search(r"not supported for ARM_", error_message(error)):
        return f"CodeBuild has no such ARM machines in this region ({said}): {NO_CODEBUILD}"
    return f"AWS refused a request for the image '{request.image_uri}' ({said})"
