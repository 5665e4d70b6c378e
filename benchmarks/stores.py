"""Stores: what keeping state costs a call, how logs grow, and how long a start takes with much in them."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

from benchmarks import throughput
from benchmarks.figures import Cell, Table, interleave, quartiles
from benchmarks.options import Options
from benchmarks.servers import Prepare, Running, Server, serve
from benchmarks.workload import Workload, free_port
from mockserver.messages import Request
from mockserver.serving.building import build_engine
from mockserver.settings import Settings

# Calls of which one time is the middle.
_BLOCK = 200
# How much is in a store when a server is started with it.
_CALLS_EACH = 2


def measure_stores(options: Options) -> list[Table]:
    """Every table about stores."""
    with _redis() as url:
        stores = {"memory": "memory", "SQLite": "sqlite", **({"Redis": url} if url else {})}
        tables = [
            throughput.measure_side_by_side("stores", "Stores at 16 connections", _servers(stores), options),
            _measure_namespaces(stores, options),
        ]
    return [*tables, _measure_growth(options), _measure_start(options)]


@contextlib.contextmanager
def _redis() -> Iterator[str | None]:
    """The URL of a Redis server for as long as it is needed; None where the program is not installed."""
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _servers(stores: dict[str, str]) -> list[Server]:
    """One server for each store and number of workers. All requests differ: those are what a store keeps."""
    workload = Workload(fresh_text="Reporting")
    return [
        Server(f"{name}, {count} worker{'s' if count > 1 else ''}", "", _prepare(store, count), workload)
        for (name, store), count in product(stores.items(), (1, 2))
    ]


def _prepare(store: str, workers: int) -> Prepare:
    def files(folder: Path) -> Sequence[str]:
        return ("--store", f"sqlite:{folder / 'state.db'}" if store == "sqlite" else store)

    return serve("--workers", str(workers), files=files)


def _settings(store: str, folder: Path) -> Settings:
    return Settings(store=f"sqlite:{folder / 'state.db'}" if store == "sqlite" else store, log_level="error")


def _request(number: int, namespace: str) -> Request:
    workload = Workload().in_namespace(namespace)
    path, _, query = workload.url.partition("?")
    headers = tuple((name.lower().encode(), value.encode()) for name, value in workload.headers.items())
    body = workload.body.replace(b"Reporting", b"Reporting %d" % number)
    return Request("POST", path, query, headers, body, "127.0.0.1")


def _measure_namespaces(stores: dict[str, str], options: Options) -> Table:
    """Time of a call, with so many namespaces taking turns."""
    sizes = options.namespaces[:3]

    def measure(case: tuple[str, int]) -> float:
        store, size = case
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            engine = build_engine(_settings(stores[store], Path(folder)))
            for number in range(size):
                engine.handle(_request(number, f"n{number}"))
            requests = [_request(size + number, f"n{number % size}") for number in range(_BLOCK)]
            started = time.perf_counter()
            for request in requests:
                engine.handle(request)
            micros = (time.perf_counter() - started) / _BLOCK * 1e6
            engine.namespaces.close()
        return micros

    done = interleave(min(options.costs_rounds, 5), product(stores, sizes), measure)
    rows: list[tuple[Cell, ...]] = [
        (store, *(quartiles(done.results[store, size]) for size in sizes)) for store in stores
    ]
    columns = ("store", *(f"{size:,} namespaces" for size in sizes))
    return Table("stores-namespaces", "Time of a call without a socket, in µs", columns, tuple(rows))


def _measure_growth(options: Options) -> Table:
    """What is in the file after so many calls."""
    rows: list[tuple[Cell, ...]] = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        engine = build_engine(_settings("sqlite", folder))
        number = 0
        for calls in options.calls[1:4]:
            while number < calls:
                engine.handle(_request(number, "bench"))
                number += 1
            (stored,) = [found for found in engine.store.list() if found.name == "bench"]
            files = sum(path.stat().st_size for path in folder.iterdir()) / 2**20
            rows.append((calls, stored.records, stored.size / 2**20, files))
        engine.namespaces.close()
    columns = ("calls", "records in the log", "log and snapshot MiB", "files MiB")
    note = "A log is cut by a snapshot when it has grown by 4 MiB, and to the size of the last one at least."
    return Table("stores-growth", "Growth of a SQLite file", columns, tuple(rows), (note,))


def _measure_start(options: Options) -> Table:
    """Seconds to the first answer, with so many namespaces in the file."""
    rows: list[tuple[Cell, ...]] = []
    for size in options.namespaces[:3]:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
            folder = Path(name)
            engine = build_engine(_settings("sqlite", folder))
            for number in range(size * _CALLS_EACH):
                engine.handle(_request(number, f"n{number % size}"))
            engine.namespaces.close()
            server = Server("", "", serve("--store", f"sqlite:{folder / 'state.db'}"))
            seconds = []
            for _ in range(min(options.start_rounds, 5)):
                process = Running(server)
                try:
                    seconds.append(process.wait())
                finally:
                    process.stop()
            rows.append((size, quartiles(seconds)))
    columns = ("namespaces", "seconds to the first answer")
    return Table("stores-start", "Start with a SQLite file", columns, tuple(rows))
