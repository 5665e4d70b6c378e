"""Plot: throughput as bars, in an SVG that is readable on light and on dark pages."""

from __future__ import annotations

from xml.sax.saxutils import escape

from benchmarks.figures import Quartiles, Table, show

_WIDTH = 760
_LABEL_WIDTH = 170
_NUMBER_WIDTH = 80
_ROW_HEIGHT = 30
_BAR_HEIGHT = 18
_HEAD_HEIGHT = 44

_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 }
.bar { fill: #8c959f }
.own { fill: #1a7f37 }
.limit { fill: none; stroke: #8c959f }
.range { stroke: #24292f; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .own { fill: #3fb950 }
  .range { stroke: #e6edf3 }
}
"""


def draw_bars(table: Table, column: str, *, own: str, limit: str, leave_out: tuple[str, ...] = ()) -> str:
    """The medians of a column as bars, quartiles as a line on them.

    `own` is the row that stands out, `limit` the one that is drawn hollow; rows of `leave_out` are not drawn.
    """
    index = table.columns.index(column)
    rows = [
        (str(row[0]), figure)
        for row in table.rows
        if isinstance(figure := row[index], Quartiles) and row[0] not in leave_out
    ]
    height = _HEAD_HEIGHT + _ROW_HEIGHT * len(rows) + 10
    most = max((figure.upper for _, figure in rows), default=1.0)
    scale = (_WIDTH - _LABEL_WIDTH - _NUMBER_WIDTH) / most
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" role="img" aria-label="{escape(table.title)}">',
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="8" y="24">{escape(f"{table.title}, {column}")}</text>',
    ]
    for number, (name, figure) in enumerate(rows):
        kind = "bar own" if name == own else "limit" if name == limit else "bar"
        parts += _draw_bar(name, figure, kind, _HEAD_HEIGHT + number * _ROW_HEIGHT, scale)
    return "\n".join((*parts, "</svg>", ""))


def _draw_bar(name: str, figure: Quartiles, kind: str, top: int, scale: float) -> list[str]:
    def place(value: float) -> str:
        return f"{_LABEL_WIDTH + value * scale:.1f}"

    middle, base = top + _BAR_HEIGHT / 2, top + _BAR_HEIGHT / 2 + 4.5
    return [
        f'<text x="{_LABEL_WIDTH - 8}" y="{base}" text-anchor="end">{escape(name)}</text>',
        f'<rect class="{kind}" x="{_LABEL_WIDTH}" y="{top}" width="{figure.median * scale:.1f}" '
        f'height="{_BAR_HEIGHT}"/>',
        f'<line class="range" x1="{place(figure.lower)}" y1="{middle}" x2="{place(figure.upper)}" '
        f'y2="{middle}"/>',
        f'<text x="{_LABEL_WIDTH + figure.upper * scale + 6:.1f}" y="{base}">{show(figure.median)}</text>',
    ]
