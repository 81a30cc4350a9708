"""README.ja.md says in Japanese what README.md says today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENGLISH, JAPANESE = ((ROOT / name).read_text() for name in ("README.md", "README.ja.md"))
CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LANGUAGES = re.compile(r"README(?:\.ja)?\.md")


def heading_levels(page: str) -> list[str]:
    return re.findall(r"^(#+) ", CODE.sub("", page), re.MULTILINE)


def table_rows(page: str) -> int:
    return len(re.findall(r"^\|", CODE.sub("", page), re.MULTILINE))


def addresses(page: str) -> set[str]:
    """Where links and pictures lead, but for the links between the languages."""
    found = re.findall(r"\]\(([^)\s]+)\)", CODE.sub("", page))
    return {address for address in found if not LANGUAGES.search(address)}


def properties(page: str) -> set[str]:
    """The names that the tables and sentences show as code."""
    return set(re.findall(r"`(\w+)`", CODE.sub("", page)))


def test_the_headings_are_the_same() -> None:
    assert heading_levels(JAPANESE) == heading_levels(ENGLISH)


def test_the_code_is_the_same() -> None:
    assert CODE.findall(ENGLISH)
    assert CODE.findall(JAPANESE) == CODE.findall(ENGLISH)


def test_the_tables_have_the_same_rows() -> None:
    assert table_rows(JAPANESE) == table_rows(ENGLISH)


def test_the_links_and_pictures_are_the_same() -> None:
    assert addresses(JAPANESE) == addresses(ENGLISH)


@pytest.mark.parametrize("name", sorted(properties(ENGLISH)))
def test_a_name_in_readme_is_in_the_japanese_page(name: str) -> None:
    assert name in properties(JAPANESE)
