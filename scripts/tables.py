"""What is made from the code, or from what was measured: the tables of the manual, and a schema for editors.

Run as a program (`python -m scripts.tables`) it writes them; `tests/test_docs.py` compares them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import Quartiles, Table
from benchmarks.report import read_json, write_table
from mockserver.control import ROUTES
from mockserver.control.shapes import describe_stub_file
from mockserver.engine.catalogue import FAULTS, Catalogue
from mockserver.serving.building import load_sources
from mockserver.settings import ENVIRONMENT_PREFIX, OPTIONS, Settings
from mockserver.vendors.hsrcpay.catalogue import CAUSES_IN_WORDS

STUBS = "schemas/editors/stubs.json"
ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def options_table() -> str:
    """Every option of `serve`, with its variable and default."""
    lines = ["| option | what it does | default |", "| --- | --- | --- |"]
    group = None
    for option in OPTIONS.values():
        if option.group != group:
            group = option.group
            lines.append(f"| **{group}** | | |")
        default = "" if option.default in (None, False, ()) else f"`{option.default}`"
        choices = ", ".join(f"`{choice}`" for choice in option.choices)
        what = option.help + (f" One of {choices}." if choices else "")
        lines.append(f"| `{option.flag}` | {what} | {option.shown_default or default} |")
    return (
        "\n".join(lines)
        + f"\n\nEach can also be set as `{ENVIRONMENT_PREFIX}…`, such as `{ENVIRONMENT_PREFIX}PORT`.\n"
    )


def routes_table() -> str:
    """Every route of the control API, with its sentence in the description."""
    lines = ["| route | what it does |", "| --- | --- |"]
    lines += [f"| `{route.method} {route.path}` | {route.summary} |" for route in ROUTES]
    return "\n".join(lines) + "\n"


def faults_table() -> str:
    """Every fault and what it does."""
    lines = ["| fault | what the client meets |", "| --- | --- |"]
    lines += [f"| `{fault.value}` | {what} |" for fault, what in FAULTS.items()]
    return "\n".join(lines) + "\n"


def create_errors_table() -> str:
    """The errors of createApiKey and those that belong to no operation, and how to provoke each."""
    sources = load_sources(Settings())
    catalogue = Catalogue(sources.contract, sources.rules, sources.fixtures.stubs)
    lines = [
        "| status | reason | how a client runs into it | `Prefer` | `account_id` |",
        "| --- | --- | --- | --- | --- |",
    ]
    for entry in catalogue.list_errors(""):
        if entry.operation in ("createApiKey", None):
            cause = CAUSES_IN_WORDS.get(entry.reason, "by script only")
            prefer, account = (
                f"`{text}`" if text else "" for text in (entry.provoke.prefer, entry.provoke.account)
            )
            lines.append(f"| {entry.status} | `{entry.reason}` | {cause} | {prefer} | {account} |")
    return "\n".join(lines) + "\n"


def speed_table() -> str:
    """What a call costs each server, as it was measured last."""
    results = read_json((ROOT / "benchmarks" / "results.json").read_text("utf-8"))
    table = results.find_table("callers")
    assert table is not None, "scripts/bench measures it"
    rows = tuple(
        tuple(cell.median if isinstance(cell, Quartiles) else cell for cell in row) for row in table.rows
    )
    machine = ", ".join(results.machine.values())
    written = write_table(Table(table.name, table.title, table.columns, rows))
    return f"{written}\n\nMedians of the rounds. Measured on: {machine}.\n"


TABLES: dict[str, Callable[[], str]] = {
    "speed": speed_table,
    "options": options_table,
    "errors": create_errors_table,
    "faults": faults_table,
    "routes": routes_table,
}


def with_tables(text: str) -> str:
    """A page with every table between its two marks replaced by a fresh one."""
    for name, make in TABLES.items():
        start, end = f"<!-- table: {name} -->\n", "<!-- end -->"
        head, found, rest = text.partition(start)
        if found:
            text = head + start + make() + end + rest.partition(end)[2]
    return text


def stub_schema() -> str:
    """The text of the JSON Schema for files of stubs, which is that of the control API."""
    return json.dumps(describe_stub_file(), indent=2) + "\n"


if __name__ == "__main__":
    (ROOT / STUBS).write_text(stub_schema(), "utf-8")
    for page in sorted(DOCS.rglob("*.md")):
        page.write_text(with_tables(page.read_text("utf-8")), "utf-8")
