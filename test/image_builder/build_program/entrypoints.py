"""Images that start a made-up program in every possible way."""

import os
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path

ARM64, X86_64 = 0xB7, 0x3E
SCRIPTS = {"start": "#!/usr/bin/env -S python3 -u\n", "windows": "#! /opt/agent/run \r\n"}
PROGRAMS = [
    "/opt/agent/run",
    "/other/run",
    "/usr/local/bin/python3",
    "/usr/bin/python3",
    "/usr/bin/env",
    "/bin/sh",
    "/odd/a $(touch $CANARY) b",
]


@dataclass(frozen=True)
class Start:
    """How an image starts its program, and where that is; all its other programs are for another machine."""

    instructions: str
    program: str


STARTS = {
    "absolute path": Start('ENTRYPOINT ["/opt/agent/run"]', "/opt/agent/run"),
    "command without entrypoint": Start('CMD ["/opt/agent/run", "x"]', "/opt/agent/run"),
    "entrypoint before command": Start('ENTRYPOINT ["/opt/agent/run"]\nCMD ["/bin/sh"]', "/opt/agent/run"),
    "on the default path": Start('CMD ["python3", "agent.py"]', "/usr/local/bin/python3"),
    "on a path of its own": Start('ENV PATH="/no where:/opt/agent/"\nCMD ["run"]', "/opt/agent/run"),
    "first of two on the path": Start('ENV PATH=/opt/agent:/other\nCMD ["run"]', "/opt/agent/run"),
    "in the working directory": Start('WORKDIR /opt\nCMD ["agent/run"]', "/opt/agent/run"),
    "above the working directory": Start('WORKDIR /opt/agent\nCMD ["./run"]', "/opt/agent/./run"),
    "a script": Start('CMD ["/scripts/start"]', "/usr/bin/env"),
    "a script with Windows line ends": Start('CMD ["/scripts/windows"]', "/opt/agent/run"),
    "through links": Start('CMD ["/links/first"]', "/links/first"),
    "shell form": Start("CMD exec agent", "/bin/sh"),
    "a name with blanks": Start('CMD ["/odd/a $(touch $CANARY) b"]', "/odd/a $(touch $CANARY) b"),
}


def elf(machine: int) -> bytes:
    """The beginning of a little-endian ELF program for a machine."""
    return struct.pack("<4sBBBB8xHHI", b"\x7fELF", 2, 1, 1, 0, 2, machine, 1)


def write_image(context: Path, start: Start, program: int, others: int) -> None:
    """An image of made-up programs, one of which is for another machine than the others."""
    shutil.rmtree(context / "root", ignore_errors=True)
    wanted = os.path.normpath(start.program).replace("/links/first", "/opt/agent/run")
    for name in PROGRAMS:
        path = context / "root" / name[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(elf(program if name == wanted else others))
    (context / "root/scripts").mkdir()
    for name, text in SCRIPTS.items():
        (context / "root/scripts" / name).write_bytes(text.encode())
    (context / "root/links").mkdir()
    (context / "root/links/first").symlink_to("../links/second")
    (context / "root/links/second").symlink_to("/opt/agent/run")
    (context / "Dockerfile").write_text(f"FROM scratch\nCOPY root /\n{start.instructions}\n")
