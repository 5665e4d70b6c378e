"""Callers: what a request costs a server, asked as clients really ask."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import secrets
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product

import httpx

from benchmarks.figures import Cell, Quartiles, Table, Unmeasurable, interleave, note_missing, quartiles
from benchmarks.load import CONNECTIONS, ask_over_many
from benchmarks.peers import find_peers
from benchmarks.servers import ASGI, SANDBOX, SUCCESSES, Running
from benchmarks.workload import Ask, write_equal, write_fresh

# Asks a port for the operation at a URL, for some seconds: the number of answers by status.
Caller = Callable[[int, str, float], Counter[int]]


def ask_equal(port: int, url: str, seconds: float) -> Counter[int]:
    """The same bytes again and again, as load generators do."""
    return ask_over_many(port, itertools.repeat(write_equal().to_bytes(url)), seconds)


def ask_fresh(port: int, url: str, seconds: float) -> Counter[int]:
    """The same connections, but no request is like another."""
    return ask_over_many(port, (ask.to_bytes(url) for ask in _list_fresh()), seconds)


def ask_by_http_client(port: int, url: str, seconds: float, *, closes: bool = False) -> Counter[int]:
    """`http.client` writes head and body apart, as requests and urllib3 do.

    `closes` asks each request on a connection of its own, as curl and clients without a pool do.
    """
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:

        def ask_once(ask: Ask) -> int:
            if closes:
                # The next request opens it again.
                connection.close()
            connection.request("POST", url, json.dumps(ask.body), ask.headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status

        return _ask_until(seconds, ask_once)


def ask_by_httpx(port: int, url: str, seconds: float) -> Counter[int]:
    """One `httpx.Client`, which writes head and body apart, too."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        post = partial(client.post, url)
        return _ask_until(seconds, lambda ask: post(headers=ask.headers, json=ask.body).status_code)


def _ask_until(seconds: float, ask_once: Callable[[Ask], int]) -> Counter[int]:
    asks = _list_fresh()
    end = time.monotonic() + seconds
    others = itertools.takewhile(lambda _: time.monotonic() < end, asks)
    return Counter(map(ask_once, itertools.chain([next(asks)], others)))


def _list_fresh() -> Iterator[Ask]:
    run = secrets.token_hex(4)
    return (write_fresh(run, number) for number in itertools.count())


CALLERS: Mapping[str, Caller] = {
    "equal bytes": ask_equal,
    "all fresh": ask_fresh,
    "http.client": ask_by_http_client,
    "httpx": ask_by_httpx,
    "new connections": partial(ask_by_http_client, closes=True),
}
TITLE = "CPU time of the server for each request"
MEAN = "geometric mean"
_NOTES = (
    "User and system time of all processes of a server. The last row is the geometric mean of the medians. "
    "The bare application runs as `python -m uvicorn` starts it, without access log.",
    f"`equal bytes`: {CONNECTIONS} connections, one request again and again. `all fresh`: as many, but each "
    "request has its own body, `Idempotency-Key` and `X-Request-Id`, in one of 20 namespaces, as those of "
    "all other callers have. `http.client`, `httpx`: one connection, head and body in two writes. "
    "`new connections`: `http.client` with a connection for each request.",
)


def measure_callers(rounds: int, seconds: float) -> list[Table]:
    """What a request of each caller costs each server. Raises Unmeasurable if this one did not start."""
    peers, skipped = find_peers()
    servers: dict[str, Running] = {}
    with contextlib.ExitStack() as stack:
        for server in (ASGI, SANDBOX, *peers):
            process = Running(server)
            stack.callback(process.stop)
            try:
                process.wait()
                servers[server.name] = process
            except Unmeasurable as error:
                skipped[server.name] = str(error)
        # The first round is for them to get warm.
        results, failures = interleave(
            rounds + 1,
            product(CALLERS, servers),
            lambda case: measure_caller(CALLERS[case[0]], servers[case[1]], seconds),
        )
    skipped |= {f"{name} asked by {caller}": why for (caller, name), why in failures.items()}
    costs = {case: micros[1:] for case, micros in results.items()}
    work = tuple((name, process.server.does) for name, process in servers.items())
    return [
        build_table(costs, list(servers), note_missing(skipped)),
        Table("work", "What each server does for an answer", ("server", "work"), work),
    ]


def measure_caller(caller: Caller, process: Running, seconds: float) -> float:
    """Microseconds of processor time for each request. Raises Unmeasurable for a wrong answer."""
    before = process.cpu_seconds()
    try:
        statuses = caller(process.port, process.server.url, seconds)
    except (OSError, http.client.HTTPException, httpx.TransportError) as error:
        raise Unmeasurable(type(error).__name__) from None
    if not statuses or not statuses.keys() <= SUCCESSES:
        raise Unmeasurable(f"its answers are {dict(statuses)}")
    return (process.cpu_seconds() - before) / statuses.total() * 1e6


def build_table(
    costs: Mapping[tuple[str, str], Sequence[float]], servers: Sequence[str], notes: Sequence[str] = ()
) -> Table:
    """A row for each caller, with the microseconds of each server and the ratio; and one for the means.

    `costs` are the rounds of (caller, server); `servers` begin with the bare one and this one. Raises
    Unmeasurable where one of these two has none.
    """
    if not {*product(CALLERS, (ASGI.name, SANDBOX.name))} <= costs.keys():
        raise Unmeasurable(f"there is nothing to compare. {' '.join(notes)}")
    rows: list[tuple[Cell, ...]] = []
    for caller in CALLERS:
        bare, ours = (costs[caller, server.name] for server in (ASGI, SANDBOX))
        ratio = quartiles(one / other for one, other in zip(bare, ours, strict=True))
        found = [None if (caller, name) not in costs else quartiles(costs[caller, name]) for name in servers]
        rows.append((caller, *found[:2], ratio, *found[2:]))
    means: list[Cell] = []
    for column in list(zip(*rows, strict=True))[1:]:
        medians = [cell.median for cell in column if isinstance(cell, Quartiles)]
        means.append(statistics.geometric_mean(medians) if len(medians) == len(rows) else None)
    units = [f"{name} µs" for name in servers]
    columns = ("caller", *units[:2], f"{ASGI.name} / {SANDBOX.name}", *units[2:])
    rows.append((MEAN, *means))
    return Table("callers", TITLE, columns, tuple(rows), (*_NOTES, *notes))
