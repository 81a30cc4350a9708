"""An account with a repository and source archives, which refuses what AWS refuses.

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_UploadLayerPart.html and API_PutImage.html
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError
from image_builder.function.services.clients import Clients

from test.image_builder.fakes import OLD_TAG, REPOSITORY, TAG, event
from test.image_builder.simulated_aws import client_error

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
BUILT_AT = 1_799_999_000
PART_SIZE, SMALLEST_PART = 10 * 1024**2, 5 * 1024**2
DOCKERFILE = b"FROM base\nCOPY . /app/\n"
OLD_FILES = {"Dockerfile": DOCKERFILE, "agent.py": b"old", "tools/search.py": b"search"}
NEW_FILES = {"Dockerfile": DOCKERFILE, "agent.py": b"new", "tools/search.py": b"search", "tools/x.py": b"x"}
COPY_ALL = {"source": "/", "destination": "/app/", "owner": [0, 0], "mode": None, "exclude": []}
PLAN = {
    "version": 1,
    "builtAt": BUILT_AT,
    "ignore": [],
    "reads": ["/requirements.txt"],
    "layers": [{"isLinked": False, "actions": [COPY_ALL]}],
}


@dataclass(frozen=True)
class Entry:
    """An entry of a layer."""

    content: bytes | None = None
    mode: int = 0o644
    owner: tuple[int, int] = (0, 0)
    target: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


FOLDER = Entry(mode=0o755)
BASE_LAYER = {"bin": FOLDER, "bin/sh": Entry(b"\x7fELF", 0o755), "app": FOLDER}
CODE_LAYER = {
    "app": FOLDER,
    "app/Dockerfile": Entry(DOCKERFILE),
    "app/agent.py": Entry(b"old"),
    "app/tools": FOLDER,
    "app/tools/search.py": Entry(b"search"),
}


def layer(entries: Mapping[str, Entry]) -> bytes:
    """The archive of a layer."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, entry in entries.items():
            info = tarfile.TarInfo(name)
            info.mode, (info.uid, info.gid), info.linkname = entry.mode, entry.owner, entry.target
            info.type = tarfile.DIRTYPE if entry.content is None else tarfile.REGTYPE
            info.type = tarfile.SYMTYPE if entry.target else info.type
            info.size, info.pax_headers = len(entry.content or b""), dict(entry.attributes)
            archive.addfile(info, io.BytesIO(entry.content or b""))
    return out.getvalue()


def compress(content: bytes) -> bytes:
    deflater = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return deflater.compress(content) + deflater.flush()


def archive(files: Mapping[str, bytes]) -> bytes:
    """A source archive as the CDK makes it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o100644 << 16
            target.writestr(entry, content)
    return out.getvalue()


def digest_of(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


class Ecr:
    """A repository with immutable tags."""

    class _Error(ClientError):
        def __init__(self, code: str) -> None:
            super().__init__({"Error": {"Code": code, "Message": code}}, "x")

    class LayerAlreadyExistsException(_Error):  # noqa: N818
        """The blob is there."""

    class ImageAlreadyExistsException(_Error):  # noqa: N818
        """The manifest has the tag already."""

    class ImageTagAlreadyExistsException(_Error):  # noqa: N818
        """Another manifest has the tag."""

    def __init__(self) -> None:
        self.exceptions = SimpleNamespace(
            LayerAlreadyExistsException=self.LayerAlreadyExistsException,
            ImageAlreadyExistsException=self.ImageAlreadyExistsException,
            ImageTagAlreadyExistsException=self.ImageTagAlreadyExistsException,
        )
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[str, str]] = {}
        self.tags: dict[str, str] = {}
        self.uploads: dict[str, bytes] = {}
        self.failing: dict[str, Exception] = {}
        self.calls: list[str] = []

    def add(self, blob: bytes) -> str:
        self.blobs[digest_of(blob)] = blob
        return digest_of(blob)

    def add_image(self, layers: list[bytes], config: Mapping[str, Any], tag: str, **more: object) -> str:
        """Push an image of these uncompressed layers."""
        blobs = [compress(content) for content in layers]
        rootfs = {"type": "layers", "diff_ids": [digest_of(content) for content in layers]}
        document = json.dumps({"rootfs": rootfs, **config}).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "size": len(document), "digest": self.add(document)},
            "layers": [{"mediaType": LAYER, "size": len(blob), "digest": self.add(blob)} for blob in blobs],
            **more,
        }
        return self.add_manifest(json.dumps(manifest), tag)

    def add_manifest(self, text: str, tag: str, media_type: str = MANIFEST) -> str:
        digest = digest_of(text.encode())
        self.manifests[digest] = text, media_type
        self.tags[tag] = digest
        return digest

    def _called(self, name: str, asked: Mapping[str, Any]) -> None:
        assert asked["registryId"] == "123456789012"
        assert asked["repositoryName"] == REPOSITORY
        self.calls.append(name)
        if name in self.failing:
            raise self.failing[name]

    def batch_get_image(self, **asked: Any) -> Any:
        self._called("batch_get_image", asked)
        (wanted,) = asked["imageIds"]
        digest = wanted.get("imageDigest") or self.tags.get(wanted["imageTag"])
        if digest not in self.manifests:
            return {"images": [], "failures": [{"failureCode": "ImageNotFound"}]}
        text, media_type = self.manifests[digest]
        found = {
            "imageId": {"imageDigest": digest},
            "imageManifest": text,
            "imageManifestMediaType": media_type,
        }
        return {"images": [found]}

    def get_download_url_for_layer(self, **asked: Any) -> Any:
        self._called("get_download_url_for_layer", asked)
        return {"downloadUrl": f"https://download/{asked['layerDigest']}"}

    def download(self, url: str, timeout: float) -> io.BytesIO:
        assert timeout > 0
        return io.BytesIO(self.blobs[url.removeprefix("https://download/")])

    def initiate_layer_upload(self, **asked: Any) -> Any:
        self._called("initiate_layer_upload", asked)
        self.uploads[str(len(self.uploads))] = b""
        return {"uploadId": str(len(self.uploads) - 1), "partSize": PART_SIZE}

    def upload_layer_part(self, **asked: Any) -> Any:
        self._called("upload_layer_part", asked)
        blob, part = self.uploads[asked["uploadId"]], asked["layerPartBlob"]
        assert 0 < len(part) <= PART_SIZE
        assert asked["partFirstByte"] == len(blob)
        assert asked["partLastByte"] == len(blob) + len(part) - 1
        assert len(blob) % PART_SIZE == 0, "only the last part may be smaller"
        self.uploads[asked["uploadId"]] = blob + part
        return {}

    def complete_layer_upload(self, **asked: Any) -> Any:
        self._called("complete_layer_upload", asked)
        blob = self.uploads.pop(asked["uploadId"])
        assert blob, "EmptyUploadException"
        assert asked["layerDigests"] == [digest_of(blob)], "InvalidLayerException"
        if digest_of(blob) in self.blobs:
            raise self.LayerAlreadyExistsException("LayerAlreadyExistsException")
        self.add(blob)
        return {}

    def put_image(self, **asked: Any) -> Any:
        self._called("put_image", asked)
        text, tag = asked["imageManifest"], asked["imageTag"]
        manifest = json.loads(text)
        assert manifest["mediaType"] == asked["imageManifestMediaType"]
        for blob in (manifest["config"], *manifest["layers"]):
            assert len(self.blobs[blob["digest"]]) == blob["size"], "LayersNotFoundException"
        if self.tags.get(tag) == digest_of(text.encode()):
            raise self.ImageAlreadyExistsException("ImageAlreadyExistsException")
        if tag in self.tags:
            raise self.ImageTagAlreadyExistsException("ImageTagAlreadyExistsException")
        self.add_manifest(text, tag, asked["imageManifestMediaType"])
        return {}


@dataclass
class S3:
    """The objects of a bucket."""

    objects: dict[str, bytes] = field(default_factory=dict)

    def get_object(self, Bucket: str, Key: str) -> Any:  # noqa: N803
        if f"{Bucket}/{Key}" not in self.objects:
            raise client_error("NoSuchKey", "The specified key does not exist.")
        blob = self.objects[f"{Bucket}/{Key}"]
        return {"ContentLength": len(blob), "Body": io.BytesIO(blob)}


CONFIGURATION = {
    "architecture": "arm64",
    "os": "linux",
    "created": "2027-01-15T08:00:00Z",
    "config": {"Cmd": ["python", "agent.py"], "WorkingDir": "/app"},
    "history": [
        {"created_by": "ADD base /", "created": "2027-01-01T08:00:00Z"},
        {"created_by": "ENV A=b", "empty_layer": True},
        {"created_by": "COPY . /app/ # buildkit", "comment": "buildkit.dockerfile.v0"},
        {"created_by": 'CMD ["python" "agent.py"]', "empty_layer": True},
    ],
}


@dataclass
class Account:
    """An account in which a previous image lies with its plan, and both sources."""

    ecr: Ecr = field(default_factory=Ecr)
    s3: S3 = field(default_factory=S3)

    @property
    def clients(self) -> Clients:
        unused: Any = None
        ecr: Any = self.ecr
        s3: Any = self.s3
        return Clients(unused, ecr, unused, unused, s3)

    def prepare(
        self,
        old: Mapping[str, bytes] = OLD_FILES,
        new: Mapping[str, bytes] = NEW_FILES,
        plan: object = PLAN,
        layers: list[Mapping[str, Entry]] | None = None,
        config: Mapping[str, Any] = CONFIGURATION,
        **manifest: object,
    ) -> str:
        """Fill the account; the digest of the previous image."""
        archives = [layer(entries) for entries in layers or [BASE_LAYER, CODE_LAYER]]
        digest = self.ecr.add_image(archives, config, OLD_TAG, **manifest)
        if plan is not None:
            self.add_plan(digest, plan)
        bucket = "cdk-hnb659fds-assets-123456789012-eu-west-1"
        self.s3.objects = {
            f"{bucket}/0000.zip": archive(old),
            f"{bucket}/1111.zip": archive(new),
            f"{bucket}/aaaa.json": b'{"file": "Dockerfile"}',
        }
        return digest

    def add_plan(self, digest: str, plan: object) -> None:
        content = {"plan.json": Entry(plan if isinstance(plan, bytes) else json.dumps(plan).encode())}
        self.ecr.add_image([layer(content)], {}, f"plan-{digest[7:]}")

    def files(self, tag: str = TAG) -> dict[str, Entry]:
        """What the layers of an image hold, the later ones over the earlier ones."""
        manifest = json.loads(self.ecr.manifests[self.ecr.tags[tag]][0])
        entries: dict[str, Entry] = {}
        for descriptor in manifest["layers"]:
            with tarfile.open(fileobj=io.BytesIO(self.ecr.blobs[descriptor["digest"]])) as opened:
                for entry in opened:
                    file = opened.extractfile(entry)
                    entries[entry.name] = Entry(
                        file.read() if file else None, entry.mode, (entry.uid, entry.gid), entry.linkname
                    )
        return entries

    def config(self, tag: str = TAG) -> Any:
        manifest = json.loads(self.ecr.manifests[self.ecr.tags[tag]][0])
        return json.loads(self.ecr.blobs[manifest["config"]["digest"]])


def update(old: Mapping[str, object] = {}, **properties: object) -> dict[str, Any]:
    """An update whose two versions differ in their source only, but for what the test says."""
    raw = copy.deepcopy(event("update"))
    common: dict[str, object] = {
        "RecipeHash": "e" * 64,
        "BaseImageMaxAge": "86400",
        "Parameters": raw["OldResourceProperties"]["Parameters"],
    }
    raw["ResourceProperties"] |= common | properties
    raw["OldResourceProperties"] |= common | dict(old or {})
    return raw
