"""arm64 base images made of Debian packages: nothing is pulled from anywhere."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

from . import debian
from .engine import Engine
from .processes import RehearsalError

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
MACHINE_FIELD, NOBODYS_MACHINE = 18, 0x09


def build(engine: Engine, folder: Path, name: str, python: bool, platform: str = "linux/arm64") -> None:
    """Build a base image under this name.

    For another platform than linux/arm64 its programs are of a machine that neither this host nor QEMU runs,
    as an ARM host does not run amd64 programs.
    """
    if not debian.is_debian():
        raise RehearsalError(
            "the arm64 base images are made of Debian packages, which this system cannot unpack"
        )
    names = f"{BUSYBOX} {PYTHON}" if python else BUSYBOX
    packages = [f"{package}:arm64/{debian.SUITE}" for package in names.split()]
    root = debian.unpacked("python-arm64" if python else "busybox-arm64", packages)
    context = folder / name.replace("/", "_").replace(":", "_")
    context.mkdir()
    _archive(root, context / "root.tar", ["python3", "python"] if python else [], platform != "linux/arm64")
    (context / "Dockerfile").write_text(
        "FROM scratch\nADD root.tar /\n"
        'ENV PATH=/usr/local/bin:/usr/bin:/usr/sbin PYTHONUNBUFFERED=1\nCMD ["sh"]\n'
    )
    engine.run(
        "buildx",
        "build",
        "--quiet",
        "--provenance=false",
        "--platform",
        platform,
        "--tag",
        name,
        "--load",
        str(context),
    )


def _archive(root: Path, target: Path, pythons: Sequence[str], foreign: bool) -> None:
    with tarfile.open(target, "w") as archive:
        for path in sorted(root.rglob("*")):
            relative = str(path.relative_to(root))
            if not f"{relative}/".startswith(LEFT_OUT):
                archive.add(path, relative, recursive=False, filter=_as_root)
        if foreign:
            program = bytearray((root / "usr/bin/busybox").read_bytes())
            program[MACHINE_FIELD] = NOBODYS_MACHINE
            _file(archive, "usr/bin/busybox", bytes(program), 0o755)
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


def _file(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))
