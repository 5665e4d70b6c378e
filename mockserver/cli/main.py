"""The command `mockserver`: one module for each of its commands."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import click

from mockserver.cli.check import check
from mockserver.cli.diff import diff
from mockserver.cli.drift import drift
from mockserver.cli.errors import errors
from mockserver.cli.gauntlet import gauntlet
from mockserver.cli.init import init
from mockserver.cli.options import BAD_INPUT, describe
from mockserver.cli.proxy import proxy
from mockserver.cli.serve import serve
from mockserver.cli.state import state
from mockserver.cli.token import token
from mockserver.exceptions import InvalidInput


class Commands(click.Group):
    """The commands, which all say alike what is wrong with what they are given."""

    def invoke(self, context: click.Context) -> Any:
        """Run a command. It ends with 2 where that cannot be used, every problem on a line of its own."""
        try:
            return super().invoke(context)
        except InvalidInput as error:
            for problem in error.problems:
                click.echo(f"mockserver: {describe(problem)}", err=True)
            sys.exit(BAD_INPUT)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="hsrcpay-mockserver", prog_name="mockserver")
def main() -> None:
    """A sandbox of an API, run from its contract."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # It was closed before we started.
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - it stays open
        elif isinstance(stream, io.TextIOWrapper):
            # Text that the locale cannot write must not end a command.
            stream.reconfigure(errors="backslashreplace")


for _command in (serve, proxy, init, check, diff, drift, errors, gauntlet, state, token):
    main.add_command(_command)
