"""The AgentCore control plane: a Runtime is created only from an image that AgentCore would accept.

https://docs.aws.amazon.com/bedrock-agentcore-control/latest/APIReference/API_CreateAgentRuntime.html
https://docs.aws.amazon.com/bedrock-agentcore-control/latest/APIReference/API_ContainerConfiguration.html
https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/runtime-permissions.html
https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/bedrock-agentcore-limits.html
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

from ministack.core.responses import get_region
from ministack.services import bedrock_agentcore as service
from ministack.services import cloudcontrol, ecr

from . import iam
from .faults import fault
from .journal import record
from .partition import PARTITION, URL_SUFFIX

TYPE = "AWS::BedrockAgentCore::Runtime"
CONTAINER_URI = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\." + re.escape(URL_SUFFIX) + r"/"
    r"(?P<name>(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*)"
    r"(?::(?P<tag>[^:@]{1,300}))?(?:@(?P<digest>.+))?"
)
PULL = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
SIZE_LIMIT = 2 * 1024**3
SCHEMA = {
    "typeName": TYPE,
    "primaryIdentifier": ["/properties/AgentRuntimeId"],
    "createOnlyProperties": ["/properties/AgentRuntimeName"],
    "readOnlyProperties": [
        f"/properties/{name}" for name in ("AgentRuntimeArn", "AgentRuntimeId", "AgentRuntimeVersion")
    ],
}
Properties = dict[str, Any]
_properties: dict[str, Properties] = {}


class RefusedError(ValueError):
    """AgentCore refuses the request."""


def check(uri: str, role_arn: str) -> None:
    """Check an image with the Runtime's role, and refuse what AgentCore refuses."""
    match = CONTAINER_URI.fullmatch(uri)
    if not match:
        raise RefusedError(
            f"Value '{uri}' at 'containerUri' failed to satisfy constraint: Member must satisfy the pattern"
        )
    if match["region"] != get_region():
        raise RefusedError(
            f"Ecr uri region '{match['region']}' does not match the application region '{get_region()}'"
        )
    if not iam.trusts(role_arn, "bedrock-agentcore.amazonaws.com"):
        raise RefusedError(
            f"Role validation failed for '{role_arn}'. Please verify that the role exists and its trust"
            " policy allows assumption by this service"
        )
    repository = f"arn:{PARTITION}:ecr:{match['region']}:{match['account']}:repository/{match['name']}"
    for action, resource in [("ecr:GetAuthorizationToken", "*"), *((action, repository) for action in PULL)]:
        if not iam.allows(role_arn, action, resource):
            raise RefusedError(
                f"Access denied while validating ECR URI '{uri}'. The execution role requires permissions for"
                f" ecr:GetAuthorizationToken, {' and '.join(PULL)}: {action} on {resource} is missing"
            )
    _check_image(uri, match["name"], match["digest"] or match["tag"] or "latest")


def _check_image(uri: str, name: str, reference: str) -> None:
    _, manifest, _ = ecr._resolve_manifest(name, reference)
    if manifest is None:
        raise RefusedError(f"The specified image identifier does not exist in the repository: '{uri}'")
    document = json.loads(manifest)
    if architectures(name, document) != ["arm64"]:
        raise RefusedError(f"Architecture incompatible for uri '{uri}'. Supported architectures: [arm64]")
    size = document["config"]["size"] + sum(layer["size"] for layer in document["layers"])
    planned = fault("SizeLimit")
    limit = int(planned["bytes"] if planned else os.environ.get("REHEARSAL_SIZE_LIMIT", SIZE_LIMIT))
    if size > limit:
        raise RefusedError(f"Image size of uri '{uri}' is {size} bytes, over the limit of {limit} bytes")


def architectures(name: str, manifest: dict[str, Any]) -> list[str]:
    """The architectures of a manifest, from its config or, for an index, from its entries."""
    if "manifests" in manifest:
        return [entry.get("platform", {}).get("architecture", "") for entry in manifest["manifests"]]
    _, _, config = ecr._v2_get_blob(name, manifest["config"]["digest"])
    return [json.loads(config)["architecture"]]


def _create(_logical_id: str, properties: Properties, _stack: str) -> tuple[str, dict[str, str]]:
    _check(properties)
    answer = _call(
        service._create_agent_runtime(_body(properties, agentRuntimeName=properties["AgentRuntimeName"]))
    )
    return _kept(answer["agentRuntimeId"], properties, answer)


def _update(identifier: str, old: Properties, new: Properties, stack: str) -> tuple[str, dict[str, str]]:
    if new["AgentRuntimeName"] != old["AgentRuntimeName"]:
        return _create("", new, stack)
    if old["AgentRuntimeArtifact"].keys() != new["AgentRuntimeArtifact"].keys():
        raise _refused("Agent artifact type cannot be updated")
    _check(new)
    return _kept(identifier, new, _call(service._update_agent_runtime(identifier, _body(new))))


def _delete(identifier: str, _properties_at_delete: Properties) -> None:
    if identifier in service._runtimes:
        _call(service._delete_agent_runtime(identifier))
    _properties.pop(identifier, None)


def _check(properties: Properties) -> None:
    uri = _uri(properties)
    if uri is None:
        return
    try:
        check(uri, properties["RoleArn"])
    except RefusedError as refusal:
        record("runtime", name=properties["AgentRuntimeName"], uri=uri, refused=str(refusal))
        raise _refused(str(refusal)) from refusal


def _refused(reason: str) -> RefusedError:
    """The error as CloudFormation words it."""
    return RefusedError(
        f'Resource handler returned message: "Invalid request provided: {reason}"'
        " (HandlerErrorCode: InvalidRequest)"
    )


def _uri(properties: Properties) -> str | None:
    """The URI of the Runtime's image; None if it runs code from an archive, which nothing checks here."""
    container = properties["AgentRuntimeArtifact"].get("ContainerConfiguration")
    return str(container["ContainerUri"]) if container else None


def _kept(identifier: str, properties: Properties, answer: dict[str, Any]) -> tuple[str, dict[str, str]]:
    _properties[identifier] = properties
    record(
        "runtime",
        name=properties["AgentRuntimeName"],
        id=identifier,
        uri=_uri(properties),
        version=answer["agentRuntimeVersion"],
    )
    return identifier, _attributes(answer)


def adopt(identifier: str, runtime: dict[str, Any]) -> dict[str, str]:
    """The attributes of a Runtime that a stack imports as it is."""
    names = ("agentRuntimeName", "agentRuntimeArtifact", "roleArn", "networkConfiguration")
    _properties[identifier] = {_upper(name): _pascal(runtime[name]) for name in names}
    return _attributes(runtime)


def _attributes(runtime: dict[str, Any]) -> dict[str, str]:
    return {
        "AgentRuntimeArn": runtime["agentRuntimeArn"],
        "AgentRuntimeId": runtime["agentRuntimeId"],
        "AgentRuntimeVersion": runtime["agentRuntimeVersion"],
        "Status": "READY",
    }


def _body(properties: Properties, **more: str) -> bytes:
    named = {
        "agentRuntimeArtifact": properties["AgentRuntimeArtifact"],
        "roleArn": properties["RoleArn"],
        "networkConfiguration": properties["NetworkConfiguration"],
    }
    plain = {"environmentVariables": properties.get("EnvironmentVariables") or {}, **more}
    return json.dumps({**{name: _camel(value) for name, value in named.items()}, **plain}).encode()


HANDLER = {"create": _create, "update": _update, "delete": _delete}


def _camel(value: Any) -> Any:
    if isinstance(value, dict):
        return {name[0].lower() + name[1:]: _camel(each) for name, each in value.items()}
    return [_camel(each) for each in value] if isinstance(value, list) else value


def _pascal(value: Any) -> Any:
    if isinstance(value, dict):
        return {_upper(name): _pascal(each) for name, each in value.items()}
    return [_pascal(each) for each in value] if isinstance(value, list) else value


def _upper(name: str) -> str:
    return name[0].upper() + name[1:]


def _call(answer: Any) -> dict[str, Any]:
    status, _, body = answer[:3]
    document: dict[str, Any] = json.loads(body)
    if status >= 300:
        raise RefusedError(document.get("message", str(document)))
    return document


def for_runtimes(ours: Any, theirs: Any) -> Any:
    """Answer for Runtimes, and leave every other type to ministack."""
    return lambda request: (ours if request.get("TypeName") == TYPE else theirs)(request)


def get_resource(request: dict[str, Any]) -> Any:
    """GetResource of a Runtime."""
    identifier = request["Identifier"]
    if identifier not in _properties:
        return cloudcontrol.error_response_json(
            "ResourceNotFoundException", f"Runtime {identifier} was not found", 400
        )
    description = {"Identifier": identifier, "Properties": json.dumps(_properties[identifier])}
    return cloudcontrol.json_response({"TypeName": TYPE, "ResourceDescription": description})


def update_resource(request: dict[str, Any]) -> Any:
    """Apply the CLI's JSON patch.

    The CLI reads `AWS::URLSuffix` off the host name of CloudFormation's endpoint, which here is 127.0.0.1.
    """
    identifier = request["Identifier"]
    if identifier not in _properties:
        return cloudcontrol.error_response_json(
            "ResourceNotFoundException", f"Runtime {identifier} was not found", 400
        )
    old, patch = _properties[identifier], request["PatchDocument"].replace(".127.0.0.1/", f".{URL_SUFFIX}/")
    new = cloudcontrol._apply_json_patch(json.loads(json.dumps(old)), json.loads(patch))
    status, message = "SUCCESS", None
    try:
        _update(identifier, old, new, "")
    except RefusedError as refusal:
        status, message = "FAILED", str(refusal)
    record("hotswap", id=identifier, status=status, message=message)
    event = cloudcontrol._progress_event("UPDATE", status, TYPE, identifier, status_message=message)
    cloudcontrol._record_request(event)
    return cloudcontrol.json_response({"ProgressEvent": {**event, "OperationStatus": "IN_PROGRESS"}})
