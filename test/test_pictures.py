"""The pictures of README show wherever README is shown: on GitHub, npm, PyPI and Construct Hub."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tools import pictures

ROOT = Path(__file__).parents[1]
PUBLISHED = "https://raw.githubusercontent.com/arm64-agent-image/arm64-agent-image/main/"
PAGES = subprocess.check_output(["git", "ls-files", "*.md"], cwd=ROOT, text=True).split()


def shown_in(page: str) -> list[str]:
    text = (ROOT / page).read_text()
    return re.findall(r"!\[[^]]*\]\(([^)\s]+)", text) + re.findall(r'<img[^>]+src="([^"]+)"', text)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_pictures_by_their_published_address(page: str) -> None:
    for address in shown_in(page):
        assert address.startswith("https://")
        if address.startswith(PUBLISHED):
            assert (ROOT / address.removeprefix(PUBLISHED)).is_file()


@pytest.mark.parametrize("path", pictures.pictures(), ids=lambda path: path.name)
def test_a_picture_has_a_title_and_loads_nothing(path: Path) -> None:
    picture = ElementTree.parse(path).getroot()
    assert picture.findtext("{http://www.w3.org/2000/svg}title")
    assert not re.search(r"(?:href|src)=|url\((?!#)|@import|<script", path.read_text())


def test_pictures_are_as_their_sources_say() -> None:
    assert pictures.stale() == []
