"""The npm package is one that Construct Hub lists, by the rules in Construct Hub's own source.

https://github.com/cdklabs/construct-hub/blob/main/src/package-sources/npmjs/npm-js-follower.lambda.ts
https://github.com/cdklabs/construct-hub/blob/main/src/backend/ingestion/ingestion.lambda.ts
https://github.com/cdklabs/construct-hub/blob/main/src/construct-hub.ts
"""

from __future__ import annotations

import gzip
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FRAMEWORK_KEYWORDS = {"cdk", "aws-cdk", "awscdk"}
ALLOWED_LICENSES = ("Apache-", "BSD-", "ISC", "MIT", "MPL-2.0")
LICENSE_FILE = re.compile(r"license(?:\.md|\.txt)?", re.IGNORECASE)
LANGUAGES = {"python"}


@pytest.fixture(scope="module")
def tarball() -> dict[str, bytes]:
    """The files at the top of the packed package."""
    (path,) = ROOT.glob("dist/js/*.tgz")
    with tarfile.open(path) as archive:
        opened = {name.removeprefix("package/"): archive.extractfile(name) for name in archive.getnames()}
        return {name: file.read() for name, file in opened.items() if file and "/" not in name}


@pytest.fixture(scope="module")
def package(tarball: dict[str, bytes]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(tarball["package.json"])
    return document


@pytest.fixture(scope="module")
def assembly(tarball: dict[str, bytes]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(tarball[".jsii"])
    if document.get("schema") == "jsii/file-redirect":
        document = json.loads(gzip.decompress(tarball[document["filename"]]))
    return document


def test_construct_hub_discovers_the_package(package: dict[str, Any]) -> None:
    assert package["jsii"]
    assert {"aws-cdk-lib", "constructs"} <= set(package["peerDependencies"])
    assert set(package["keywords"]) >= FRAMEWORK_KEYWORDS


def test_construct_hub_ingests_the_package(
    package: dict[str, Any], assembly: dict[str, Any], tarball: dict[str, bytes]
) -> None:
    for field in ("name", "version", "license"):
        assert package[field] == assembly[field]
    assert package["license"].startswith(ALLOWED_LICENSES)
    assert [name for name in tarball if LICENSE_FILE.fullmatch(name)]


def test_the_package_is_listed_for_cdk_v2(assembly: dict[str, Any]) -> None:
    assert re.match(r"\^2\.", assembly["dependencies"]["aws-cdk-lib"])


def test_the_page_has_a_readme_and_every_published_language(assembly: dict[str, Any]) -> None:
    assert assembly["readme"]["markdown"].startswith("# ")
    assert set(assembly["targets"]) >= LANGUAGES
    assert assembly["docs"]["stability"] == "stable"


def test_the_links_lead_to_the_repository(package: dict[str, Any]) -> None:
    repository = "https://github.com/arm64-agent-image/arm64-agent-image"
    assert package["repository"]["url"].startswith(repository)
    assert package["homepage"].startswith(repository)
    assert package["bugs"]["url"].startswith(repository)
