"""What the rehearsal patches inside ministack is still what the patches were written for."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import ministack
import pytest

from .aws import ministack_patches, partition
from .aws.patching import Patch

MODULES = sorted(Path(ministack_patches.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("patch", ministack_patches.PATCHES, ids=lambda patch: patch.name)
def test_what_is_patched_has_not_changed(patch: Patch) -> None:
    found = patch.current_fingerprint()
    assert found == patch.fingerprint, f"read '{patch.name}' of ministack again, then note {found}"


def test_every_patch_has_a_reason() -> None:
    assert [patch.name for patch in ministack_patches.PATCHES if len(patch.reason.split()) < 4] == []


@pytest.mark.parametrize("text", partition.REPLACED)
def test_the_sources_still_contain_what_names_the_partition(text: str) -> None:
    sources = Path(ministack.__file__).parent.rglob("*.py")
    assert any(text in source.read_text() for source in sources)


def imported(tree: ast.Module) -> dict[str, str]:
    """The modules of ministack that a module imports, by the names it gives them."""
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {
        alias.asname or alias.name: f"{statement.module}.{alias.name}"
        for statement in statements
        if (statement.module or "").startswith("ministack")
        for alias in statement.names
    }


def private_names(path: Path) -> Iterator[tuple[str, str]]:
    """The private names of ministack that a module uses, with their modules."""
    tree = ast.parse(path.read_text())
    modules = imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield modules[node.value.id], node.attr


def test_every_name_of_ministack_that_the_rehearsal_uses_exists() -> None:
    used = {name for path in MODULES for name in private_names(path)}
    assert len(used) > 40
    assert [name for name in sorted(used) if not hasattr(importlib.import_module(name[0]), name[1])] == []


def test_only_the_table_changes_ministack() -> None:
    """No other module assigns to an attribute of ministack."""
    for path in MODULES:
        tree = ast.parse(path.read_text())
        targets = [t for node in ast.walk(tree) if isinstance(node, ast.Assign) for t in node.targets]
        owners = {
            t.value.id for t in targets if isinstance(t, ast.Attribute) and isinstance(t.value, ast.Name)
        }
        assert owners & set(imported(tree)) == set(), path
