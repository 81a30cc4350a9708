"""In every mode, `COPY . /` copies what `docker build` of the directory would copy."""

from __future__ import annotations

import hashlib
import io
import json
import random
import tarfile
from collections.abc import Iterator
from pathlib import Path

import aws_cdk as cdk
import pytest

from arm64_agent_image import Arm64AgentRuntimeArtifact

from . import apps, queries
from .docker_engine import Engine
from .environment import Environment

DOCKERFILE = "FROM scratch\nCOPY . /\n"
FILES = (
    "a", "b", "a.txt", "notes.md", "README.md", ".env", ".hidden/secret", "dir/a", "dir/b.txt",
    "dir/sub/a.txt", "dir/sub/keep.md", "other/dir/a", "with space/a b.txt", "Ünïcode/ß.txt",
    "node_modules/m/index.js", "star*", "brackets[a]", "bang!", "#comment", "__pycache__/x.pyc",
    "pkg/__pycache__/y.pyc",
)  # fmt: skip
PATTERNS = (
    "*", "**", "*.txt", "*.md", "!README.md", "!a", "!dir/sub", "**/*.txt", "!**/keep.md", "dir", "dir/",
    "/dir", "/a", "dir/*", "dir/**", "!dir/sub/a.txt", "*/a", "**/a", "?", "[ab]", "[^a]", ".*", ".env",
    "!.hidden", "with space", "with*/*", "# a comment", "", "  b  ", "! a", "other//dir", "./dir/a",
    "dir/../b", "Ünïcode/*", r"star\*", r"brackets\[a\]", "node_modules", "**/node_modules/**",
    "Dockerfile", ".dockerignore", "**/__pycache__",
)  # fmt: skip


def plant(root: Path, dockerignore: str | None) -> Path:
    """A tree with every kind of entry."""
    for name in FILES:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}\n")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "empty/nested").mkdir(parents=True)
    (root / "Dockerfile").write_text(DOCKERFILE)
    if dockerignore is not None:
        (root / ".dockerignore").write_bytes(dockerignore.encode())
    return root


def add_links(root: Path) -> None:
    """Links of every kind: to a file, a directory, a parent, nothing, and outside of the tree."""
    outside = root.parent / f"{root.name}-outside"
    outside.mkdir()
    (outside / "private").write_text("not for the image\n")
    for name, target in {
        "link-to-file": "a", "link-to-directory": "dir", "dir/link-to-parent": "..",
        "link-to-nothing": "nowhere", "link-outside": str(outside), "dir/sub/link up": "../../a.txt",
    }.items():  # fmt: skip
        (root / name).symlink_to(target)


def entries(archive: tarfile.TarFile) -> Iterator[tuple[str, str]]:
    for member in archive:
        name = member.name.removeprefix("./").rstrip("/")
        if member.issym():
            yield name, f"link to {member.linkname}"
        elif member.isdir():
            yield name, "directory"
        else:
            content = archive.extractfile(member)
            assert content
            kind = "executable" if member.mode & 0o100 else "file"
            yield name, f"{kind} {hashlib.sha256(content.read()).hexdigest()[:12]}"


def listing(archive: bytes) -> dict[str, str]:
    """Every entry of an image's file system, except what a container adds."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        found = dict(entries(opened))
    added = {"", ".", ".dockerenv", "dev", "etc", "proc", "sys", "dev/console", "dev/pts", "dev/shm"}
    return {n: k for n, k in found.items() if n not in added and not n.startswith("etc/")}


def built(engine: Engine, directory: Path, folder: Path, file: str = "Dockerfile") -> dict[str, str]:
    """What docker itself builds from the directory."""
    target = folder / "built.tar"
    engine.run(
        "buildx", "build", "--platform=linux/arm64", "--provenance=false", f"--file={directory / file}",
        f"--output=type=tar,dest={target}", str(directory),
    )  # fmt: skip
    return listing(target.read_bytes())


def pulled(environment: Environment, uri: str, folder: Path) -> dict[str, str]:
    """What the image in the registry holds."""
    local = uri.replace(uri.partition("/")[0], environment.aws.registry, 1)
    environment.engine.run("pull", "--quiet", "--platform=linux/arm64", local)
    container = environment.engine.run("create", "--platform=linux/arm64", local, "none")
    try:
        target = folder / "pulled.tar"
        environment.engine.run("export", f"--output={target}", container)
        return listing(target.read_bytes())
    finally:
        environment.engine.run("rm", container)
        environment.engine.run("rmi", "--force", local)


@pytest.mark.parametrize("mode", ["codebuild", "local"])
def test_links_modes_and_empty_directories_arrive(
    environment: Environment, tmp_path: Path, mode: str
) -> None:
    directory = plant(tmp_path / "agent", "**/__pycache__\nnode_modules\r\n# comment\n\n.env\n!README.md\n")
    add_links(directory)
    expected = built(environment.engine, directory, tmp_path)
    assert {"link to dir", "link to ..", "directory"} <= set(expected.values())
    assert "executable" in expected["run.sh"]

    name = f"Context{mode.capitalize()}"

    def fill(stack: cdk.Stack) -> None:
        image = Arm64AgentRuntimeArtifact(stack, "Image", directory=str(directory))
        apps.runtime(stack, "Agent", image)

    outcome = environment.cdk.deploy(apps.synthesize(tmp_path / "out", mode, **{name: fill}))
    assert outcome.succeeded, outcome.output
    uri = queries.runtimes(environment.aws)[f"{name}_Agent"]["uri"]
    assert pulled(environment, uri, tmp_path) == expected
    environment.delete_stacks(tmp_path / "out")


def test_thousands_of_links_and_long_build_arguments_arrive(environment: Environment, tmp_path: Path) -> None:
    """5,000 links and 60 kB of arguments: more than any template, variable or inline buildspec takes."""
    dockerfile = f"{DOCKERFILE}ARG FIRST\nLABEL first=$FIRST\n"
    directory = apps.source(tmp_path / "agent", "1", dockerfile)
    links = directory / "links"
    links.mkdir()
    for number in range(5_000):
        (links / f"link-{number:04}").symlink_to("../version.txt")
    arguments = {"FIRST": "x" * 30_000, "SECOND": "y" * 30_000}

    def fill(stack: cdk.Stack) -> None:
        image = Arm64AgentRuntimeArtifact(stack, "Image", directory=str(directory), build_args=arguments)
        apps.runtime(stack, "Agent", image)

    outcome = environment.cdk.deploy(apps.synthesize(tmp_path / "out", ContextMany=fill))
    assert outcome.succeeded, outcome.output
    arrived = pulled(environment, queries.runtimes(environment.aws)["ContextMany_Agent"]["uri"], tmp_path)
    assert sum(kind == "link to ../version.txt" for kind in arrived.values()) == 5_000
    environment.delete_stacks(tmp_path / "out")


def test_files_that_change_how_python_starts_do_not_affect_the_build(
    environment: Environment, tmp_path: Path
) -> None:
    directory = apps.source(tmp_path / "agent", "1", DOCKERFILE)
    (directory / ".python-version").write_text("2.7.18\n")
    for name in ("json", "os", "subprocess", "sitecustomize", "image_builder"):
        (directory / f"{name}.py").write_text("raise SystemExit('the user's module was imported')\n")

    def fill(stack: cdk.Stack) -> None:
        apps.runtime(stack, "Agent", Arm64AgentRuntimeArtifact(stack, "Image", directory=str(directory)))

    outcome = environment.cdk.deploy(apps.synthesize(tmp_path / "out", ContextPython=fill))
    assert outcome.succeeded, outcome.output
    arrived = pulled(environment, queries.runtimes(environment.aws)["ContextPython_Agent"]["uri"], tmp_path)
    assert {".python-version", "json.py", "image_builder.py"} <= set(arrived)
    environment.delete_stacks(tmp_path / "out")


def samples() -> list[str]:
    """Exclusions before their exceptions: in the other order BuildKit delivers files without content."""
    chosen = random.Random(20)
    drawn = (chosen.sample(PATTERNS, chosen.randint(1, 6)) for _ in range(20))
    return ["\n".join(sorted(sample, key=lambda pattern: pattern.startswith("!"))) for sample in drawn]


def test_ignore_files_are_read_as_docker_reads_them(environment: Environment, tmp_path: Path) -> None:
    """Twenty random ignore files: the assets of both modes build what the directory itself builds."""
    trees = [plant(tmp_path / f"agent-{index}", sample) for index, sample in enumerate(samples())]
    wanted = [without_pycache(built(environment.engine, tree, tmp_path)) for tree in trees]

    def fill(stack: cdk.Stack) -> None:
        for index, tree in enumerate(trees):
            Arm64AgentRuntimeArtifact(stack, f"Image{index}", directory=str(tree))

    for mode in ("codebuild", "local"):
        output = apps.synthesize(tmp_path / mode, mode, Ignore=fill)
        manifest = json.loads((output / "Ignore.assets.json").read_text())
        staged = {
            asset["displayName"].split("/")[0]: output / path
            for kind in ("files", "dockerImages")
            for asset in manifest[kind].values()
            if (path := asset["source"].get("path") or asset["source"].get("directory"))
            and asset["displayName"].startswith("Image")
            and not asset["displayName"].endswith("Parameters")
        }
        assert len(staged) == len(trees)
        for index, tree in enumerate(trees):
            ignored = (tree / ".dockerignore").read_text()
            got = without_pycache(built(environment.engine, staged[f"Image{index}"], tmp_path))
            assert without_empty_directories(got) == without_empty_directories(wanted[index]), (mode, ignored)


def without_pycache(tree: dict[str, str]) -> dict[str, str]:
    """The library leaves `__pycache__` out unless the ignore file mentions it, which docker would not."""
    return {name: kind for name, kind in tree.items() if "__pycache__" not in name}


def without_empty_directories(tree: dict[str, str]) -> dict[str, str]:
    """The CDK may or may not stage a directory of which everything is ignored."""
    parents = {str(parent) for name in tree if tree[name] != "directory" for parent in Path(name).parents}
    return {name: kind for name, kind in tree.items() if kind != "directory" or name in parents}
