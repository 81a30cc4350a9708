"""A build's source from S3, and its buildspec: inline, or a file of the source.

https://docs.aws.amazon.com/codebuild/latest/APIReference/API_ProjectSource.html
https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec-ref-name-storage
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

DEFAULT = "buildspec.yml"


class BuildError(Exception):
    """A build that ends before its commands: the phase, CodeBuild's status code and its message."""

    def __init__(self, phase: str, code: str, message: str) -> None:
        super().__init__(message)
        self.phase, self.code = phase, code


def download(s3: Any, location: str, target: Path) -> None:
    """Fetch `bucket/key`, which may be an ARN, and unpack it."""
    bucket, _, key = location.rpartition(":::")[2].partition("/")
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except Exception as error:
        raise BuildError(
            "DOWNLOAD_SOURCE", "CLIENT_ERROR", f"error while downloading key {key}, error: {error}"
        ) from error
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        for entry in archive.infolist():
            path = Path(archive.extract(entry, target))
            mode = entry.external_attr >> 16 & 0o777
            if mode:
                path.chmod(mode)


def buildspec(source: Mapping[str, Any], folder: Path, shown: str) -> str:
    """The text of the buildspec; `shown` is the folder as the build sees it."""
    text = source.get("buildspec") or DEFAULT
    if not is_inline(text):
        path = folder / text
        if not path.is_file():
            message = f"stat {shown}/{text}: no such file or directory"
            raise BuildError("DOWNLOAD_SOURCE", "YAML_FILE_ERROR", message)
        text = path.read_text()
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BuildError("DOWNLOAD_SOURCE", "YAML_FILE_ERROR", f"wrong YAML format: {error}") from error
    if not isinstance(document, dict) or "phases" not in document:
        raise BuildError("DOWNLOAD_SOURCE", "YAML_FILE_ERROR", "buildspec has no phases")
    return str(text)


def is_inline(text: str) -> bool:
    """Whether the value is a buildspec, and not the path of one."""
    return "\n" in text or text.lstrip().startswith(("{", "version:"))
