"""The command: measure some parts or all, and write the report."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import click

from benchmarks import answers, costs, runs, stores, throughput
from benchmarks.figures import Table, Unmeasurable
from benchmarks.machine import describe_machine, list_versions
from benchmarks.options import FULL, SMOKE, USUAL, Options
from benchmarks.plot import draw_bars
from benchmarks.report import Part, Results, read_results, write_markdown, write_table
from benchmarks.servers import ASGI, RAW, SANDBOX

FOLDER = Path(__file__).parent

PARTS: Mapping[str, Callable[[Options], list[Table]]] = {
    "throughput": throughput.measure_throughput,
    "variants": throughput.measure_variants,
    "start": throughput.measure_start,
    "calls": costs.measure_calls,
    "stubs": costs.measure_stubs,
    "namespaces": costs.measure_namespaces,
    "stores": stores.measure_stores,
    "contract": costs.measure_contract,
    "answers": answers.measure_answers,
    "guard": costs.measure_guard,
    "ways": costs.measure_ways,
    "fixtures": runs.measure_fixtures,
    "imports": runs.measure_imports,
}
_EFFORTS = {"usual": USUAL, "full": FULL, "smoke": SMOKE}


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option("--full", "effort", flag_value="full", help="More rounds, and up to 1,000,000 calls.")
@click.option("--smoke", "effort", flag_value="smoke", help="Seconds only; writes nothing by itself.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the report goes; benchmarks/ unless --smoke is given.",
)
def main(parts: tuple[str, ...], effort: str | None, output: Path | None) -> None:
    """Measure PARTS, or everything, and write RESULTS.md, results.json and throughput.svg.

    Parts that are not measured keep their old results, if those are from this machine.
    """
    # Ended from outside, it still ends the servers that it started.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    options = _EFFORTS[effort or "usual"]
    if output is None and effort != "smoke":
        output = FOLDER
    measured = [part for name in parts or PARTS if (part := _measure(name, options)) is not None]
    if output is not None:
        write_report(output, measured)
    if len(measured) < len(parts or PARTS):
        sys.exit(1)


def _measure(name: str, options: Options) -> Part | None:
    started = time.perf_counter()
    click.echo(f"{name} …", err=True)
    try:
        tables = PARTS[name](options)
    except Unmeasurable as error:
        click.echo(f"{name} cannot be measured: {error}", err=True)
        return None
    for table in tables:
        click.echo(f"\n{table.title}\n{write_table(table)}")
        for note in table.notes:
            click.echo(note)
    click.echo(f"\n{name}: {time.perf_counter() - started:.0f} s", err=True)
    return Part(name, datetime.now(UTC).date().isoformat(), tuple(tables))


def write_report(folder: Path, measured: list[Part]) -> None:
    """Write the three files, old results of the same machine included."""
    folder.mkdir(parents=True, exist_ok=True)
    machine = describe_machine()
    kept: tuple[Part, ...] = ()
    file = folder / "results.json"
    if file.exists():
        old = read_results(json.loads(file.read_text("utf-8")))
        kept = old.parts if old.machine == machine else ()
    results = Results(machine, list_versions(), kept).with_parts(measured, list(PARTS))
    file.write_text(json.dumps(results.to_json(), indent=1, ensure_ascii=False) + "\n", "utf-8")
    (folder / "RESULTS.md").write_text(write_markdown(results), "utf-8")
    table = results.find_table("throughput-16")
    if table is not None:
        # A constant answer without HTTP would make all other bars tiny.
        plot = draw_bars(table, "requests/s", own=SANDBOX.name, limit=ASGI.name, leave_out=(RAW.name,))
        (folder / "throughput.svg").write_text(plot, "utf-8")


if __name__ == "__main__":
    main()
