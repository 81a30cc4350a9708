"""The packages contain exactly the files that the library needs, and run nothing at install time."""

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/arm64_agent_image"
DOCUMENTS = {".jsii", "API.md", "LICENSE", "README.ja.md", "README.md", "package.json", "sbom.cdx.json"}


@pytest.fixture(scope="module")
def wheel() -> Path:
    return only("dist/python/*.whl")


@pytest.fixture(scope="module")
def tarball() -> Path:
    return only("dist/js/*.tgz")


def only(pattern: str) -> Path:
    found = list(ROOT.glob(pattern))
    assert len(found) == 1, f"expected one file for {pattern}, found {found}. Run `make packages`"
    return found[0]


def expected_npm_files() -> set[str]:
    compiled = {
        f"lib/{path.relative_to(SOURCE).with_suffix(suffix)}"
        for path in SOURCE.rglob("*.ts")
        for suffix in (".js", ".d.ts")
    }
    code = [*SOURCE.rglob("*.py"), *SOURCE.rglob("*.yml")]
    lambda_code = {f"lib/lambda/{path.relative_to(SOURCE)}" for path in code}
    return DOCUMENTS | compiled | lambda_code


def npm_files(content: bytes) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return {name.removeprefix("package/") for name in archive.getnames()}


def test_npm_tarball_holds_the_compiled_library_and_its_documents(tarball: Path) -> None:
    assert npm_files(tarball.read_bytes()) == expected_npm_files()


def test_npm_package_runs_nothing_at_install_time(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        manifest = archive.extractfile("package/package.json")
        assert manifest
        scripts = json.load(manifest)["scripts"]
    assert not {"preinstall", "install", "postinstall", "prepare"} & set(scripts)


def test_the_packages_install_no_other_package(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        document = archive.extractfile("package/sbom.cdx.json")
        assert document
        sbom = json.load(document)
    assert (sbom["bomFormat"], sbom["components"]) == ("CycloneDX", [])
    assert sbom["metadata"]["component"]["purl"].startswith("pkg:npm/arm64-agent-image@")


def test_wheel_holds_the_typed_bindings_and_the_same_library(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (library,) = [name for name in names if name.endswith(".jsii.tgz")]
        bundled = npm_files(archive.read(library))
    info = next(name for name in names if name.endswith("/METADATA")).removesuffix("METADATA")
    assert names == {
        "arm64_agent_image/__init__.py",
        "arm64_agent_image/py.typed",
        "arm64_agent_image/_jsii/__init__.py",
        library,
        *(f"{info}{name}" for name in ("LICENSE", "METADATA", "RECORD", "WHEEL", "top_level.txt")),
    }
    assert bundled == expected_npm_files()
