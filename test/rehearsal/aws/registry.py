"""The registry: ministack's ECR, one store for the AWS API and for `docker push`; here pushes can be made to fail."""

from __future__ import annotations

import json
from typing import Any

from ministack.services import ecr

from .folder import fault, record

_put_manifest = ecr._v2_put_manifest
_batch_get_image = ecr._batch_get_image


def install() -> None:
    """Journal the pushes and let planned faults happen."""
    ecr._v2_put_manifest = put_manifest
    ecr._batch_get_image = batch_get_image


def put_manifest(name: str, reference: str, headers: dict[str, str], body: bytes) -> Any:
    """Refuse the push of a manifest when that is planned."""
    planned = fault("Push", repository=name)
    if planned:
        record("push", repository=name, reference=reference, refused=planned["message"])
        return ecr._registry_error(planned["status"], planned["code"], planned["message"])
    answer = _put_manifest(name, reference, headers, body)
    if answer[0] == 201:
        record("push", repository=name, reference=reference)
    return answer


def batch_get_image(request: dict[str, Any]) -> Any:
    """Let a manifest claim the size of a much larger image when that is planned."""
    status, headers, body = _batch_get_image(request)
    planned = fault("LayerSize", repository=request.get("repositoryName", ""))
    if planned and status == 200:
        answer = json.loads(body)
        for image in answer["images"]:
            manifest = json.loads(image["imageManifest"])
            for layer in manifest.get("layers", [])[:1]:
                layer["size"] = planned["bytes"]
            image["imageManifest"] = json.dumps(manifest)
        body = json.dumps(answer).encode()
    return status, headers, body
