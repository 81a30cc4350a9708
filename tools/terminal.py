"""Draws the output of a command as an SVG of a terminal, animated where the viewer can do that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from xml.sax.saxutils import escape

WIDTH, MARGIN, TOP, LINE = 860, 20, 56, 20
BUILD = "CREATE_IN_PROGRESS | Custom::Arm64AgentImage"
STRONG = ("Custom::Arm64AgentImage", "AWS::BedrockAgentCore::Runtime", "INFO image build")
PAUSE, BUILD_PAUSE = 0.25, 2.5
STYLE = """\
.window { fill: #0d1117; stroke: #30363d }
.title { fill: #8b949e; font: 12px system-ui, sans-serif; text-anchor: middle }
.line { fill: #c9d1d9; font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; white-space: pre }
.strong { fill: #79c0ff; font-weight: bold }
.done { fill: #56d364; font-weight: bold }
.prompt { fill: #f0f6fc; font-weight: bold }
@keyframes appear { from { opacity: 0 } to { opacity: 1 } }
@media (prefers-reduced-motion: no-preference) { .line { animation: appear 0.1s backwards } }"""


def draw(where: str, output: Sequence[str]) -> str:
    """A terminal in which `cdk deploy` prints these lines; it rests while the image is built."""
    lines = ["$ cdk deploy", *output]
    height = TOP + LINE * len(lines) + MARGIN
    title = f"cdk deploy {where}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>\n{STYLE}\n</style>",
            f'<rect class="window" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
            *(
                f'<circle cx="{MARGIN + 18 * number}" cy="20" r="6" fill="{colour}"/>'
                for number, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
            ),
            f'<text class="title" x="{WIDTH // 2}" y="24">{escape(title)}</text>',
            *_texts(lines),
            "</svg>",
            "",
        ]
    )


def _texts(lines: Iterable[str]) -> Iterator[str]:
    seconds = 0.5
    for number, line in enumerate(lines):
        position = f'x="{MARGIN}" y="{TOP + LINE * number}"'
        delay = f'style="animation-delay: {seconds:.2f}s"'
        yield f'<text xml:space="preserve" class="{_kind(line)}" {position} {delay}>{escape(line)}</text>'
        seconds += BUILD_PAUSE if BUILD in line else PAUSE


def _kind(line: str) -> str:
    if line.startswith("$"):
        return "line prompt"
    if line.startswith("✅"):
        return "line done"
    return "line strong" if any(word in line for word in STRONG) else "line"
