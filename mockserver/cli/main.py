"""The command `mockserver`: serve, check, errors, token."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from mockserver.exceptions import InvalidInput, Problem, SettingsError
from mockserver.settings import ENVIRONMENT_PREFIX, NAMESPACE_NAME, OPTIONS, Settings, read_environment

BAD_INPUT = 2
CHECK_FAILED = 1


def _options(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The settings of these names as command-line options; what is not given is left out."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for name in reversed(names):
            item = OPTIONS[name]
            flag = "--" + name.replace("_", "-")
            meta = item.metadata
            shown = meta.get("shown_default", item.default)
            text = f"{meta['help']}"
            if shown not in (None, False, ()):
                text += f"  [default: {shown}]"
            text += f"  [{ENVIRONMENT_PREFIX}{name.upper()}]"
            kind: Any = str
            if "choices" in meta:
                kind = click.Choice(meta["choices"])
            elif item.type == "int":
                kind = int
            elif item.type.startswith("Path"):
                kind = click.Path(path_type=Path)
            if item.type == "bool":
                command = click.option(flag, name, is_flag=True, default=None, help=text)(command)
            else:
                command = click.option(
                    flag, name, type=kind, default=None, help=text, multiple=item.type.startswith("tuple")
                )(command)
        return command

    return add


def _settings(given: dict[str, Any]) -> Settings:
    """Settings from the command line, else the environment, else the defaults."""
    chosen = {name: value for name, value in given.items() if value not in (None, ())}
    return Settings(**{**read_environment(os.environ), **chosen})


def _fail(error: InvalidInput) -> NoReturn:
    """Say what is wrong, every problem on a line of its own, and exit with 2."""
    for problem in error.problems:
        click.echo(f"mockserver: {_describe(problem)}", err=True)
    sys.exit(BAD_INPUT)


def _describe(problem: Problem) -> str:
    if problem.file is None and problem.pointer:
        return f"--{problem.pointer.lstrip('/').replace('_', '-')}: {problem.message}"
    return str(problem)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="hsrcpay-mockserver", prog_name="mockserver")
def main() -> None:
    """A sandbox of the HSRCPAY payment API, run from its contract."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # It was closed before we started.
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - it stays open
        elif isinstance(stream, io.TextIOWrapper):
            # Text that the locale cannot write must not end a command.
            stream.reconfigure(errors="backslashreplace")


@main.command()
@_options(*OPTIONS)
def serve(**given: Any) -> None:
    """Answer as the API does, until Ctrl-C.

    Exits with 0 when it was ended by SIGINT, SIGTERM or SIGHUP, and with 2 where it cannot start.
    """
    from mockserver.serving.foreground import serve_forever

    try:
        serve_forever(_settings(given))
    except InvalidInput as error:
        _fail(error)


@main.command()
@_options("contract", "fixtures")
def check(**given: Any) -> None:
    """Check contract, fixtures and stubs; exit with 1 and every problem if there is one."""
    from mockserver.catalogue import find_unmakeable
    from mockserver.contract import load_contract
    from mockserver.state.fixtures import load_fixtures

    problems: list[Problem] = []
    try:
        settings = _settings(given)
        contract = load_contract(settings.contract)
        for warning in contract.warnings:
            click.echo(f"warning: {warning}", err=True)
        for warning in find_unmakeable(contract):
            click.echo(f"warning: {settings.contract.name}{warning}", err=True)
        fixtures = load_fixtures(settings.fixtures, contract)
    except InvalidInput as error:
        problems += error.problems
    for problem in problems:
        click.echo(_describe(problem), err=True)
    if problems:
        count = len(problems)
        click.echo(f"{count} problem{'s' if count > 1 else ''}.", err=True)
        sys.exit(CHECK_FAILED)
    click.echo(
        f"{contract.title} {contract.version}: {len(contract.operations)} operations, "
        f"{len(fixtures.credentials)} credentials, {len(fixtures.accounts)} accounts, "
        f"{len(fixtures.stubs)} stubs. No problem."
    )


@main.command()
@_options("contract", "fixtures")
@click.option("--operation", default=None, help="Only the errors of this operation.")
@click.option(
    "--origin", default="http://127.0.0.1:4020", show_default=True, help="Where the server listens."
)
@click.option("--json", "as_json", is_flag=True, help="For programs: the JSON of GET /__admin/errors.")
def errors(operation: str | None, origin: str, as_json: bool, **given: Any) -> None:
    """Each documented error: its body, and every way to provoke it."""
    from mockserver.catalogue import list_errors, list_faults
    from mockserver.contract import load_contract
    from mockserver.json_codec import dumps, dumps_pretty
    from mockserver.state.fixtures import load_fixtures

    try:
        settings = _settings(given)
        contract = load_contract(settings.contract)
        fixtures = load_fixtures(settings.fixtures, contract)
        if operation is not None and operation not in contract.operations:
            known = ", ".join(contract.operations)
            raise SettingsError(
                [Problem(f"{operation!r} is not in the contract; known: {known}", "/operation")]
            )
    except InvalidInput as error:
        _fail(error)
    entries = list_errors(contract, fixtures, origin, operation=operation)
    faults = list_faults(operation or next(iter(contract.operations)))
    if as_json:
        value = {"errors": [entry.to_json() for entry in entries], "faults": faults}
        click.echo(dumps_pretty(value))
        return
    for entry in entries:
        click.secho(f"{entry.operation}  {entry.status} {entry.reason}", bold=True)
        click.echo(f"  body     {dumps(entry.body).decode('utf-8')}")
        click.echo(f"  prefer   Prefer: {entry.provoke.prefer}")
        click.echo(f"  curl     {entry.provoke.curl}")
        if entry.provoke.cause:
            click.echo(f"  cause    {entry.provoke.cause}")
        if entry.provoke.account:
            click.echo(f"  account  account_id={entry.provoke.account}")
        click.echo(f"  queue    {dumps(entry.provoke.queue).decode('utf-8')}")
        click.echo(f"  python   {entry.provoke.python}\n")
    for fault in faults:
        click.secho(f"fault {fault['fault']}", bold=True)
        click.echo(f"  {fault['what']}")
        click.echo(f"  queue    {dumps(fault['provoke']['queue']).decode('utf-8')}")
        click.echo(f"  python   {fault['provoke']['python']}\n")


_SECONDS = click.IntRange(-(10**12), 10**12)


@main.command()
@_options("seed", "clock")
@click.option(
    "-p", "--permission", "permissions", multiple=True,
    help="A permission such as account:api:key:create; may be repeated. Without any: all.",
)  # fmt: skip
@click.option("--ns", "namespace", default=None, help="The namespace that the token leads into.")
@click.option("--expires-in", type=_SECONDS, default=3600, show_default=True,
              help="Seconds from now; below 0 it has expired already.")  # fmt: skip
@click.option("--not-before", type=_SECONDS, default=None, help="Seconds from now until it is valid.")
@click.option("--audience", default=None, help="Whom it is meant for (aud).")
@click.option("--account", default=None, help="The only account that it reaches (account_id).")
@click.option("--subject", default="user_mock", show_default=True, help="Whom it stands for (sub).")
@click.option("--live", is_flag=True, help="A token of live mode, which the sandbox refuses.")
def token(
    permissions: tuple[str, ...],
    namespace: str | None,
    expires_in: int,
    not_before: int | None,
    audience: str | None,
    account: str | None,
    subject: str,
    live: bool,
    **given: Any,
) -> None:
    """Print an access token that a server with the same --seed and --clock accepts."""
    from mockserver.clocks import read_clock
    from mockserver.security.tokens import TokenAuthority

    try:
        settings = _settings(given)
        if namespace is not None and not NAMESPACE_NAME.fullmatch(namespace):
            text = f"{namespace!r} is no name of a namespace; must be 1 to 40 of a-z, 0-9 and -"
            raise SettingsError([Problem(text, "/ns")])
    except InvalidInput as error:
        _fail(error)
    now_seconds = read_clock(settings.clock).now_millis() // 1000
    claims = {"aud": audience, "account_id": account, "livemode": live or None}
    click.echo(
        TokenAuthority(settings.seed, audience=settings.jwt_audience).sign(
            permissions=list(permissions) or None,
            namespace=namespace,
            now_seconds=now_seconds,
            expires_in_seconds=expires_in,
            not_before_seconds=None if not_before is None else now_seconds + not_before,
            subject=subject,
            claims={name: value for name, value in claims.items() if value is not None},
        )
    )
