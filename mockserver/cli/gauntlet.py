"""`mockserver gauntlet`."""

from __future__ import annotations

import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import IO, Any

import click

from mockserver.cli.options import INTERRUPTED, read_settings, settings_options
from mockserver.settings import OPTIONS


@click.command(short_help="Tell what a client survives.")
@settings_options("contract", "fixtures", "rules", "seed", "success_status")
@click.option("--port", type=int, help="Port that the command expects; without it a free one.")
@click.option("--only", type=click.Choice(("legal", "failures")), help="Try legal answers or failures alone.")
@click.option("--operation", "operations", multiple=True, help="Try this operation alone; may be repeated.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Runs side by side.")
@click.option("--budget", type=click.FloatRange(0, min_open=True), help="Seconds after which no run starts.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds after which a run is ended, with all that it started.",
)
@click.option(
    "--client-timeout",
    type=click.FloatRange(0),
    default=5.0,
    show_default=True,
    help="Seconds that the client waits for an answer.",
)
@click.option(
    "--repeat",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How often a run must fail before it counts as failed, for flaky commands.",
)
@click.option(
    "--require",
    type=click.Choice(("recovery",)),
    help="Exit with 1 also where a failure is not recovered from.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(("text", "json", "junit", "html")),
    default="text",
    show_default=True,
    help="How the report is written.",
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="File for the report.")
@click.argument("command", nargs=-1, required=True)
def gauntlet(
    port: int | None, only: str | None, operations: tuple[str, ...], workers: int, budget: float | None,
    timeout: float, client_timeout: float, repeat: int, require: str | None, form: str, output: Path | None,
    command: tuple[str, ...], **given: Any,
) -> None:  # fmt: skip
    """Tell what a client survives: mockserver gauntlet [OPTIONS] -- COMMAND …

    COMMAND runs against a server of its own, which it finds by MOCKSERVER_BASE_URL, MOCKSERVER_SECRET_KEY and
    MOCKSERVER_ORIGIN: plain, under every legal answer, and with each transient failure.

    Exits with 0; 1 if something legal broke it; 2 for wrong usage; 3 if it fails without any deviation.
    """
    from mockserver.client.local import MockServer
    from mockserver.gauntlet import FORMATS, Gauntlet, GauntletOptions
    from mockserver.gauntlet.commands import Command
    from mockserver.gauntlet.trials import run_command

    is_shown = form in ("text", "html") and sys.stderr.isatty()

    started = time.monotonic()

    def show(runs: int, left: int, what: str) -> None:
        if is_shown:
            seconds = time.monotonic() - started
            rest = f", {left} deviations left" if left else ""
            line = f"{seconds:.0f} s, {runs} runs{rest}: {what}"
            click.echo(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}", err=True, nl=False)

    options = GauntletOptions(only, operations, workers, budget, repeat, client_timeout)
    is_interrupted = False
    settings = read_settings(given)
    chosen = {name: getattr(settings, name) for name in given if name in OPTIONS}
    runner = Command(command, timeout_seconds=timeout, stdin=_find_stdin())
    with (
        MockServer(**chosen, port=port or 0) as server,
        ThreadPoolExecutor(1, "mockserver-gauntlet") as pool,
    ):
        # Side by side, only base URL and credential tell runs apart.
        trying = partial(run_command, server, runner, has_namespace=port is None or workers > 1)
        search = Gauntlet(command, trying, options, show)
        running = pool.submit(search.run)
        try:
            wait([running])
        except KeyboardInterrupt:
            is_interrupted = True
            search.stop()
            runner.stop()
            wait([running])
        if is_shown:
            click.echo("\r\x1b[K", err=True, nl=False)
        running.result()
        report = search.report()
    text = FORMATS[form](report)
    if output is None:
        click.echo(text)
    else:
        output.write_text(f"{text}\n", "utf-8")
    sys.exit(INTERRUPTED if is_interrupted else report.exit_code(requires_recovery=require is not None))


def _find_stdin() -> IO[bytes] | None:
    """Our standard input; None where it is closed, or a terminal, which cannot be read twice."""
    stream = sys.stdin
    if stream is None or stream.closed or stream.isatty():
        return None
    try:
        stream.fileno()
    except (OSError, ValueError):
        return None
    return stream.buffer
