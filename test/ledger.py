"""The statements of docs/aws.md, as rows."""

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "aws.md"
HEADINGS = ("id", "statement", "used in", "evidence", "settled by")


@dataclass(frozen=True)
class Row:
    """One statement of the ledger."""

    id: str
    statement: str
    used_in: str
    evidence: str
    settled_by: str

    @property
    def grade(self) -> str:
        """The first word of the evidence."""
        return self.evidence.partition(":")[0]

    @property
    def uses(self) -> list[tuple[str, str]]:
        """Paths and, where one is named, the text that occurs in the file."""
        named = re.findall(r"`([^`]+)`", self.used_in)
        return [(path, symbol) for path, _, symbol in (name.partition(":") for name in named)]

    @property
    def scenarios(self) -> list[str]:
        """The scenarios of the acceptance run that settle the statement."""
        planned, _, _ = self.settled_by.partition(";")
        return planned.removeprefix("acceptance: ").split(", ") if planned.startswith("acceptance:") else []


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def parse(text: str) -> list[Row]:
    """The rows of all tables, whose headings must be the ledger's."""
    rows = []
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        headings, _, *lines = table.splitlines()
        assert tuple(cells(headings)) == HEADINGS
        for line in lines:
            assert len(cells(line)) == len(HEADINGS), line
            rows.append(Row(*cells(line)))
    return rows


def rows() -> list[Row]:
    """The whole ledger."""
    return parse(PAGE.read_text())
