"""The kernel's handler for arm64 programs (QEMU), registered only while the rehearsal needs it."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .reference_counting import reference_counted

MOUNT = Path("/proc/sys/fs/binfmt_misc")
NAME = "qemu-aarch64"
MAGIC = (
    r"\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00",
    r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff",
)


def is_arm64() -> bool:
    """Whether this machine runs arm64 programs natively."""
    return platform.machine() in ("aarch64", "arm64")


def is_registered() -> bool:
    """Whether the kernel already hands arm64 programs to an emulator."""
    return any(b"\xb7\x00".hex() in text for text in _handlers())


def _handlers() -> Iterator[str]:
    for entry in MOUNT.glob("*") if MOUNT.is_dir() else []:
        if entry.name not in ("register", "status"):
            text = entry.read_text(errors="replace")
            if text.startswith("enabled") and "7f454c4602" in text:
                yield text.partition("magic ")[2]


def is_needed(state: Path) -> bool:
    """Whether a handler must be registered, or kept because another rehearsal registered it."""
    wanted = not is_arm64() and (not is_registered() or (state / f"{NAME}.created").exists())
    return wanted and _can_register()


def _can_register() -> bool:
    return (
        platform.system() == "Linux" and os.geteuid() == 0 and MOUNT.is_dir() and bool(shutil.which("mount"))
    )


@contextlib.contextmanager
def registered(qemu: Path, state: Path) -> Iterator[None]:
    """Register `qemu`, a static binary, for arm64 programs, and unregister it when no rehearsal needs it."""

    def register() -> bool:
        if is_registered():
            return False
        magic, mask = MAGIC
        with contextlib.suppress(FileExistsError):
            (MOUNT / "register").write_text(f":{NAME}:M::{magic}:{mask}:{qemu}:PF")
        return True

    with (
        reference_counted("binfmt_misc", state, _mount, _unmount),
        reference_counted(NAME, state, register, _unregister),
    ):
        yield


def _mount() -> bool:
    if (MOUNT / "register").exists():
        return False
    subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(MOUNT)], check=True)
    return True


def _unmount() -> None:
    subprocess.run(["umount", str(MOUNT)], check=False)


def _unregister() -> None:
    with contextlib.suppress(OSError):
        (MOUNT / NAME).write_text("-1")
