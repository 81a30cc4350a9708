"""The map in CONTRIBUTING.md is complete: every folder is on it, and nothing else."""

import re
import subprocess
from pathlib import Path, PurePath

ROOT = Path(__file__).parents[1]
MAPPED = ("src", "test", "bench", "examples", "docs", "tools")
DATA = {"__snapshots__", "events"}


def rows() -> dict[str, str]:
    """The folders of the map with their descriptions."""
    page = (ROOT / "CONTRIBUTING.md").read_text()
    table = page.partition("## Where things are")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", table, re.MULTILINE))


def folders() -> set[str]:
    """The folders of the repository that hold files, but for data and the insides of examples and mirrors."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *MAPPED],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    found = {PurePath(file).parent for file in listed.stdout.splitlines() if (ROOT / file).exists()}
    return {
        str(folder)
        for folder in found
        if not DATA & set(folder.parts)
        and (folder.parts[0] != "examples" or len(folder.parts) == 1)
        and folder.parts[:3] != ("test", "acceptance", "agent")
        and (folder.parts[:2] != ("test", "image_builder") or len(folder.parts) == 2)
    }


def test_every_folder_is_on_the_map_and_the_map_shows_no_other() -> None:
    assert set(rows()) == folders()


def test_tests_of_the_deploy_time_code_mirror_its_rooms() -> None:
    code = ROOT / "src/arm64_agent_image/image_builder"
    tests = ROOT / "test/image_builder"
    rooms = {path.parent.relative_to(code) for path in code.rglob("*.py")}
    mirrored = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    assert mirrored <= rooms
    for room in sorted(mirrored):
        modules = {path.stem for path in (code / room).glob("*.py")}
        names = {path.stem.removeprefix("test_") for path in (tests / room).glob("test_*.py")}
        assert names & modules, f"no test in {room} is named for a module"


def test_the_commands_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    pages = (ROOT / "CONTRIBUTING.md").read_text() + (ROOT / "README.md").read_text()
    assert set(re.findall(r"(?m)(?:`|^)make ([a-z-]+)", pages)) <= targets


def test_the_files_that_are_named_exist() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`((?:private|function|build_program|test|docs)/[\w./-]+\.\w+)`", page)
    assert named
    for name in named:
        roots = (ROOT, ROOT / "src/arm64_agent_image", ROOT / "src/arm64_agent_image/image_builder")
        assert any((root / name).exists() for root in roots), name
