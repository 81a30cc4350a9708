"""docs/troubleshooting.md covers every error that this library raises and every cause that it recognizes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from image_builder.function.messages.hints import _HINTS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/troubleshooting.md"
TYPESCRIPT = ROOT / "src/arm64_agent_image"
PYTHON = TYPESCRIPT / "image_builder"
SYNTHESIS = ("throw validationError(", "addWarningV2(")
LITERAL = re.compile("['`](?!arm64-agent-image:|, )")
PLACEHOLDER = re.compile(r"\$\{((?:[^{}]|\{[^{}]*\})*)\}")
TOKEN = re.compile(
    r"""(?P<literal>'(?:\\.|[^'\\\n])*'|`(?:\\.|\$\{(?:[^{}]|\{[^{}]*\})*\}|[^`\\])*`)"""
    r"""|/(?![\s*/])(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\n\[])+/"""
)
"""A literal, or a regular expression, whose quotes begin none."""
DESCRIPTIONS = {
    "Amazon ECR encrypts every repository",
    "Builds an agent image",
    "Keep the newest two layer caches",
    "The function that it calls logs every step",
}
"""Texts in the template, not messages."""
OF_THE_CDK = {"ARM images do not support Lambda ComputeTypes"}
EXPLANATIONS = {"explain", "unexpected"}
FALLBACKS = {"DeclinedError", "NoPlanError", "UnknownOperationError"}
"""Reasons to build an image instead of assembling it, which fail nothing."""


def page() -> str:
    return " ".join(PAGE.read_text().split())


def spans() -> list[str]:
    """The texts that the page shows as code, in headings, tables and sentences."""
    prose = re.sub(r"```.*?```", "", PAGE.read_text(), flags=re.DOTALL)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]


def arguments(code: str, start: int) -> str:
    """The source of the arguments of a call, from behind its opening parenthesis to the closing one."""
    depth = 1
    for end in range(start, len(code)):
        depth += {"(": 1, ")": -1}.get(code[end], 0)
        if depth == 0:
            return " ".join(code[start:end].split())
    raise AssertionError(code[start : start + 80])


def calls_that_report() -> Iterator[str]:
    for path in sorted(TYPESCRIPT.rglob("*.ts")):
        code = path.read_text()
        for call in SYNTHESIS:
            for found in re.finditer(re.escape(call), code):
                yield f"{path.name}: {arguments(code, found.end())}"


def literals(code: str) -> Iterator[str]:
    """The texts in TypeScript code, joined where `+` connects literals, with dots for what varies."""
    code = re.sub(r"^\s*(/?\*|//).*$", "", code, flags=re.MULTILINE)
    joined, end = "", 0
    for found in TOKEN.finditer(code):
        if found["literal"]:
            connected = re.fullmatch(r"\s*\+\s*", code[end : found.start()])
            if joined and not connected:
                yield joined
            joined, end = f"{joined if connected else ''}{filled(found['literal'])}", found.end()
    yield joined


def filled(literal: str) -> str:
    """A literal without its quotes, in which each placeholder is a name in Python, or dots."""
    return re.sub(r"\\(.)", r"\1", PLACEHOLDER.sub(lambda found: value(found[1]), literal[1:-1]))


def value(expression: str) -> str:
    named = re.fullmatch(r"(property|inAppLanguage)\('([\w.]+)'\)", expression)
    if named is None:
        return "..."
    name = ".".join(re.sub("(?<!^)[A-Z]", lambda m: f"_{m[0]}", part).lower() for part in named[2].split("."))
    return f"'{name}'" if named[1] == "property" else name


def synthesis_messages() -> list[str]:
    """What is wrong, of every text that says what to do after a semicolon."""
    texts = [text for path in TYPESCRIPT.rglob("*.ts") for text in literals(path.read_text())]
    heads = {text.partition("; ")[0] for text in texts if "; " in text}
    return sorted(heads - DESCRIPTIONS)


def warning_ids() -> list[str]:
    code = "".join(path.read_text() for path in TYPESCRIPT.rglob("*.ts"))
    return sorted(set(re.findall(r"WarningV2\('arm64-agent-image:(\w+)'", code)))


def listed_at_synthesis() -> list[str]:
    """The texts in the tables of errors and warnings at synthesis."""
    section = PAGE.read_text().partition("\n## Errors and warnings at synthesis\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.+?`) \| ", section, re.MULTILINE)
    return [span for cell in cells for span in re.findall(r"`([^`]+)`", cell)]


def text(node: ast.expr) -> str:
    """A string, with dots for what varies; empty if the expression is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text(part) or "..." for part in node.values)
    return ""


def error_classes(trees: list[ast.Module]) -> set[str]:
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return {node.name for node in classes if node.name.endswith("Error")} - FALLBACKS


def messages_of(tree: ast.Module, errors: set[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in errors:
            yield from filter(None, map(text, node.args[:1]))
        if isinstance(node, ast.FunctionDef) and node.name in EXPLANATIONS:
            returned = [each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value]
            yield from filter(None, map(text, returned))


def deploy_time_messages() -> list[str]:
    """Each message, without the details in parentheses and the advice after a colon or a semicolon."""
    trees = [ast.parse(path.read_text()) for path in sorted(PYTHON.rglob("*.py"))]
    errors = error_classes(trees)
    messages = [message for tree in trees for message in messages_of(tree, errors)]
    return sorted({re.split(r"[:;](?: |$)| \(", message, maxsplit=1)[0] for message in messages})


def shows(span: str, message: str) -> bool:
    """Whether the literal parts of a message follow one another in a text of the page."""
    parts = [re.escape(part.strip()) for part in message.split("...")]
    return re.search(".*".join(parts), span) is not None


@pytest.mark.parametrize("message", list(calls_that_report()))
def test_an_error_or_warning_at_synthesis_says_what_to_do_as_the_page_promises(message: str) -> None:
    assert "What to do follows the semicolon" in page()
    assert "; " in message or not LITERAL.search(message)
    assert not message.endswith((".'", ".`"))


def test_the_page_lists_every_error_and_warning_at_synthesis_and_no_other() -> None:
    assert sorted(listed_at_synthesis()) == sorted({*synthesis_messages(), *OF_THE_CDK})


@pytest.mark.parametrize("id", warning_ids())
def test_a_warning_is_marked_with_its_id(id: str) -> None:
    assert f"arning `{id}`" in page()


@pytest.mark.parametrize("message", deploy_time_messages())
def test_an_error_at_deploy_time_is_in_the_page(message: str) -> None:
    assert any(shows(span, message) for span in spans())


@pytest.mark.parametrize("pattern", [pattern for pattern, _ in _HINTS])
def test_a_cause_that_has_a_hint_is_in_the_page(pattern: str) -> None:
    assert any(re.search(pattern, span) for span in spans())


@pytest.mark.parametrize("line", ["is built, not assembled: ...", "will be built, not assembled: ..."])
def test_a_reason_to_build_instead_of_assembling_is_explained(line: str) -> None:
    printed = "".join(path.read_text() for path in PYTHON.rglob("*.py"))
    assert line.removesuffix("...") in printed
    assert any(line in span for span in spans())


def test_messages_are_found() -> None:
    assert len(synthesis_messages()) > 50
    assert "'directory' does not exist, got '...' (...)" in synthesis_messages()
    assert len(warning_ids()) > 10
    assert len(deploy_time_messages()) > 25
    assert "access is still denied although IAM has had time to propagate new permissions" in (
        deploy_time_messages()
    )
