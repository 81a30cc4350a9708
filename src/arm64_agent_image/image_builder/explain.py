"""Errors of AWS in words that say what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .aws import Trouble, classify, error_code, error_message
from .failure import plain, shorten

if TYPE_CHECKING:
    from .properties import Properties

NO_CODEBUILD = (
    "build with ImageBuild.local(), or deploy a prebuilt image with"
    " Arm64AgentRuntimeArtifact.fromEcrRepository()"
)
_BUILDS_IN_QUEUE = re.compile(r"more than (\d+) builds? in queue")


def allows_no_build(error: Exception) -> bool:
    """Whether the account may run no build at all, which waiting does not change."""
    found = _BUILDS_IN_QUEUE.search(error_message(error))
    return classify(error) is Trouble.ACCOUNT_LIMIT and found is not None and found[1] == "0"


def explain(error: Exception, properties: Properties) -> str:
    """One sentence: what AWS refused, and what to change."""
    code, trouble = error_code(error), classify(error)
    said = shorten(f"{code}: {plain(error_message(error))}", 600)
    if allows_no_build(error):
        return (
            f"this account may run no ARM builds in CodeBuild yet ({said}): ask AWS Support, or Service"
            f" Quotas, for a higher number of concurrently running ARM builds, or {NO_CODEBUILD}"
        )
    if trouble is Trouble.ACCOUNT_LIMIT:
        return (
            f"no build could start, other builds take all that this account may run at once ({said}): deploy"
            " again when they have ended, or ask Service Quotas for more concurrently running ARM builds"
        )
    if trouble is Trouble.ACCESS_DENIED:
        return (
            f"access is still denied after the time that IAM takes to make new permissions known ({said}):"
            " check for a permissions boundary, service control policy or VPC endpoint policy that denies it,"
            " then deploy again"
        )
    if trouble is Trouble.TRANSIENT:
        return f"AWS did not answer as it should ({said}): deploy again"
    if code == "RepositoryNotFoundException":
        return (
            f"the repository '{properties.repository_name}' does not exist in account"
            f" {properties.registry_id} ({said}): it was deleted outside of CloudFormation, make it again or"
            " take the image out of the app and deploy twice"
        )
    if code == "ResourceNotFoundException":
        return (
            f"the CodeBuild project '{properties.project_name}' does not exist ({said}): it was deleted"
            " outside of CloudFormation, make it again or take the image out of the app and deploy twice"
        )
    if code == "InvalidInputException" and re.search(
        r"\bARM|environment type|compute type", error_message(error)
    ):
        return f"CodeBuild has no such ARM machines in this region ({said}): {NO_CODEBUILD}"
    return f"AWS refused a request for image '{properties.image_uri}' ({said})"
