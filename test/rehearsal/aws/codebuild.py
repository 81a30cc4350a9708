"""CodeBuild's API: StartBuild with overrides and tokens, StopBuild.

https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html
https://docs.aws.amazon.com/codebuild/latest/APIReference/API_Build.html
"""

from __future__ import annotations

import contextvars
import copy
import threading
import time
from typing import Any

from ministack.core.responses import error_response_json, json_response, new_uuid
from ministack.services import codebuild as service

from . import build_queue, builds, codebuild_limits
from .faults import fault
from .journal import record

TOKEN_LIFETIME = 300.0
_tokens: dict[tuple[str, str], tuple[float, dict[str, Any], str]] = {}
_lock = threading.Lock()


def start_build(request: dict[str, Any]) -> Any:
    """StartBuild: one build per token, with overrides of the project's settings."""
    name = request.get("projectName", "")
    project = service._projects.get(name)
    if project is None:
        return error_response_json("ResourceNotFoundException", f"Project cannot be found: {name}", 400)
    planned = fault("StartBuild", project=name)
    if planned and not planned.get("after"):
        record("refused", project=name, code=planned["code"])
        return error_response_json(planned["code"], planned["message"], int(planned.get("status", 400)))
    with _lock:
        answer = _answer(request, copy.deepcopy(project))
    return (
        error_response_json(planned["code"], planned["message"], int(planned["status"]))
        if planned
        else answer
    )


def _answer(request: dict[str, Any], project: dict[str, Any]) -> Any:
    token = (project["arn"], request.get("idempotencyToken", ""))
    seen = _tokens.get(token)
    if token[1] and seen and time.time() - seen[0] < TOKEN_LIFETIME:
        if seen[1] != request:
            return error_response_json(
                "InvalidInputException",
                "Parameters do not match the original request of the idempotency token",
                400,
            )
        return json_response({"build": copy.deepcopy(service._builds[seen[2]])})
    refusal = codebuild_limits.refused_build(request)
    if refusal:
        return error_response_json("InvalidInputException", refusal, 400)
    build = _new_build(project, request)
    try:
        build_queue.enter(build["id"])
    except build_queue.QueueFullError as error:
        record("refused", project=project["name"], code="AccountLimitExceededException")
        return error_response_json("AccountLimitExceededException", str(error), 400)
    service._builds[build["id"]] = build
    _tokens[token] = (time.time(), request, build["id"])
    record(
        "build",
        id=build["id"],
        project=project["name"],
        status="IN_PROGRESS",
        source=build["source"].get("location"),
    )
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(builds.run, build, project), daemon=True).start()
    return json_response({"build": copy.deepcopy(build)})


def _new_build(project: dict[str, Any], request: dict[str, Any]) -> builds.Build:
    identifier, now = f"{project['name']}:{new_uuid()}", time.time()
    source = dict(project.get("source") or {})
    for field, override in (("type", "sourceTypeOverride"), ("location", "sourceLocationOverride"),
                            ("buildspec", "buildspecOverride")):  # fmt: skip
        if override in request:
            source[field] = request[override]
    declared = {v["name"]: v for v in (project.get("environment") or {}).get("environmentVariables") or []}
    declared |= {v["name"]: v for v in request.get("environmentVariablesOverride") or []}
    stream = identifier.split(":")[1]
    group = project.get("logGroup") or f"/aws/codebuild/{project['name']}"
    return {
        "id": identifier,
        "arn": service._build_arn(identifier),
        "buildNumber": 1 + sum(b["projectName"] == project["name"] for b in service._builds.values()),
        "startTime": now,
        "currentPhase": "QUEUED",
        "buildStatus": "IN_PROGRESS",
        "buildComplete": False,
        "projectName": project["name"],
        "phases": [{"phaseType": "SUBMITTED", "phaseStatus": "SUCCEEDED", "startTime": now, "endTime": now}],
        "source": source,
        "environment": {
            **(project.get("environment") or {}),
            "environmentVariables": list(declared.values()),
        },
        "serviceRole": project["serviceRole"],
        **({"vpcConfig": project["vpcConfig"]} if project.get("vpcConfig") else {}),
        "timeoutInMinutes": int(request.get("timeoutInMinutesOverride") or project["timeoutInMinutes"]),
        "queuedTimeoutInMinutes": int(
            request.get("queuedTimeoutInMinutesOverride") or project.get("queuedTimeoutInMinutes", 480)
        ),
        "logs": {"groupName": group, "streamName": stream, "deepLink": f"https://console/{group}/{stream}"},
        "initiator": "rehearsal",
    }


def stop_build(request: dict[str, Any]) -> Any:
    """StopBuild: ends the commands; the build is STOPPED once its host is gone."""
    build = service._builds.get(request.get("id", ""))
    if build is None:
        return error_response_json(
            "ResourceNotFoundException", f"Build cannot be found: {request.get('id')}", 400
        )
    if not build["buildComplete"]:
        builds.end(build, "STOPPED")
    return json_response({"build": copy.deepcopy(build)})
