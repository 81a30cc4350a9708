"""Links between the pages of this repository lead to a file, and to a heading of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OWN = re.compile(r"https://github\.com/arm64-agent-image/arm64-agent-image/(?:blob|tree)/main/")
TRACKED = subprocess.check_output(["git", "ls-files", "*.md"], cwd=ROOT, text=True).split()
PAGES = [name for name in TRACKED if not name.startswith("API.")]


def links(page: Path) -> set[str]:
    """What the page's prose links to in this repository."""
    prose = re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"\]\(\s*([^)\s]+)\s*\)", prose)
    inside = {OWN.sub(f"{ROOT}/", link) for link in found}
    return {link for link in inside if not re.match(r"[a-z]+:", link)}


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    texts = [re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", text).replace(" ", "-") for text in texts}


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    page = ROOT / name
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_links_are_found() -> None:
    assert "docs/images.md" in PAGES
    assert len(links(ROOT / "docs/images.md")) > 3
    assert "watching-a-build" in anchors(ROOT / "docs/builds.md")
