"""Figures: repeated measurements become a median and its quartiles, and figures stand in tables."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

Key = TypeVar("Key")
Result = TypeVar("Result")


class Unmeasurable(Exception):
    """Something cannot be measured here; the text says why, in words that fit after a colon."""


class Quartiles(NamedTuple):
    """The middle of repeated measurements: a quarter of them lies below `lower`, a quarter above `upper`."""

    lower: float
    median: float
    upper: float

    def __str__(self) -> str:
        if self.lower == self.upper:
            return show(self.median)
        return f"{show(self.median)} ({show(self.lower)}–{show(self.upper)})"


def quartiles(values: Iterable[float]) -> Quartiles:
    """The quartiles of at least one value, both ends counted in (Hyndman and Fan, type 7)."""
    known = sorted(values)
    if len(known) == 1:
        return Quartiles(known[0], known[0], known[0])
    return Quartiles(*statistics.quantiles(known, n=4, method="inclusive"))


def show(value: float) -> str:
    """A number with three figures that matter: 43,512 -> 43,500, 0.01234 -> 0.0123."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}")
    if abs(rounded) >= 100:
        return f"{rounded:,.0f}"
    if abs(rounded) >= 1:
        return f"{rounded:.1f}" if abs(rounded) >= 10 else f"{rounded:.2f}"
    return f"{rounded:.3g}"


@dataclass(slots=True)
class Rounds(Generic[Key, Result]):
    """The results of every case, round by round, and why the other cases have none."""

    results: dict[Key, list[Result]] = field(default_factory=dict)
    failures: dict[Key, str] = field(default_factory=dict)


def interleave(rounds: int, cases: Iterable[Key], measure: Callable[[Key], Result]) -> Rounds[Key, Result]:
    """Measure all cases in turn, `rounds` times, so that a noisy minute hits all of them alike.

    Every second round runs backwards, so that no case always follows the same one. A case that raises
    Unmeasurable is left out from then on.
    """
    done: Rounds[Key, Result] = Rounds({case: [] for case in cases})
    for number in range(rounds):
        for case in list(done.results)[:: -1 if number % 2 else 1]:
            try:
                done.results[case].append(measure(case))
            except Unmeasurable as error:
                done.failures[case] = str(error)
                del done.results[case]
    return done


Cell: TypeAlias = str | int | float | Quartiles | None


@dataclass(frozen=True, slots=True)
class Table:
    """Figures side by side. `name` is for programs, `title` and `notes` are for people."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """`{"name", "title", "columns", "rows", "notes"}`; quartiles are objects."""
        rows = [
            [cell._asdict() if isinstance(cell, Quartiles) else cell for cell in row] for row in self.rows
        ]
        return {
            "name": self.name,
            "title": self.title,
            "columns": list(self.columns),
            "rows": rows,
            "notes": list(self.notes),
        }


def read_table(value: Mapping[str, Any]) -> Table:
    """A table from its JSON."""
    rows = tuple(
        tuple(Quartiles(**cell) if isinstance(cell, dict) else cell for cell in row) for row in value["rows"]
    )
    return Table(value["name"], value["title"], tuple(value["columns"]), rows, tuple(value["notes"]))
