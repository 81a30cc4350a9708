"""Fetches the build context from Amazon S3 and restores it as it was at synthesis."""

from __future__ import annotations

import os
import shutil
import time
import zipfile
from pathlib import Path

from . import parameters
from .parameters import Parameters
from .process import BuildError, output
from .retry import retry_denied
from .settings import Settings

UMASK = 0o022
"""Gives every directory of the context the same mode, on which assembled images rely."""
_FETCH_SECONDS = 900


def prepare(settings: Settings) -> Parameters:
    """Fetch the parameters and the source, and make the build context."""
    shutil.rmtree(settings.folder, ignore_errors=True)
    settings.context.mkdir(parents=True)
    archive = settings.folder / "source.zip"
    _fetch(settings, settings.parameters, _parameters_file(settings))
    _fetch(settings, settings.source, archive)
    unpack(archive, settings.context)
    archive.unlink()
    wanted = read_parameters(settings)
    restore(wanted, settings.context)
    return wanted


def read_parameters(settings: Settings) -> Parameters:
    """The parameters, which an earlier phase has fetched."""
    return parameters.parse(_parameters_file(settings).read_text(encoding="utf-8"))


def unpack(archive: Path, target: Path) -> None:
    """Unpack the archive with file modes and times, which ``ZipFile.extract`` drops."""
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            path = Path(os.path.normpath(target / entry.filename))
            if path == target or not path.is_relative_to(target):
                raise BuildError(
                    f"the source archive contains a path outside of the directory: {entry.filename}"
                )
            if entry.is_dir():
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            with opened.open(entry) as content, path.open("wb") as file:
                shutil.copyfileobj(content, file, 1024 * 1024)
            path.chmod(entry.external_attr >> 16 & 0o777 or 0o644)
            modified = time.mktime((*entry.date_time, 0, 0, -1))
            os.utime(path, (modified, modified))


def restore(wanted: Parameters, target: Path) -> None:
    """Make the empty directories and symbolic links, which the archive lacks."""
    for directory in wanted.empty_directories:
        (target / directory).mkdir(parents=True, exist_ok=True)
    for path, destination in wanted.symbolic_links.items():
        link = target / path
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_symlink() or link.is_file():
            link.unlink()
        elif link.is_dir():
            shutil.rmtree(link)
        link.symlink_to(destination)


def _parameters_file(settings: Settings) -> Path:
    return settings.folder / "parameters.json"


def _fetch(settings: Settings, location: str, file: Path) -> None:
    command = ["aws", "s3", "cp", f"s3://{location}", str(file), "--only-show-errors"]
    retry_denied(lambda: output(command, timeout=_FETCH_SECONDS), settings.requested_at)
