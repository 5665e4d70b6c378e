"""Figures: repeated measurements become a median and its quartiles, and figures stand in tables."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, TypeVar

Key = TypeVar("Key")


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
    known = list(values)
    return Quartiles(*statistics.quantiles(known * 2 if len(known) == 1 else known, n=4, method="inclusive"))


def show(value: float) -> str:
    """A number with three figures that matter: 43,512 -> 43,500, 0.01234 -> 0.0123."""
    rounded = float(f"{value:.3g}")
    size = abs(rounded)
    if 0 < size < 1:
        return f"{rounded:.3g}"
    return f"{rounded:,.{0 if size >= 100 or size == 0 else 1 if size >= 10 else 2}f}"


def interleave(
    rounds: int, cases: Iterable[Key], measure: Callable[[Key], float]
) -> tuple[dict[Key, list[float]], dict[Key, str]]:
    """Measure all cases in turn, `rounds` times, so that a noisy minute hits all of them alike.

    Every second round runs backwards, so that no case always follows the same one. A case that raises
    Unmeasurable is left out from then on. Returns the results of every case, round by round, and why the
    other cases have none.
    """
    results: dict[Key, list[float]] = {case: [] for case in cases}
    failures: dict[Key, str] = {}
    for number in range(rounds):
        for case in list(results)[:: -1 if number % 2 else 1]:
            try:
                results[case].append(measure(case))
            except Unmeasurable as error:
                failures[case] = str(error)
                del results[case]
    return results, failures


def note_missing(reasons: Mapping[str, str]) -> tuple[str, ...]:
    """A note for each thing that could not be measured."""
    return tuple(f"Not measured: {name}: {why}." for name, why in reasons.items())


Cell: TypeAlias = str | int | float | Quartiles | None


@dataclass(frozen=True, slots=True)
class Table:
    """Figures side by side. `name` is for programs, `title` and `notes` are for people."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
