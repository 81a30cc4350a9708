"""Every member of the API is documented in its reader's language."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
ASSEMBLY: dict[str, Any] = json.loads((ROOT / ".jsii").read_text())
BINDINGS = ROOT / "build/bindings/python/src/arm64_agent_image/__init__.py"
CAMEL_CASE = re.compile(r"\b[a-z]+(?:[A-Z][a-z0-9]+)+\b")


def members() -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything that a user can name, with what the assembly says of it."""
    for type_name, described in ASSEMBLY["types"].items():
        name = type_name.rpartition(".")[2]
        yield name, described
        for member in described.get("members", []):
            yield f"{name}.{member['name']}", member
        for member in described.get("properties", []):
            yield f"{name}.{member['name']}", member
        for method in described.get("methods", []):
            yield f"{name}.{method['name']}", method
            for parameter in method.get("parameters", []):
                yield f"{name}.{method['name']}({parameter['name']})", parameter


def factories() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, member in members():
        if member.get("static") and "(" not in name:
            yield name, member


def docstrings() -> list[str]:
    """The docstrings of the Python package without examples, which jsii translates."""
    tree = ast.parse(BINDINGS.read_text())
    found = [
        ast.get_docstring(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_typecheckingstub")
    ]
    return [docstring.partition("Example::")[0] for docstring in found if docstring]


@pytest.mark.parametrize(("name", "member"), list(members()), ids=lambda value: str(value)[:60])
def test_a_member_is_documented(name: str, member: dict[str, Any]) -> None:
    assert member.get("docs", {}).get("summary"), name


@pytest.mark.parametrize(("name", "factory"), list(factories()), ids=lambda value: str(value)[:60])
def test_a_factory_has_an_example(name: str, factory: dict[str, Any]) -> None:
    assert factory["docs"].get("example"), name


def test_the_construct_has_an_example() -> None:
    assert ASSEMBLY["types"]["arm64-agent-image.Arm64AgentRuntimeArtifact"]["docs"]["example"]


def test_an_optional_property_says_its_default() -> None:
    options = [described for described in ASSEMBLY["types"].values() if described.get("datatype")]
    properties = [property for described in options for property in described.get("properties", [])]
    assert len(properties) > 20
    assert not [p["name"] for p in properties if p.get("optional") and not p["docs"].get("default")]


def test_python_users_read_no_names_in_camel_case() -> None:
    read = docstrings()
    assert len(read) > 30
    assert {name for docstring in read for name in CAMEL_CASE.findall(docstring)} == set()
