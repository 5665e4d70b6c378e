"""Walk: the modules that one call passes on its way, counted by `sys.settrace`.

    python -m benchmarks.walk

A change of module is control that passes from one module of the package to another, by a call or a return.
The call is Create API key over a socket, from the first byte that arrives to the return to the event loop, of
a server that has answered many. Prints each walk, function by function.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterable
from contextlib import ExitStack, closing
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import mockserver
from benchmarks.figures import Table, Unmeasurable
from benchmarks.workload import PATH, QUERY, write_fresh
from mockserver.serving.connection import Connection
from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings

_PACKAGE = Path(mockserver.__file__).parent
_ENTRANCE = Connection.data_received.__code__
_URL = f"{PATH}?{QUERY}"


@cache
def _find_module(file: str) -> str | None:
    path = Path(file)
    return path.relative_to(_PACKAGE).with_suffix("").as_posix() if path.is_relative_to(_PACKAGE) else None


class Walk:
    """What one call passes. `steps` are the functions as they are entered: module, name, depth."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, str, int]] = []
        self.is_over = threading.Event()
        self._places: list[str] = []
        self._depth = 0

    @property
    def modules(self) -> int:
        """How many modules the call comes to."""
        return len(set(self._places))

    @property
    def changes(self) -> int:
        """How often control passes from one module to another."""
        return sum(before != after for before, after in pairwise(self._places))

    def trace(self, frame: FrameType, event: str, argument: object) -> Any:
        """A trace function of `sys.settrace`. Whatever begins outside of the entrance is not looked at."""
        module = _find_module(frame.f_code.co_filename)
        if module is None or (self._depth == 0 and frame.f_code is not _ENTRANCE):
            return None
        if event == "call":
            self.steps.append((module, frame.f_code.co_qualname, self._depth))
            self._depth += 1
        self._places.append(module)
        if event == "return":
            self._depth -= 1
            if self._depth == 0:
                self.is_over.set()
        return self.trace

    def __str__(self) -> str:
        """A line for each module that is entered, with the functions called in it before the next one."""
        lines: list[str] = []
        for module, steps in groupby(self.steps, lambda step: step[0]):
            (_, function, depth), *others = steps
            names = ", ".join((function, *(name for _, name, _ in others)))
            lines.append(f"{'  ' * depth}{module}: {names}")
        return "\n".join(lines)


def measure_walk(rounds: int, seconds: float) -> list[Table]:
    """One table: modules and changes of module. Every round would be the same."""
    rows = tuple((name, walk.modules, walk.changes, len(walk.steps)) for name, walk in take_walks().items())
    note = "`python -m benchmarks.walk` prints the way itself."
    columns, title = ("call", "modules", "changes of module", "functions"), "The way of one call"
    return [Table("walk", title, columns, rows, (note,))]


def take_walks() -> dict[str, Walk]:
    """The walk of a call whose head is known, and that of one of the caller `all fresh`."""
    same = write_fresh("same", 0)
    # A key that comes again is a replay.
    del same.headers["Idempotency-Key"]
    known = same.to_bytes(_URL)
    fresh, *others = (write_fresh("walk", number).to_bytes(_URL) for number in range(50))
    *_, of_known, of_new = follow([known, known, *others, known, fresh])
    return {"its head known": of_known, "its head and body new": of_new}


def follow(requests: Iterable[bytes]) -> list[Walk]:
    """The walks of requests that a server gets one after the other. Raises Unmeasurable for an error."""
    walks = [Walk()]
    before = threading.gettrace()
    with ExitStack() as stack:
        # For the thread of the server alone, which begins now.
        threading.settrace(lambda frame, event, argument: walks[-1].trace(frame, event, argument))
        try:
            # With a clock that stands still: the first call of a second writes that second.
            settings = Settings(port=0, log_level="warning", clock="2030-01-01T00:00:00Z")
            server = stack.enter_context(ServerThread(settings))
        finally:
            threading.settrace(before)
        address = (server.host, server.port)
        connection = stack.enter_context(closing(socket.create_connection(address, timeout=10)))
        for request in requests:
            walks.append(Walk())
            connection.sendall(request)
            status = int(connection.recv(65536)[9:12])
            if status != 201:
                raise Unmeasurable(f"a call was answered with {status}")
            walks[-1].is_over.wait()
    return walks[1:]


if __name__ == "__main__":
    for name, walk in take_walks().items():
        sys.stdout.write(f"{name}: {walk.modules} modules, {walk.changes} changes of module\n{walk}\n\n")
