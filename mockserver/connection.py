"""Connection: the reading side of one client's connection, with its limits and deadlines.

uvicorn's protocol, which also lends itself to the ASGI scope, since ASGI has no words for a reset connection
or a reason phrase (see delivery). What breaks HTTP, or a limit, is answered by the guard and closed; nothing
that comes behind it is served.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, MutableMapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mockserver.guard import Refused
from mockserver.messages import Response
from mockserver.types import Headers

if TYPE_CHECKING:
    from mockserver.app import App

Scope: TypeAlias = MutableMapping[str, Any]

_EXTENSION = "mockserver.connection"
REJECTED = "mockserver.rejected"
REASON_PHRASES: dict[int, bytes] = {
    status: HTTPStatus(status).phrase.encode("ascii") for status in HTTPStatus
}


class Connection(HttpToolsProtocol):
    """One connection. `deadline` is when the request that is being read must be complete, in loop time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._mock = cast("App", self.config.app)
        settings = self._mock.engine.settings
        self._url_limit = settings.url_limit
        self._header_limit = settings.header_limit
        self._header_count = settings.header_count
        self._timeout = settings.read_timeout
        self._extensions = {_EXTENSION: self}
        self._head_bytes = 0
        self.is_reading_head = True
        self.deadline: float | None = self.loop.time() + self._timeout
        self._is_rejected = False
        if len(self.connections) > settings.connection_limit:
            self._reject(Refused(503, "overloaded", "too many connections are open"))

    def data_received(self, data: bytes) -> None:
        if self._is_rejected:
            return
        if self.is_reading_head:
            if self.deadline is None:
                self.deadline = self.loop.time() + self._timeout
            self._head_bytes += len(data)
            if self._head_bytes > self._header_limit and not self._is_head_whole(data):
                return
        super().data_received(data)

    def _is_head_whole(self, data: bytes) -> bool:
        """Whether the head ends within its limit, what follows being body; else the connection is closed."""
        if b"\r\n\r\n" in data[: max(0, self._header_limit - self._head_bytes + len(data))]:
            return True
        self._reject(
            Refused(431, "headers_too_large", f"the headers have more than {self._header_limit} bytes")
        )
        return False

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast(Scope, self.scope)["extensions"] = self._extensions

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self._url_limit:
            raise Refused(414, "uri_too_long", f"the URL has more than {self._url_limit} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > self._header_count:
            raise Refused(431, "headers_too_large", f"there are more than {self._header_count} headers")

    def on_headers_complete(self) -> None:
        self.is_reading_head = False
        super().on_headers_complete()
        if not self.url.startswith(b"/"):
            # An absolute or asterisk form must not be cut down to a path that then leads somewhere.
            cast(Scope, self.scope)["raw_path"] = self.url

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.is_reading_head = True
        self._head_bytes = 0
        self.deadline = None

    def send_400_response(self, msg: str) -> None:
        """uvicorn calls this for bytes that are no HTTP, and for what a callback of ours refused."""
        error = _find_refusal()
        self._reject(error or Refused(400, "bad_request", "the request is not HTTP/1.1"))

    def _reject(self, error: Refused) -> None:
        """Answer, close, and serve nothing that came behind."""
        self._is_rejected = True
        self.deadline = None
        self.pipeline.clear()
        cycle = self.cycle
        is_answering = cycle is not None and cycle.response_started and not cycle.response_complete
        if cycle is not None and not cycle.response_complete:
            cast(Scope, cycle.scope)[REJECTED] = True
            cycle.disconnected = True
            cycle.message_event.set()
        if not is_answering:
            response = self._mock.guard.refuse(error, is_control=False)
            self.transport.write(
                write_head(response.status, response.headers, _closing(response)) + response.body
            )
        self.transport.close()

    def expire(self, now: float) -> None:
        """Close a connection whose request is not complete in time."""
        if self.deadline is None or now < self.deadline or self.transport.is_closing():
            return
        if self.is_reading_head and self._head_bytes:
            self._reject(Refused(408, "request_timeout", "the request did not arrive in time"))
        else:
            # A body that never arrives whole: the call is recorded as such, and gets no answer.
            self.deadline = None
            self.transport.abort()


def _find_refusal() -> Refused | None:
    """The refusal that a callback raised inside the parser, which wraps it."""
    import sys

    error: BaseException | None = sys.exc_info()[1]
    while error is not None:
        if isinstance(error, Refused):
            return error
        error = error.__context__ or error.__cause__
    return None


def _closing(response: Response) -> bytes:
    has_close = any(name == b"connection" for name, _ in response.headers)
    return b"content-length: %d\r\n%b" % (len(response.body), b"" if has_close else b"connection: close\r\n")


def expire_all(connections: Iterable[object], now: float) -> None:
    """Close every connection that is past its deadline; called by the server about once a second."""
    for connection in tuple(connections):
        if isinstance(connection, Connection):
            connection.expire(now)


def find_cycle(scope: Scope) -> RequestResponseCycle | None:
    """uvicorn's record of the request that a scope stands for; None under another server."""
    connection = scope.get("extensions", {}).get(_EXTENSION)
    if connection is None:
        return None
    cycle: RequestResponseCycle = connection.cycle
    if cycle.scope is scope:
        return cycle
    return next((waiting for waiting, _ in connection.pipeline if waiting.scope is scope), None)


def write_head(status: int, headers: Headers, framing: bytes, phrase: bytes | None = None) -> bytes:
    """Status line and headers as they go onto the wire. `framing`: the header lines that frame the body."""
    lines = [b"HTTP/1.1 %d " % status, REASON_PHRASES.get(status, b"") if phrase is None else phrase, b"\r\n"]
    for name, value in headers:
        lines += (name, b": ", value, b"\r\n")
    lines += (framing, b"\r\n")
    return b"".join(lines)
