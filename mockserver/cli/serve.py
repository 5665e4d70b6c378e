"""`mockserver serve`."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import click

from mockserver.cli.options import GroupedCommand, read_settings, settings_options
from mockserver.settings import OPTIONS, Settings


@click.command(cls=GroupedCommand)
@settings_options(*OPTIONS)
def serve(**given: Any) -> None:
    """Answer as the API does, until Ctrl-C.

    Exits with 0 when it was ended by SIGINT, SIGTERM or SIGHUP, and with 2 where it cannot start.
    """
    serve_given(given)


def serve_given(given: dict[str, Any], check: Callable[[Settings], None] = lambda settings: None) -> None:
    """Serve by what the command line gives, once `check` raises nothing for it."""
    # Hardly anything of what is loaded now is garbage. The server turns it on when it has loaded all.
    gc.disable()
    from mockserver.serving.foreground import serve_forever

    try:
        settings = read_settings(given)
        check(settings)
        serve_forever(settings)
    finally:
        gc.enable()
