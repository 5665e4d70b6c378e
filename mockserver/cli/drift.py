"""`mockserver drift`."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from mockserver.cli.options import BAD_INPUT, INTERRUPTED, read_settings, settings_options
from mockserver.exceptions import Problem, SettingsError

DRIFTED = 1


@click.command(short_help="Compare a real API with its contract.")
@settings_options("upstream", "upstream_timeout", "upstream_proxy", "contract", "fixtures", "rules", "seed")
@click.option("--only", multiple=True, help="Ask about this operation alone; may be repeated.")
@click.option(
    "--argument", "arguments", multiple=True, metavar="NAME=VALUE",
    help="Value of a parameter, such as page=2; may be repeated.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Show what would be sent, and send nothing.")
@click.option(
    "--format", "form", type=click.Choice(("text", "json", "junit", "markdown")), default="text",
    show_default=True, help="How the report is written.",
)  # fmt: skip
def drift(only: tuple[str, ...], arguments: tuple[str, ...], dry_run: bool, form: str, **given: Any) -> None:
    """Tell what a real API does otherwise than its contract says, and undo what that created.

    The credential for it, of test mode, is taken from MOCKSERVER_UPSTREAM_CREDENTIAL and from nowhere else.

    Exits with 0; 1 if it has drifted; 2 if it cannot be reached, or for wrong usage.
    """
    from mockserver.client.drift import UpstreamError, prepare_drift
    from mockserver.provider.drift_reports import DRIFT_FORMATS

    settings = read_settings(given)
    if settings.upstream is None:
        raise SettingsError([Problem("is missing; name the origin of the real API", "/upstream")])
    search = prepare_drift(
        settings,
        only=only,
        arguments=dict(map(_read_argument, arguments)),
        environment=os.environ,
        needs_credential=not dry_run,
    )
    code = 0
    try:
        report = search.rehearse() if dry_run else search.run()
        code = DRIFTED if report.has_drifted else 0
    except UpstreamError as error:
        click.echo(f"mockserver: {error}", err=True)
        code = BAD_INPUT
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code != BAD_INPUT or search.report.asked:
        click.echo(DRIFT_FORMATS[form](search.report))
    sys.exit(code)


def _read_argument(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise SettingsError([Problem(f"{text!r} must be NAME=VALUE", "/argument")])
    return name, value
