"""ECR's own API for layers and images, on the store that `docker push` fills; ministack keeps nothing.

It refuses what ECR refuses.
https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_UploadLayerPart.html
https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CompleteLayerUpload.html
https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from ministack.services import ecr

from .faults import fault
from .journal import record

PART, SMALLEST_PART = 10 * 1024**2, 5 * 1024**2
_uploads: dict[str, list[bytes]] = {}


def initiate(request: dict[str, Any]) -> Any:
    """Begin the upload of a layer."""
    name = request["repositoryName"]
    if planned := fault("Upload", repository=name):
        return ecr.error_response_json(planned["code"], planned["message"], 400)
    if name not in ecr._repositories:
        return ecr.error_response_json("RepositoryNotFoundException", f"no repository '{name}'", 400)
    identifier = hashlib.sha256(f"{name}{len(_uploads)}".encode()).hexdigest()
    _uploads[identifier] = []
    return ecr.json_response({"uploadId": identifier, "partSize": PART})


def upload_part(request: dict[str, Any]) -> Any:
    """Take a part, which continues where the one before has ended."""
    parts = _uploads.get(request["uploadId"])
    if parts is None:
        return ecr.error_response_json("UploadNotFoundException", "The upload could not be found", 400)
    part, position = base64.b64decode(request["layerPartBlob"]), sum(map(len, parts))
    last = request["partLastByte"]
    if request["partFirstByte"] != position or last != position + len(part) - 1 or len(part) > PART:
        return ecr.error_response_json("InvalidLayerPartException", "The layer part is not valid", 400)
    parts.append(part)
    return ecr.json_response({"uploadId": request["uploadId"], "lastByteReceived": last})


def complete(request: dict[str, Any]) -> Any:
    """Put the layer into the registry's store."""
    name, parts = request["repositoryName"], _uploads.pop(request["uploadId"], None)
    if parts is None:
        return ecr.error_response_json("UploadNotFoundException", "The upload could not be found", 400)
    if not parts:
        return ecr.error_response_json("EmptyUploadException", "The upload has no parts", 400)
    if any(len(part) < SMALLEST_PART for part in parts[:-1]):
        return ecr.error_response_json("LayerPartTooSmallException", "Layer parts are too small", 400)
    layer, store = b"".join(parts), ecr._layer_blobs.setdefault(name, {})
    digest = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    if digest not in request["layerDigests"]:
        return ecr.error_response_json("InvalidLayerException", "The digests do not match", 400)
    if digest in store:
        return ecr.error_response_json("LayerAlreadyExistsException", f"{digest} already exists", 400)
    store[digest] = layer
    return ecr.json_response({"uploadId": request["uploadId"], "layerDigest": digest})


def put_image(request: dict[str, Any]) -> Any:
    """Give a manifest a tag, when everything that it names is there."""
    name, tag, text = request["repositoryName"], request["imageTag"], request["imageManifest"]
    manifest = json.loads(text)
    digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    for blob in (manifest["config"], *manifest["layers"]):
        if ecr._v2_head_blob(name, blob["digest"])[0] != 200:
            return ecr.error_response_json("LayersNotFoundException", f"{blob['digest']} does not exist", 400)
    known = ecr._find_image(name, {"imageTag": tag})
    if known and known["imageDigest"] == digest:
        return ecr.error_response_json("ImageAlreadyExistsException", f"{digest} has the tag {tag}", 400)
    if known and ecr._repositories[name].get("imageTagMutability") == "IMMUTABLE":
        return ecr.error_response_json("ImageTagAlreadyExistsException", f"{tag} is immutable", 400)
    headers = {"content-type": request["imageManifestMediaType"]}
    ecr._v2_put_manifest(name, tag, headers, text.encode())
    record("put image", repository=name, tag=tag)
    return ecr.json_response({"image": {"imageId": {"imageDigest": digest, "imageTag": tag}}})
