"""An image passes if it is for linux/arm64, complete, and not too large."""

from typing import Any

import pytest
from image_builder.function.cloudformation.request import parse
from image_builder.function.services.ecr import Image, IncompleteDownloadError
from image_builder.function.services.errors import AWS_ERRORS
from image_builder.function.verification import SIZE_LIMIT, ImageRejectedError, verify

from test.image_builder.fakes import Registry, Stubs, event

WANTED = parse(event("create"))
ATTESTATION = {"vnd.docker.reference.type": "attestation-manifest"}


def outcome(stubs: Stubs, registry: Registry, digest: str) -> str:
    """The digest of an accepted image."""
    image = Image(digest, registry.blobs[digest].decode("utf-8", "replace"))
    return verify(stubs.aws.ecr, WANTED, image)


def test_accepts_a_linux_arm64_image(stubs: Stubs, registry: Registry) -> None:
    digest = registry.image()
    stubs.config(registry, registry.config_of(digest))
    assert outcome(stubs, registry, digest) == digest


@pytest.mark.parametrize(
    ("architecture", "os"),
    [("amd64", "linux"), ("arm", "linux"), ("arm64", "windows"), ("arm64\n" * 999, "é")],
)
def test_rejects_another_platform_and_says_what_to_change(
    architecture: str, os: str, stubs: Stubs, registry: Registry
) -> None:
    digest = registry.image(architecture, os)
    stubs.config(registry, registry.config_of(digest))
    with pytest.raises(ImageRejectedError, match=r"not for linux/arm64: remove '--platform=\.\.\.'") as error:
        outcome(stubs, registry, digest)
    assert "\n" not in str(error.value)


def test_looks_for_linux_arm64_in_an_index(stubs: Stubs, registry: Registry) -> None:
    child, other = registry.image(), registry.image("amd64")
    index = registry.index(registry.entry(other, "linux/amd64"), registry.entry(child, "linux/arm64"))
    stubs.child(registry, child)
    stubs.config(registry, registry.config_of(child))
    assert outcome(stubs, registry, index) == index


@pytest.mark.parametrize("platform", ["unknown/unknown", "linux/arm64"])
def test_ignores_attestations_in_an_index(platform: str, stubs: Stubs, registry: Registry) -> None:
    child, attestation = registry.image(), registry.image("unknown", "unknown")
    index = registry.index(
        registry.entry(attestation, platform, **ATTESTATION), registry.entry(child, "linux/arm64")
    )
    stubs.child(registry, child)
    stubs.config(registry, registry.config_of(child))
    assert outcome(stubs, registry, index) == index


def test_trusts_the_configuration_rather_than_the_index(stubs: Stubs, registry: Registry) -> None:
    child = registry.image("amd64")
    index = registry.index(registry.entry(child, "linux/arm64"))
    stubs.child(registry, child)
    stubs.config(registry, registry.config_of(child))
    with pytest.raises(ImageRejectedError, match="is for linux/amd64"):
        outcome(stubs, registry, index)


@pytest.mark.parametrize(
    ("platforms", "named"),
    [(["linux/amd64", "linux/s390x"], "linux/amd64, linux/s390x"), ([], "no platform")],
)
def test_rejects_an_index_without_linux_arm64(
    platforms: list[str], named: str, stubs: Stubs, registry: Registry
) -> None:
    attestation = registry.entry(registry.image(), "unknown/unknown", **ATTESTATION)
    index = registry.index(*(registry.entry(registry.image(), p) for p in platforms), attestation)
    with pytest.raises(ImageRejectedError, match=f"is for {named}, not for linux/arm64"):
        outcome(stubs, registry, index)


def test_rejects_an_index_whose_image_was_deleted(stubs: Stubs, registry: Registry) -> None:
    index = registry.index(registry.entry(f"sha256:{'a' * 64}", "linux/arm64"))
    stubs.ecr.add_response("batch_get_image", {"images": [], "failures": [{"failureCode": "ImageNotFound"}]})
    with pytest.raises(
        ImageRejectedError, match=r"the linux/arm64 manifest of the image .* was deleted: deploy again"
    ):
        outcome(stubs, registry, index)


@pytest.mark.parametrize("excess", [0, 1])
def test_counts_the_compressed_size_of_all_layers(excess: int, stubs: Stubs, registry: Registry) -> None:
    config = len(registry.blobs[registry.config_of(registry.image())])
    digest = registry.image(layers=(1024**3, SIZE_LIMIT - 1024**3 - config + excess))
    stubs.config(registry, registry.config_of(digest))
    if not excess:
        assert outcome(stubs, registry, digest) == digest
        return
    with pytest.raises(
        ImageRejectedError, match=r"compressed size of 2\.00 GB.*allows 2 GB: use a smaller base"
    ):
        outcome(stubs, registry, digest)


CONFIG = {"digest": f"sha256:{'c' * 64}", "size": 3}


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        {},
        {"config": None},
        {"config": []},
        {"manifests": {}},
        {"manifests": [1]},
        {"manifests": [{"platform": [], "annotations": 1}]},
        {"manifests": [{"platform": "linux"}]},
    ],
)
def test_rejects_a_malformed_manifest(manifest: Any, stubs: Stubs, registry: Registry) -> None:
    with pytest.raises(ImageRejectedError, match="is not a container image: delete this tag"):
        outcome(stubs, registry, registry.add(manifest))


@pytest.mark.parametrize(
    "layers", [None, {}, [None], [{}], [{"size": "1"}], [{"size": -1}], [{"size": True}], [{"size": 1.5}]]
)
def test_rejects_layers_without_a_size(layers: Any, stubs: Stubs, registry: Registry) -> None:
    config = registry.add({"architecture": "arm64", "os": "linux"})
    digest = registry.add({"config": {"digest": config, "size": 1}, "layers": layers})
    stubs.config(registry, config)
    with pytest.raises(ImageRejectedError, match="is not a container image"):
        outcome(stubs, registry, digest)


def test_an_incomplete_configuration_is_a_download_error(stubs: Stubs, registry: Registry) -> None:
    digest = registry.image()
    config = registry.config_of(digest)
    stubs.config(registry, config)
    registry.blobs[config] = registry.blobs[config][:-3]
    with pytest.raises(IncompleteDownloadError, match="is incomplete"):
        outcome(stubs, registry, digest)
    assert issubclass(IncompleteDownloadError, AWS_ERRORS)


def test_rejects_an_image_without_a_digest(stubs: Stubs, registry: Registry) -> None:
    digest = registry.image()
    stubs.config(registry, registry.config_of(digest))
    with pytest.raises(ImageRejectedError, match="is not a container image"):
        verify(stubs.aws.ecr, WANTED, Image("", registry.blobs[digest].decode()))


@pytest.mark.parametrize("config", [b"", b"\x00\xff", b"[]", b'{"architecture": 1}'])
def test_rejects_a_malformed_configuration(config: bytes, stubs: Stubs, registry: Registry) -> None:
    blob = registry.add(config)
    digest = registry.add({"config": {"digest": blob, "size": 1}, "layers": []})
    stubs.config(registry, blob)
    with pytest.raises(ImageRejectedError):
        outcome(stubs, registry, digest)
