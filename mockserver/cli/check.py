"""`mockserver check`."""

from __future__ import annotations

import sys
from typing import Any

import click

from mockserver.cli.options import describe, read_settings, settings_options
from mockserver.exceptions import InvalidInput, Problem

CHECK_FAILED = 1


@click.command()
@settings_options("contract", "fixtures")
def check(**given: Any) -> None:
    """Check contract, fixtures and stubs; exit with 1 and every problem if there is one."""
    from mockserver.catalogue import find_unmakeable
    from mockserver.contract import load_contract
    from mockserver.state.fixtures import load_fixtures

    problems: list[Problem] = []
    try:
        settings = read_settings(given)
        contract = load_contract(settings.contract)
        for warning in contract.warnings:
            click.echo(f"warning: {warning}", err=True)
        for warning in find_unmakeable(contract):
            click.echo(f"warning: {settings.contract.name}{warning}", err=True)
        fixtures = load_fixtures(settings.fixtures, contract)
    except InvalidInput as error:
        problems += error.problems
    for problem in problems:
        click.echo(describe(problem), err=True)
    if problems:
        count = len(problems)
        click.echo(f"{count} problem{'s' if count > 1 else ''}.", err=True)
        sys.exit(CHECK_FAILED)
    click.echo(
        f"{contract.title} {contract.version}: {len(contract.operations)} operations, "
        f"{len(fixtures.credentials)} credentials, {len(fixtures.accounts)} accounts, "
        f"{len(fixtures.stubs)} stubs. No problem."
    )
