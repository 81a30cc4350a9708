"""The build context: the staged files are those that `docker build` would see."""

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import IgnoreMode, Stack
from aws_cdk import aws_ecr_assets as ecr_assets

from arm64_agent_image import ImageBuild
from test.synth import (
    IMAGE,
    Assembly,
    listing,
    new_app,
    new_image,
    new_runtime,
    synthesize,
    synthesize_image,
    write_files,
)

MODES = {"local": ImageBuild.local(), "codebuild": ImageBuild.code_build()}
both_modes = pytest.mark.parametrize("mode", MODES)
ALWAYS = {"Dockerfile", ".dockerignore"}
TREE = {
    "Dockerfile": "FROM scratch\n",
    "app.py": "",
    "notes.md": "",
    "README.md": "",
    ".env": "",
    "src/app.py": "",
    "src/notes.md": "",
    "src/deep/er/notes.md": "",
    "node_modules/left/index.js": "",
    "build/out.txt": "",
    "build/keep.txt": "",
    "a b.txt": "",
}


def staged(output: Path, directory: Path, mode: str, **props: Any) -> list[str]:
    """The build context: the staged files, and the links and empty directories that the build recreates."""
    assembly = synthesize_image(output, directory, image_build=MODES[mode], **props)
    return sorted([*listing(assembly.source_asset), *recreated(assembly)])


def recreated(assembly: Assembly) -> list[str]:
    images = assembly.only.all(IMAGE)
    build = json.loads(assembly.parameters(images[0])) if images else {}
    present = listing(assembly.source_asset)
    links = [f"{path} -> {target}" for path, target in build.get("symbolicLinks", {}).items()]
    empty = [f"{path}/" for path in build.get("emptyDirectories", [])]
    return [entry for entry in [*links, *empty] if entry not in present]


def staged_by_docker_image_asset(output: Path, directory: Path) -> list[str]:
    app = new_app(output)
    ecr_assets.DockerImageAsset(Stack(app, "Agent"), "Image", directory=str(directory))
    return listing(synthesize(app).source_asset)


IGNORE_FILES = {
    "nothing": ("", set(TREE)),
    "comments and blank lines": ("# app.py\n\n   \n.env\n", set(TREE) - {".env"}),
    "names at the top only": ("notes.md\n", set(TREE) - {"notes.md"}),
    "any depth": ("**/notes.md\n", {n for n in TREE if not n.endswith("notes.md")} | {"src/deep/er/"}),
    "an extension at the top": ("*.md\n", set(TREE) - {"notes.md", "README.md"}),
    "an extension anywhere": ("**/*.md\n", {n for n in TREE if not n.endswith(".md")} | {"src/deep/er/"}),
    "a directory": ("node_modules\n", set(TREE) - {"node_modules/left/index.js"}),
    "a directory with slashes": ("/node_modules/\n", set(TREE) - {"node_modules/left/index.js"}),
    "a leading slash": ("/.env\n", set(TREE) - {".env"}),
    "a leading dot": ("./.env\n", set(TREE) - {".env"}),
    "dots inside": ("src/../.env\n", set(TREE) - {".env"}),
    "one level": ("src/*/er\n", set(TREE) - {"src/deep/er/notes.md"} | {"src/deep/"}),
    "a question mark": ("?pp.py\n", set(TREE) - {"app.py"}),
    "a class": ("[a-c]pp.py\n", set(TREE) - {"app.py"}),
    "a negation": ("build\n!build/keep.txt\n", set(TREE) - {"build/out.txt"}),
    "the last match wins": ("!build/keep.txt\nbuild\n", set(TREE) - {"build/out.txt", "build/keep.txt"}),
    "everything but": ("*\n!src\n", {name for name in TREE if name.startswith("src/")}),
    "everything but, deep": ("**\n!src/deep/er/notes.md\n", {"src/deep/er/notes.md"}),
    "a negation of many": (
        "**/*.md\n!README*.md\n",
        {n for n in TREE if not n.endswith(".md")} | {"README.md", "src/deep/er/"},
    ),
    "spaces around": ("  .env  \n\t! .nothing\n", set(TREE) - {".env"}),
    "a space inside": ("a b.txt\n", set(TREE) - {"a b.txt"}),
    "CRLF": ("# comment\r\n.env\r\n\r\n*.md\r\n!README.md\r\n", set(TREE) - {".env", "notes.md"}),
    "a byte order mark": ("\ufeff.env\n", set(TREE) - {".env"}),
    "no line end at the end": (".env\n*.md", set(TREE) - {".env", "notes.md", "README.md"}),
    "a negation of what is not ignored": ("!app.py\n", set(TREE)),
    "the Dockerfile and itself": ("Dockerfile\n.dockerignore\n**/Dockerfile\n", set(TREE)),
}


@both_modes
@pytest.mark.parametrize("name", IGNORE_FILES)
def test_the_ignore_file_is_read_as_docker_reads_it(tmp_path: Path, mode: str, name: str) -> None:
    ignore, kept = IGNORE_FILES[name]
    directory = write_files(tmp_path / "agent", {**TREE, ".dockerignore": ignore})
    assert set(staged(tmp_path / "out", directory, mode)) == kept | ALWAYS


WRONG_IN_THE_CDK = {"spaces around", "dots inside", "a byte order mark", "a leading dot"}


@both_modes
@pytest.mark.parametrize("name", sorted(IGNORE_FILES.keys() - WRONG_IN_THE_CDK))
def test_what_is_staged_is_what_docker_image_asset_stages(tmp_path: Path, mode: str, name: str) -> None:
    directory = write_files(tmp_path / "agent", {**TREE, ".dockerignore": IGNORE_FILES[name][0]})
    ours = staged(tmp_path / "ours", directory, mode)
    assert ours == staged_by_docker_image_asset(tmp_path / "theirs", directory)


@both_modes
def test_the_ignore_file_of_the_dockerfile_takes_precedence(tmp_path: Path, mode: str) -> None:
    directory = write_files(
        tmp_path / "agent",
        {
            **TREE,
            "docker/agent.Dockerfile": "FROM scratch\n",
            "docker/agent.Dockerfile.dockerignore": "*.md\n",
            ".dockerignore": "*.py\ndocker\n",
        },
    )
    found = set(staged(tmp_path / "out", directory, mode, file="docker/agent.Dockerfile"))
    assert {"app.py", "docker/agent.Dockerfile", "docker/agent.Dockerfile.dockerignore"} <= found
    assert not {"notes.md", "README.md"} & found


@both_modes
@pytest.mark.parametrize("file", ["docker/Dockerfile", "./docker/Dockerfile", "docker//Dockerfile"])
def test_a_dockerfile_in_an_ignored_directory_is_included(tmp_path: Path, mode: str, file: str) -> None:
    directory = write_files(
        tmp_path / "agent",
        {"docker/Dockerfile": "FROM scratch\n", "docker/secret": "", "a": "", ".dockerignore": "docker\n"},
    )
    assert staged(tmp_path / "out", directory, mode, file=file) == [".dockerignore", "a", "docker/Dockerfile"]


@both_modes
def test_the_dockerfile_is_included_even_if_everything_is_ignored(tmp_path: Path, mode: str) -> None:
    directory = write_files(tmp_path / "agent", {**TREE, ".dockerignore": "**\n"})
    assert set(staged(tmp_path / "out", directory, mode)) == ALWAYS


@both_modes
@pytest.mark.parametrize("name", ["[a] *?.Dockerfile", "#Dockerfile", "!Dockerfile", "Dóckerfile", "-f"])
def test_a_dockerfile_with_any_name_is_included(tmp_path: Path, mode: str, name: str) -> None:
    directory = write_files(tmp_path / "agent", {name: "FROM scratch\n", "a": "", ".dockerignore": "*\n"})
    assert staged(tmp_path / "out", directory, mode, file=name) == sorted([name, ".dockerignore"])


@both_modes
def test_the_output_directory_of_the_cdk_is_excluded(tmp_path: Path, mode: str) -> None:
    directory = write_files(tmp_path / "agent", {**TREE, "src/cdk.out": "kept"})
    assert set(staged(directory / "out" / "cdk.out", directory, mode)) == set(TREE) | {"src/cdk.out", "out/"}


@both_modes
def test_the_default_output_directory_of_the_cdk_cli_is_excluded(tmp_path: Path, mode: str) -> None:
    left_by_the_command_line = Path("cdk.out")
    if left_by_the_command_line.exists():
        pytest.skip("the working directory has a cdk.out of its own")
    write_files(left_by_the_command_line, {"manifest.json": ""})
    try:
        patterns = ["*", "!cdk.out", "!pyproject.toml"]
        found = staged(tmp_path / "out", Path.cwd(), mode, file="pyproject.toml", exclude=patterns)
    finally:
        shutil.rmtree(left_by_the_command_line)
    assert "pyproject.toml" in found
    assert not [name for name in found if name.startswith("cdk.out")]


@both_modes
def test_pycache_is_excluded_unless_the_ignore_file_mentions_it(tmp_path: Path, mode: str) -> None:
    files = {**TREE, "__pycache__/app.pyc": "", "src/__pycache__/app.pyc": ""}
    directory = write_files(tmp_path / "agent", files)
    assert set(staged(tmp_path / "one", directory, mode)) == set(TREE)
    write_files(directory, {".dockerignore": "!**/__pycache__\n"})
    assert set(staged(tmp_path / "two", directory, mode)) == set(files) | {".dockerignore"}


@both_modes
def test_exclude_is_applied_after_the_ignore_file(tmp_path: Path, mode: str) -> None:
    directory = write_files(tmp_path / "agent", {**TREE, ".dockerignore": "*.md\n"})
    found = set(staged(tmp_path / "out", directory, mode, exclude=["src", "!notes.md", ".env"]))
    assert found == {n for n in TREE if not n.startswith("src")} - {"README.md", ".env"} | {".dockerignore"}


@both_modes
@pytest.mark.parametrize(
    ("ignore_mode", "left_out"),
    [
        (IgnoreMode.GIT, {"notes.md", "README.md", "src/notes.md", "src/deep/er/notes.md"}),
        (IgnoreMode.GLOB, {"notes.md", "README.md", "src/notes.md", "src/deep/er/notes.md"}),
        (IgnoreMode.DOCKER, {"notes.md", "README.md"}),
    ],
)
def test_patterns_are_read_in_the_ignore_mode(
    tmp_path: Path, mode: str, ignore_mode: IgnoreMode, left_out: set[str]
) -> None:
    directory = write_files(tmp_path / "agent", {**TREE, ".dockerignore": "*.md\n"})
    found = set(staged(tmp_path / "out", directory, mode, ignore_mode=ignore_mode))
    emptied = {"src/deep/er/"} if "src/deep/er/notes.md" in left_out else set()
    assert found == set(TREE) - left_out | emptied | {".dockerignore"}


@both_modes
def test_the_dockerfile_is_included_in_every_ignore_mode(tmp_path: Path, mode: str) -> None:
    directory = write_files(
        tmp_path / "agent", {"docker/Dockerfile": "FROM scratch\n", "docker/x": "", "y": ""}
    )
    for ignore_mode in (IgnoreMode.GIT, IgnoreMode.GLOB):
        found = staged(
            tmp_path / ignore_mode.name,
            directory,
            mode,
            file="docker/Dockerfile",
            exclude=["docker/"] if ignore_mode is IgnoreMode.GIT else ["docker/**"],
            ignore_mode=ignore_mode,
        )
        assert found == ["docker/Dockerfile", "y"]


@both_modes
def test_links_stay_links_and_are_never_followed(tmp_path: Path, mode: str) -> None:
    write_files(tmp_path / "outside", {"secret": "never copied"})
    directory = write_files(
        tmp_path / "agent", {"Dockerfile": "FROM scratch\n", "data/a": "", ".dockerignore": "ignored*\n"}
    )
    links = {
        "to-file": "data/a",
        "to-directory": "data",
        "data/up": "..",
        "cycle": "cycle",
        "dangling": "nowhere",
        "outside": str(tmp_path / "outside"),
        "outside-file": "../outside/secret",
        "beside": str(tmp_path / "agent-beside"),
        "ignored-link": "data",
        "#odd [name]*": "data/a",
    }
    for path, target in links.items():
        (directory / path).symlink_to(target)
    assert staged(tmp_path / "out", directory, mode) == sorted(
        [
            "Dockerfile",
            ".dockerignore",
            "data/a",
            *(f"{p} -> {t}" for p, t in links.items() if "ignored" not in p),
        ]
    )


def test_the_upload_contains_no_links_that_could_be_followed(tmp_path: Path) -> None:
    directory = write_files(tmp_path / "agent", {"Dockerfile": "FROM scratch\n", "data/a": ""})
    (directory / "data" / "up").symlink_to("..")
    (directory / "a").symlink_to("data/a")
    for ignore_mode in (IgnoreMode.DOCKER, IgnoreMode.GIT, IgnoreMode.GLOB):
        assembly = synthesize_image(tmp_path / ignore_mode.name, directory, ignore_mode=ignore_mode)
        assert listing(assembly.source_asset) == ["Dockerfile", "data/a"]
        assert recreated(assembly) == ["a -> data/a", "data/up -> .."]


@both_modes
def test_an_absolute_link_into_the_context_becomes_relative(tmp_path: Path, mode: str) -> None:
    directory = write_files(tmp_path / "agent", {"Dockerfile": "FROM scratch\n", "data/a": "", "sub/b": ""})
    (directory / "sub" / "link").symlink_to(directory / "data")
    (directory / "root").symlink_to(directory)
    found = staged(tmp_path / "out", directory, mode)
    if mode == "local" and version("aws-cdk-lib") == "2.255.0":
        pytest.skip("the CDK's oldest supported version stages the link as it is")
    assert {"sub/link -> ../data", "root -> ."} <= set(found)


@both_modes
def test_a_dockerfile_that_is_a_link_inside_the_directory_is_found(tmp_path: Path, mode: str) -> None:
    directory = write_files(tmp_path / "agent", {"docker/real": "FROM scratch\n", "a": ""})
    (directory / "Dockerfile").symlink_to("docker/real")
    assert staged(tmp_path / "out", directory, mode) == ["Dockerfile -> docker/real", "a", "docker/real"]


@both_modes
def test_empty_directories_are_included(tmp_path: Path, mode: str) -> None:
    directory = write_files(
        tmp_path / "agent",
        {**TREE, ".dockerignore": "tmp\nlogs/*\nonly-ignored/*.md\n", "only-ignored/a.md": ""},
    )
    for empty in ("data/inbox", "tmp/cache", "logs/today", "only-ignored/x"):
        (directory / empty).mkdir(parents=True)
    assert set(staged(tmp_path / "out", directory, mode)) - set(TREE) - ALWAYS == {
        "data/inbox/",
        "logs/",
        "only-ignored/x/",
    }


def test_the_parameters_of_the_build_list_links_and_empty_directories(tmp_path: Path) -> None:
    directory = write_files(tmp_path / "agent", {"Dockerfile": "FROM scratch\n"})
    (directory / "data").mkdir()
    (directory / "link").symlink_to("Dóckerfile")
    assembly = synthesize_image(tmp_path / "out", directory)
    text = assembly.parameters(assembly.only.only(IMAGE))
    assert text.isascii()
    assert json.loads(text) == {
        "file": "Dockerfile",
        "symbolicLinks": {"link": "Dóckerfile"},
        "emptyDirectories": ["data"],
    }


def test_one_directory_can_hold_several_dockerfiles(tmp_path: Path) -> None:
    directory = write_files(
        tmp_path / "agents",
        {
            "one/Dockerfile": "FROM scratch\n",
            "two/Dockerfile": "FROM scratch\n",
            "one/Dockerfile.dockerignore": "two\n",
            "two/Dockerfile.dockerignore": "one\n",
        },
    )
    app = new_app(tmp_path / "out")
    stack = Stack(app, "Agent")
    for name in ("one", "two"):
        new_runtime(stack, new_image(stack, directory, name, file=f"{name}/Dockerfile"), f"{name}Runtime")
    contexts = [
        p for p in Path(app.synth().directory).glob("asset.*") if (p / "one").exists() or (p / "two").exists()
    ]
    assert sorted(listing(context) for context in contexts) == [
        ["one/Dockerfile", "one/Dockerfile.dockerignore"],
        ["two/Dockerfile", "two/Dockerfile.dockerignore"],
    ]
