"""Manifest and configuration of an image, as far as an assembly understands them.

https://github.com/moby/docker-image-spec/blob/main/spec.md
https://github.com/opencontainers/image-spec/blob/main/config.md
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .declined import DeclinedError
from .plan import MakeDirectory, Plan, PlannedLayer

_LAYERS = {
    "application/vnd.docker.distribution.manifest.v2+json": (
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ),
    "application/vnd.oci.image.manifest.v1+json": (
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ),
}
_CONFIG = {"architecture", "author", "config", "created", "history", "os", "rootfs", "variant"}
_MANIFEST = {"schemaVersion", "mediaType", "config", "layers"}


@dataclass(frozen=True)
class LayerBlob:
    """A layer as it lies in the registry."""

    media_type: str
    digest: str
    size: int
    diff_id: str


@dataclass(frozen=True)
class Documents:
    """What a registry keeps of an image besides its layers."""

    config: bytes
    manifest: str

    @property
    def config_digest(self) -> str:
        """The digest of the configuration."""
        return config_digest(self.manifest)

    @property
    def digest(self) -> str:
        """The digest of the image."""
        return _digest(self.manifest.encode())

    @property
    def size(self) -> int:
        """The compressed bytes of layers and configuration."""
        manifest = json.loads(self.manifest)
        return sum(int(blob["size"]) for blob in (manifest["config"], *manifest["layers"]))


@dataclass(frozen=True)
class PreviousImage:
    """An image whose manifest and configuration hold nothing unknown."""

    digest: str
    manifest: Mapping[str, Any]
    config: Mapping[str, Any]
    layers: Sequence[LayerBlob]

    @property
    def media_type(self) -> str:
        """The type of the manifest."""
        return str(self.manifest["mediaType"])

    def with_layers(self, layers: Sequence[LayerBlob]) -> Documents:
        """The documents of the image with other layers; its history says from which image they are."""
        number, history = -1, []
        for entry in self.config["history"]:
            number += not entry.get("empty_layer")
            is_new = not entry.get("empty_layer") and layers[number] != self.layers[number]
            history.append({**entry, "comment": f"assembled from {self.digest}"} if is_new else entry)
        rootfs = {**self.config["rootfs"], "diff_ids": [layer.diff_id for layer in layers]}
        config = json.dumps({**self.config, "history": history, "rootfs": rootfs}).encode()
        manifest = {
            **self.manifest,
            "config": {
                **self.manifest["config"],
                "size": len(config),
                "digest": _digest(config),
            },
            "layers": [
                {"mediaType": layer.media_type, "size": layer.size, "digest": layer.digest}
                for layer in layers
            ],
        }
        return Documents(config, json.dumps(manifest))


def read_image(digest: str, manifest_text: str, config_text: bytes) -> PreviousImage:
    """The image.

    :raises DeclinedError: when it has parts that an assembly might lose or contradict.
    """
    try:
        manifest, config = json.loads(manifest_text), json.loads(config_text)
        media_types = _LAYERS.get(manifest.get("mediaType"))
        if media_types is None:
            raise DeclinedError(f"the manifest of the previous image is a {manifest.get('mediaType')!r:.100}")
        _require_known("manifest", manifest, _MANIFEST)
        _require_known("configuration", config, _CONFIG)
        diff_ids = config["rootfs"]["diff_ids"]
        layers = [
            LayerBlob(str(layer["mediaType"]), str(layer["digest"]), int(layer["size"]), str(diff_id))
            for layer, diff_id in zip(manifest["layers"], diff_ids, strict=True)
        ]
        for layer in layers:
            if layer.media_type not in media_types:
                raise DeclinedError(f"a layer of the previous image is of type {layer.media_type!r:.100}")
        history = [entry for entry in config["history"] if not entry.get("empty_layer")]
        if len(history) != len(layers):
            raise DeclinedError("the history of the previous image does not match its layers")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DeclinedError(f"the previous image cannot be read: {error!r:.200}") from error
    return PreviousImage(digest, manifest, config, layers)


def require_planned(image: PreviousImage, plan: Plan) -> None:
    """Decline when the instructions in the image's history are not those of the plan.

    :raises DeclinedError: names the instruction.
    """
    history = [entry for entry in image.config["history"] if not entry.get("empty_layer")]
    if not 0 < len(plan.layers) <= len(history):
        raise DeclinedError("the plan of the previous image does not match its layers")
    for entry, planned in zip(history[-len(plan.layers) :], plan.layers, strict=True):
        instruction = str(entry.get("created_by", ""))
        if not instruction.startswith(f"{_instruction(planned)} "):
            raise DeclinedError(f"the plan of the previous image does not match {instruction!r:.100}")


def _instruction(planned: PlannedLayer) -> str:
    return "WORKDIR" if isinstance(planned.actions[0], MakeDirectory) else "COPY"


def _require_known(what: str, document: Mapping[str, Any], known: set[str]) -> None:
    if unknown := set(document) - known:
        raise DeclinedError(
            f"the {what} of the previous image has the unknown key {sorted(unknown)[0]!r:.100}"
        )


def config_digest(manifest: str) -> str:
    """The digest of the configuration that a manifest names."""
    return str(_manifest(manifest)["config"]["digest"])


def only_layer(manifest: str) -> str:
    """The digest of the only layer that a manifest names."""
    (layer,) = _manifest(manifest)["layers"]
    return str(layer["digest"])


def _manifest(text: str) -> Mapping[str, Any]:
    manifest: Mapping[str, Any] = json.loads(text)
    if not {"config", "layers"} <= set(manifest):
        raise DeclinedError(f"a manifest is a {manifest.get('mediaType')!r:.100}, not that of one image")
    return manifest


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"
