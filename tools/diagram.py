"""Draws boxes in lanes, with arrows between them, as an SVG that follows the reader's light or dark theme."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

BOX_WIDTH, BOX_HEIGHT, GAP = 150, 84, 36
LEFT, TOP, LANE_HEIGHT, LANE_TITLE = 24, 52, 172, 28
STYLE = """\
svg { color-scheme: light dark; font-family: system-ui, sans-serif }
.paper { fill: #ffffff; stroke: #d0d7de }
.band { fill: #f6f8fa; stroke: #d0d7de; stroke-dasharray: 2 3 }
.box { fill: #ffffff; stroke: #57606a; stroke-width: 1.2 }
.box.image, .box.runtime { stroke: #0969da; stroke-width: 2 }
text { fill: #1f2328; font-size: 13px; text-anchor: middle }
.first { font-weight: 600 }
.band-title, .wait-text { fill: #57606a; font-size: 12px }
.lane-title { font-size: 14px; font-weight: 600; text-anchor: start }
.arrow { stroke: #57606a; stroke-width: 1.5; fill: none }
.wait { stroke: #0969da; stroke-width: 1.5; stroke-dasharray: 5 4; fill: none }
.head { fill: #57606a }
.wait-head { fill: #0969da }
@media (prefers-color-scheme: dark) {
  .paper { fill: #0d1117; stroke: #30363d }
  .band { fill: #161b22; stroke: #30363d }
  .box { fill: #0d1117; stroke: #8b949e }
  .box.image, .box.runtime, .wait { stroke: #58a6ff }
  text { fill: #e6edf3 }
  .band-title, .wait-text { fill: #8b949e }
  .arrow { stroke: #8b949e }
  .head { fill: #8b949e }
  .wait-head { fill: #58a6ff }
}"""


def draw(source: Path) -> str:
    """The picture that the TOML file describes."""
    content = tomllib.loads(source.read_text())
    boxes = {box["id"]: box for box in content["box"]}
    columns = 1 + max(box["column"] for box in content["box"])
    width = 2 * LEFT + columns * BOX_WIDTH + (columns - 1) * GAP
    height = TOP + LANE_HEIGHT * len(content["lane"]) + 8
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
            f"<title>{escape(content['title'])}</title>",
            f"<desc>{escape(content['description'])}</desc>",
            f"<style>\n{STYLE}\n</style>",
            "<defs>",
            _head("head", "head"),
            _head("wait-head", "wait-head"),
            "</defs>",
            f'<rect class="paper" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
            *(line for band in content["band"] for line in _band(band, height)),
            *(
                f'<text class="lane-title" x="{LEFT}" y="{_top(lane) - 10}">{escape(each["title"])}</text>'
                for lane, each in enumerate(content["lane"])
            ),
            *(line for box in boxes.values() for line in _box(box)),
            *(_arrow(boxes[arrow["from"]], boxes[arrow["to"]]) for arrow in content["arrow"]),
            *(line for wait in content["wait"] for line in _wait(wait, boxes)),
            "</svg>",
            "",
        ]
    )


def _left(column: int) -> int:
    return LEFT + column * (BOX_WIDTH + GAP)


def _top(lane: int) -> int:
    return TOP + LANE_TITLE + lane * LANE_HEIGHT


def _head(id: str, name: str) -> str:
    size = 'viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"'
    return f'<marker id="{id}" {size}><path class="{name}" d="M0 0 L8 4 L0 8 z"/></marker>'


def _band(band: Mapping[str, Any], height: int) -> Iterator[str]:
    first, last = band["columns"]
    left, right = _left(first) - 12, _left(last) + BOX_WIDTH + 12
    yield f'<rect class="band" x="{left}" y="34" width="{right - left}" height="{height - 46}" rx="6"/>'
    yield f'<text class="band-title" x="{(left + right) // 2}" y="24">{escape(band["title"])}</text>'


def _box(box: Mapping[str, Any]) -> Iterator[str]:
    left, top = _left(box["column"]), _top(box["lane"])
    size = f'width="{BOX_WIDTH}" height="{BOX_HEIGHT}"'
    kind = " ".join(["box", *([box["kind"]] if "kind" in box else [])])
    yield f'<rect class="{kind}" x="{left}" y="{top}" {size} rx="6"/>'
    first = top + BOX_HEIGHT // 2 + 5 - 9 * (len(box["text"]) - 1)
    for number, text in enumerate(box["text"]):
        style = ' class="first"' if number == 0 or box.get("kind") else ""
        position = f'x="{left + BOX_WIDTH // 2}" y="{first + 18 * number}"'
        yield f"<text{style} {position}>{escape(text)}</text>"


def _arrow(start: Mapping[str, Any], end: Mapping[str, Any]) -> str:
    left, right = _left(start["column"]) + BOX_WIDTH, _left(end["column"]) - 2
    middle = _top(start["lane"]) + BOX_HEIGHT // 2
    return f'<path class="arrow" marker-end="url(#head)" d="M{left} {middle} H{right}"/>'


def _wait(wait: Mapping[str, Any], boxes: Mapping[str, Any]) -> Iterator[str]:
    start, end = boxes[wait["from"]], boxes[wait["to"]]
    right, left = (_left(box["column"]) + BOX_WIDTH // 2 for box in (start, end))
    bottom = _top(start["lane"]) + BOX_HEIGHT
    path = f"M{right} {bottom} v28 H{left} V{bottom + 2}"
    yield f'<path class="wait" marker-end="url(#wait-head)" d="{path}"/>'
    yield f'<text class="wait-text" x="{(left + right) // 2}" y="{bottom + 46}">{escape(wait["text"])}</text>'
