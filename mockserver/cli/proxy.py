"""`mockserver proxy`."""

from __future__ import annotations

from typing import Any

import click

from mockserver.cli.options import GroupedCommand, settings_options
from mockserver.cli.serve import serve_given
from mockserver.exceptions import Problem, SettingsError
from mockserver.settings import OPTIONS, Settings


@click.command(cls=GroupedCommand, short_help="Pass calls on to the real API, and judge them.")
@settings_options(*OPTIONS)
def proxy(**given: Any) -> None:
    """Pass calls on to the real API, and judge them by the contract, until Ctrl-C.

    Stubs, delays and faults work in front of it; --upstream names its origin. Exits as `serve` does.
    """
    serve_given(given, _require_upstream)


def _require_upstream(settings: Settings) -> None:
    if settings.upstream is None:
        text = "is missing; name the origin of the real API, such as https://api.example.com"
        raise SettingsError([Problem(text, "/upstream")])
