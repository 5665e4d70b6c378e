"""Report: results as JSON, which can be read back, and as Markdown."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.figures import Cell, Quartiles, Table, show


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

    def find_table(self, name: str) -> Table | None:
        """The table of a name."""
        return next((table for part in self.parts for table in part.tables if table.name == name), None)


def write_json(results: Results) -> str:
    """The results as JSON: the members of the classes; quartiles are lists of three."""
    return json.dumps(asdict(results), indent=1, ensure_ascii=False) + "\n"


def read_json(text: str) -> Results:
    """Results from their JSON."""
    value = json.loads(text)
    parts = [Part(one["name"], one["date"], tuple(map(_read_table, one["tables"]))) for one in value["parts"]]
    return Results(value["machine"], value["versions"], tuple(parts))


def _read_table(value: dict[str, Any]) -> Table:
    rows = [[Quartiles(*cell) if isinstance(cell, list) else cell for cell in row] for row in value["rows"]]
    return Table(
        value["name"], value["title"], tuple(value["columns"]), tuple(map(tuple, rows)), tuple(value["notes"])
    )


_INTRODUCTION = """# Results

Written by `scripts/bench`, with [results.json](results.json) and [callers.svg](callers.svg).

All servers answer the same operation, Create API key. A figure is the median of the rounds, with its
quartiles. Rounds are interleaved; ratios and differences are made within a round. Absolute figures are worth
little on another machine, ratios more.

![CPU time of the server for each request](callers.svg)
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
    rows = [f"| {' | '.join(map(_write_cell, row))} |" for row in table.rows]
    return "\n".join((head, rule, *rows))


def _write_cell(cell: Cell) -> str:
    return "–" if cell is None else show(cell) if isinstance(cell, float) else str(cell)
