"""`python -m tools.pictures`: draw the pictures of README from their sources in docs/images."""

from __future__ import annotations

from pathlib import Path

from tools import diagram, terminal

IMAGES = Path(__file__).parents[1] / "docs/images"
FLOW = IMAGES / "flow.toml"
TERMINALS = {
    "laptop": "on an ARM laptop",
    "ci": "in Amplify Console, on x86",
}


def recording(name: str) -> Path:
    """What `cdk deploy` printed on a host, recorded by `python -m test.rehearsal.recording`."""
    return IMAGES / f"deploy-{name}.txt"


def pictures() -> dict[Path, str]:
    """Every picture, as its source says today."""
    drawn = {FLOW.with_suffix(".svg"): diagram.draw(FLOW)}
    for name, where in TERMINALS.items():
        source = recording(name)
        drawn[source.with_suffix(".svg")] = terminal.draw(where, source.read_text().splitlines())
    return drawn


def stale() -> list[Path]:
    """The pictures that are not as their sources say."""
    return [path for path, drawn in pictures().items() if not path.exists() or path.read_text() != drawn]


if __name__ == "__main__":
    for path, drawn in pictures().items():
        path.write_text(drawn)
        print(path)
