"""The commands of the AWS CLI that a build uses, with the credentials of its role and the CLI's messages."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import boto3
import botocore.exceptions

CLIENT_ERROR = 254


def main() -> int:
    """Run one command."""
    arguments = sys.argv[1:]
    if arguments[:2] == ["ecr", "get-login-password"]:
        return print_password(arguments[2:])
    if arguments[:2] == ["s3", "cp"]:
        return copy(*(value for value in arguments[2:] if not value.startswith("--")))
    print(f"the rehearsal has no aws {' '.join(arguments[:2])}", file=sys.stderr)
    return CLIENT_ERROR


def print_password(options: list[str]) -> int:
    """`aws ecr get-login-password --region=...`."""
    region = next((value.partition("=")[2] for value in options if value.startswith("--region=")), None)
    if "--region" in options:
        region = options[options.index("--region") + 1]
    try:
        answer = boto3.client("ecr", region_name=region).get_authorization_token()
    except botocore.exceptions.ClientError as error:
        print(f"\n{error}", file=sys.stderr)
        return CLIENT_ERROR
    token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
    print(token.partition(":")[2])
    return 0


def copy(source: str, target: str) -> int:
    """`aws s3 cp s3://bucket/key path`: HeadObject, then GetObject, as the CLI does."""
    bucket, _, key = source.removeprefix("s3://").partition("/")
    path = Path(target) / Path(key).name if Path(target).is_dir() else Path(target)
    s3 = boto3.client("s3")
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except botocore.exceptions.ClientError as error:
        missing = error.response["Error"]["Code"] == "404"
        reason = str(error).replace("Not Found", f'Key "{key}" does not exist') if missing else str(error)
        print(f"fatal error: {reason}", file=sys.stderr)
        return 1
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(bucket, key, str(path))
    except (botocore.exceptions.ClientError, OSError) as error:
        print(f"download failed: {source} to {target} {error}", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
