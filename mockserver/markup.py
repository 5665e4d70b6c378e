"""What texts need to stand in Markdown and in XML."""

from __future__ import annotations

from collections.abc import Iterable


def write_row(cells: Iterable[str]) -> str:
    """A row of a table in Markdown."""
    safe = (cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(safe)} |"


def keep_printable(text: str) -> str:
    """A text without what XML 1.0 cannot hold: it has no control characters but line feed and tab."""
    return "".join(letter for letter in text if letter in "\n\t" or letter >= " ")
