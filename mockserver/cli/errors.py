"""`mockserver errors`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from mockserver.cli.options import read_settings, settings_options
from mockserver.exceptions import Problem, SettingsError
from mockserver.suggestions import suggest

if TYPE_CHECKING:
    from mockserver.engine.catalogue import ErrorEntry


@click.command()
@settings_options("contract", "fixtures", "rules")
@click.option("--operation", default=None, help="Only the errors of this operation.")
@click.option(
    "--origin", default="http://127.0.0.1:4020", show_default=True, help="Where the server listens."
)
@click.option("--json", "as_json", is_flag=True, help="For programs: the JSON of GET /__admin/errors.")
@click.option(
    "--short", "is_short", is_flag=True, help="One line for each error, whatever operations have it."
)
def errors(operation: str | None, origin: str, as_json: bool, is_short: bool, **given: Any) -> None:
    """Each documented error: its body, and every way to provoke it."""
    from mockserver.engine.catalogue import Catalogue, list_faults
    from mockserver.json_codec import dumps, dumps_pretty
    from mockserver.serving.building import load_sources

    sources = load_sources(read_settings(given))
    contract = sources.contract
    if operation is not None and operation not in contract.operations:
        hint = suggest(operation, contract.operations, lists_all=True)
        raise SettingsError([Problem(f"{operation!r} is not in the contract; {hint}", "/operation")])
    catalogue = Catalogue(contract, sources.rules, sources.fixtures.stubs)
    entries = catalogue.list_errors(origin, operation=operation)
    faults = list_faults(operation or next(iter(contract.operations)))
    if as_json:
        value = {"errors": [entry.to_json() for entry in entries], "faults": faults}
        click.echo(dumps_pretty(value))
        return
    if is_short:
        _show_short(entries, len(contract.operations) if operation is None else 1)
        return
    for entry in entries:
        provoke = entry.provoke
        click.secho(f"{entry.operation or '(any path)'}  {entry.status} {entry.reason}", bold=True)
        lines = {
            "body": dumps(entry.body).decode("utf-8"),
            "prefer": provoke.prefer and f"Prefer: {provoke.prefer}",
            "curl": provoke.curl,
            "cause": provoke.cause,
            "account": provoke.account,
            "queue": provoke.queue and dumps(provoke.queue).decode("utf-8"),
            "python": provoke.python,
        }
        click.echo("".join(f"  {name:8} {text}\n" for name, text in lines.items() if text))
    for fault in faults:
        click.secho(f"fault {fault['fault']}", bold=True)
        click.echo(f"  {fault['what']}")
        click.echo(f"  queue    {dumps(fault['provoke']['queue']).decode('utf-8')}")
        click.echo(f"  python   {fault['provoke']['python']}\n")


def _show_short(entries: Sequence[ErrorEntry], operation_count: int) -> None:
    """One line for each status and reason, with the operations that have it and how to provoke it."""
    grouped: dict[tuple[int, str], list[ErrorEntry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.status):
        grouped.setdefault((entry.status, entry.reason), []).append(entry)
    width = max((len(reason) for _, reason in grouped), default=0)
    for (status, reason), found in grouped.items():
        provoke = found[0].provoke
        how = f"Prefer: {provoke.prefer}" if provoke.prefer else provoke.cause
        names = ", ".join(entry.operation or "any path" for entry in found)
        where = "every operation" if len(found) == operation_count > 1 else names
        click.echo("  ".join(filter(None, (str(status), f"{reason:{width}}", f"({where})", how))))
