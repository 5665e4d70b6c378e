"""`mockserver check`."""

from __future__ import annotations

import sys
from typing import Any

import click

from mockserver.cli.options import describe, read_settings, settings_options
from mockserver.exceptions import InvalidInput, Problem

CHECK_FAILED = 1


@click.command()
@settings_options("contract", "fixtures", "rules")
def check(**given: Any) -> None:
    """Check contract, fixtures and stubs; exit with 1 and every problem if there is one."""
    from mockserver.serving.building import load_sources

    problems: list[Problem] = []
    try:
        sources = load_sources(read_settings(given))
        for warning in sources.warnings:
            click.echo(f"warning: {warning}", err=True)
    except InvalidInput as error:
        problems += error.problems
    for problem in problems:
        click.echo(describe(problem), err=True)
    if problems:
        count = len(problems)
        click.echo(f"{count} problem{'s' if count > 1 else ''}.", err=True)
        sys.exit(CHECK_FAILED)
    contract = sources.contract
    operations = f"{len(contract.operations)} operations"
    click.echo(
        f"{contract.title} {contract.version}: "
        + ", ".join((operations, *sources.rules.inventory, f"{len(sources.fixtures.stubs)} stubs"))
        + ". No problem."
    )
