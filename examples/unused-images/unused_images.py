"""Lists the images of a repository that no version of any Runtime refers to; `--delete` deletes them.

Only images that the construct tagged count, and only those pushed more than `--days` days ago. Any error ends
the program before it deletes anything.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

CONTENT_TAG = re.compile(r"[0-9a-f]{64}")
AT_ONCE = 100


def container_uris(control: Any) -> Iterator[str]:
    """The image of each version of each Runtime of the account and region."""
    for runtimes in control.get_paginator("list_agent_runtimes").paginate():
        for runtime in runtimes["agentRuntimes"]:
            id = runtime["agentRuntimeId"]
            for versions in control.get_paginator("list_agent_runtime_versions").paginate(agentRuntimeId=id):
                for version in versions["agentRuntimes"]:
                    found = control.get_agent_runtime(
                        agentRuntimeId=id, agentRuntimeVersion=version["agentRuntimeVersion"]
                    )
                    container = found["agentRuntimeArtifact"].get("containerConfiguration")
                    if container:
                        yield container["containerUri"]


def unused_images(ecr: Any, control: Any, repository: str, before: datetime) -> list[dict[str, Any]]:
    """The images of the repository that were pushed before then and that nothing refers to."""
    images = [
        image
        for page in ecr.get_paginator("describe_images").paginate(repositoryName=repository)
        for image in page["imageDetails"]
    ]
    names = [uri.partition("/")[2] for uri in container_uris(control)]
    used = {
        re.split("[@:]", name, maxsplit=1)[1] for name in names if re.split("[@:]", name)[0] == repository
    }
    return [
        image
        for image in images
        if image.get("imageTags")
        and all(CONTENT_TAG.fullmatch(tag) for tag in image["imageTags"])
        and not used & {*image["imageTags"], image["imageDigest"]}
        and image["imagePushedAt"] < before
    ]


def delete(ecr: Any, repository: str, images: list[dict[str, Any]]) -> None:
    """Delete these images, whatever they are tagged with."""
    digests = [{"imageDigest": image["imageDigest"]} for image in images]
    for start in range(0, len(digests), AT_ONCE):
        answer = ecr.batch_delete_image(repositoryName=repository, imageIds=digests[start : start + AT_ONCE])
        for failure in answer["failures"]:
            print(f"not deleted: {failure['imageId']['imageDigest']}: {failure['failureReason']}")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("repository", help="name of the repository in Amazon ECR")
    parser.add_argument("--days", type=int, default=30, help="keep images that are younger (default: 30)")
    parser.add_argument("--delete", action="store_true", help="delete what is listed")
    options = parser.parse_args(arguments)
    ecr = boto3.client("ecr")
    before = datetime.now(UTC) - timedelta(days=options.days)
    images = unused_images(ecr, boto3.client("bedrock-agentcore-control"), options.repository, before)
    for image in images:
        size = image["imageSizeInBytes"] / 1_000_000
        print(f"{image['imagePushedAt']:%Y-%m-%d}  {size:7.1f} MB  {image['imageTags'][0]}")
    if options.delete:
        delete(ecr, options.repository, images)


if __name__ == "__main__":
    main()
