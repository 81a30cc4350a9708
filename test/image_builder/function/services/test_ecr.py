"""Images in Amazon ECR."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError
from image_builder.function.cloudformation.request import parse
from image_builder.function.services.ecr import UnreadableImageError, delete, find, read_config
from moto import mock_aws

from test.image_builder.fakes import ACCOUNT, OLD_TAG, REPOSITORY, TAG, Registry, Stubs, event

WANTED = parse(event("create"))
CONFIG = {"digest": f"sha256:{'c' * 64}", "size": 3}


@pytest.mark.parametrize(
    "url", ["http://example.com/x", "file:///etc/passwd", "ftp://127.0.0.1/x", "/etc/passwd"]
)
def test_downloads_over_https_or_from_this_machine_only(url: str, stubs: Stubs, registry: Registry) -> None:
    digest = registry.image()
    stubs.ecr.add_response("get_download_url_for_layer", {"downloadUrl": url})
    with pytest.raises(UnreadableImageError, match="offers no https download"):
        read_config(stubs.aws.ecr, WANTED, digest)


def test_says_why_ecr_does_not_return_an_image(stubs: Stubs) -> None:
    failure = {"failureCode": "KmsError", "failureReason": "the key is disabled"}
    stubs.ecr.add_response("batch_get_image", {"images": [], "failures": [failure]})
    with pytest.raises(UnreadableImageError, match=r"\(KmsError: the key is disabled\)"):
        find(stubs.aws.ecr, WANTED)


@mock_aws
def test_finds_the_content_tag_in_ecr_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", ACCOUNT)
    ecr = boto3.client("ecr", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    with pytest.raises(ClientError, match="RepositoryNotFoundException"):
        find(ecr, WANTED)
    ecr.create_repository(repositoryName=REPOSITORY, imageTagMutability="IMMUTABLE")
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": CONFIG,
        "layers": [],
    }
    ecr.put_image(repositoryName=REPOSITORY, imageTag=OLD_TAG, imageManifest=json.dumps(manifest))
    assert find(ecr, WANTED) is None
    ecr.put_image(
        repositoryName=REPOSITORY, imageTag=TAG, imageManifest=json.dumps(manifest | {"layers": [CONFIG]})
    )
    image = find(ecr, WANTED)
    assert image is not None
    assert json.loads(image.manifest)["layers"] == [CONFIG]
    assert image.digest.startswith("sha256:")


@mock_aws
def test_deletes_the_content_tag_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", ACCOUNT)
    ecr = boto3.client("ecr", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    ecr.create_repository(repositoryName=REPOSITORY, imageTagMutability="IMMUTABLE")
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": CONFIG,
        "layers": [],
    }
    for tag in (TAG, OLD_TAG):
        layers = {"layers": [CONFIG] * (tag == TAG)}
        ecr.put_image(repositoryName=REPOSITORY, imageTag=tag, imageManifest=json.dumps(manifest | layers))
    delete(ecr, WANTED)
    assert [image["imageTag"] for image in ecr.list_images(repositoryName=REPOSITORY)["imageIds"]] == [
        OLD_TAG
    ]
