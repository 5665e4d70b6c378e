"""Costs: what one call takes, against how much a server holds, and by the way on which it comes.

Each state is built twice: in a process of its own, where the engine is called directly, and in a server that
is asked over a socket. All states of a subject stand side by side while they are measured.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.figures import Cell, Table, Unmeasurable, interleave, quartiles
from benchmarks.load import KeepAlive
from benchmarks.material import stubs_for_others, stubs_that_do_not_fit, write_contract, write_fixtures
from benchmarks.options import Options
from benchmarks.servers import SANDBOX, Running, Server, running, serve
from benchmarks.workload import Workload

_BLOCK_SECONDS = 0.03
_LOADS = 3

# One way to a server: from a workload to a function that asks it once and returns the status.
Way = Callable[[Workload], Callable[[], int]]


@dataclass(frozen=True, slots=True)
class State:
    """What a server holds: options that lead to it (some name files, written into a folder), and requests.

    `filling` is asked once, each in turn; `block` gives the requests of a block by its number.
    """

    options: Callable[[Path], dict[str, str]]
    filling: Callable[[], Iterator[Workload]]
    block: Callable[[int], Sequence[Workload]]


def calls_recorded(size: int) -> State:
    """A server that has seen so many calls before."""

    def block(number: int) -> Sequence[Workload]:
        # A measurement makes calls itself, so a server that has seen one call is a namespace made just now.
        return [Workload().in_namespace(f"fresh-{number}") if size == 1 else Workload()]

    return State(
        lambda folder: {"journal-limit": "1000000"},
        lambda: itertools.repeat(Workload(), size),
        block,
    )


def stubs_tried(size: int) -> State:
    """So many stubs that are all tried and do not fit."""
    return _holding_stubs(lambda: stubs_that_do_not_fit(size))


def stubs_elsewhere(size: int) -> State:
    """So many stubs, all for other accounts."""
    return _holding_stubs(lambda: stubs_for_others(size))


def _holding_stubs(make: Callable[[], list[dict[str, Any]]]) -> State:
    return State(
        lambda folder: {"fixtures": str(write_fixtures(folder, make(), alone=True))},
        lambda: iter(()),
        lambda number: [Workload()],
    )


def namespaces(size: int) -> State:
    """So many namespaces with a call in each; they are asked in turn."""

    def named(number: int) -> Workload:
        return Workload().in_namespace(f"n-{number}")

    return State(
        lambda folder: {},
        lambda: map(named, range(size)),
        # No more than a block can ask, spread over all of them.
        lambda number: [named(other) for other in range(number % size, size, max(1, size // 100))],
    )


def operations(size: int) -> State:
    """A contract of so many operations."""
    return State(
        lambda folder: {"contract": str(write_contract(folder, size))},
        lambda: iter(()),
        lambda number: [Workload()],
    )


STATES: dict[str, Callable[[int], State]] = {
    "calls recorded": calls_recorded,
    "stubs tried": stubs_tried,
    "stubs for others": stubs_elsewhere,
    "namespaces": namespaces,
    "operations": operations,
}


def measure_calls(options: Options) -> list[Table]:
    """Cost of a call against calls recorded before."""
    note = (
        "The journal keeps at most 64 MiB of calls and, here, as many of them as fit; older ones are evicted."
    )
    return [_measure("calls recorded", options.calls, options, note)]


def measure_stubs(options: Options) -> list[Table]:
    """Cost of a call against stubs, tried in vain or found not to be meant by look-up."""
    return [
        _measure(
            "stubs tried",
            options.stubs,
            options,
            "Each stub is for the same path, and a header does not fit.",
        ),
        _measure("stubs for others", options.stubs, options, "Each stub is for another account."),
    ]


def measure_namespaces(options: Options) -> list[Table]:
    """Cost of a call against namespaces that are in use."""
    return [_measure("namespaces", options.namespaces, options, "The namespaces are asked in turn.")]


def measure_contract(options: Options) -> list[Table]:
    """Cost of a call, and of loading, against operations of the contract."""
    return [_measure("operations", options.operations, options, "All but four are copies of createApiKey.")]


def _measure(subject: str, sizes: Sequence[int], options: Options, *notes: str) -> Table:
    rows: list[tuple[Cell, ...]] = []
    with contextlib.ExitStack() as stack:
        engines = {size: stack.enter_context(EngineProcess(subject, size)) for size in sizes}
        servers = {size: stack.enter_context(_serving(subject, size)) for size in sizes}

        def measure(size: int) -> tuple[float, float]:
            # Named by the round: every state is asked for as many blocks.
            number = next(rounds[size])
            block = STATES[subject](size).block(number)
            socket = servers[size]
            return engines[size].time_block(number), time_block(socket.bind, block)

        rounds = {size: itertools.count() for size in sizes}
        done = interleave(options.costs_rounds, sizes, measure)
        for size, found in done.results.items():
            memory = servers[size].process.resident_bytes()
            rows.append(
                (
                    f"{size:,}",
                    quartiles(engine * 1e6 for engine, _ in found),
                    quartiles(socket * 1e6 for _, socket in found),
                    quartiles(seconds * 1e3 for seconds in engines[size].load_seconds),
                    None if memory is None else memory / 2**20,
                )
            )
    failures = (f"Not measured: {size:,}: {why}." for size, why in done.failures.items())
    columns = (subject, "engine µs/call", "socket µs/call", "load ms", "server MiB")
    name = subject.replace(" ", "-")
    return Table(name, f"Cost of one call against {subject}", columns, tuple(rows), (*notes, *failures))


def time_block(way: Way, workloads: Sequence[Workload]) -> float:
    """Seconds per call: the workloads are asked in turn, each at least once, for a fixed short time."""
    asked = [way(workload) for workload in workloads]
    # What is done once for a namespace, or on a path that went cold, is not the cost of a call.
    asked[0]()
    count = 0
    started = time.perf_counter()
    while True:
        for ask in asked:
            ask()
        count += len(asked)
        passed = time.perf_counter() - started
        if passed >= _BLOCK_SECONDS:
            return passed / count


def _checked(status: int, workload: Workload) -> None:
    if status not in workload.statuses:
        raise Unmeasurable(f"a call was answered with {status}")


# In a process of its own


class EngineProcess:
    """An engine in a process of its own: one state must not slow the garbage collection of another."""

    def __init__(self, subject: str, size: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, far_end = context.Pipe()
        self._process = context.Process(target=_run_engine, args=(far_end, subject, size), daemon=True)
        self.load_seconds: tuple[float, ...] = ()

    def __enter__(self) -> EngineProcess:
        self._process.start()
        self.load_seconds = self._receive()
        return self

    def time_block(self, number: int) -> float:
        """Seconds per call in a block of this number. Raises Unmeasurable."""
        self._pipe.send(number)
        seconds: float = self._receive()
        return seconds

    def _receive(self) -> Any:
        try:
            value = self._pipe.recv()
        except EOFError:
            raise Unmeasurable("its process ended") from None
        if isinstance(value, Unmeasurable):
            raise value
        return value

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.join()


def _run_engine(pipe: Connection, subject: str, size: int) -> None:
    from mockserver.serving.building import build_engine

    state = STATES[subject](size)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        settings = build_settings(state, Path(folder))
        build_engine(settings)
        loads: list[float] = []
        for _ in range(_LOADS):
            started = time.perf_counter()
            engine = build_engine(settings)
            loads.append(time.perf_counter() - started)
    way = engine_way(engine)
    try:
        for workload in state.filling():
            _checked(way(workload)(), workload)
        pipe.send(tuple(loads))
        while True:
            pipe.send(time_block(way, state.block(pipe.recv())))
    except Unmeasurable as error:
        pipe.send(error)


def build_settings(state: State, folder: Path) -> Any:
    """The settings of a state, its files written into a folder."""
    # In the process of the engine only: the rest of the benchmarks starts without the server's modules.
    from mockserver.settings import OPTIONS, Settings

    options = {name.replace("-", "_"): text for name, text in state.options(folder).items()}
    return Settings(**{name: OPTIONS[name].read(text) for name, text in options.items()}, log_level="warning")


def engine_way(engine: Any) -> Way:
    """The engine itself, without any door."""
    from mockserver.messages import build_request

    def bind(workload: Workload) -> Callable[[], int]:
        request = build_request("POST", workload.url, headers=workload.headers, body=workload.body)

        def ask() -> int:
            status: int = engine.handle(request).status
            return status

        return ask

    return bind


# Over a socket


class SocketWay:
    """A running server and one connection to it."""

    def __init__(self, process: Running, connection: KeepAlive) -> None:
        self.process = process
        self._connection = connection

    def bind(self, workload: Workload) -> Callable[[], int]:
        """As Way."""
        request = workload.to_bytes(self.process.port)
        return lambda: self._connection.ask(request)


@contextlib.contextmanager
def _serving(subject: str, size: int) -> Iterator[SocketWay]:
    state = STATES[subject](size)

    def files(folder: Path) -> Sequence[str]:
        return [part for name, value in state.options(folder).items() for part in (f"--{name}", value)]

    server = Server(subject, SANDBOX.does, serve(files=files))
    with running(server) as process, KeepAlive(process.port) as connection:
        way = SocketWay(process, connection)
        for workload in state.filling():
            _checked(way.bind(workload)(), workload)
        yield way


# The guard

_CLIENT = ("127.0.0.1", 50_000)
_FRESH_HEADER = b"traceparent"


def measure_guard(options: Options) -> list[Table]:
    """What the guard takes of one call."""
    from mockserver.serving.app import create_app
    from mockserver.serving.building import build_engine
    from mockserver.settings import Settings

    app = create_app(build_engine(Settings(log_level="warning")))
    workload = Workload()
    rows: list[tuple[Cell, ...]] = []
    cases = {"as in the call before": False, "never the same": True}
    done = interleave(
        options.costs_rounds,
        cases,
        lambda name: tuple(
            time_block(way, [workload]) for way in (_guard_way(app), _door_way(app, is_fresh=cases[name]))
        ),
    )
    for name, found in done.results.items():
        guard, call = (quartiles(seconds * 1e6 for seconds in column) for column in zip(*found, strict=True))
        share = quartiles(100 * alone / whole for alone, whole in found)
        rows.append((name, guard, call, share))
    columns = ("headers", "guard µs", "call µs, guard included", "guard %")
    note = "Everything from the request that was read to its answer, without socket and parser."
    return [Table("guard", "What the guard takes of one call", columns, tuple(rows), (note,))]


def _guard_way(app: Any) -> Way:
    """The guard alone."""

    def bind(workload: Workload) -> Callable[[], int]:
        headers, path, query = _parse(workload)
        head = app.engine.heads.read("POST", path.decode("latin-1"), query.decode("latin-1"), headers)

        def ask() -> int:
            app.guard.check_call(head, path, query)
            return 200

        return ask

    return bind


def _door_way(app: Any, *, is_fresh: bool) -> Way:
    """The application as the connection asks it, with a header that is new in each call or with none."""
    numbers = itertools.count()

    def bind(workload: Workload) -> Callable[[], int]:
        headers, path, query = _parse(workload)

        def ask() -> int:
            sent = [*headers, (_FRESH_HEADER, b"%d" % next(numbers))] if is_fresh else list(headers)
            exchange = app.begin("POST", path, query, sent, workload.body, _CLIENT)
            exchange.finish("answered")
            status: int = exchange.response.status
            return status

        _checked(ask(), workload)
        return ask

    return bind


def _parse(workload: Workload) -> tuple[tuple[tuple[bytes, bytes], ...], bytes, bytes]:
    """Headers, path and query of a workload as a connection reads them."""
    sent = {"Host": "127.0.0.1:4020", **workload.headers, "Content-Length": str(len(workload.body))}
    headers = tuple((name.lower().encode(), value.encode()) for name, value in sent.items())
    return headers, workload.path.encode(), workload.query.encode()


# By the way on which a call comes


def measure_ways(options: Options) -> list[Table]:
    """One call by each way into a sandbox."""
    from mockserver.serving.building import build_engine
    from mockserver.settings import Settings

    skipped: dict[str, str] = {}
    workload = Workload()
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(running(SANDBOX))
        connection = stack.enter_context(KeepAlive(process.port))
        ways: dict[str, Way] = {
            "engine.handle": engine_way(build_engine(Settings())),
            "a bare socket": SocketWay(process, connection).bind,
        }
        for name, build in _CLIENT_WAYS.items():
            try:
                ways[name] = build(stack, process.port)
            except (ImportError, AttributeError, Unmeasurable) as error:
                skipped[name] = f"not there ({type(error).__name__})"
        for way in ways.values():
            _checked(way(workload)(), workload)
        done = interleave(options.costs_rounds, ways, lambda name: time_block(ways[name], [workload]))
    rows = tuple(
        (name, quartiles(seconds * 1e6 for seconds in found)) for name, found in done.results.items()
    )
    notes = tuple(f"Not measured: {name}: {why}." for name, why in (skipped | done.failures).items())
    return [Table("ways", "One call, by the way on which it comes", ("way", "µs/call"), rows, notes)]


def _httpx_transport(stack: contextlib.ExitStack, port: int) -> Way:
    import httpx

    from mockserver import MockServer

    server = stack.enter_context(MockServer())
    client = stack.enter_context(httpx.Client(transport=server.transport()))
    return _client_way(client, "http://127.0.0.1:4020")


def _httpx_socket(stack: contextlib.ExitStack, port: int) -> Way:
    import httpx

    return _client_way(stack.enter_context(httpx.Client()), f"http://127.0.0.1:{port}")


def _requests_adapter(stack: contextlib.ExitStack, port: int) -> Way:
    import requests

    from mockserver import MockServer

    server = stack.enter_context(MockServer())
    session = stack.enter_context(requests.Session())
    session.mount("http://", server.requests_adapter())
    return _client_way(session, "http://127.0.0.1:4020", body="data")


def _requests_socket(stack: contextlib.ExitStack, port: int) -> Way:
    import requests

    session = stack.enter_context(requests.Session())
    return _client_way(session, f"http://127.0.0.1:{port}", body="data")


def _client_way(client: Any, origin: str, *, body: str = "content") -> Way:
    def bind(workload: Workload) -> Callable[[], int]:
        url, arguments = origin + workload.url, {"headers": workload.headers, body: workload.body}

        def ask() -> int:
            status: int = client.post(url, **arguments).status_code
            return status

        return ask

    return bind


_CLIENT_WAYS: dict[str, Callable[[contextlib.ExitStack, int], Way]] = {
    "httpx, transport()": _httpx_transport,
    "httpx, over a socket": _httpx_socket,
    "requests, requests_adapter()": _requests_adapter,
    "requests, over a socket": _requests_socket,
}
