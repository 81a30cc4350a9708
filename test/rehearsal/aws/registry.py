"""The registry: ministack's ECR, one store for the AWS API and for `docker push`."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

from ministack.services import ecr

from .faults import fault, is_held
from .journal import record

_put_manifest = ecr._v2_put_manifest
_batch_get_image = ecr._batch_get_image
_describe_images = ecr._describe_images


def held(theirs: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Answer a push of a manifest only when no scenario holds it any longer."""

    async def handle(method: str, path: str, *request: Any) -> Any:
        name, _, reference = path.removeprefix("/v2/").partition("/manifests/")
        while method == "PUT" and reference and is_held("HeldPush", repository=name, reference=reference):
            await asyncio.sleep(0.1)
        return await theirs(method, path, *request)

    return handle


def put_manifest(name: str, reference: str, headers: dict[str, str], body: bytes) -> Any:
    """Refuse a manifest when a scenario plans it, for all references or those with a prefix."""
    planned = fault("Push", repository=name, reference=reference)
    if planned:
        record("push", repository=name, reference=reference, refused=planned["message"])
        return ecr._registry_error(planned["status"], planned["code"], planned["message"])
    answer = _put_manifest(name, reference, headers, body)
    if answer[0] == 201:
        record("push", repository=name, reference=reference)
    return answer


def batch_get_image(request: dict[str, Any]) -> Any:
    """Let a manifest claim a much larger size when a scenario plans it."""
    status, headers, body = _batch_get_image(request)
    answer = json.loads(body)
    planned = answer.get("images") and fault("LayerSize", repository=request["repositoryName"])
    if planned:
        for image in answer["images"]:
            manifest = json.loads(image["imageManifest"])
            for layer in manifest.get("layers", [])[:1]:
                layer["size"] = planned["bytes"]
            image["imageManifest"] = json.dumps(manifest)
        body = json.dumps(answer).encode()
    return status, headers, body


def describe_images(request: dict[str, Any]) -> Any:
    """Return an error for a named image that does not exist; the CDK CLI then pushes it.

    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html
    """
    name = request.get("repositoryName", "")
    for wanted in request.get("imageIds", []) if name in ecr._repositories else []:
        if not ecr._find_image(name, wanted):
            message = (
                f"The image with imageId {wanted} does not exist within the repository with name '{name}'"
            )
            return ecr.error_response_json("ImageNotFoundException", message, 400)
    return _describe_images(request)


def get_download_url_for_layer(request: dict[str, Any]) -> Any:
    """Return the URL of the blob in this registry; ECR returns one of Amazon S3.

    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetDownloadUrlForLayer.html
    """
    name, digest = request["repositoryName"], request["layerDigest"]
    if ecr._v2_head_blob(name, digest)[0] != 200:
        return ecr.error_response_json(
            "LayersNotFoundException", f"The layer with digest '{digest}' does not exist", 400
        )
    url = f"{os.environ['AWS_ENDPOINT_URL']}/v2/{name}/blobs/{digest}"
    return ecr.json_response({"downloadUrl": url, "layerDigest": digest})
