"""Valid requests are parsed; invalid ones are rejected with a clear error."""

import re
from typing import Any

import pytest
from image_builder.function.cloudformation import request
from image_builder.function.cloudformation.request import Request
from image_builder.validation import InvalidValueError

from test.image_builder.fakes import ACCOUNT, OLD_TAG, PROJECT, REPOSITORY, TAG, URI, event

CREATE_REQUEST = "8f6b1c0e-5f0f-4d38-9f7a-2f4f0f6f9c11"


def test_reads_the_event_of_cloudformation() -> None:
    wanted = request.parse(event("create"))
    assert wanted == Request(
        token=CREATE_REQUEST,
        project_name=PROJECT,
        repository_name=REPOSITORY,
        registry_id=ACCOUNT,
        repository_uri=URI,
        owns_repository=True,
        image_tag=TAG,
        source="cdk-hnb659fds-assets-123456789012-eu-west-1/1111.zip",
        parameters="cdk-hnb659fds-assets-123456789012-eu-west-1/bbbb.json",
    )
    assert wanted.image_uri == f"{URI}:{TAG}"


def test_reads_who_owns_the_repository() -> None:
    assert request.parse(event("create", OwnsRepository="false")).owns_repository is False


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ProjectName", None, "'ProjectName' must be a string, got None"),
        ("ProjectName", "", "'ProjectName' must be a non-empty string, got ''"),
        ("ProjectName", {"Ref": "x"}, "'ProjectName' must be a string, got {'Ref': 'x'}"),
        ("ProjectName", "a\0", "'ProjectName' must be a string without NUL characters"),
        ("ProjectName", "\ud83d", "'ProjectName' must be a string without NUL characters or unpaired"),
        ("RepositoryName", None, "'RepositoryName' must be a string, got None"),
        ("RegistryId", "12345", "'RegistryId' must be an account id of 12 digits, got '12345'"),
        ("RegistryId", "\u0661" * 12, "'RegistryId' must be an account id of 12 digits"),
        ("RepositoryUri", "agent", f"'RepositoryUri' must be <host>/{REPOSITORY}, got 'agent'"),
        ("RepositoryUri", "host/other", f"'RepositoryUri' must be <host>/{REPOSITORY}, got 'host/other'"),
        ("OwnsRepository", "yes", "'OwnsRepository' must be 'true' or 'false', got 'yes'"),
        ("OwnsRepository", None, "'OwnsRepository' must be 'true' or 'false', got None"),
        ("ImageTag", "latest", "'ImageTag' must be 64 lower-case hexadecimal digits, got 'latest'"),
        ("ImageTag", "A" * 64, "'ImageTag' must be 64 lower-case hexadecimal digits"),
        ("ImageTag", f"{TAG}\n", "'ImageTag' must be 64 lower-case hexadecimal digits"),
        ("Source", "bucket", "'Source' must be <bucket>/<key>, got 'bucket'"),
        ("Source", None, "'Source' must be a string, got None"),
        ("Parameters", "/key", "'Parameters' must be <bucket>/<key>, got '/key'"),
        ("Parameters", {"file": "Dockerfile"}, "'Parameters' must be a string, got {'file': 'Dockerfile'}"),
    ],
)
def test_rejects_a_malformed_property(name: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidValueError, match=re.escape(message)):
        request.parse(event("create", **{name: value}))


@pytest.mark.parametrize("raw", [None, "text", []])
def test_rejects_missing_properties(raw: object) -> None:
    with pytest.raises(InvalidValueError, match="'ResourceProperties' must be an object"):
        request.parse({"RequestType": "Create", "ResourceProperties": raw})


@pytest.mark.parametrize("request_id", [None, "", 7])
def test_rejects_a_missing_request_id(request_id: object) -> None:
    with pytest.raises(InvalidValueError, match=r"'RequestId' must be a (non-empty )?string"):
        request.parse(event("create") | {"RequestId": request_id})


@pytest.mark.parametrize("request_id", ["$(id)/", "x" * 61, "a b", "a_b", "é", "x\n"])
def test_a_request_id_with_other_characters_is_hashed(request_id: str) -> None:
    token = request.parse(event("create") | {"RequestId": request_id}).token
    assert re.fullmatch(r"[0-9a-f]{60}", token)
    assert token != request.parse(event("create") | {"RequestId": f"{request_id}x"}).token


@pytest.mark.parametrize(
    ("name", "old", "expected"),
    [
        ("update", {"ImageTag": OLD_TAG}, OLD_TAG),
        ("update", {"ImageTag": TAG}, None),
        ("update", {"ImageTag": "latest"}, None),
        ("update", {"ImageTag": [OLD_TAG]}, None),
        ("update", {}, None),
        ("update", None, None),
        ("update", "text", None),
        ("create", {"ImageTag": OLD_TAG}, None),
    ],
)
def test_only_an_update_of_another_image_may_read_its_layer_cache(
    name: str, old: object, expected: str | None
) -> None:
    assert request.parse(event(name) | {"OldResourceProperties": old}).previous_image_tag == expected
