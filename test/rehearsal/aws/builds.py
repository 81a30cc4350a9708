"""The life of a build: phases, log, timeout, and how it is stopped.

https://docs.aws.amazon.com/codebuild/latest/APIReference/API_BuildPhase.html
https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html
"""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import codebuild as service

from . import build_environment, build_queue, build_source, buildspec, iam, vpc
from .build_host import BuildHost, FreshHost, SharedHost
from .build_source import BuildError
from .faults import fault
from .journal import record

Build = dict[str, Any]
_hosts: dict[str, BuildHost] = {}


def end(build: Build, status: str) -> None:
    """Stop a running build's commands; the build gets this status once its host is gone."""
    build["stopRequested"] = status
    host = _hosts.get(build["id"])
    if host:
        host.end()


def run(build: Build, project: dict[str, Any]) -> None:
    """Run a build of a project, and keep its record up to date."""
    late = fault("LateLog", project=project["name"])
    log, kept = service._log_sink(build), list[str]()

    def emit(line: str) -> None:
        if late:
            kept.append(line)
        else:
            log(line)
        record("log", id=build["id"], line=line)

    try:
        with build_queue.turn(build, functools.partial(_queued_seconds, build)) as ended:
            status = ended or _planned_end(build) or _build(build, project, emit)
            if ended:
                _phase(build, "QUEUED", ended)
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
    if late:
        time.sleep(late["seconds"])
        for line in kept:
            log(line)


def _planned_end(build: Build) -> str | None:
    planned = fault("Build", project=build["projectName"])
    if planned is None:
        return None
    _phase(build, planned["phase"], planned["status"], planned.get("code", ""), planned.get("message", ""))
    return str(planned["status"])


def _build(build: Build, project: dict[str, Any], emit: Any) -> str:
    if not iam.trusts(project["serviceRole"], "codebuild.amazonaws.com"):
        message = f"CodeBuild is not authorized to perform: sts:AssumeRole on {project['serviceRole']}"
        raise BuildError("SUBMITTED", "ACCESS_DENIED", message)
    _phase(build, "QUEUED", "SUCCEEDED")
    build["currentPhase"] = "PROVISIONING"
    if "vpcConfig" in build:
        vpc.check(project["serviceRole"], build["vpcConfig"])
    startup = fault("Provisioning", project=project["name"])
    if startup:
        time.sleep(startup["seconds"])
    host = _host(project["name"], emit)
    _hosts[build["id"]] = host
    timer = threading.Timer(build["timeoutInMinutes"] * 60, end, (build, "TIMED_OUT"))
    timer.daemon = True
    timer.start()
    try:
        _phase(build, "PROVISIONING", "SUCCEEDED")
        return str(build.get("stopRequested") or _run_phases(build, host, emit))
    finally:
        timer.cancel()
        _hosts.pop(build["id"], None)
        host.close()


def _host(project: str, emit: Any) -> BuildHost:
    if "REHEARSAL_ENGINE_PACKAGES" not in os.environ:
        return SharedHost(emit)
    return FreshHost(emit, engine_restarts=fault("EngineRestart", project=project) is None)


def _queued_seconds(build: Build) -> float:
    planned = fault("QueuedTimeout", project=build["projectName"])
    return float(planned["seconds"] if planned else build["queuedTimeoutInMinutes"] * 60)


def _run_phases(build: Build, host: BuildHost, emit: Any) -> str:
    role, session = build["serviceRole"], f"AWSCodeBuild-{build['id'].split(':')[1]}"
    source, region = build["source"], get_region()
    if source.get("type") == "S3":
        s3 = build_environment.client("s3", iam.assume(role, session), region)
        build_source.download(s3, source["location"], host.source)
    spec = build_source.buildspec(source, host.source, host.folder)
    _phase(build, "DOWNLOAD_SOURCE", "SUCCEEDED")
    environment = build_environment.environment(
        {**host.environment, **_codebuild_variables(build), **_planned_variables(build)},
        iam.assume(role, session, refusable=True),
        region,
        buildspec.variables(spec),
        build["environment"]["environmentVariables"],
    )
    failed = False

    def execute(command: str) -> int:
        succeeding = {"CODEBUILD_BUILD_SUCCEEDING": str(int(not failed))}
        return _execute(host, command, {**environment, **succeeding}, emit)

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


def _execute(host: BuildHost, command: str, environment: Mapping[str, str], emit: Any) -> int:
    emit(f"[Container] {time.strftime('%Y/%m/%d %H:%M:%S')} Running command {command}")
    status = host.execute(command, environment)
    if status:
        failed = f"Command did not exit successfully {command} exit status {status}"
        emit(f"[Container] {time.strftime('%Y/%m/%d %H:%M:%S')} {failed}")
    return status


def _codebuild_variables(build: Build) -> dict[str, str]:
    return {
        "CODEBUILD_BUILD_ID": build["id"],
        "CODEBUILD_BUILD_ARN": build["arn"],
        "CODEBUILD_BUILD_NUMBER": str(build["buildNumber"]),
        "CODEBUILD_INITIATOR": build["initiator"],
        "CODEBUILD_BUILD_IMAGE": build["environment"].get("image", ""),
        "CODEBUILD_LOG_PATH": build["logs"]["streamName"],
        "CODEBUILD_ACCOUNT": get_account_id(),
    }


def _planned_variables(build: Build) -> dict[str, str]:
    size = fault("ImageSize", project=build["projectName"])
    return {"REHEARSAL_IMAGE_SIZE": str(size["bytes"])} if size else {}


def _begin(build: Build, phase: str) -> None:
    build["currentPhase"] = phase
    record("phase", id=build["id"], phase=phase)
    if fault("Timeout", project=build["projectName"], phase=phase):
        end(build, "TIMED_OUT")


def _phase(build: Build, phase: str, status: str, code: str = "", message: str = "") -> None:
    now = time.time()
    started = build["phases"][-1].get("endTime", now)
    contexts = [{"statusCode": code, "message": message}] if code or message else []
    build["phases"].append(
        {"phaseType": phase, "phaseStatus": status, "startTime": started, "endTime": now,
         "durationInSeconds": int(now - started), "contexts": contexts}
    )  # fmt: skip
    build["currentPhase"] = phase
