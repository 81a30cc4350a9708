"""A base image with uv and a folder of wheels, as builds here reach no package index."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from . import debian
from .environment import PYTHON, Environment

UV = "uv==0.13.9"
LINUX = ("manylinux2014", "manylinux_2_17", "manylinux_2_28")
SETTINGS = 'no-index = true\nfind-links = ["/wheels"]\n[pip]\nbreak-system-packages = true\n'
NAME = "base/uv"


class NoPackageIndexError(Exception):
    """The wheels could not be downloaded."""


def uv_base(environment: Environment, requirements: Path) -> str:
    """Serve an arm64 image with Python, uv and the wheels of these requirements; returns its URI.

    :raises NoPackageIndexError: when pip cannot download them.
    """
    wheels = _downloaded(requirements)
    context = Path(tempfile.mkdtemp(dir=environment.folder))
    shutil.copytree(wheels, context / "wheels")
    (uv,) = wheels.glob("uv-*.whl")
    with zipfile.ZipFile(uv) as archive:
        (program,) = [name for name in archive.namelist() if name.endswith("/scripts/uv")]
        (context / "uv").write_bytes(archive.read(program))
    (context / "uv").chmod(0o755)
    tag, aws = requirements.parent.name, environment.aws
    local = f"{aws.registry}/{NAME}:{tag}"
    (context / "uv.toml").write_text(SETTINGS)
    (context / "Dockerfile").write_text(
        f"FROM {aws.registry}/{PYTHON}\nCOPY uv /usr/local/bin/\nCOPY uv.toml /etc/uv/\nCOPY wheels /wheels\n"
    )
    aws.client("ecr").create_repository(repositoryName=NAME)
    options = ("--quiet", "--load", "--provenance=false", "--platform=linux/arm64", f"--tag={local}")
    environment.engine.run("buildx", "build", *options, str(context))
    environment.engine.run("push", "--quiet", local)
    return f"{aws.region.registry}/{NAME}:{tag}"


def _downloaded(requirements: Path) -> Path:
    """The folder with the wheels, filled once for each list of requirements."""
    digest = hashlib.sha256(f"{UV}\n{requirements.read_text()}".encode()).hexdigest()[:12]
    folder = debian.cache_folder() / f"wheels-{digest}"
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(dir=folder.parent))
    platforms = [f"--platform={name}_aarch64" for name in LINUX]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--python-version=3.13"]
    done = subprocess.run(
        [*pip, *platforms, f"--dest={staged}", f"--requirement={requirements}", UV],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        shutil.rmtree(staged)
        raise NoPackageIndexError(done.stderr.strip().splitlines()[-1])
    return staged.rename(folder)
