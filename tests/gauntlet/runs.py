"""Runs of a client in this process: a function, without a command, a socket, or waiting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import httpx

from mockserver import MockServer, Sandbox
from mockserver.gauntlet import Gauntlet, GauntletOptions, Report
from mockserver.gauntlet.deviations import Deviation
from mockserver.gauntlet.trials import Trial, read_trial, script
from mockserver.types import JsonObject

BODY = {"name": "n", "permissions": {}, "expires_at": "2030-01-01T00:00:00Z"}
URL = "https://api.hsrcpay.com/v1/api-keys/?account_id=acct_1"
# Gets a sandbox and a client that leads there.
Client = Callable[[Sandbox, httpx.Client], object]


def send(sandbox: Sandbox, client: httpx.Client, **headers: str) -> httpx.Response:
    """Create a key."""
    credential = {"Authorization": f"Bearer {sandbox.secret_key}"}
    return client.post(URL, json=BODY, headers=credential | headers)


def create(sandbox: Sandbox, client: httpx.Client) -> Any:
    """Create a key, once. Returns the data of the answer."""
    response = send(sandbox, client)
    assert response.status_code in (200, 201), response.status_code
    return response.json()["data"]


def create_stubbornly(
    sandbox: Sandbox, client: httpx.Client, *, waits: bool = True, idempotency_key: str | None = None
) -> Any:
    """Create a key, and try again what passes by itself."""
    headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
    for _ in range(3):
        try:
            response = send(sandbox, client, **headers)
        except httpx.TransportError:
            continue
        if response.status_code < 300:
            return response.json()["data"]
        if waits:
            sandbox.clock.advance(float(response.headers.get("Retry-After", 0)))
    raise AssertionError("no answer")


class Bench:
    """Runs a client under deviations. `trials` are what each run was to meet."""

    def __init__(self, client: Client, **settings: Any) -> None:
        self.server = MockServer(**settings)
        self.trials: list[list[str]] = []
        self._client = client

    def run(self, deviations: Sequence[Deviation], attempt: int) -> Trial:
        self.trials.append([each.name for each in deviations])
        sandbox = self.server.namespace("t1")
        sandbox.reset()
        stub_ids = script(sandbox, deviations)
        output = ""
        with httpx.Client(transport=sandbox.transport(), timeout=1) as client:
            try:
                self._client(sandbox, client)
            except Exception as error:
                output = f"{type(error).__name__}: {error}"
        return replace(read_trial(sandbox, stub_ids), has_passed=not output, output=output)

    def gauntlet(self, **options: Any) -> Gauntlet:
        chosen = GauntletOptions(**{"client_timeout_seconds": 1.0, **options})
        return Gauntlet(("client",), self.run, chosen)


def run(client: Client, settings: JsonObject | None = None, **options: Any) -> Report:
    """What the gauntlet says of a client."""
    gauntlet = Bench(client, **settings or {}).gauntlet(**options)
    gauntlet.run()
    return gauntlet.report()


def names(report: Report, outcome: str, status: int | None = None) -> list[str]:
    """The deviations with an outcome."""
    return [
        result.deviation.name
        for result in report.results
        if result.outcome == outcome and status in (None, result.deviation.status)
    ]
