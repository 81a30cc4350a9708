"""The agents' base images; on Debian they are built from its packages, and nothing is pulled."""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Sequence
from pathlib import Path

from . import debian
from .docker_engine import Engine

BUSYBOX = "busybox-static"
PYTHON = (
    "libc6 libgcc-s1 zlib1g libbz2-1.0 liblzma5 libexpat1 libssl3t64 libffi8 libzstd1 libsqlite3-0 libuuid1"
    " python3.13-minimal libpython3.13-minimal libpython3.13-stdlib"
)
APPLETS = (
    "sh ash cat ls cp mv rm mkdir chmod chown ln echo printf sleep uname id env test true false head tail wc"
    " grep sed dd tar sha256sum adduser addgroup mktemp touch date find which wget"
)
LEFT_OUT = (
    "usr/share/doc/",
    "usr/share/man/",
    "usr/share/locale/",
    "usr/lib/aarch64-linux-gnu/gconv/",
    "var/",
)
ENVIRONMENT = "ENV PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin PYTHONUNBUFFERED=1"
PUBLIC = "public.ecr.aws/docker/library"
FOREIGN_PROGRAM = struct.pack(
    "<4sBBBB8xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 2, 9, 1, *[0] * 4, 64, *[0] * 5
)


def python(engine: Engine, folder: Path, name: str) -> None:
    """An arm64 image with Python: built from Debian's packages on Debian, the public one elsewhere."""
    _arm64(engine, folder, name, f"{BUSYBOX} {PYTHON}", f"{PUBLIC}/python:3.13-slim")


def busybox(engine: Engine, folder: Path, name: str) -> None:
    """A small arm64 image with a shell."""
    _arm64(engine, folder, name, BUSYBOX, f"{PUBLIC}/busybox:1")


def amd64(engine: Engine, folder: Path, name: str) -> None:
    """A linux/amd64 image whose shell does not run here, as on an ARM host."""
    context = _context(folder, name)
    (context / "sh").write_bytes(FOREIGN_PROGRAM)
    (context / "sh").chmod(0o755)
    (context / "Dockerfile").write_text(f"FROM scratch\nCOPY sh /bin/sh\n{ENVIRONMENT}\n")
    _build(engine, context, name, "linux/amd64")


def _arm64(engine: Engine, folder: Path, name: str, packages: str, public: str) -> None:
    if not debian.is_debian():
        engine.run("pull", "--quiet", "--platform=linux/arm64", public)
        engine.run("tag", public, name)
        return
    kind = "python-arm64" if "python" in packages else "busybox-arm64"
    root = debian.unpacked(kind, [f"{package}:arm64/{debian.SUITE}" for package in packages.split()])
    context = _context(folder, name)
    _archive(root, context / "root.tar", ["python3", "python"] if "python" in packages else [])
    (context / "Dockerfile").write_text(f'FROM scratch\nADD root.tar /\n{ENVIRONMENT}\nCMD ["sh"]\n')
    _build(engine, context, name, "linux/arm64")


def _context(folder: Path, name: str) -> Path:
    context = folder / name.replace("/", "_").replace(":", "_")
    context.mkdir()
    return context


def _build(engine: Engine, context: Path, name: str, platform: str) -> None:
    options = ("--quiet", "--load", "--provenance=false", f"--platform={platform}", f"--tag={name}")
    engine.run("buildx", "build", *options, str(context))


def _archive(root: Path, target: Path, pythons: Sequence[str]) -> None:
    with tarfile.open(target, "w") as archive:
        for path in sorted(root.rglob("*")):
            relative = str(path.relative_to(root))
            if not f"{relative}/".startswith(LEFT_OUT):
                archive.add(path, relative, recursive=False, filter=_as_root)
        for applet in APPLETS.split():
            _link(archive, f"usr/bin/{applet}", "busybox")
        for python in pythons:
            _link(archive, f"usr/local/bin/{python}", "/usr/bin/python3.13")
        for folder in ("tmp", "app", "root", "usr/local/bin"):
            _folder(archive, folder)
        _file(archive, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
        _file(archive, "etc/group", b"root:x:0:\n")


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mtime = 0
    return entry


def _link(archive: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    archive.addfile(entry)


def _folder(archive: tarfile.TarFile, name: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
    archive.addfile(entry)


def _file(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
