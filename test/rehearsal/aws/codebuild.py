"""CodeBuild: projects of CloudFormation, StartBuild's overrides and tokens, builds that really run.

https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html
https://docs.aws.amazon.com/codebuild/latest/APIReference/API_Build.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-codebuild-project.html
"""

from __future__ import annotations

import contextvars
import copy
import threading
import time
from typing import Any

from ministack.core.responses import error_response_json, get_account_id, get_region, json_response, new_uuid
from ministack.services import codebuild as service
from ministack.services.cloudformation import provisioners

from . import buildspec, sessions
from .build_host import BuildError, BuildHost
from .folder import fault, record

Build = dict[str, Any]
TOKEN_LIFETIME = 300.0
_tokens: dict[tuple[str, str], tuple[float, dict[str, Any], str]] = {}
_hosts: dict[str, BuildHost] = {}
_lock = threading.Lock()


def install() -> None:
    """Replace ministack's builds, which are records only, by builds that run."""
    service._start_build = start_build
    service._stop_build = stop_build
    create = provisioners._RESOURCE_HANDLERS["AWS::CodeBuild::Project"]["create"]
    provisioners._RESOURCE_HANDLERS["AWS::CodeBuild::Project"]["create"] = _with_settings(create)
    provisioners._RESOURCE_HANDLERS["AWS::CodeBuild::Project"]["update"] = _update_project


def _with_settings(create: Any) -> Any:
    def create_project(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, str]]:
        name, attributes = create(logical_id, properties, stack)
        _keep_settings(name, properties)
        return name, attributes

    return create_project


def _update_project(
    name: str, _old: dict[str, Any], new: dict[str, Any], _stack: str
) -> tuple[str, dict[str, str]]:
    convert = provisioners._codebuild_cfn_to_api
    project = service._projects[name]
    project.update(
        source=convert(new["Source"]), environment=convert(new["Environment"]), serviceRole=new["ServiceRole"]
    )
    _keep_settings(name, new)
    return name, {"Arn": project["arn"]}


def _keep_settings(name: str, properties: dict[str, Any]) -> None:
    project = service._projects[name]
    project["timeoutInMinutes"] = int(properties.get("TimeoutInMinutes", 60))
    project["queuedTimeoutInMinutes"] = int(properties.get("QueuedTimeoutInMinutes", 480))
    logs = (properties.get("LogsConfig") or {}).get("CloudWatchLogs") or {}
    project["logGroup"] = logs.get("GroupName") or f"/aws/codebuild/{name}"
    service._projects[name] = project


def start_build(request: dict[str, Any]) -> Any:
    """StartBuild: one build for one token, the request's overrides over the project's settings."""
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
    build = _new_build(project, request)
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
    threading.Thread(target=context.run, args=(_run, build, project, request), daemon=True).start()
    return json_response({"build": copy.deepcopy(build)})


def _new_build(project: dict[str, Any], request: dict[str, Any]) -> Build:
    identifier, now = f"{project['name']}:{new_uuid()}", time.time()
    source = dict(project.get("source") or {})
    for field, override in (("type", "sourceTypeOverride"), ("location", "sourceLocationOverride"),
                            ("buildspec", "buildspecOverride")):  # fmt: skip
        if override in request:
            source[field] = request[override]
    declared = {v["name"]: v for v in (project.get("environment") or {}).get("environmentVariables") or []}
    declared |= {v["name"]: v for v in request.get("environmentVariablesOverride") or []}
    stream = identifier.split(":")[1]
    group = project["logGroup"]
    return {
        "id": identifier,
        "arn": service._build_arn(identifier),
        "buildNumber": 1 + sum(b["projectName"] == project["name"] for b in service._builds.values()),
        "startTime": now,
        "currentPhase": "SUBMITTED",
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
        "timeoutInMinutes": int(request.get("timeoutInMinutesOverride") or project["timeoutInMinutes"]),
        "queuedTimeoutInMinutes": int(
            request.get("queuedTimeoutInMinutesOverride") or project["queuedTimeoutInMinutes"]
        ),
        "logs": {"groupName": group, "streamName": stream, "deepLink": f"https://console/{group}/{stream}"},
        "initiator": "rehearsal",
    }


def stop_build(request: dict[str, Any]) -> Any:
    """StopBuild: ends the commands; the build is STOPPED once its host has gone."""
    build = service._builds.get(request.get("id", ""))
    if build is None:
        return error_response_json(
            "ResourceNotFoundException", f"Build cannot be found: {request.get('id')}", 400
        )
    if not build["buildComplete"]:
        build["stopRequested"] = "STOPPED"
        host = _hosts.get(build["id"])
        if host:
            host.end()
    return json_response({"build": copy.deepcopy(build)})


def _run(build: Build, project: dict[str, Any], request: dict[str, Any]) -> None:
    log = service._log_sink(build)

    def emit(line: str) -> None:
        log(line)
        record("log", id=build["id"], line=line)

    try:
        status = _planned_end(build) or _build(build, project, emit)
    except BuildError as error:
        _phase(build, error.phase, "FAILED", error.code, str(error))
        status = "FAILED"
    except Exception as error:
        _phase(build, build["currentPhase"], "FAULT", "INTERNAL_ERROR", repr(error))
        status = "FAULT"
    now = time.time()
    build.update(buildStatus=status, buildComplete=True, currentPhase="COMPLETED", endTime=now)
    build["phases"].append({"phaseType": "COMPLETED", "startTime": now})
    record("build", id=build["id"], project=project["name"], status=status, seconds=now - build["startTime"])


def _planned_end(build: Build) -> str | None:
    planned = fault("Build", project=build["projectName"])
    if planned is None:
        return None
    _phase(build, planned["phase"], planned["status"], planned.get("code", ""), planned.get("message", ""))
    return str(planned["status"])


def _build(build: Build, project: dict[str, Any], emit: Any) -> str:
    if not sessions.trusts(project["serviceRole"], "codebuild.amazonaws.com"):
        message = f"CodeBuild is not authorized to perform: sts:AssumeRole on {project['serviceRole']}"
        raise BuildError("SUBMITTED", "ACCESS_DENIED", message)
    _phase(build, "QUEUED", "SUCCEEDED")
    _phase(build, "PROVISIONING", "SUCCEEDED")
    host = BuildHost(
        credentials=sessions.assume(project["serviceRole"], f"AWSCodeBuild-{build['id'].split(':')[1]}"),
        region=get_region(),
        variables=build["environment"]["environmentVariables"],
        codebuild={
            "CODEBUILD_BUILD_ID": build["id"],
            "CODEBUILD_BUILD_ARN": build["arn"],
            "CODEBUILD_BUILD_NUMBER": str(build["buildNumber"]),
            "CODEBUILD_INITIATOR": build["initiator"],
            "CODEBUILD_BUILD_IMAGE": build["environment"].get("image", ""),
            "CODEBUILD_LOG_PATH": build["logs"]["streamName"],
            "CODEBUILD_BUILD_SUCCEEDING": "1",
            "CODEBUILD_ACCOUNT": get_account_id(),
        },
        emit=emit,
    )
    _hosts[build["id"]] = host
    planned = fault("Timeout", project=project["name"])
    seconds = planned["seconds"] if planned else build["timeoutInMinutes"] * 60
    timer = threading.Timer(seconds, _time_out, (build, host))
    timer.daemon = True
    timer.start()
    try:
        return _run_phases(build, host, emit)
    finally:
        timer.cancel()
        _hosts.pop(build["id"], None)
        host.close()


def _time_out(build: Build, host: BuildHost) -> None:
    build["stopRequested"] = "TIMED_OUT"
    host.end()


def _run_phases(build: Build, host: BuildHost, emit: Any) -> str:
    if build["source"].get("type") == "S3":
        host.download(build["source"]["location"])
    else:
        host.source.mkdir()
    _phase(build, "DOWNLOAD_SOURCE", "SUCCEEDED")
    spec = build["source"]["buildspec"]
    environment, failed = host.environment(spec), False

    def execute(command: str) -> int:
        return host.execute(command, {**environment, "CODEBUILD_BUILD_SUCCEEDING": "0" if failed else "1"})

    for outcome in buildspec.run(buildspec.phases(spec), execute, lambda name: _begin(build, name)):
        ended = build.get("stopRequested")
        if ended:
            _phase(build, outcome.phase, ended)
            return str(ended)
        if outcome.succeeded:
            _phase(build, outcome.phase, "SUCCEEDED")
        else:
            failed = True
            message = (
                f"Error while executing command: {outcome.command}. Reason: exit status {outcome.exit_status}"
            )
            emit(f"[Container] Phase complete: {outcome.phase} State: FAILED")
            emit(f"[Container] Phase context status code: COMMAND_EXECUTION_ERROR Message: {message}")
            _phase(build, outcome.phase, "FAILED", "COMMAND_EXECUTION_ERROR", message)
    _phase(build, "FINALIZING", "SUCCEEDED")
    return "FAILED" if failed else "SUCCEEDED"


def _begin(build: Build, phase: str) -> None:
    build["currentPhase"] = phase
    record("phase", id=build["id"], phase=phase)


def _phase(build: Build, phase: str, status: str, code: str = "", message: str = "") -> None:
    now = time.time()
    started = build["phases"][-1].get("endTime", now)
    contexts = [{"statusCode": code, "message": message}] if code or message else []
    build["phases"].append(
        {"phaseType": phase, "phaseStatus": status, "startTime": started, "endTime": now,
         "durationInSeconds": int(now - started), "contexts": contexts}
    )  # fmt: skip
    build["currentPhase"] = phase
