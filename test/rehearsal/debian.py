"""Debian packages unpacked into a cache folder; the system's own package state is not touched."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from .processes import RehearsalError
from .progress import step

SUITE = "trixie"
CURATED = "sid"
"""The suite with the Docker of CodeBuild's curated images."""
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SOURCES = Path("/etc/apt")


def cache_folder() -> Path:
    """Where downloads are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "arm64-agent-image"


def is_debian() -> bool:
    """Whether this is a Debian system with apt."""
    return _os_release().get("ID") == "debian" and all(map(shutil.which, ("apt-get", "dpkg-deb")))


def _os_release() -> dict[str, str]:
    path = Path("/etc/os-release")
    lines = path.read_text().splitlines() if path.exists() else []
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}


def codename() -> str:
    """The suite of this machine, for example bookworm."""
    return _os_release().get("VERSION_CODENAME", SUITE)


def _mirror() -> str:
    """The mirror that this machine is configured to use."""
    for path in [*sorted(SOURCES.glob("sources.list.d/*.sources")), *sorted(SOURCES.glob("**/*.list"))]:
        for match in re.finditer(
            r"(?:URIs:|^deb(?:\s+\[[^]]*\])?)\s+(\S+/debian)/?(?=\s)", path.read_text(), re.M
        ):
            return match.group(1)
    raise RehearsalError("no Debian mirror is configured in /etc/apt; start a Docker engine yourself instead")


@dataclass(frozen=True)
class Apt:
    """A private apt: its own lists, its own empty status file, the machine's own mirror."""

    folder: Path

    def unpack(self, packages: Sequence[str], root: Path) -> None:
        """Download `name[:arch]/suite` packages, without their dependencies, and unpack them below `root`."""
        downloads = self.folder / "archives"
        downloads.mkdir(parents=True, exist_ok=True)
        self._configure({suite for _, _, suite in (package.partition("/") for package in packages) if suite})
        for old in downloads.glob("*.deb"):
            old.unlink()
        self._run("update", "-qq", cwd=downloads)
        self._run("download", "-qq", *packages, cwd=downloads)
        _make_merged_usr(root)
        for package in sorted(downloads.glob("*.deb")):
            with subprocess.Popen(
                ["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE
            ) as contents:
                subprocess.run(
                    ["tar", "-x", "--keep-directory-symlink", "-C", str(root)],
                    stdin=contents.stdout,
                    check=True,
                )
            package.unlink()

    def _configure(self, suites: Set[str]) -> None:
        for name in ("etc/parts", "etc/preferences.d", "state/lists/partial", "cache/archives/partial"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        # a mirror can be older than the days for which the Release file of sid is valid
        options = f"[signed-by={KEYRING} arch={{}} check-valid-until=no]"
        machine = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True)
        native = machine.stdout.strip()
        both = ",".join(sorted({native, "arm64"}))
        lines = [
            f"deb {options.format(both if suite == SUITE else native)} {_mirror()} {suite} main"
            for suite in sorted({*suites, SUITE})
        ]
        (self.folder / "etc/sources.list").write_text("\n".join(lines) + "\n")
        (self.folder / "status").touch()
        (self.folder / "apt.conf").write_text(
            f'Dir::Etc "{self.folder}/etc";\n'
            f'Dir::Etc::parts "{self.folder}/etc/parts";\n'
            f'Dir::State "{self.folder}/state";\n'
            f'Dir::State::status "{self.folder}/status";\n'
            f'Dir::Cache "{self.folder}/cache";\n'
            f'APT::Architectures {{"{native}"; "arm64";}};\n'
            'APT::Sandbox::User "root";\n'
            'Acquire::Languages "none";\n'
            'Acquire::Retries "3";\n'
        )

    def _run(self, *arguments: str, cwd: Path) -> None:
        env = {**os.environ, "APT_CONFIG": str(self.folder / "apt.conf"), "LC_ALL": "C"}
        result = subprocess.run(["apt-get", *arguments], cwd=cwd, env=env, capture_output=True, text=True)
        if result.returncode:
            raise RehearsalError(
                f"apt-get {arguments[0]} failed: {(result.stderr or result.stdout).strip()[-800:]}"
            )


def _make_merged_usr(root: Path) -> None:
    for name in ("bin", "sbin", "lib"):
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        if not (root / name).is_symlink():
            (root / name).symlink_to(f"usr/{name}")


def unpacked(name: str, packages: Sequence[str], keep: str = "") -> Path:
    """The folder with these packages unpacked, from the cache if possible.

    `keep` is the one program of a family (`qemu-aarch64` of `qemu-*`) that is kept in usr/bin.
    """
    key = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:12]
    folder = cache_folder() / f"{name}-{key}"
    if folder.exists():
        return folder
    cache_folder().mkdir(parents=True, exist_ok=True)
    with step(f"downloading and unpacking {len(packages)} Debian packages into {folder}"):
        staging = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=cache_folder()))
        try:
            Apt(staging / "apt").unpack(packages, staging / "root")
            if keep:
                _drop_others(staging / "root/usr/bin", keep)
            with contextlib.suppress(FileExistsError, OSError):
                (staging / "root").rename(folder)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return folder


def _drop_others(folder: Path, keep: str) -> None:
    prefix = keep.split("-", 1)[0]
    for path in folder.glob(f"{prefix}-*"):
        if path.name != keep:
            path.unlink()
