"""The archives that the CDK has uploaded, fetched from Amazon S3."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from ...build_program.parameters import Parameters, parse
from .context import CHUNK, Context, read_context
from .declined import DeclinedError
from .limits import ARCHIVE_BYTES, PARAMETERS_BYTES, Deadline, require

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@contextmanager
def fetched(s3: S3Client, location: str, parameters: Parameters, deadline: Deadline) -> Iterator[Context]:
    """The context in the archive at ``<bucket>/<key>``, for the duration of the block."""
    with TemporaryFile() as file:
        _download(s3, location, ARCHIVE_BYTES, file)
        try:
            with zipfile.ZipFile(file) as archive:
                yield read_context(archive, parameters.symbolic_links, parameters.empty_directories, deadline)
        except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
            raise DeclinedError(f"the source archive {location} cannot be read: {error}") from error


def read_parameters(s3: S3Client, location: str) -> Parameters:
    """The parameters of the build."""
    with TemporaryFile() as file:
        _download(s3, location, PARAMETERS_BYTES, file)
        file.seek(0)
        return parse(file.read().decode())


def _download(s3: S3Client, location: str, limit: int, file: IO[bytes]) -> None:
    bucket, _, key = location.partition("/")
    response = s3.get_object(Bucket=bucket, Key=key)
    require(response["ContentLength"], limit, f"the bytes of {location}")
    with response["Body"] as body:
        shutil.copyfileobj(body, file, CHUNK)
