"""Errors of AWS, explained to the person who deploys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..services.errors import ErrorKind, classify, error_code, error_message, summary

if TYPE_CHECKING:
    from ..cloudformation.request import Request

ALTERNATIVES = (
    "build locally (ImageBuild.local), or deploy an existing image"
    " (Arm64AgentRuntimeArtifact.fromImageTag, from_image_tag in Python)"
)
RECREATE = (
    "it was deleted outside of CloudFormation; recreate it, or remove the image from the app, deploy, and add"
    " it back"
)


def explain(error: Exception, request: Request) -> str:
    """What AWS rejected, and what to do about it."""
    code, kind, said = error_code(error), classify(error), summary(error)
    if kind is ErrorKind.ACCOUNT_WITHOUT_BUILDS:
        return (
            f"this account may not run ARM builds in CodeBuild yet ({said}): ask AWS Support or Service"
            f" Quotas to raise the number of concurrently running ARM builds, or {ALTERNATIVES}"
        )
    if kind is ErrorKind.ACCOUNT_BUSY:
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
        return f"CodeBuild has no ARM build machines of this type in this region ({said}): {ALTERNATIVES}"
    return f"AWS rejected a request for the image '{request.image_uri}' ({said})"
