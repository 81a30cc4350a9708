"""The AWS clients of the function."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_codebuild import CodeBuildClient
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

_CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})


@dataclass(frozen=True)
class Clients:
    """A client for each service."""

    codebuild: CodeBuildClient
    ecr: ECRClient
    logs: CloudWatchLogsClient
    stepfunctions: SFNClient
    s3: S3Client


@cache
def connect() -> Clients:
    """The clients for the function's own region, made once per Lambda environment."""
    return Clients(
        codebuild=boto3.client("codebuild", config=_CONFIG),
        ecr=boto3.client("ecr", config=_CONFIG),
        logs=boto3.client("logs", config=_CONFIG),
        stepfunctions=boto3.client("stepfunctions", config=_CONFIG),
        s3=boto3.client("s3", config=_CONFIG),
    )
