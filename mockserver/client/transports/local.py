"""A wire into the server of the same process: no socket, and no wait that a client's timeout forbids.

An answer that would come too late is too late at once. Only an answer that is held until somebody releases
it is really waited for.
"""

from __future__ import annotations

import errno
import math
import os
import threading
from collections.abc import Iterator
from itertools import chain

import httptools

from mockserver.client.wires import Wire
from mockserver.engine.exchange import Exchange
from mockserver.exceptions import MockServerError
from mockserver.faults import Fault
from mockserver.journal.call import State
from mockserver.messages import Response
from mockserver.redaction import fingerprints_by
from mockserver.serving.app import App
from mockserver.serving.guard import Refused
from mockserver.serving.writing import has_body, write_damaged, write_head, write_message

_CLIENT = ("127.0.0.1", 0)


class LocalWire(Wire):
    """A connection to an application in this process. Bytes go in and come out, as on a socket."""

    # A name that the guard lets in, whatever the host of a URL.
    host = "localhost"

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app
        self._timeout: float | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._begin_request()
        self._exchange: Exchange | None = None
        self._pieces: Iterator[bytes] = iter(())
        self._rest = b""
        # Set by what ends the hold, and all waiting.
        self._released = threading.Event()
        self._ended = threading.Event()
        self.is_prompt = True

    def _begin_request(self) -> None:
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()

    def settimeout(self, timeout: float | None) -> None:
        """The client's patience with a silent server, in seconds; None is endless."""
        self._timeout = timeout or None

    def sendall(self, data: bytes) -> None:
        """Send a request, whole or in parts."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # As the server: the request is answered, its wish is not.
            pass
        except httptools.HttpParserCallbackError:
            raise
        except httptools.HttpParserError:
            refusal = Refused(400, "bad_request", "the request is not HTTP/1.1")
            self._pieces = iter([write_message(self._app.guard.refuse(refusal), keep_alive=False)])

    # Called by the parser.

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body += body

    def on_message_complete(self) -> None:
        """The request is whole: it is answered now, but for the delivery."""
        method = self._parser.get_method().decode("ascii")
        path, _, query = self._target.partition(b"?")
        with fingerprints_by(self._app.engine.settings.seed):
            answer = self._app.begin(method, path, query, self._headers, bytes(self._body), _CLIENT)
        self._begin_request()
        if isinstance(answer, Response):
            self._pieces = iter([write_message(answer, keep_alive=True, is_head=method == "HEAD")])
            return
        # Its end is recorded here, in the client's own thread, before the client has its last bytes.
        answer.defer = None
        self._exchange = answer
        self._pieces = self._deliver(answer, method)
        if answer.waiting is not None:
            self.is_prompt = False
            answer.waiting.on_release(self._released.set)
            answer.waiting.on_end(self._ended.set)

    def receive(self, size: int) -> bytes:
        """Some bytes of the answer. Raises what a socket raises."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def _deliver(self, exchange: Exchange, method: str) -> Iterator[bytes]:
        response = exchange.response
        delivery = response.delivery
        if delivery.held_by is not None and not self._released.wait(self._timeout):
            raise TimeoutError("timed out")
        self._pause(math.inf if delivery.fault is Fault.HANG else delivery.delay_seconds)
        if delivery.fault is not None and delivery.fault is not Fault.NOT_JSON:
            exchange.finish("faulted")
            yield write_damaged(response, delivery.fault, exchange.call.id)
            if delivery.fault is Fault.CONNECTION_RESET_BY_PEER:
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
            return
        state: State = "faulted" if delivery.fault else "answered"
        if exchange.rest is not None and method != "HEAD":
            yield from _write_rest(exchange, exchange.rest)
            exchange.finish(state)
            return
        if delivery.dribble is None or not has_body(response, method):
            exchange.finish(state)
            yield write_message(response, keep_alive=True, is_head=method == "HEAD")
            return
        yield write_head(response, b"content-length: %d\r\n" % len(response.body), keep_alive=True)
        pieces = delivery.dribble.cut(response.body)
        for piece in pieces[:-1]:
            self._pause(delivery.dribble.seconds / len(pieces))
            yield piece
        self._pause(delivery.dribble.seconds / len(pieces))
        # The call is finished with its last piece: the client may not ask for more.
        exchange.finish(state)
        yield pieces[-1]

    def _pause(self, seconds: float) -> None:
        """Wait for some seconds. Raises TimeoutError, at once, where the client would not wait so long."""
        if not seconds:
            return
        if self._timeout is not None and seconds >= self._timeout:
            raise TimeoutError("timed out")
        self._ended.wait(None if seconds == math.inf else seconds)

    def end(self) -> None:
        """The client leaves. An answer that it has not read to its end is one that it left."""
        if self._exchange is not None:
            if self._exchange.response.delivery.fault is Fault.HANG:
                # As on a socket, what hangs ends so.
                self._exchange.finish("faulted")
            self._exchange.finish("disconnected", "client_disconnected")
        # A thread that waits on behalf of a coroutine waits no longer.
        self._released.set()
        self._ended.set()


def _write_rest(exchange: Exchange, rest: Iterator[bytes]) -> Iterator[bytes]:
    """An answer of the real API as it comes. One that breaks off there breaks off here."""
    yield write_head(exchange.response, b"transfer-encoding: chunked\r\n", keep_alive=True)
    try:
        for piece in chain((exchange.response.body,), rest):
            if piece:
                yield b"%x\r\n%b\r\n" % (len(piece), piece)
    except MockServerError:
        exchange.finish("faulted", "upstream_broken")
        return
    yield b"0\r\n\r\n"
