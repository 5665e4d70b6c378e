"""Heads: what a call costs whose head is new, step by step, beside one whose head is known."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from time import process_time
from timeit import timeit

from benchmarks.figures import Table, interleave, quartiles
from benchmarks.workload import PATH, QUERY, write_fresh
from mockserver.engine.exchange import Exchange
from mockserver.redaction import redact_bytes
from mockserver.request.inspection import Inspector
from mockserver.serving.app import App, create_app
from mockserver.serving.building import build_engine
from mockserver.settings import Settings


def measure_heads(rounds: int, seconds: float) -> list[Table]:
    """One table: the steps of a new head, each by itself."""
    steps = list_steps(create_app(build_engine(Settings(log_level="warning"))))
    # Blocks of 200, many of them, as each step is some microseconds.
    results, _ = interleave(
        6 * rounds, steps, lambda name: timeit(steps[name], "", process_time, 200) * 5_000
    )
    rows = tuple((name, quartiles(found)) for name, found in results.items())
    note = (
        "Processor time, without socket and parser. The headers are those of `all fresh`; request line and "
        "credential are known. Leaks are looked for where redaction hid something outside Authorization."
    )
    return [Table("heads", "What a new head costs, step by step", ("step", "µs"), rows, (note,))]


def list_steps(app: App) -> Mapping[str, Callable[[], object]]:
    """The steps by name, the whole calls first."""
    heads, raw_path, query = app.engine.heads, PATH.encode(), QUERY.encode()
    settings, numbers = app.engine.settings, itertools.count()
    inspector = Inspector(heads.leaks, settings.json_depth, settings.json_number_length)
    ask = write_fresh("run", 0)
    _, _, body = ask.to_bytes(PATH).partition(b"\r\n\r\n")
    bodies = (body.replace(b"run", b"%d" % number) for number in itertools.count())
    sent = {"Host": "127.0.0.1:4020", **ask.headers, "Content-Length": str(len(body))}
    headers = tuple((name.lower().encode(), value.encode()) for name, value in sent.items())
    # Where a replay by its Idempotency-Key would be another thing to measure.
    known = tuple(header for header in headers if header[0] != b"idempotency-key")

    def answer(headers: list[tuple[bytes, bytes]]) -> None:
        exchange = app.begin("POST", raw_path, query, headers, body, None)
        assert isinstance(exchange, Exchange) and exchange.response.status == 201, exchange
        exchange.finish("answered")

    head = heads.read("POST", PATH, QUERY, headers)
    visible = b"\n".join([b"\n".join(header) for header in headers if header[0] != b"authorization"])
    return {
        "a call, its head known": lambda: answer(list(known)),
        "a call, one header new": lambda: answer([*known, (b"traceparent", b"%d" % next(numbers))]),
        "the whole head": lambda: heads.read("POST", PATH, QUERY, headers),
        "of it the facts of the headers": lambda: heads.headers.read(headers),
        "of the facts the redaction": lambda: redact_bytes(visible),
        "of the facts the leaks": lambda: heads.leaks.find_in_headers(headers),
        "the body, which is read again": lambda: inspector.inspect(head, next(bodies), None),
        "the guard": lambda: app.guard.check_call(head),
    }
