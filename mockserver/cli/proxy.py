"""`mockserver proxy`."""

from __future__ import annotations

from typing import Any

import click

from mockserver.cli.options import GroupedCommand, exit_with, read_settings, settings_options
from mockserver.exceptions import InvalidInput, Problem, SettingsError
from mockserver.settings import OPTIONS


@click.command(cls=GroupedCommand, short_help="Pass calls on to the real API, and judge them.")
@settings_options(*OPTIONS)
def proxy(**given: Any) -> None:
    """Pass calls on to the real API, and judge them by the contract, until Ctrl-C.

    Stubs, delays and faults work in front of it; --upstream names its origin. Exits as `serve` does.
    """
    from mockserver.serving.foreground import serve_forever

    try:
        settings = read_settings(given)
        if settings.upstream is None:
            text = "is missing; name the origin of the real API, such as https://api.example.com"
            raise SettingsError([Problem(text, "/upstream")])
        serve_forever(settings)
    except InvalidInput as error:
        exit_with(error)
