"""Which architecture a program is for, by the header of its file.

https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
"""

from __future__ import annotations

MAGIC = b"\x7fELF"
_MACHINES = {0x03: "x86", 0x28: "arm32", 0x3E: "x86-64", 0xB7: "arm64"}


def machine(header: bytes) -> str | None:
    """The machine that an ELF file is for; None for a file of another format."""
    if not header.startswith(MAGIC) or len(header) < 20:
        return None
    order = "big" if header[5] == 2 else "little"
    number = int.from_bytes(header[18:20], order)  # type: ignore[arg-type]
    return _MACHINES.get(number, f"machine {number}")
