"""Texts that fit into CloudFormation's response, and the message for a defect."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_builder.errors import (
    LIMIT,
    ImageBuildError,
    json_size,
    printable,
    truncate,
    truncate_start,
    unexpected,
)

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


@dataclass
class DefectError(Exception):
    text: str

    def __str__(self) -> str:
        return self.text


@pytest.mark.parametrize("text", ["'x'", "x" * 100_000, "\U0001f9be" * 50_000, "\x1b[31mred\nline"])
def test_a_defect_is_a_sentence_that_names_the_log_group_with_the_traceback(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/arm64-agent-image-5e7a2b10")
    try:
        raise DefectError(text)
    except DefectError as error:
        message = unexpected(error)
    assert message.startswith("unexpected DefectError: ")
    assert message.endswith("the traceback in log group /aws/lambda/arm64-agent-image-5e7a2b10")
    assert "deploy again; if it persists, report it" in message
    assert json_size(message) <= LIMIT
    assert "\n" not in message
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_a_defect_is_a_sentence_outside_of_lambda_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_LAMBDA_LOG_GROUP_NAME", raising=False)
    assert unexpected(KeyError("x")).endswith("log group of the function")
    assert "KeyError" in capsys.readouterr().err
