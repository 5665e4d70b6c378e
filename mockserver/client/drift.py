"""`drift()`: does a real API still do what its contract says?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mockserver.contract import Operation
from mockserver.engine.engine import Engine
from mockserver.exceptions import Problem, SettingsError
from mockserver.messages import Request
from mockserver.provider.drift import Drift, DriftReport
from mockserver.provider.probes import Probe, Side
from mockserver.provider.upstream import Upstream, UpstreamError
from mockserver.security.schemes import Shown, list_schemes, show_credential
from mockserver.serving.building import build_engine
from mockserver.settings import DEFAULT_NAMESPACE, Settings
from mockserver.suggestions import suggest

# The only place that a credential for the real API is taken from.
CREDENTIAL = "MOCKSERVER_UPSTREAM_CREDENTIAL"


def drift(
    upstream: str,
    *,
    only: Iterable[str] = (),
    arguments: Mapping[str, str] | None = None,
    dry_run: bool = False,
    environment: Mapping[str, str] = os.environ,
    **settings: Any,
) -> DriftReport:
    """Ask a real API what its contract promises, compare, and undo what that created.

    `upstream` is its origin; `only` the operations to ask about; `arguments` values of parameters by name,
    such as an account; `dry_run` sends nothing. The credential is that of MOCKSERVER_UPSTREAM_CREDENTIAL in
    the `environment`, which must be one of test mode. The options `contract`, `fixtures`, `rules`, `seed` and
    `upstream_timeout` are those of `MockServer`. Raises SettingsError for what cannot be used,
    MockServerError where the real API cannot be reached.

        report = drift("https://api.example.com", contract="openapi.json")
        assert not report.entries, report.to_json()
    """
    search = prepare_drift(
        Settings().with_changes({**settings, "upstream": upstream}),
        only=only,
        arguments=arguments or {},
        environment=environment,
        needs_credential=not dry_run,
    )
    return search.rehearse() if dry_run else search.run()


def prepare_drift(
    settings: Settings,
    *,
    only: Iterable[str],
    arguments: Mapping[str, str],
    environment: Mapping[str, str],
    needs_credential: bool,
    show: Callable[[Probe], object] = lambda probe: None,
) -> Drift:
    """Everything that it takes to find drift, checked. Raises InvalidInput."""
    assert settings.upstream is not None, "somebody names the real API"
    upstream = Upstream(
        settings.upstream, timeout_seconds=settings.upstream_timeout, proxy=settings.upstream_proxy
    )
    # Whatever its clients do, this one answers by itself.
    engine = build_engine(settings.with_changes({"upstream": None, "record": None, "store": "memory"}))
    operations = engine.contract.operations
    problems = [
        Problem(f"{name!r} is not in the contract; {suggest(name, operations)}", "/only")
        for name in only
        if name not in operations
    ]
    if problems:
        raise SettingsError(problems)
    credential = environment.get(CREDENTIAL, "")
    if needs_credential:
        _check_credential(engine, credential)

    def show_real(operation: Operation) -> tuple[Shown, ...]:
        schemes = list_schemes(operation.security)
        return tuple(show_credential(scheme, credential or "CREDENTIAL") for scheme in schemes)

    def show_own(operation: Operation) -> tuple[Shown, ...]:
        write = engine.rules.write_credential
        return tuple(
            show_credential(scheme, write(DEFAULT_NAMESPACE, scheme.name))
            for scheme in list_schemes(operation.security)
        )

    return Drift(
        engine,
        upstream,
        real=Side(show_real, {}),
        own=Side(show_own, {}),
        arguments=arguments,
        only=frozenset(only),
        show=show,
    )


def _check_credential(engine: Engine, credential: str) -> None:
    """Raises SettingsError where there is none, and for one of live mode. Its text is not told."""
    operation = next((each for each in engine.contract.operations.values() if each.requires_credential), None)
    if operation is None:
        return
    if not credential:
        text = "is not set; it holds the test credential for the real API, and no option does"
        raise SettingsError([Problem(text, file=CREDENTIAL)])
    headers = tuple(
        (shown.name.lower().encode("latin-1"), shown.value.encode("latin-1", "replace"))
        for shown in (show_credential(scheme, credential) for scheme in list_schemes(operation.security))
        if shown.place == "header"
    )
    path = operation.prefixes[0] + operation.path
    head = engine.read_head(Request(operation.method, path, "", headers, b""))
    if head.credential.mode == "live" or "_live_" in credential:
        raise SettingsError([Problem("is a live credential; use one of test mode", file=CREDENTIAL)])


__all__ = ["CREDENTIAL", "DriftReport", "UpstreamError", "drift", "prepare_drift"]
