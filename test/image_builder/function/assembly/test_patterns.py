"""Ignore patterns match what Docker's own matcher matches."""

import pytest
from image_builder.function.assembly.declined import DeclinedError
from image_builder.function.assembly.patterns import Matcher, Matches


def excluded(patterns: list[str], path: str) -> bool:
    """Whether a path is excluded, by way of its parents."""
    matcher, matches, result = Matcher(patterns), Matches(), False
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        result, matches = matcher.match("/".join(parts[:depth]), matches)
    return result


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("a", ["a", "a/b"], ["b/a", "ab"]),
        ("a/b", ["a/b", "a/b/c"], ["a", "x/a/b"]),
        ("*.md", ["README.md"], ["docs/README.md", "md"]),
        ("**/*.md", ["README.md", "docs/README.md", "a/b/c.md"], ["md"]),
        ("**/a", ["a", "x/a", "x/y/a", "x/a/b"], ["xa", "ab"]),
        ("a/**", ["a/b", "a/b/c"], ["ab", "b"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["a/xb"]),
        ("**", ["a", "a/b"], []),
        ("a?c", ["abc"], ["ac", "a/c"]),
        ("*.py[cod]", ["a.pyc", "a.pyo"], ["a.py", "a.pyx"]),
        ("a.b", ["a.b"], ["axb"]),
        ("a+(b)", ["a+(b)"], ["aab"]),
        ("./a/", ["a", "a/b"], ["b"]),
        ("a/*/c", ["a/b/c", "a/b/c/d"], ["a/c", "a/b/x/c"]),
        ("*/temp*", ["a/temp", "a/temporary"], ["temp", "a/b/temp"]),
    ],
)
def test_a_pattern_excludes_what_it_matches_and_what_is_below(
    pattern: str, matching: list[str], other: list[str]
) -> None:
    assert [path for path in matching if not excluded([pattern], path)] == []
    assert [path for path in other if excluded([pattern], path)] == []


@pytest.mark.parametrize(
    ("patterns", "path", "expected"),
    [
        (["*", "!src"], "src/main.py", False),
        (["*", "!src"], "other", True),
        (["*", "!src", "src/secret"], "src/secret", True),
        (["src", "!src/keep"], "src/keep", False),
        (["src", "!src/keep"], "src/drop", True),
        (["!src", "src"], "src/a", True),
        (["*.md", "!README.md"], "README.md", False),
    ],
)
def test_the_last_pattern_that_matches_decides(patterns: list[str], path: str, expected: bool) -> None:
    assert excluded(patterns, path) is expected


@pytest.mark.parametrize("pattern", ["[[:alpha:]]", "a\\*", "[", "a]", "[!a]"])
def test_patterns_that_go_reads_otherwise_than_python_are_declined(pattern: str) -> None:
    with pytest.raises(DeclinedError, match="the ignore pattern"):
        Matcher([pattern])
