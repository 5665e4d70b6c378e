"""`mockserver token`."""

from __future__ import annotations

from typing import Any

import click

from mockserver.cli.options import read_settings, settings_options
from mockserver.exceptions import Problem, SettingsError
from mockserver.settings import read_namespace

_SECONDS = click.IntRange(-(10**12), 10**12)


@click.command(short_help="Print an access token.")
@settings_options("seed", "clock", "contract", "rules")
@click.option(
    "-p", "--permission", "permissions", multiple=True,
    help="A permission such as account:api:key:create; may be repeated. Without any: all.",
)  # fmt: skip
@click.option("--ns", "namespace", default=None, help="The namespace that the token leads into.")
@click.option("--expires-in", type=_SECONDS, default=3600, show_default=True,
              help="Seconds from now; below 0 it has expired already.")  # fmt: skip
@click.option("--not-before", type=_SECONDS, default=None, help="Seconds from now until it is valid.")
@click.option("--audience", default=None, help="Whom it is meant for (aud).")
@click.option("--account", default=None, help="The only account that it reaches, where the API has accounts.")
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
    from mockserver.serving.building import load_sources

    settings = read_settings(given)
    _check_namespace(namespace)
    claims = load_sources(settings).rules.write_claims(account=account, is_live=live)
    now_seconds = read_clock(settings.clock).now_millis() // 1000
    click.echo(
        TokenAuthority(settings.seed, audience=settings.jwt_audience).sign(
            permissions=list(permissions) or None,
            namespace=namespace,
            now_seconds=now_seconds,
            expires_in_seconds=expires_in,
            not_before_seconds=None if not_before is None else now_seconds + not_before,
            subject=subject,
            claims=claims if audience is None else {"aud": audience, **claims},
        )
    )


def _check_namespace(name: str | None) -> None:
    """Raises SettingsError."""
    try:
        if name is not None:
            read_namespace(name)
    except ValueError as error:
        raise SettingsError([Problem(str(error), "/ns")]) from None
