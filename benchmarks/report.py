"""Report: results as JSON, which can be read back, and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.figures import Cell, Table, read_table, show


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of the benchmarks found, on which day."""

    name: str
    date: str
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Results:
    """What was measured on one machine."""

    machine: dict[str, str]
    versions: dict[str, str]
    parts: tuple[Part, ...]

    def to_json(self) -> dict[str, Any]:
        """`{"machine", "versions", "parts": [{"name", "date", "tables"}]}`."""
        return {
            "machine": self.machine,
            "versions": self.versions,
            "parts": [
                {"name": part.name, "date": part.date, "tables": [table.to_json() for table in part.tables]}
                for part in self.parts
            ],
        }

    def with_parts(self, parts: Sequence[Part], order: Sequence[str]) -> Results:
        """The same with new parts in the place of old ones of their name, in the order of the names."""
        found = {part.name: part for part in (*self.parts, *parts)}
        return Results(self.machine, self.versions, tuple(found[name] for name in order if name in found))

    def find_table(self, name: str) -> Table | None:
        """The table of a name."""
        return next((table for part in self.parts for table in part.tables if table.name == name), None)


def read_results(value: Mapping[str, Any]) -> Results:
    """Results from their JSON."""
    parts = tuple(
        Part(part["name"], part["date"], tuple(map(read_table, part["tables"]))) for part in value["parts"]
    )
    return Results(dict(value["machine"]), dict(value["versions"]), parts)


_INTRODUCTION = """# Results

Written by `scripts/bench`, with [results.json](results.json) and [throughput.svg](throughput.svg).

All servers answer the same operation, Create API key. A figure is the median of the rounds, with the first
and third quartile behind it. Within a part the rounds of all that is compared are interleaved, so that noise
hits all alike; ratios are made within a round. Absolute figures are worth little on another machine; ratios
are worth more.

![Throughput](throughput.svg)
"""


def write_markdown(results: Results) -> str:
    """The results as a page for people."""
    lines = [_INTRODUCTION, "## Machine", ""]
    lines += [f"- {name}: {value}" for name, value in results.machine.items()]
    lines.append(f"- versions: {', '.join(f'{name} {text}' for name, text in results.versions.items())}")
    for part in results.parts:
        for table in part.tables:
            lines += ["", f"## {table.title}", "", write_table(table)]
            lines += [f"\n{note}" for note in table.notes]
        lines.append(f"\nMeasured on {part.date}: `scripts/bench {part.name}`.")
    return "\n".join(lines) + "\n"


def write_table(table: Table) -> str:
    """A table in Markdown; its first column is text, the others are figures."""
    head = f"| {' | '.join(table.columns)} |"
    is_text = [all(isinstance(row[index], str) for row in table.rows) for index in range(len(table.columns))]
    rule = f"| {' | '.join('---' if text else '---:' for text in is_text)} |"
    rows = [f"| {' | '.join(write_cell(cell) for cell in row)} |" for row in table.rows]
    return "\n".join((head, rule, *rows))


def write_cell(cell: Cell) -> str:
    """A cell as text; a dash where there is nothing."""
    if cell is None:
        return "–"
    return show(cell) if isinstance(cell, int | float) else str(cell)
