"""Answers: what it takes to derive the variants of a contract, and a call to be answered with one."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.costs import SocketWay, Way, engine_way, time_block
from benchmarks.figures import Cell, Table, interleave, quartiles
from benchmarks.load import KeepAlive
from benchmarks.options import Options
from benchmarks.servers import SANDBOX, running
from benchmarks.workload import BODY, Workload

PLAIN = "the plain answer"
OPERATION, STATUS = "createApiKey", 201
# With everything that can be asked for, so that there is something to vary.
FULL = Workload(
    body=json.dumps(
        json.loads(BODY) | {"expires_at": "2027-01-01T00:00:00.000Z", "metadata": {"team": "finance"}}
    ).encode("ascii")
)


def measure_answers(options: Options) -> list[Table]:
    """Deriving all variants, and the cost of one call against the answer that it gets."""
    from mockserver.serving.building import build_engine
    from mockserver.settings import Settings

    engine = build_engine(Settings(log_level="warning"))
    return [_measure_derivation(engine.contract, options), _measure_calls(engine, options)]


def _measure_derivation(contract: Any, options: Options) -> Table:
    found = [derive_all(contract) for _ in range(options.costs_rounds)]
    row = (contract.title, found[0][0], quartiles(seconds * 1e3 for _, seconds in found))
    note = "All at once, as `GET /__admin/variants` wants them; a call derives those of its own answer."
    return Table(
        "derivation", "All variants of a contract, derived", ("contract", "variants", "ms"), (row,), (note,)
    )


def derive_all(contract: Any) -> tuple[int, float]:
    """How many variants a contract has, and how many seconds it took to derive them, nothing known before."""
    from mockserver.variants import VariantBook, list_statuses

    started = time.perf_counter()
    book = VariantBook(contract)
    count = sum(
        len(list(book.of(operation, status)))
        for operation in contract.operations.values()
        for status in list_statuses(operation)
    )
    return count, time.perf_counter() - started


def _measure_calls(engine: Any, options: Options) -> Table:
    workloads = list_workloads(engine)
    choose_in_engine(engine, workloads)
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(running(SANDBOX))
        connection = stack.enter_context(KeepAlive(process.port))
        choose_in_server(process.port, workloads)
        ways: Sequence[Way] = (engine_way(engine), SocketWay(process, connection).bind)

        def measure(name: str) -> tuple[float, ...]:
            return tuple(time_block(way, [workloads[name]]) for way in ways)

        done = interleave(options.costs_rounds, workloads, measure)
    plain = done.results[PLAIN]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            name,
            *(quartiles(times[way] * 1e6 for times in found) for way in (0, 1)),
            # Within a round, so that noise cancels out.
            *(
                quartiles(times[way] / usual[way] for times, usual in zip(found, plain, strict=True))
                for way in (0, 1)
            ),
        )
        for name, found in done.results.items()
    )
    columns = ("answer", "engine µs/call", "socket µs/call", "engine, of plain", "socket, of plain")
    failures = (f"Not measured: {name}: {why}." for name, why in done.failures.items())
    return Table("answers", "Cost of one call against the answer that it gets", columns, rows, (*failures,))


def list_workloads(engine: Any) -> Mapping[str, Workload]:
    """A request for the plain answer, and one for each legal variant, each in a namespace of its own."""
    operation = engine.contract.operations[OPERATION]
    variants = engine.variants.legal(operation, STATUS, accepts_gzip=True)
    gzip = (("Accept-Encoding", "gzip"),)
    found = {PLAIN: FULL.in_namespace("plain")}
    for number, variant in enumerate(variants):
        workload = replace(FULL, extra_headers=gzip if variant.needs_gzip else ())
        found[variant.name] = workload.in_namespace(f"v{number}")
    return found


def _choose(workloads: Mapping[str, Workload], choose: Callable[[str, str], None]) -> None:
    for name, workload in workloads.items():
        if name != PLAIN:
            choose(workload.token.removeprefix("sk_test_ns-").partition("_")[0], name)


def choose_in_engine(engine: Any, workloads: Mapping[str, Workload]) -> None:
    """Let the namespace of each workload answer with its variant."""
    from mockserver.state.namespace import VariantChoice

    _choose(
        workloads,
        lambda namespace, name: engine.namespaces.get(namespace).choose_variant(VariantChoice(name)),
    )


def choose_in_server(port: int, workloads: Mapping[str, Workload]) -> None:
    """The same for a server that runs elsewhere."""

    def choose(namespace: str, name: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        with contextlib.closing(connection):
            connection.request("PUT", f"/~{namespace}/__admin/variant", json.dumps({"name": name}))
            assert connection.getresponse().status == 200, name

    _choose(workloads, choose)
