"""Builds in AWS CodeBuild: found, started, stopped.

Each request of CloudFormation gets one build. CodeBuild keeps an idempotency token for five minutes and
rejects different parameters with it. After that, or when the response to StartBuild was lost, the build is
found by the request id in its environment.
https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .errors import AWS_ERRORS

if TYPE_CHECKING:
    from mypy_boto3_codebuild import CodeBuildClient
    from mypy_boto3_codebuild.type_defs import BuildTypeDef, EnvironmentVariableTypeDef

    from ..cloudformation.request import Request

REQUEST_VARIABLE, TAG_VARIABLE = "REQUEST_ID", "IMAGE_TAG"
WAITING_PHASES = ("SUBMITTED", "QUEUED", "PROVISIONING")
COMMAND_PHASES = ("INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD")
ATTEMPTS = 2


def recent(codebuild: CodeBuildClient, project_name: str) -> list[BuildTypeDef]:
    """The project's newest builds, at most a hundred, newest first.

    That is the default order of ListBuildsForProject, which rejects an explicit order for a project with more
    builds.
    """
    ids = codebuild.list_builds_for_project(projectName=project_name).get("ids", [])[:100]
    found = codebuild.batch_get_builds(ids=ids)["builds"] if ids else []
    return sorted(found, key=lambda build: ids.index(build["id"]))


def get(codebuild: CodeBuildClient, build_id: str) -> BuildTypeDef | None:
    """The build, or None when CodeBuild does not know it."""
    return next(iter(codebuild.batch_get_builds(ids=[build_id])["builds"]), None)


def find(codebuild: CodeBuildClient, request: Request, attempt: int) -> BuildTypeDef | None:
    """The build of this attempt, whatever its status, or else a running build of the same image."""
    builds, token = recent(codebuild, request.project_name), attempt_token(request, attempt)
    of_request = (b for b in builds if variable(b, REQUEST_VARIABLE) == token)
    of_image = (b for b in builds if is_running(b) and variable(b, TAG_VARIABLE) == request.image_tag)
    return next(of_request, None) or next(of_image, None)


def start(codebuild: CodeBuildClient, request: Request, attempt: int, requested_at: int) -> BuildTypeDef:
    """Start the build of this attempt; a repeated call starts no second one."""
    token = attempt_token(request, attempt)
    values = {
        TAG_VARIABLE: request.image_tag,
        REQUEST_VARIABLE: token,
        "REQUESTED_AT": str(requested_at),
        "SOURCE": request.source,
        "PARAMETERS": request.parameters,
        "PREVIOUS_IMAGE_TAG": request.previous_image_tag,
    }
    variables: list[EnvironmentVariableTypeDef] = [
        {"name": name, "value": value, "type": "PLAINTEXT"} for name, value in values.items() if value
    ]
    return codebuild.start_build(
        projectName=request.project_name, idempotencyToken=token, environmentVariablesOverride=variables
    )["build"]


def stop(codebuild: CodeBuildClient, builds: Iterable[BuildTypeDef]) -> None:
    """Stop the builds that are running; an error with one does not keep the others running."""
    for build in filter(is_running, builds):
        try:
            codebuild.stop_build(id=build["id"])
            print(f"stopped build {build['id']}")
        except AWS_ERRORS as error:
            print(f"could not stop build {build['id']}: {error}")


def stop_own(codebuild: CodeBuildClient, request: Request) -> None:
    """Stop the builds that this request started, as far as AWS responds."""
    tokens = {attempt_token(request, attempt) for attempt in range(1, ATTEMPTS + 1)}
    try:
        builds = recent(codebuild, request.project_name)
    except AWS_ERRORS as error:
        print(f"could not list the builds to stop: {error}")
        return
    stop(codebuild, (build for build in builds if variable(build, REQUEST_VARIABLE) in tokens))


def attempt_token(request: Request, attempt: int) -> str:
    """The idempotency token of an attempt to build for the request."""
    return request.token if attempt == 1 else f"{request.token}-{attempt}"


def is_running(build: BuildTypeDef) -> bool:
    """Whether the build has not ended."""
    return build.get("buildStatus") == "IN_PROGRESS"


def is_waiting(build: BuildTypeDef) -> bool:
    """Whether the build has no machine yet."""
    return build.get("currentPhase") in WAITING_PHASES


def variable(build: BuildTypeDef, name: str) -> str | None:
    """The value of a variable in the build's environment."""
    variables = build.get("environment", {}).get("environmentVariables", [])
    return next((v["value"] for v in variables if v["name"] == name), None)


def failing_phase(build: BuildTypeDef) -> tuple[str, str]:
    """The phase in which a build ended, and CodeBuild's message about it."""
    for phase in reversed(build.get("phases", [])):
        if phase.get("phaseStatus", "SUCCEEDED") not in ("SUCCEEDED", "IN_PROGRESS"):
            messages = [
                f"{context.get('statusCode') or ''}: {context.get('message') or ''}"
                for context in phase.get("contexts", [])
            ]
            return phase.get("phaseType", "unknown"), "; ".join(m for m in messages if m.strip(": "))
    return build.get("currentPhase", "unknown"), ""
