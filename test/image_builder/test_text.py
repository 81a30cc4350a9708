"""Texts are safe to log and fit into CloudFormation's response."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_builder.errors import LIMIT, ImageBuildError
from image_builder.text import json_size, printable, truncate, truncate_start

ANY_TEXT = st.text(st.characters(codec=None))


@given(text=ANY_TEXT, limit=st.integers(10, 200))
def test_truncated_texts_fit_and_keep_their_beginning_or_end(text: str, limit: int) -> None:
    text = text.encode("utf-8", "replace").decode()
    for short in (truncate(text, limit), truncate_start(text, limit)):
        assert json_size(short) <= limit
    assert text.startswith(truncate(text, limit).removesuffix("..."))
    assert text.endswith(truncate_start(text, limit).removeprefix("..."))
    if json_size(text) <= limit:
        assert truncate(text, limit) == truncate_start(text, limit) == text


def test_truncation_keeps_as_much_as_fits() -> None:
    assert truncate("x" * 11, 10) == "x" * 7 + "..."
    assert truncate_start("x" * 11, 10) == "..." + "x" * 7
    assert truncate("\u00e9" * 10, 21) == "\u00e9" * 3 + "..."


@given(ANY_TEXT)
def test_printable_text_is_one_line(text: str) -> None:
    assert len(printable(text).splitlines()) <= 1
    printable(text).encode("utf-8")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x07", "link"),
        ("\x1b]0;title\x1b\\text", "text"),
        ("bell\x07, tab\t, \u2028", "bell , tab ,"),
        ("Größe ✗ 日本", "Größe ✗ 日本"),
        ("\ud83d", ""),
    ],
)
def test_removes_colours_and_control_characters(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(ANY_TEXT | ANY_TEXT.map(lambda text: text * 2000))
def test_every_error_is_valid_text_within_the_limit(text: str) -> None:
    message = str(ImageBuildError(text))
    assert json_size(message) <= LIMIT
    assert json.loads(json.dumps(message).encode("utf-8")) == message
