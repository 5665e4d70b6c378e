"""`mockserver check`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from mockserver.cli.options import describe, read_settings, settings_options
from mockserver.contract.problems import FORMATS, write_problems
from mockserver.exceptions import InvalidInput, Problem

CHECK_FAILED = 1


@click.command(short_help="Check contract, examples, fixtures and stubs.")
@settings_options("contract", "fixtures", "rules")
@click.option("--strict", "is_strict", is_flag=True, help="Exit with 1 for warnings as well.")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True,
    help="Lines for people, one JSON document, or annotations of GitHub Actions.",
)  # fmt: skip
def check(is_strict: bool, form: str, **given: Any) -> None:
    """Check contract, examples, fixtures and stubs: every problem at once.

    Exits with 1 if there is a problem, with --strict also if there is a warning.
    """
    from mockserver.serving.building import load_sources

    problems: Sequence[Problem] = ()
    warnings: Sequence[Problem] = ()
    summary = ""
    try:
        sources = load_sources(read_settings(given), is_thorough=True)
        problems, warnings = sources.problems, sources.warnings
        contract = sources.contract
        operations = f"{len(contract.operations)} operations"
        counts = (operations, *sources.rules.inventory, f"{len(sources.fixtures.stubs)} stubs")
        summary = f"{contract.title} {contract.version}: {', '.join(counts)}."
    except InvalidInput as error:
        problems = error.problems
    if form == "text":
        for warning in warnings:
            click.echo(f"warning: {warning}", err=True)
        for problem in problems:
            click.echo(describe(problem), err=True)
    elif text := write_problems(problems, warnings, form):
        click.echo(text)
    count = f", {_count(warnings, 'warning')}" if warnings else ""
    if problems or (is_strict and warnings):
        click.echo(f"{_count(problems, 'problem')}{count}.", err=True)
        sys.exit(CHECK_FAILED)
    if form == "text":
        click.echo(f"{summary} No problem{count}.")


def _count(problems: Sequence[Problem], what: str) -> str:
    return f"{len(problems)} {what}{'' if len(problems) == 1 else 's'}"
