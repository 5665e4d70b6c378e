"""The way of a request to the server of the same process, and the waits of its answer; no socket, no library.

A client's read timeout is judged, not waited out: an answer that would come too late is too late at once.
Only an answer that is held until somebody releases it is really waited for.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self, TypeGuard

from mockserver.engine.engine import Exchange
from mockserver.faults import Fault
from mockserver.messages import Response
from mockserver.serving.app import App

CLIENT = ("127.0.0.1", 0)
# The sandbox is meant whatever host the URL names.
HOST = (b"host", b"localhost")


class LocalRoute:
    """Takes requests into one namespace of an application."""

    def __init__(self, app: App, namespace: str) -> None:
        self._app = app
        self._namespace = namespace

    def begin(
        self, method: str, target: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes
    ) -> Exchange | Response:
        """Answer one request, but for its delivery. A Response is the guard's refusal.

        `target` is path and query as they would stand on the request line.
        """
        path, _, query = target.partition(b"?")
        lowered = [(name.lower(), value) for name, value in headers]
        return self._app.begin(
            method,
            enter_namespace(path, self._namespace),
            query,
            [HOST, *(header for header in lowered if header[0] != b"host")],
            body,
            CLIENT,
        )


def enter_namespace(path: bytes, namespace: str) -> bytes:
    """A path in a namespace: `/v1/x` -> `/~t1/v1/x`; one that is there already is left as it is."""
    prefix = f"/~{namespace}".encode("ascii")
    return path if path == prefix or path.startswith(prefix + b"/") else prefix + path


def must_wait(answer: Exchange | Response) -> TypeGuard[Exchange]:
    """Whether an answer does not come at once."""
    if isinstance(answer, Response):
        return False
    delivery = answer.response.delivery
    return bool(delivery.delay_seconds or delivery.held_by or delivery.fault is Fault.HANG)


class Wait:
    """The waits of one answer, ended by whoever releases or resets. All of them block the thread.

    `timeout` is the client's patience with a silent server, in seconds; None is endless. Used as a context
    manager: what breaks it off means that the client has left.
    """

    def __init__(self, exchange: Exchange, timeout: float | None) -> None:
        self._exchange = exchange
        self._timeout = timeout or None
        self._released = threading.Event()
        self._ended = threading.Event()
        assert exchange.waiting is not None, "only an answer that waits is waited for"
        exchange.waiting.on_release(self._released.set)
        exchange.waiting.on_end(self._ended.set)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._exchange.finish("disconnected", "client_disconnected")
            # A thread that still waits on behalf of a coroutine shall not do so for ever.
            self._released.set()
            self._ended.set()

    def sit_out(self) -> None:
        """Wait for an answer to begin. Raises TimeoutError where the client would have given up."""
        delivery = self._exchange.response.delivery
        if delivery.held_by is not None and not self._released.wait(self._timeout):
            raise TimeoutError("timed out")
        self.pause(math.inf if delivery.fault is Fault.HANG else delivery.delay_seconds)

    def pause(self, seconds: float) -> None:
        """Wait for some seconds. Raises TimeoutError, at once, where the client would not wait so long."""
        if self._timeout is not None and seconds >= self._timeout:
            raise TimeoutError("timed out")
        self._ended.wait(None if seconds == math.inf else seconds)

    def pieces(self) -> Iterator[bytes]:
        """The body as it arrives. The answer is over with its last piece: nobody may ask for more."""
        pieces, seconds = _cut(self._exchange)
        for piece in pieces[:-1]:
            self.pause(seconds)
            yield piece
        self.pause(seconds)
        self._exchange.finish("answered")
        yield pieces[-1]


def _cut(exchange: Exchange) -> tuple[list[bytes], float]:
    """The pieces in which a body arrives, and the seconds before each."""
    body, dribble = exchange.response.body, exchange.response.delivery.dribble
    if dribble is None or not body:
        return [body], 0.0
    pieces = dribble.cut(body)
    return pieces, dribble.seconds / len(pieces)
