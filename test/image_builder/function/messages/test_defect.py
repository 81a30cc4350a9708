"""A defect of the library, explained to the person who deploys."""

from dataclasses import dataclass

import pytest
from image_builder.errors import LIMIT
from image_builder.function.messages.defect import unexpected
from image_builder.text import json_size


@dataclass
class DefectError(Exception):
    text: str

    def __str__(self) -> str:
        return self.text


@pytest.mark.parametrize("text", ["'x'", "x" * 100_000, "\U0001f9be" * 50_000, "\x1b[31mred\nline"])
def test_a_defect_has_a_message_that_names_the_log_group_with_the_traceback(
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


def test_a_defect_has_a_message_outside_of_lambda_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_LAMBDA_LOG_GROUP_NAME", raising=False)
    assert unexpected(KeyError("x")).endswith("log group of the function")
    assert "KeyError" in capsys.readouterr().err
