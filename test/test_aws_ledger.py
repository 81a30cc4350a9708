"""docs/aws.md lists every statement about AWS that the project relies on, with its evidence."""

import re
from collections.abc import Iterator
from pathlib import Path

from test.ledger import PAGE, rows

ROOT = Path(__file__).parents[1]
GRADES = {"documented", "observed", "source", "guess"}
SCENARIOS = set(
    re.findall(
        r'^@scenario\("([^"]+)"\)', (ROOT / "test/acceptance/test_scenarios.py").read_text(), re.MULTILINE
    )
)
SOURCES = ("src/**/*.ts", "src/**/*.py", "src/**/*.yml", "test/rehearsal/**/*.py")
TABLES = ("test/rehearsal/README.md", "docs/security.md")
EVIDENCE_HOSTS = {"docs.aws.amazon.com", "docs.docker.com", "refspecs.linuxfoundation.org", "github.com"}
OWN_REPOSITORY = "https://github.com/arm64-agent-image/"


def links(text: str) -> set[str]:
    return {found.rstrip(".,;:") for found in re.findall(r"https://[^\s<>()\[\]\"'`|{}]+", text)}


def is_evidence(link: str) -> bool:
    """Whether a link leads to documentation, an issue or source code."""
    return link.split("/")[2] in EVIDENCE_HOSTS and not link.startswith(OWN_REPOSITORY)


def cited() -> Iterator[tuple[str, str]]:
    """The evidence cited in code and tables, each with the file that cites it."""
    for pattern in SOURCES:
        for path in ROOT.glob(pattern):
            yield from ((str(path.relative_to(ROOT)), link) for link in links(path.read_text()))
    for name in TABLES:
        table = "\n".join(re.findall(r"^\|.*", (ROOT / name).read_text(), re.MULTILINE))
        yield from ((name, link) for link in links(table))


ROWS = rows()


def test_every_section_has_a_table() -> None:
    sections = re.findall(r"^## .+\n\n(\|?)", PAGE.read_text(), re.MULTILINE)
    assert sections
    assert all(sections)
    assert len(ROWS) > len(sections)


def test_ids_are_unique_slugs() -> None:
    ids = [row.id for row in ROWS]
    assert not {id for id in ids if ids.count(id) > 1}
    assert not [id for id in ids if not re.fullmatch(r"`[a-z0-9]+(?:-[a-z0-9]+)+`", id)]


def test_every_statement_is_a_sentence() -> None:
    assert not [row.id for row in ROWS if not re.fullmatch(r"[A-Z`$].*\.", row.statement)]


def test_every_statement_is_used_where_its_row_says() -> None:
    assert not [row.id for row in ROWS if not row.uses]
    for row in ROWS:
        for name, symbol in row.uses:
            assert name.startswith(("src/", "docs/", "test/")) or name == "README.md", row.id
            assert (ROOT / name).is_file(), f"{row.id}: {name} does not exist"
            assert symbol in (ROOT / name).read_text(), f"{row.id}: {name} has no {symbol!r}"


def test_every_row_has_one_of_four_grades() -> None:
    assert not [row.id for row in ROWS if row.grade not in GRADES]


def test_every_row_but_a_guess_cites_a_source() -> None:
    link = re.compile(r"\[[^]]+\]\(https://[^)]+\)")
    assert not [row.id for row in ROWS if row.grade != "guess" and not link.search(row.evidence)]


def test_every_guess_says_what_would_settle_it() -> None:
    assert not [row.id for row in ROWS if row.grade == "guess" and not row.settled_by]


def test_acceptance_scenarios_exist() -> None:
    assert not [row.id for row in ROWS if not set(row.scenarios) <= SCENARIOS]


def test_every_scenario_settles_something() -> None:
    assert {scenario for row in ROWS for scenario in row.scenarios} == SCENARIOS


def test_every_cited_source_is_in_the_ledger() -> None:
    listed = links(PAGE.read_text())
    assert not {(name, link) for name, link in cited() if is_evidence(link) and link not in listed}


def test_citations_are_found_in_code_and_tables() -> None:
    files = {name for name, link in cited() if is_evidence(link)}
    assert files > set(TABLES)
    assert any(name.endswith(".ts") for name in files)
    assert any(name.startswith("src/") and name.endswith(".py") for name in files)
