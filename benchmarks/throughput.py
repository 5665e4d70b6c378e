"""Throughput: what servers carry side by side, and how soon they answer at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.figures import Cell, Quartiles, Table, Unmeasurable, interleave, quartiles
from benchmarks.load import Load, require_wrk, run_load
from benchmarks.material import stub_that_answers, stubs_that_do_not_fit, write_fixtures
from benchmarks.options import Options
from benchmarks.peers import find_peers
from benchmarks.servers import ASGI, RAW, SANDBOX, Running, Server, serve
from benchmarks.workload import Workload

CONNECTIONS = (16, 1, 64)
_SHARED = (
    "Server and load generator (wrk, one thread) share the machine's cores; nothing is pinned to one. Each "
    "connection waits for its answer before it asks again. All requests are equal, which this server makes "
    "use of; what others cost is told below, in the table of one thing more."
)


class Sample(NamedTuple):
    """One run of load, and what it cost the server; None where the machine does not tell."""

    load: Load
    cpu_micros: float | None
    memory_mib: float | None


def measure_throughput(options: Options) -> list[Table]:
    """All servers at 1, 16 and 64 connections. Raises Unmeasurable if this one or its limit did not start."""
    require_wrk()
    peers, skipped = find_peers()
    with _started([RAW, ASGI, SANDBOX, *peers], options) as (servers, failures):
        for server in (ASGI, SANDBOX):
            if server.name in failures:
                raise Unmeasurable(f"{server.name}: {failures[server.name]}")
        done = interleave(
            options.rounds,
            product(CONNECTIONS, servers),
            lambda case: _sample(servers[case[1]], case[0], options.seconds),
        )
    skipped |= failures
    skipped |= {f"{name} at {connections}": why for (connections, name), why in done.failures.items()}
    does = {server.name: server.does for server in (RAW, ASGI, SANDBOX, *peers)}
    tables: list[Table] = []
    for connections in CONNECTIONS:
        samples = {name: list_ for (number, name), list_ in done.results.items() if number == connections}
        tables.append(
            Table(
                f"throughput-{connections}",
                f"Throughput at {connections} connection{'s' if connections > 1 else ''}",
                ("server", *_COLUMNS, "of bare ASGI"),
                _rows(samples, ASGI.name),
            )
        )
    work = tuple((name, text) for name, text in does.items() if name in servers)
    notes = (_SHARED, *(f"Not measured: {name}: {why}." for name, why in skipped.items()))
    tables.append(Table("work", "What each server does for an answer", ("server", "work"), work, notes))
    return tables


_COLUMNS = ("requests/s", "p50 ms", "p95 ms", "p99 ms", "CPU µs/request", "memory MiB")


def _rows(samples: Mapping[str, Sequence[Sample]], reference: str) -> tuple[tuple[Cell, ...], ...]:
    """A row for each server, fastest first. Ratios are made within a round, so that noise cancels out."""
    base = samples.get(reference, ())
    fastest_first = sorted(
        samples.items(), key=lambda item: -quartiles(sample.load.per_second for sample in item[1]).median
    )
    return tuple(
        (
            name,
            quartiles(sample.load.per_second for sample in list_),
            quartiles(sample.load.p50_ms for sample in list_),
            quartiles(sample.load.p95_ms for sample in list_),
            quartiles(sample.load.p99_ms for sample in list_),
            _known(sample.cpu_micros for sample in list_),
            _known(sample.memory_mib for sample in list_),
            _known(
                own.load.per_second / other.load.per_second for own, other in zip(list_, base, strict=False)
            ),
        )
        for name, list_ in fastest_first
    )


def _known(values: Iterable[float | None]) -> Quartiles | None:
    known = [value for value in values if value is not None]
    return quartiles(known) if known else None


@contextlib.contextmanager
def _started(
    servers: Sequence[Server], options: Options
) -> Iterator[tuple[dict[str, Running], dict[str, str]]]:
    """All servers, started and warm; those that could not be started, with the reason."""
    found: dict[str, Running] = {}
    failures: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        for server in servers:
            process = Running(server)
            stack.callback(process.stop)
            try:
                process.wait()
                run_load(process.port, server.workload, connections=16, seconds=options.warm_up)
            except Unmeasurable as error:
                failures[server.name] = str(error)
            else:
                found[server.name] = process
        yield found, failures


def _sample(server: Running, connections: int, seconds: int) -> Sample:
    before = server.cpu_seconds()
    load = run_load(server.port, server.server.workload, connections=connections, seconds=seconds)
    after, memory = server.cpu_seconds(), server.resident_bytes()
    return Sample(
        load,
        None if before is None or after is None else (after - before) / load.requests * 1e6,
        None if memory is None else memory / 2**20,
    )


# Variants of this server


def measure_variants(options: Options) -> list[Table]:
    """This server at 16 connections, each time with one thing more than usual."""
    title = "This server with one thing more, at 16 connections"
    return [measure_side_by_side("variants", title, list_variants(), options)]


def measure_side_by_side(name: str, title: str, servers: Sequence[Server], options: Options) -> Table:
    """Servers of ours at 16 connections; the first is what the others are compared with."""
    require_wrk()
    with _started(servers, options) as (started, failures):
        done = interleave(options.rounds, started, lambda name: _sample(started[name], 16, options.seconds))
    skipped = failures | done.failures
    notes = tuple(f"Not measured: {server}: {why}." for server, why in skipped.items())
    usual = servers[0].name
    columns = ("variant", *_COLUMNS, f"of {usual!r}")
    return Table(name, title, columns, _rows(done.results, usual), notes)


USUAL_NAME = "as it starts"


def list_variants() -> list[Server]:
    """The variants, the usual one first."""
    usual = Workload()
    nameless = b'{"permissions": {"account:api:key": ["read"]}}'
    several, one = stubs_that_do_not_fit(10), stub_that_answers()
    return [
        _variant(USUAL_NAME, usual),
        _variant("a named namespace", usual.in_namespace("bench")),
        _variant("10 stubs that do not fit", usual, stubs=several),
        _variant("answered by a stub (409)", replace(usual, statuses=(409,)), stubs=one),
        _variant("an Idempotency-Key, always new", replace(usual, fresh_header="Idempotency-Key")),
        _variant("an Idempotency-Key, replayed", replace(usual, extra_headers=(("Idempotency-Key", "k"),))),
        _variant("a rate limit", usual, "--rate-limit", "999999999/1s"),
        _variant("a request that breaks the contract (422)", replace(usual, body=nameless, statuses=(422,))),
        _variant("every body different", replace(usual, fresh_text="Reporting")),
        _variant("every head different (X-Request-Id)", replace(usual, fresh_header="X-Request-Id")),
        _variant("the call log on", usual, "--log-level", "info"),
        _variant("the call log on, as JSON", usual, "--log-level", "info", "--log-format", "json"),
    ]


def _variant(
    name: str, workload: Workload, *options: str, stubs: list[dict[str, Any]] | None = None
) -> Server:
    def files(folder: Path) -> Sequence[str]:
        return ("--fixtures", str(write_fixtures(folder, stubs))) if stubs is not None else ()

    return Server(name, SANDBOX.does, serve(*options, files=files), workload)


# Start


def measure_start(options: Options) -> list[Table]:
    """Seconds from starting a process to its first right answer."""
    peers, skipped = find_peers()
    servers = {server.name: server for server in (RAW, ASGI, SANDBOX, *peers)}
    done = interleave(options.start_rounds, servers, lambda name: _start_once(servers[name]))
    rows = {
        name: (quartiles(seconds for seconds, _ in list_), _known(memory for _, memory in list_))
        for name, list_ in done.results.items()
    }
    notes = tuple(f"Not measured: {name}: {why}." for name, why in (skipped | done.failures).items())
    return [
        Table(
            "start",
            "From the start of the process to the first right answer",
            ("server", "seconds", "memory MiB"),
            tuple((name, *row) for name, row in sorted(rows.items(), key=lambda item: item[1][0].median)),
            notes,
        )
    ]


def _start_once(server: Server) -> tuple[float, float | None]:
    process = Running(server)
    try:
        seconds, memory = process.wait(), process.resident_bytes()
    finally:
        process.stop()
    return seconds, None if memory is None else memory / 2**20
