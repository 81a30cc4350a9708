"""The AWS SDK that Lambda's Node.js runtime carries, for the provider framework's own code."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from . import debian
from .processes import RehearsalError
from .progress import step

PACKAGES = ("@aws-sdk/client-lambda@3.1164.0", "@aws-sdk/client-sfn@3.1164.0")


def node_modules() -> Path:
    """A node_modules folder with the SDK, from the cache when it is there."""
    folder = debian.cache_folder() / f"lambda-node-{PACKAGES[0].rpartition('@')[2]}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix="lambda-node-", dir=folder.parent))
        with step("installing the SDK of Lambda's Node.js runtime"):
            command = ["npm", "install", "--prefix", str(staging), "--no-save", *PACKAGES]
            result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            shutil.rmtree(staging)
            raise RehearsalError(
                f"npm install of {' and '.join(PACKAGES)} failed: {result.stderr.strip()[-500:]}"
            )
        staging.rename(folder)
    return folder / "node_modules"
