"""Finds out for which architecture the image's entrypoint is.

BuildKit writes the requested platform into the configuration of every image, whatever its base image
contains; an amd64 base image shows only when a RUN step starts one of its programs. This module reads the
header of the program that the image starts, following the interpreters of scripts. It runs no program of
the image.
https://docs.docker.com/build/building/multi-platform/
https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
"""

from __future__ import annotations

import json
import posixpath
import subprocess
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass

from .. import elf
from .process import BuildError, CommandError, output, succeeds

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_HEADER = 512
_INTERPRETERS = 4


class WrongArchitectureError(BuildError):
    """The image would not start."""


@dataclass(frozen=True)
class Program:
    """A program in the image, and the machine that it is for."""

    path: str
    machine: str


def check(image: str) -> None:
    """Fail if the image starts a program for another architecture.

    A program that cannot be found, for example because it is mounted later, only causes a notice.

    :raises WrongArchitectureError: names the program.
    """
    try:
        program = _find(image)
    except (CommandError, KeyError, ValueError) as error:
        print(f"notice: could not read the program that the image starts: {error}")
        return
    if program is None:
        print("notice: the program that the image starts, and its architecture, are known only at run time")
    elif program.machine != "arm64":
        raise WrongArchitectureError(
            f"{program.path}, which the image starts, is for {program.machine}, not for arm64"
        )
    else:
        print(f"{program.path}, which the image starts, is for arm64")


def _find(image: str) -> Program | None:
    try:
        container = output(["docker", "create", "--pull=never", "--platform=linux/arm64", image]).strip()
    except CommandError:
        return None
    try:
        (details,) = json.loads(output(["docker", "inspect", "--type=container", container]))
        return _read_program(container, details["Path"], details["Config"])
    finally:
        succeeds(["docker", "rm", "--force", container])


def _read_program(container: str, program: str, config: dict[str, object]) -> Program | None:
    variables = config.get("Env")
    path = next(
        (v.removeprefix("PATH=") for v in variables or [] if v.startswith("PATH="))
        if isinstance(variables, list)
        else iter(()),
        _DEFAULT_PATH,
    )
    for _ in range(_INTERPRETERS):
        found = _first_header(container, _candidates(program, str(config.get("WorkingDir") or "/"), path))
        if found is None:
            return None
        where, header = found
        if machine := elf.machine(header):
            return Program(where, machine)
        if not header.startswith(b"#!"):
            return None
        words = header[2:].split(b"\n")[0].split()
        if not words:
            return None
        program = words[0].decode(errors="replace")
    return None


def _candidates(program: str, directory: str, path: str) -> Iterable[str]:
    if program.startswith("/"):
        return [program]
    folders = [directory] if "/" in program else path.split(":")
    return [posixpath.join(folder.rstrip("/") or "/", program) for folder in folders]


def _first_header(container: str, paths: Iterable[str]) -> tuple[str, bytes] | None:
    for path in paths:
        header = _header(container, path)
        if header:
            return path, header
    return None


def _header(container: str, path: str) -> bytes:
    """The first bytes of a file, following links, read from the stream that ``docker cp`` writes."""
    command = ["docker", "cp", "--follow-link", f"{container}:{path}", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                entry = archive.next()
                content = archive.extractfile(entry) if entry and entry.isfile() else None
                return content.read(_HEADER) if content else b""
        except tarfile.TarError:
            return b""
        finally:
            process.kill()
