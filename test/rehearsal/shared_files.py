"""The files that a scenario shares with the emulated AWS, which reads them at any time."""

from __future__ import annotations

import json
import os
from pathlib import Path


def write(path: Path, document: object) -> None:
    """Write a file so that a reader finds the old document or the new one, never a part."""
    staged = path.with_suffix(f".{os.getpid()}")
    staged.write_text(json.dumps(document))
    staged.replace(path)
