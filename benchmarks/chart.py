"""The charts: for each job bars of what a message costs each server.

Colours are CSS variables, so that a chart which stands inside a page is light or dark as the page is, and
one that is an image by itself as the reader's system is.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from benchmarks.figures import Results, figures, ranked
from benchmarks.jobs import JOBS
from benchmarks.servers import SERVERS
from benchmarks.tables import number

__all__ = ["DRAWN", "FRONT", "Bar", "Panel", "chart", "panels"]

#: The jobs that are drawn, where they were measured.
DRAWN = [
    "echo-32-x100",
    "echo-32-x100-w16",
    "echo-1m-x4",
    "broadcast-x1000",
    "deflate-echo-x100",
    "churn",
    "tls-echo-32-x100",
    "idle-2000",
]

#: Those of the front page: one message there and back, and one message to many.
FRONT = ["echo-32-x100", "broadcast-x1000"]

COLUMNS = 2
PANEL_WIDTH = 460
LABEL_WIDTH = 190
BAR_WIDTH = 190
LINE = 20
HEAD = 44
MARGIN = 16

STYLE = """<style>
.wsapp-chart { --c-ink: #22272e; --c-pale: #5f6b76; --c-ours: #1f6f8b; --c-theirs: #b9c0c7;
  width: 100%; height: auto; display: block; margin: 1.5rem auto; font-family: system-ui, sans-serif; }
@media (prefers-color-scheme: dark) {
  .wsapp-chart { --c-ink: #e6e6e4; --c-pale: #a3a7ae; --c-ours: #5cb3d1; --c-theirs: #5b6168; }
  body[data-theme="light"] .wsapp-chart {
    --c-ink: #22272e; --c-pale: #5f6b76; --c-ours: #1f6f8b; --c-theirs: #b9c0c7; } }
body[data-theme="dark"] .wsapp-chart {
  --c-ink: #e6e6e4; --c-pale: #a3a7ae; --c-ours: #5cb3d1; --c-theirs: #5b6168; }
.wsapp-chart text { font-size: 12px; fill: var(--c-ink); }
.wsapp-chart .title { font-size: 14px; font-weight: bold; }
.wsapp-chart .unit { font-size: 11px; fill: var(--c-pale); }
.wsapp-chart .label { text-anchor: end; }
.wsapp-chart .ours { fill: var(--c-ours); }
.wsapp-chart .theirs { fill: var(--c-theirs); }
</style>"""

#: A title, a value, and whether it is ours.
Bar = tuple[str, float, bool]
#: A title, a unit, and the bars.
Panel = tuple[str, str, Sequence[Bar]]


def panels(results: Results, jobs: Sequence[str] = DRAWN) -> list[Panel]:
    """:return: What is drawn of a run, the best server of each job first, of the *jobs* measured."""
    drawn: list[Panel] = []
    for job in (JOBS[name] for name in jobs if name in results.samples):
        rows = ranked(figures(results.samples[job.name], job.figure, results.errors.get(job.name)))
        bars = [
            (SERVERS[row.server].title, row.value, SERVERS[row.server].ours)
            for row in rows
            if row.value is not None and row.server in SERVERS
        ]
        drawn.append((job.title, job.unit, bars))
    return drawn


def _text(x: float, y: float, words: str, kind: str = "value") -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(words)}</text>'


def _panel(x: float, y: float, panel: Panel) -> list[str]:
    title, unit, bars = panel
    parts = [_text(x, y + 14, title, "title"), _text(x, y + 30, unit, "unit")]
    longest = max((value for _, value, _ in bars), default=0) or 1
    for line, (label, value, ours) in enumerate(bars):
        top = y + HEAD + line * LINE
        width = max(1.0, BAR_WIDTH * max(value, 0) / longest)
        parts += [
            _text(x + LABEL_WIDTH - 8, top + 12, label, "label"),
            f'<rect class="{"ours" if ours else "theirs"}" x="{x + LABEL_WIDTH:g}" y="{top:g}" '
            f'width="{width:.1f}" height="{LINE - 5}"/>',
            _text(x + LABEL_WIDTH + width + 6, top + 12, number(value)),
        ]
    return parts


def chart(drawn: Sequence[Panel]) -> str:
    """:return: The panels as SVG, in two columns, on no ground of its own; shorter bars are better."""
    parts: list[str] = []
    y = float(MARGIN)
    for first in range(0, len(drawn), COLUMNS):
        row = drawn[first : first + COLUMNS]
        for column, panel in enumerate(row):
            parts += _panel(MARGIN + column * PANEL_WIDTH, y, panel)
        y += HEAD + LINE * max(len(bars) for _, _, bars in row) + MARGIN
    width = 2 * MARGIN + COLUMNS * PANEL_WIDTH
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="wsapp-chart" viewBox="0 0 {width} {y:g}" '
        'role="img" aria-label="Cost of each job for each server, as in the tables of the performance page">'
    )
    return "\n".join([head, STYLE, *parts, "</svg>", ""])
