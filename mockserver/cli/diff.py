"""`mockserver diff`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mockserver.exceptions import MalformedJson, Problem, SettingsError
from mockserver.types import JsonObject

CONSUMER_BREAKS = 1


@click.command(short_help="Tell what changed between two contracts.")
@click.argument("old")
@click.argument("new")
@click.option(
    "--coverage",
    type=click.Path(path_type=Path),
    help="Report of `pytest --mockserver-cov-report=json:FILE`; names the tests that rely on what breaks.",
)
@click.option(
    "--format", "form", type=click.Choice(("text", "json", "markdown")), default="text", show_default=True,
    help="How the report is written.",
)  # fmt: skip
def diff(old: str, new: str, coverage: Path | None, form: str) -> None:
    """Tell what changed from one contract to another, for whom it breaks, and why.

    OLD and NEW are OpenAPI documents, each a file or an http(s) URL.

    Exits with 0; 1 if a consumer breaks; 2 if a document cannot be read.
    """
    from mockserver.contract import load_contract
    from mockserver.provider.comparison import compare_contracts, find_tests
    from mockserver.provider.reports import DIFF_FORMATS

    contracts = [load_contract(_read_place(text)) for text in (old, new)]
    known = None if coverage is None else _read_coverage(coverage)
    changes = compare_contracts(*contracts)
    if known is not None:
        changes = find_tests(changes, known)
    click.echo(DIFF_FORMATS[form](changes))
    if any(change.breaks == "consumer" for change in changes):
        sys.exit(CONSUMER_BREAKS)


def _read_place(text: str) -> Path | str:
    from mockserver.contract.documents import find_address

    return text if find_address(text) is not None else Path(text)


def _read_coverage(file: Path) -> JsonObject:
    """Raises SettingsError."""
    from mockserver.json_codec import loads

    try:
        document, _ = loads(file.read_bytes())
    except OSError as error:
        raise SettingsError([Problem(f"cannot be read: {error.strerror}", file=str(file))]) from None
    except MalformedJson as error:
        raise SettingsError([Problem(f"is no JSON: {error}", file=str(file))]) from None
    if not isinstance(document, dict) or not isinstance(document.get("operations"), list):
        text = "is no coverage report; write one with pytest --mockserver-cov-report=json:FILE"
        raise SettingsError([Problem(text, "/operations", str(file))])
    return document
