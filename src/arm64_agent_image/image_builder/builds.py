"""Builds of a CodeBuild project: found again, started, stopped.

One request of CloudFormation gets one build. CodeBuild keeps an idempotency token for five minutes; after
that, and after a StartBuild whose answer was lost, the build is found by the request it carries in its
environment.
https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_codebuild import CodeBuildClient
    from mypy_boto3_codebuild.type_defs import BuildTypeDef, EnvironmentVariableTypeDef

    from .properties import Properties

REQUEST_VARIABLE, TAG_VARIABLE = "REQUEST_ID", "IMAGE_TAG"
QUEUE_MINUTES = 5
MARGIN_SECONDS = 120


def recent(codebuild: CodeBuildClient, project_name: str) -> list[BuildTypeDef]:
    """The project's newest builds, at most a hundred, newest first.

    ListBuildsForProject sorts so by default, and refuses an explicit order for a project with more builds
    than that.
    """
    ids = codebuild.list_builds_for_project(projectName=project_name).get("ids", [])[:100]
    found = codebuild.batch_get_builds(ids=ids)["builds"] if ids else []
    return sorted(found, key=lambda build: ids.index(build["id"]))


def get(codebuild: CodeBuildClient, build_id: str) -> BuildTypeDef | None:
    """The build, or None when CodeBuild does not know it."""
    return next(iter(codebuild.batch_get_builds(ids=[build_id])["builds"]), None)


def find(codebuild: CodeBuildClient, properties: Properties, token: str) -> BuildTypeDef | None:
    """The build of this request whatever became of it, or else one that is making the same image."""
    builds = recent(codebuild, properties.project_name)
    of_request = (b for b in builds if variable(b, REQUEST_VARIABLE) == token)
    of_image = (b for b in builds if running(b) and variable(b, TAG_VARIABLE) == properties.image_tag)
    return next(of_request, None) or next(of_image, None)


def start(codebuild: CodeBuildClient, properties: Properties, token: str, buildspec: str) -> BuildTypeDef:
    """Start the request's build; the same request with the same properties never starts a second one."""
    variables: list[EnvironmentVariableTypeDef] = [
        {"name": TAG_VARIABLE, "value": properties.image_tag, "type": "PLAINTEXT"},
        {"name": REQUEST_VARIABLE, "value": token, "type": "PLAINTEXT"},
    ]
    for secret in properties.environment_variables:
        variables.append({"name": secret.name, "value": secret.value, "type": secret.source})
    return codebuild.start_build(
        projectName=properties.project_name,
        idempotencyToken=token,
        sourceTypeOverride="S3",
        sourceLocationOverride=properties.source_location,
        buildspecOverride=buildspec,
        timeoutInMinutesOverride=properties.timeout_in_minutes,
        environmentVariablesOverride=variables,
    )["build"]


def stop(codebuild: CodeBuildClient, build_id: str) -> None:
    """Ask CodeBuild to stop the build."""
    codebuild.stop_build(id=build_id)


def running(build: BuildTypeDef) -> bool:
    """Whether the build has not ended."""
    return build.get("buildStatus") == "IN_PROGRESS"


def variable(build: BuildTypeDef, name: str) -> str | None:
    """The value of a variable in the build's environment."""
    variables = build.get("environment", {}).get("environmentVariables", [])
    return next((v["value"] for v in variables if v["name"] == name), None)


def latest_end(build: BuildTypeDef, now: float) -> float:
    """When CodeBuild itself has ended the build at the latest, with a margin, in seconds since the epoch."""
    started = build["startTime"].timestamp() if "startTime" in build else now
    minutes = build.get("queuedTimeoutInMinutes", QUEUE_MINUTES) + build.get("timeoutInMinutes", 40)
    return started + minutes * 60 + MARGIN_SECONDS
