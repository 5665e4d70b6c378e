"""Plot: a group of bars for each row of a table, in an SVG that is readable on light and on dark pages."""

from __future__ import annotations

from xml.sax.saxutils import escape

from benchmarks.figures import Quartiles, Table, show

_WIDTH = 760
_LABEL_WIDTH, _NUMBER_WIDTH = 130, 160
_BAR_HEIGHT, _GAP = 16, 14
_HEAD_HEIGHT = 44

_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 }
.bar { fill: #1a7f37 }
.limit { fill: none; stroke: #8c959f }
.range { stroke: #24292f; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .bar { fill: #3fb950 }
  .range { stroke: #e6edf3 }
}
"""


def draw_bars(table: Table, limit: str, own: str) -> str:
    """The medians of two columns as bars, quartiles as a line on them; those of `limit` are drawn hollow.

    Rows without quartiles are left out.
    """
    places = table.columns.index(limit), table.columns.index(own)
    rows = [(str(row[0]), [row[place] for place in places]) for row in table.rows]
    figures = ((name, [cell for cell in cells if isinstance(cell, Quartiles)]) for name, cells in rows)
    groups = [(name, found) for name, found in figures if len(found) == len(places)]
    most = max((figure.upper for _, found in groups for figure in found), default=1.0)
    scale = (_WIDTH - _LABEL_WIDTH - _NUMBER_WIDTH) / most
    group_height = len(places) * _BAR_HEIGHT + _GAP
    height = _HEAD_HEIGHT + group_height * len(groups)
    title = escape(table.title)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" role="img" aria-label="{title}">',
        f'<style>{_STYLE}</style>\n<text class="title" x="8" y="24">{title}</text>',
    ]
    for number, (name, found) in enumerate(groups):
        top = _HEAD_HEIGHT + number * group_height
        base = top + _BAR_HEIGHT + 4.5
        parts.append(f'<text x="{_LABEL_WIDTH - 8}" y="{base}" text-anchor="end">{escape(name)}</text>')
        parts.append(_draw_bar("limit", limit, found[0], top, scale))
        parts.append(_draw_bar("bar", own, found[1], top + _BAR_HEIGHT, scale))
    return "\n".join((*parts, "</svg>", ""))


def _draw_bar(kind: str, column: str, figure: Quartiles, top: int, scale: float) -> str:
    left, middle, height = _LABEL_WIDTH, top + _BAR_HEIGHT / 2, _BAR_HEIGHT - 2
    lower, median, upper = (value * scale for value in figure)
    text = escape(f"{column}: {show(figure.median)}")
    return (
        f'<rect class="{kind}" x="{left}" y="{top + 1}" width="{median:.1f}" height="{height}"/>\n'
        f'<line class="range" x1="{left + lower:.1f}" y1="{middle}" x2="{left + upper:.1f}" y2="{middle}"/>\n'
        f'<text x="{left + upper + 6:.1f}" y="{middle + 4.5}">{text}</text>'
    )
