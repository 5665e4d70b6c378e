"""`mockserver serve`."""

from __future__ import annotations

from typing import Any

import click

from mockserver.cli.options import GroupedCommand, exit_with, read_settings, settings_options
from mockserver.exceptions import InvalidInput
from mockserver.settings import OPTIONS


@click.command(cls=GroupedCommand)
@settings_options(*OPTIONS)
def serve(**given: Any) -> None:
    """Answer as the API does, until Ctrl-C.

    Exits with 0 when it was ended by SIGINT, SIGTERM or SIGHUP, and with 2 where it cannot start.
    """
    from mockserver.serving.foreground import serve_forever

    try:
        serve_forever(read_settings(given))
    except InvalidInput as error:
        exit_with(error)
