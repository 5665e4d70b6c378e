"""The command: measure some parts or all, and write the report."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import click

from benchmarks import callers, heads, start, walk
from benchmarks.figures import Table, Unmeasurable
from benchmarks.machine import describe_machine, list_versions
from benchmarks.plot import draw_bars
from benchmarks.report import Part, Results, read_json, write_json, write_markdown, write_table
from benchmarks.servers import ASGI, SANDBOX

FOLDER = Path(__file__).parent
# From the number of rounds, and the seconds that a caller asks, to the tables.
PARTS: Mapping[str, Callable[[int, float], list[Table]]] = {
    "callers": callers.measure_callers,
    "start": start.measure_start,
    "heads": heads.measure_heads,
    "walk": walk.measure_walk,
}


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option("--rounds", default=5, show_default=True, help="How often each is measured.")
@click.option("--seconds", default=2.0, show_default=True, help="How long a caller asks in a round.")
@click.option("--output", type=click.Path(path_type=Path), default=FOLDER, help="Where the report goes.")
def main(parts: tuple[str, ...], rounds: int, seconds: float, output: Path) -> None:
    """Measure PARTS, or everything, and write RESULTS.md, results.json and callers.svg.

    Parts that are not measured keep their old results, if those are from this machine.
    """
    # Ended from outside, it still ends the servers that it started.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    measured = [part for name in parts or PARTS if (part := _measure(name, rounds, seconds)) is not None]
    write_report(output, measured)
    if len(measured) < len(parts or PARTS):
        sys.exit(1)


def _measure(name: str, rounds: int, seconds: float) -> Part | None:
    click.echo(f"{name} …", err=True)
    try:
        tables = PARTS[name](rounds, seconds)
    except Unmeasurable as error:
        click.echo(f"{name} cannot be measured: {error}", err=True)
        return None
    for table in tables:
        click.echo("\n".join(("", table.title, write_table(table), *table.notes)))
    return Part(name, datetime.now(UTC).date().isoformat(), tuple(tables))


def write_report(folder: Path, measured: list[Part]) -> None:
    """Write the three files, old results of the same machine included."""
    folder.mkdir(parents=True, exist_ok=True)
    machine = describe_machine()
    kept: tuple[Part, ...] = ()
    file = folder / "results.json"
    if file.exists():
        old = read_json(file.read_text("utf-8"))
        kept = old.parts if old.machine == machine else ()
    found = {part.name: part for part in (*kept, *measured)}
    results = Results(machine, list_versions(), tuple(found[name] for name in PARTS if name in found))
    file.write_text(write_json(results), "utf-8")
    (folder / "RESULTS.md").write_text(write_markdown(results), "utf-8")
    if table := results.find_table("callers"):
        plot = draw_bars(table, f"{ASGI.name} µs", f"{SANDBOX.name} µs")
        (folder / "callers.svg").write_text(plot, "utf-8")


if __name__ == "__main__":
    main()
