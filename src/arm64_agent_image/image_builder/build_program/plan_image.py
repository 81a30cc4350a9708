"""Keeps the plan of an image beside it: as the only file of a small image of its own.

The tag names the digest of the image, so that no other image is ever assembled by this plan. Docker pushes
it as it pushes the image; AgentCore Runtime never sees it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

from .plan import NoPlanError, distil
from .process import CommandError, output, stream
from .settings import Settings

_METADATA = {"BUILDX_METADATA_PROVENANCE": "max"}
"""Makes buildx write to its metadata file what it has solved."""


def metadata_options(settings: Settings) -> list[str]:
    """The option with which buildx writes the metadata of the build."""
    os.environ.update(_METADATA)
    return [f"--metadata-file={_metadata_file(settings)}"]


def _metadata_file(settings: Settings) -> Path:
    return settings.folder / "metadata.json"


def write(settings: Settings, started: float) -> None:
    """Push the plan of the image that has just been pushed; without one, the next change is built."""
    try:
        metadata = json.loads(_metadata_file(settings).read_text(encoding="utf-8"))
        plan = distil(metadata, started)
        manifest = output(["docker", "buildx", "imagetools", "inspect", "--raw", settings.image_uri])
        if json.loads(manifest)["config"]["digest"] != metadata["containerimage.config.digest"]:
            raise NoPlanError("the image that was pushed is of another build")
        _push(settings, json.dumps(plan), hashlib.sha256(manifest.encode()).hexdigest())
    except NoPlanError as reason:
        print(f"notice: changes of code will be built, not assembled: {reason}")
    except (CommandError, OSError, ValueError, KeyError, TypeError) as error:
        print(f"notice: the next change of {settings.image_uri} will be built, not assembled: {error!r:.300}")


def _push(settings: Settings, plan: str, digest: str) -> None:
    uri, folder = f"{settings.repository_uri}:plan-{digest}", settings.folder / "plan"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "plan.json").write_text(plan, encoding="utf-8")
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY plan.json /\n", encoding="utf-8")
    options = ["--quiet", "--platform=linux/arm64", "--provenance=false", "--sbom=false", f"--tag={uri}"]
    output(["docker", "buildx", "build", *options, "--output=type=docker,oci-mediatypes=false", str(folder)])
    stream(["docker", "push", "--quiet", uri])
