"""Images that Docker builds, and images that are assembled from them, side by side in one store of blobs."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import posixpath
import subprocess
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from image_builder.build_program import plan as distiller
from image_builder.function.assembly import plan
from image_builder.function.assembly.assemble import Sources, assemble
from image_builder.function.assembly.context import Context, read_context
from image_builder.function.assembly.image import read_image
from image_builder.function.assembly.limits import Deadline

from test.docker import assembly_corpus as corpus
from test.rehearsal import base_images
from test.rehearsal.docker_engine import Engine

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"


def digest_of(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


@dataclass
class Blobs:
    """The blobs of a repository, in memory."""

    content: dict[str, bytes] = field(default_factory=dict)

    def add(self, blob: bytes) -> str:
        digest = digest_of(blob)
        self.content[digest] = blob
        return digest

    def read(self, digest: str) -> Iterator[bytes]:
        blob = self.content[digest]
        for start in range(0, len(blob), 65536):
            yield blob[start : start + 65536]

    def write(self, content: Iterator[bytes], digest: Callable[[], str]) -> None:
        assert self.add(b"".join(content)) == digest()


@dataclass(frozen=True)
class BuiltImage:
    """An image's manifest, and the metadata of the build that has made it."""

    manifest: str
    metadata: Mapping[str, Any]

    @property
    def digest(self) -> str:
        return digest_of(self.manifest.encode())

    @property
    def plan(self) -> plan.Plan:
        """The plan that the build program keeps with the image.

        :raises NoPlanError: when the image can only be built.
        """
        return plan.parse(json.dumps(distiller.distil(self.metadata, time.time())).encode())


@dataclass(frozen=True)
class Images:
    """Builds and assembles images of one engine."""

    engine: Engine
    folder: Path
    blobs: Blobs = field(default_factory=Blobs)

    def build(self, source: Path, *options: str) -> BuiltImage:
        """Build with Docker, and push to the store of blobs."""
        metadata, name = self.folder / "metadata.json", "assembly:built"
        environment = {**os.environ, **self.engine.environment, "BUILDX_METADATA_PROVENANCE": "max"}
        command = [
            self.engine.docker,
            "buildx",
            "build",
            "--platform=linux/arm64",
            "--network=none",
            *options,
        ]
        command += ["--provenance=false", f"--metadata-file={metadata}", f"--tag={name}"]
        command += ["--output=type=docker,oci-mediatypes=false", str(source)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildFailedError(done.stderr[-2000:])
        return BuiltImage(self._push(name), json.loads(metadata.read_text()))

    def assemble(self, image: BuiltImage, old: Context, new: Context, plan: plan.Plan) -> BuiltImage:
        """Assemble from an image.

        :raises DeclinedError: when it can only be built.
        """
        manifest = json.loads(image.manifest)
        config = self.blobs.content[manifest["config"]["digest"]]
        previous = read_image(image.digest, image.manifest, config)
        deadline = Deadline(time.monotonic, time.monotonic() + 60)
        layers = assemble(previous, plan, Sources(old, new, "Dockerfile"), self.blobs, deadline)
        document = previous.with_layers(layers)
        self.blobs.add(document.config)
        return BuiltImage(document.manifest, image.metadata)

    def load(self, image: BuiltImage, name: str) -> None:
        """Load the image into the engine."""
        archive = io.BytesIO()
        manifest = json.loads(image.manifest)
        config, layers = manifest["config"]["digest"], [layer["digest"] for layer in manifest["layers"]]
        entry = {"Config": config[7:], "RepoTags": [name], "Layers": [layer[7:] for layer in layers]}
        with tarfile.open(fileobj=archive, mode="w") as out:
            _put(out, "manifest.json", json.dumps([entry]).encode())
            for digest in {config, *layers}:
                _put(out, digest[7:], self.blobs.content[digest])
        environment = {**os.environ, **self.engine.environment}
        command = [self.engine.docker, "image", "load"]
        subprocess.run(command, env=environment, input=archive.getvalue(), capture_output=True, check=True)

    def exported(self, name: str) -> dict[str, tuple[Any, ...]]:
        """The file system of an image as the engine gives it to containers."""
        container = self.engine.run("create", "--platform=linux/arm64", name, "none")
        try:
            command = [self.engine.docker, "export", container]
            environment = {**os.environ, **self.engine.environment}
            done = subprocess.run(command, env=environment, capture_output=True, check=True)
        finally:
            self.engine.run("container", "rm", container)
        files: dict[str, tuple[Any, ...]] = {}
        _apply(done.stdout, files)
        return files

    def files(self, image: BuiltImage) -> dict[str, tuple[Any, ...]]:
        """The file system that the layers of an image make."""
        files: dict[str, tuple[Any, ...]] = {}
        for layer in json.loads(image.manifest)["layers"]:
            _apply(gzip.decompress(self.blobs.content[layer["digest"]]), files)
        return files

    def config(self, image: BuiltImage) -> Mapping[str, Any]:
        """The configuration without times, digests and comments."""
        document = json.loads(self.blobs.content[json.loads(image.manifest)["config"]["digest"]])
        history = [
            {k: v for k, v in h.items() if k not in ("created", "comment")} for h in document["history"]
        ]
        layers = len(document["rootfs"]["diff_ids"])
        return {**document, "created": None, "history": history, "rootfs": layers}

    def _push(self, name: str) -> str:
        """Compress the layers as a push of the classic store does; the containerd store has done so."""
        command, environment = (
            [self.engine.docker, "image", "save", name],
            {**os.environ, **self.engine.environment},
        )
        saved = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(saved)) as archive:
            found = {entry.name: archive.extractfile(entry) for entry in archive}
            files = {name: file.read() for name, file in found.items() if file}
        (index,) = json.loads(files["index.json"])["manifests"]
        manifest = json.loads(files[_path(index["digest"])])
        config, layers = files[_path(manifest["config"]["digest"])], []
        for layer in manifest["layers"]:
            blob = files[_path(layer["digest"])]
            blob = blob if blob.startswith(b"\x1f\x8b") else gzip.compress(blob, 1, mtime=0)
            layers.append({"mediaType": LAYER, "size": len(blob), "digest": self.blobs.add(blob)})
        descriptor = {"mediaType": CONFIG, "size": len(config), "digest": self.blobs.add(config)}
        return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor, "layers": layers})


@contextlib.contextmanager
def with_bases(engine: Engine) -> Iterator[Images]:
    """The images of an engine that has the base images of the corpus."""
    with tempfile.TemporaryDirectory() as folder:
        base_images.busybox(engine, Path(folder), corpus.BASE)
        onbuild = Path(folder) / "onbuild"
        onbuild.mkdir()
        (onbuild / "Dockerfile").write_text(corpus.ONBUILD)
        options = ("--quiet", "--load", "--provenance=false", "--platform=linux/arm64", "--tag=onbuild:arm64")
        engine.run("buildx", "build", *options, str(onbuild))
        yield Images(engine, Path(folder))


class BuildFailedError(Exception):
    """Docker does not build it."""


def archived(source: Path, folder: Path) -> Context:
    """The context as it is after the CDK has archived it and the function has read it."""
    links, directories, archive = {}, [], folder / f"{source.name}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for path in sorted(source.rglob("*")):
            name = str(path.relative_to(source))
            if path.is_symlink():
                links[name] = str(path.readlink())
            elif path.is_dir():
                directories += [name] if not any(path.iterdir()) else []
            else:
                entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                entry.external_attr = path.stat().st_mode << 16
                out.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    deadline = Deadline(time.monotonic, time.monotonic() + 60)
    return read_context(zipfile.ZipFile(archive), links, directories, deadline)


def _apply(layer: bytes, files: dict[str, tuple[Any, ...]]) -> None:
    """What a layer makes of the files below, written apart from the code that is tested."""
    added: set[str] = set()
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        for entry in archive:
            path = posixpath.normpath(entry.name).strip("/")
            folder, name = posixpath.split(path)
            if name.startswith(_WHITEOUT):
                gone = folder if name == _OPAQUE else posixpath.join(folder, name[4:])
                for known in [k for k in files if k not in added and _is_gone(k, gone, name == _OPAQUE)]:
                    del files[known]
                continue
            if not entry.isdir():
                for known in [k for k in files if k.startswith(f"{path}/")]:
                    del files[known]
            if path != ".":
                files[path] = _described(archive, entry, files)
                added.add(path)


def _is_gone(path: str, gone: str, is_opaque: bool) -> bool:
    return path.startswith(f"{gone}/") or (path == gone and not is_opaque)


def _described(
    archive: tarfile.TarFile, entry: tarfile.TarInfo, files: Mapping[str, tuple[Any, ...]]
) -> tuple[Any, ...]:
    kind = tarfile.REGTYPE if entry.islnk() else entry.type
    content = archive.extractfile(entry) if entry.isfile() else None
    digest = digest_of(content.read()) if content else None
    if entry.islnk():
        digest = files[posixpath.normpath(entry.linkname).strip("/")][-1]
    mode = 0 if entry.issym() else entry.mode
    attributes = tuple(sorted(key for key in entry.pax_headers if "xattr" in key))
    return kind, mode, entry.uid, entry.gid, entry.linkname if entry.issym() else "", attributes, digest


def _put(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _path(digest: str) -> str:
    return f"blobs/sha256/{digest[7:]}"
