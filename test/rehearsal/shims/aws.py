"""The commands of the AWS CLI that a build uses, with the credentials of its role and the CLI's messages.

They sign their requests themselves: each build runs several, and boto3 takes half a second to start.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import urllib.error
import urllib.request
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from http.client import HTTPResponse
from pathlib import Path

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

CLIENT_ERROR = 254
PUBLIC_REGION = "us-east-1"
START_BUILD = "CodeBuild_20161006.StartBuild"
TOKEN_OPERATION = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"


class ClientError(Exception):
    """An answer that is an error; the text is botocore's."""

    def __init__(self, operation: str, code: str, message: str) -> None:
        super().__init__(f"An error occurred ({code}) when calling the {operation} operation: {message}")
        self.code = code


def main() -> int:
    """Run one command."""
    arguments = sys.argv[1:]
    if arguments[:2] == ["ecr", "get-login-password"]:
        return print_password(arguments[2:])
    if arguments[:2] == ["ecr-public", "get-login-password"]:
        return print_public_password(arguments[2:])
    if arguments[:2] == ["codebuild", "start-build"]:
        return start_build(arguments[-1])
    if arguments[:2] == ["s3", "cp"]:
        return copy(*(value for value in arguments[2:] if not value.startswith("--")))
    print(f"the rehearsal has no aws {' '.join(arguments[:2])}", file=sys.stderr)
    return CLIENT_ERROR


def print_password(options: list[str]) -> int:
    """`aws ecr get-login-password --region=...`."""
    region = region_of(options)
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": TOKEN_OPERATION}
    try:
        with call("ecr", "POST", "/", region, headers, b"{}") as answer:
            (entry,) = json.load(answer)["authorizationData"]
    except urllib.error.HTTPError as error:
        document = json.load(error)
        code = document["__type"].rpartition("#")[2]
        print(f"\n{ClientError('GetAuthorizationToken', code, document['message'])}", file=sys.stderr)
        return CLIENT_ERROR
    print(base64.b64decode(entry["authorizationToken"]).decode().partition(":")[2])
    return 0


def print_public_password(options: list[str]) -> int:
    """`aws ecr-public get-login-password`: in its only region, a token that the shim of docker accepts."""
    region = region_of(options) or os.environ["AWS_REGION"]
    if region != PUBLIC_REGION:
        print(
            f'\nCould not connect to the endpoint URL: "https://api.ecr-public.{region}.amazonaws.com/"',
            file=sys.stderr,
        )
        return CLIENT_ERROR
    print("token")
    return 0


def region_of(options: list[str]) -> str | None:
    """The value of `--region`, in either form."""
    if "--region" in options:
        return options[options.index("--region") + 1]
    return next((value.partition("=")[2] for value in options if value.startswith("--region=")), None)


def start_build(request: str) -> int:
    """`aws codebuild start-build --cli-input-json`; an error is printed as the API returns it."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": START_BUILD}
    try:
        with call("codebuild", "POST", "/", None, headers, request.encode()) as answer:
            print(answer.read().decode())
    except urllib.error.HTTPError as error:
        print(error.read().decode(), file=sys.stderr)
        return CLIENT_ERROR
    return 0


def copy(source: str, target: str) -> int:
    """`aws s3 cp s3://bucket/key path`: HeadObject, then GetObject, as the CLI does."""
    bucket, _, key = source.removeprefix("s3://").partition("/")
    path = Path(target) / Path(key).name if Path(target).is_dir() else Path(target)
    try:
        head(bucket, key)
    except ClientError as error:
        print(f"fatal error: {error}", file=sys.stderr)
        return 1
    try:
        content = get(bucket, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except (ClientError, OSError) as error:
        print(f"download failed: {source} to {target} {error}", file=sys.stderr)
        return 1
    return 0


def head(bucket: str, key: str) -> None:
    """HeadObject; its errors have no body, so the CLI knows the status only."""
    try:
        call("s3", "HEAD", f"/{bucket}/{key}").close()
    except urllib.error.HTTPError as error:
        message = f'Key "{key}" does not exist' if error.code == 404 else error.reason
        raise ClientError("HeadObject", str(error.code), message) from error


def get(bucket: str, key: str) -> bytes:
    """GetObject."""
    try:
        with call("s3", "GET", f"/{bucket}/{key}") as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        document = ElementTree.fromstring(error.read())
        code, message = document.findtext("Code", str(error.code)), document.findtext("Message", error.reason)
        raise ClientError("GetObject", code, message) from error


def call(
    service: str,
    method: str,
    path: str,
    region: str | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> HTTPResponse:
    """Send a request, signed with the credentials of the environment."""
    variables = os.environ
    credentials = Credentials(
        variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"], variables["AWS_SESSION_TOKEN"]
    )
    url = variables["AWS_ENDPOINT_URL"] + path
    request = AWSRequest(method, url, dict(headers or {}), body)
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    signer(credentials, service, region or variables["AWS_REGION"]).add_auth(request)
    sent = urllib.request.Request(url, body, dict(request.headers.items()), method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    answer: HTTPResponse = opener.open(sent)
    return answer


sys.exit(main())
