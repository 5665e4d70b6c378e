"""Connection: one client's connection, read with httptools, with its limits and deadlines.

uvicorn makes one for each client (its `http` class) and keeps the event loop, the sockets and the signals.
The connection looks for blank lines and counts Content-Length itself, so the parser sees no more than heads
and chunks. A request is answered once it is whole, and what comes behind it waits as bytes until then. What
breaks HTTP, or a limit, is answered by the guard and closed; nothing that comes behind it is served.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast
from urllib.parse import unquote

import httptools
import uvicorn
from uvicorn.server import ServerState

from mockserver.engine.exchange import Exchange
from mockserver.engine.failures import fail
from mockserver.messages import PROMPT, SMALL_BYTES, Response
from mockserver.request.head import Head
from mockserver.request.headers import HeaderFacts
from mockserver.serving.cycle import Cycle, Scope
from mockserver.serving.delivery import WRITE_TIMEOUT_SECONDS, send_answer
from mockserver.serving.guard import CONTROL_BODY_LIMIT, Refused, too_large
from mockserver.serving.writing import write_message
from mockserver.types import Headers

if TYPE_CHECKING:
    from mockserver.serving.app import App

_BLANK_LINE = b"\r\n\r\n"
# The parser takes RTSP and ICE for HTTP as well.
_VERSIONS = ("HTTP/1.1", "HTTP/1.0")
# What a parser is given so that it takes what follows for chunks.
_BEFORE_CHUNKS = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
# What a chunk may have around its data; beyond that it counts as extension or trailer.
_CHUNK_FRAMING = 16
# So many bytes may wait behind a request that is being answered before no more are read.
_WAITING_BYTES = 64 * 1024
# So many bytes of a body are taken in before other connections have their turn.
_BODY_A_TURN = 2 * 1024 * 1024
# So many requests of one packet are answered before other connections have their turn.
_REQUESTS_A_TURN = 16
# A client that closed its half of the connection may still read; it gets each answer that is ready within so
# many turns of the event loop. One for whom an answer is delayed or held has left.
_TURNS_TO_ANSWER = 10
# How long a client has to read why it was refused, before closing makes its kernel forget that (RFC 9112,
# section 9.6). Until then what it sends is read and dropped.
_LINGER_SECONDS = 2.0


class _Parts:
    """What a parser finds: a head, then chunks and trailers. `is_whole` says that it is at the end of what is
    read now; `begun` counts the requests that have begun."""

    target = b""
    chunks = 0
    begun = 0
    is_in_body = False
    is_whole = False

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()

    def on_message_begin(self) -> None:
        self.begun += 1

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        # Or a trailer, which nobody takes for a header (RFC 9110, section 6.5.1).
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.is_whole = True

    def on_body(self, body: bytes) -> None:
        self.body += body
        self.chunks += 1

    def on_message_complete(self) -> None:
        self.is_whole = True


_Parsing: TypeAlias = tuple[httptools.HttpRequestParser, _Parts]


class _ControlRequest(NamedTuple):
    """A request to the control API, or for a document at the root, but for its body: the route that it leads
    to, and its ASGI scope."""

    found: tuple[str, str]
    scope: Scope


class Connection(asyncio.Protocol):
    """One connection. `state` reads what comes next: a method that takes bytes and returns those that are
    not its own.

    `deadline`, in loop time, is when that must have come which is awaited now: the rest of a request, the
    next request or, where nothing more is served, the client's own end. None while a request is answered.
    """

    transport: asyncio.Transport

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.loop = _loop or asyncio.get_running_loop()
        self.connections = cast("set[Any]", server_state.connections)
        self._tasks = server_state.tasks
        self._mock = cast("App", config.app)
        self._settings = self._mock.engine.settings
        self.client: tuple[str, int] | None = None
        self.deadline: float | None = None
        # Not bound to the connection: that would be a cycle, which only the garbage collector ends.
        self.state: Callable[[Connection, bytes], bytes] = Connection.read_head
        # Of a head, or of chunks, that a parser reads: what it has found, the bytes of the head, how many
        # bytes of the chunks are no data, and the last bytes, which may begin a blank line.
        self._parsing: _Parsing | None = None
        self._raw = b""
        self._loose = 0
        self._seam = b""
        # Of a request whose head was read: what is to be answered once it is whole, or is the answer already;
        # how much of the body is still to come, and what has come.
        self._request: Head | _ControlRequest | Response | None = None
        self._is_control = False
        self._method = ""
        self._left = 0
        self._body = bytearray()
        self._keep_alive = True
        # Of a request whose answer takes more than a moment: what came behind it, and whether the time for
        # the rest of that is over.
        self._cycle: Cycle | None = None
        self._waiting = bytearray()
        self._is_late = False
        self._is_half_closed = False
        self._is_paused = False
        self._is_writable = asyncio.Event()
        self._is_writable.set()
        self._unread_bytes = 0
        self._unread_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.client = (str(peer[0]), int(peer[1])) if isinstance(peer, tuple) else None
        self.deadline = self.loop.time() + self._settings.read_timeout
        self.connections.add(self)
        limit = self._mock.guard.connection_limit
        if len(self.connections) > limit and not self._make_room():
            self.state = Connection.drop
            hint = f"more than {limit} connections are open (--connection-limit, ulimit -n)"
            refusal = self._mock.refuse(Refused(503, "overloaded", hint), "", b"")
            self.transport.write(write_message(refusal, keep_alive=False))
            self.transport.close()

    def _make_room(self) -> bool:
        """Close some connections on which nobody waits for an answer, those first whose time is up first."""
        idle = [item for item in self.connections if item is not self and item.is_reading_head]
        idle.sort(key=lambda connection: connection.deadline or 0.0)
        for connection in idle[: 1 + len(idle) // 16]:
            self.connections.discard(connection)
            connection.transport.abort()
        return bool(idle)

    @property
    def is_reading_head(self) -> bool:
        """Whether a request is awaited, or the rest of its head."""
        return self.state is Connection.read_head

    @property
    def is_receiving(self) -> bool:
        """Whether a part of a request has come, and not all of it has been read."""
        return self._parsing is not None or self.state is Connection.read_body or bool(self._waiting)

    @property
    def is_over(self) -> bool:
        """Whether nothing more is served."""
        return self.state is Connection.drop

    @property
    def is_stuck(self) -> bool:
        """Whether the client takes less than it is sent."""
        return not self._is_writable.is_set()

    @property
    def _is_secure(self) -> bool:
        return self.transport.get_extra_info("sslcontext") is not None

    # Reading.

    def data_received(self, data: bytes) -> None:
        left = _REQUESTS_A_TURN
        try:
            while data:
                data = self.state(self, data)
                if data and self.state is Connection.read_head and self._parsing is None:
                    left -= 1
                    if not left:
                        self.state = Connection.wait
                        self.loop.call_soon(self._go_on)
        except Refused as refusal:
            self._reject(refusal)
        except Exception as error:
            self._end(write_message(fail(error), keep_alive=False))

    def read_head(self, data: bytes) -> bytes:
        """Read a head: one that is known by its bytes or, with a parser, any other."""
        if self._parsing is None:
            self.deadline = self.loop.time() + self._settings.read_timeout
            self._is_control = False
            self._method = ""
            end = data.find(_BLANK_LINE) + 4
            head = self._mock.engine.heads.find(data[:end])
            if head is not None:
                self._request = head
                self._method = head.method
                self._keep_alive = True
                self._begin_body(head.facts.length)
                return data[end:]
        parts, rest = self._parse(data)
        self._raw += data.removesuffix(rest)
        if len(parts.target) > self._settings.url_limit:
            raise Refused(
                414, "uri_too_long", f"the URL has more than {self._settings.url_limit} bytes (--url-limit)"
            )
        if parts.is_whole:
            self._take_head(self._raw, parts, rest)
        elif len(self._raw) > self._settings.header_limit:
            raise self._headers_too_large()
        return rest

    def _take_head(self, raw: bytes, parts: _Parts, rest: bytes) -> None:
        """Judge a head, and begin to read the body. Raises Refused."""
        mock, settings, headers = self._mock, self._settings, tuple(parts.headers)
        # What is between them does not count.
        if len(headers) > settings.header_count or (
            len(raw) > settings.header_limit
            and sum([len(name) + len(value) for name, value in headers]) > settings.header_limit
        ):
            raise self._headers_too_large()
        start = raw.lstrip(b"\r\n")
        method, *_, version = start[: start.find(b"\r\n")].decode("latin-1").split(" ")
        if version not in _VERSIONS:
            raise Refused(400, "bad_request", "the HTTP version is neither 1.1 nor 1.0")
        if method == "CONNECT":
            raise Refused(400, "bad_request", "this server is no proxy")
        if b"#" in parts.target:
            raise Refused(400, "bad_request", "a request target has no fragment")
        is_old = version == "HTTP/1.0"
        self._method = method
        raw_path, _, query = parts.target.partition(b"?")
        path = raw_path.decode("latin-1")
        found = mock.find_control(method, path)
        if found is None:
            self._request = head = mock.admit(method, path, query.decode("latin-1"), headers)
            facts = head.facts
            # What stands at the root can be a document at another time.
            if facts.is_plain and not is_old and path not in mock.root_documents:
                mock.engine.heads.remember(head, raw)
        else:
            facts = mock.engine.heads.headers.read(headers)
            request = _ControlRequest(found, self._write_scope(raw_path, query, headers))
            self._request = self._admit_control(request, facts)
        is_chunked = bool(facts.transfer_codings)
        if is_old and is_chunked:
            # Nobody can tell where its body ends (RFC 9112, section 6.1).
            raise Refused(400, "bad_request", "HTTP/1.0 has no Transfer-Encoding")
        self._keep_alive = not (is_old or facts.closes)
        self._end_parsing()
        if facts.expects_continue and not is_old and not rest and (facts.length or is_chunked):
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if is_chunked:
            self._begin_chunks()
        else:
            self._begin_body(facts.length)

    def _write_scope(self, path: bytes, query: bytes, headers: Headers) -> Scope:
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self._method,
            "scheme": "https" if self._is_secure else "http",
            "path": unquote(path.decode("latin-1")),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": list(headers),
            "client": self.client,
            "server": self.transport.get_extra_info("sockname"),
        }

    def _admit_control(self, request: _ControlRequest, facts: HeaderFacts) -> _ControlRequest | Response:
        """A control call that may go on, or the answer to one that lacks a right and nothing else, behind
        which the connection goes on. Raises Refused."""
        self._is_control = not self._mock.is_document(request.scope)
        try:
            self._mock.admit_control(request.found, request.scope, facts)
        except Refused as refusal:
            # A body without end, and one that the client sends only if it is asked to, are not waited for.
            if refusal.status not in (401, 403) or facts.transfer_codings or facts.expects_continue:
                raise
            path = request.scope["raw_path"]
            return self._mock.refuse(refusal, self._method, path, is_control=self._is_control)
        return request

    def _begin_body(self, length: int) -> None:
        """Begin to read a body of so many bytes. The state is that of what comes next."""
        self._left = length
        if length:
            self.state = Connection.read_body
        else:
            self._answer(b"")

    def read_body(self, data: bytes) -> bytes:
        """Read a body whose length is known."""
        left = self._left
        if len(data) < left:
            self._left -= len(data)
            self._share_turns(left, self._left)
            if not isinstance(self._request, Response):
                self._body += data
            return b""
        self._answer(data if len(data) == left else data[:left])
        return data[left:]

    def _share_turns(self, before: int, after: int) -> None:
        """Read no more in this turn of the event loop, where so much of a body has come since the last."""
        if before // _BODY_A_TURN != after // _BODY_A_TURN:
            self._is_paused = True
            self.transport.pause_reading()
            self.loop.call_soon(self._resume_reading)

    def _begin_chunks(self) -> None:
        """Begin to read a body in chunks, with a parser that has seen nothing but their beginning."""
        self._loose = 0
        parser, parts = self._begin_parsing()
        parser.feed_data(_BEFORE_CHUNKS)
        parts.is_in_body = True
        parts.is_whole = False
        self.state = Connection.read_chunks

    def read_chunks(self, data: bytes) -> bytes:
        """Read a body in chunks, and its trailers."""
        before = len(self._body)
        parts, rest = self._parse(data)
        self._loose += len(data) - len(rest) - (len(parts.body) - before) - _CHUNK_FRAMING * parts.chunks
        parts.chunks = 0
        self._body = parts.body
        self._share_turns(before, len(parts.body))
        limit = self._mock.guard.body_limit if isinstance(self._request, Head) else CONTROL_BODY_LIMIT
        if len(parts.body) > limit:
            raise too_large(limit)
        if self._loose > self._settings.header_limit:
            raise self._headers_too_large()
        if parts.is_whole:
            self._end_parsing()
            self._answer(b"")
        return rest

    def wait(self, data: bytes) -> bytes:
        """Keep what comes while a request is answered, or others have their turn."""
        self._waiting += data
        self._is_late = False
        self.deadline = self.loop.time() + self._settings.read_timeout
        if len(self._waiting) > _WAITING_BYTES and not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()
        return b""

    def drop(self, data: bytes) -> bytes:
        """Forget what comes when nothing more is served."""
        return b""

    def _begin_parsing(self) -> _Parsing:
        parts = _Parts()
        self._parsing = httptools.HttpRequestParser(parts), parts
        self._seam = b""
        return self._parsing

    def _end_parsing(self) -> None:
        # Nothing of what was read, a credential least of all, is kept while the client is idle.
        self._parsing = None
        self._raw = b""

    def _parse(self, data: bytes) -> tuple[_Parts, bytes]:
        """Parse what comes, up to the end of a head or of chunks: what was found since they began, and what
        is behind them. The parser itself would read on, and not tell where the end was. Raises Refused."""
        parser, parts = self._parsing or self._begin_parsing()
        text, end = self._seam + data, len(self._seam)
        start = 0
        while end < len(text) and not parts.is_whole:
            # Heads and chunks end at a blank line, which need not be the first.
            place = text.find(_BLANK_LINE, start)
            fed, end = end, len(text) if place < 0 else place + 4
            start = end
            try:
                parser.feed_data(text[fed:end])
            except httptools.HttpParserUpgrade:
                # No other protocol is spoken here, and the request is answered (RFC 9110, section 7.8).
                pass
            except httptools.HttpParserError:
                raise Refused(400, "bad_request", "the request is not HTTP/1.1") from None
            if parts.begun > 1 or (parts.body and not parts.is_in_body):
                raise Refused(400, "bad_request", "the request does not end with a blank line")
        self._seam = text[-3:]
        return parts, text[end:]

    def _headers_too_large(self) -> Refused:
        count, size = self._settings.header_count, self._settings.header_limit
        return Refused(
            431,
            "headers_too_large",
            f"there are more than {count} headers (--header-count), or {size} bytes of them (--header-limit)",
        )

    # Answering.

    def _answer(self, end: bytes) -> None:
        """Answer a request that is whole with this end of its body: here and now, since a task costs more
        than the call. What has to wait, or to be damaged, gets one all the same."""
        body: bytes | bytearray = end
        request = self._request
        if self._body:
            self._body += end
            body, self._body = self._body, bytearray()
        self._request = None
        self.deadline = None
        answer: Exchange | Response | None
        assert request is not None, "it was read"
        if isinstance(request, Head):
            body = bytes(body)
            answer = self._mock.answer_at_once(request, body, self.client)
            if answer is None:
                return self._answer_later(partial(self._mock.answer_in_turn, request, body, self.client))
        elif isinstance(request, _ControlRequest):
            # It may be a long one, so it is not copied.
            return self._answer_later(partial(self._mock.answer_control, *request, body))
        else:
            answer = request
        if not self._write_at_once(answer):
            self._answer_later(partial(send_answer, answer))
        return None

    def _write_at_once(self, answer: Exchange | Response) -> bool:
        """Write an answer that goes now and whole; False for any other."""
        response = answer if isinstance(answer, Response) else answer.response
        delivery = response.delivery
        if delivery is not PROMPT and not delivery.is_prompt:
            return False
        if len(response.body) > SMALL_BYTES:
            return False
        if isinstance(answer, Exchange):
            # First, so that a client that has the answer finds the call finished.
            if self.transport.is_closing():
                answer.finish("disconnected", "client_disconnected")
            else:
                answer.finish("answered")
        keep_alive = self._keep_alive and not response.closes
        self.transport.write(write_message(response, keep_alive=keep_alive, is_head=self._method == "HEAD"))
        if not keep_alive:
            self.state = Connection.drop
            self.transport.close()
        else:
            self.state = Connection.read_head if self._is_writable.is_set() else Connection.wait
        self.deadline = self.loop.time() + self._settings.idle_timeout
        return True

    def _answer_later(self, work: Callable[[Cycle], Awaitable[None]]) -> None:
        """Have a request answered by a task. What comes behind it waits."""
        self.state = Connection.wait
        self._cycle = cycle = Cycle(
            self.transport,
            self._is_writable,
            self._method,
            keep_alive=self._keep_alive,
            on_end=self._on_answered,
        )
        task = self.loop.create_task(cycle.run(work(cycle)))
        task.add_done_callback(self._tasks.discard)
        self._tasks.add(task)
        if self._is_half_closed:
            self._leave_in(_TURNS_TO_ANSWER, cycle)

    def _on_answered(self) -> None:
        """An answer is out: go on to the next request, or to the end of the connection."""
        cycle, self._cycle = cast(Cycle, self._cycle), None
        if cycle.keep_alive:
            self._go_on()
        else:
            self.state = Connection.drop
            self.transport.close()

    def _go_on(self) -> None:
        """Read what came while a request was answered, as soon as the client takes answers again."""
        is_busy = self.state is not Connection.wait or self._cycle is not None
        if is_busy or self.is_stuck or self.transport.is_closing():
            return
        self.state = Connection.read_head
        self.deadline = self.loop.time() + self._settings.idle_timeout
        data, self._waiting = bytes(self._waiting), bytearray()
        is_late, self._is_late = self._is_late, False
        self._resume_reading()
        self.data_received(data)
        if self.state is Connection.wait:
            # Another request was whole, and is being answered.
            self._is_late = is_late
        elif self._is_half_closed:
            self.transport.close()
        elif is_late and self.is_receiving:
            self._end_late()

    def _resume_reading(self) -> None:
        if self._is_paused:
            self._is_paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    def pause_writing(self) -> None:
        self._is_writable.clear()

    def resume_writing(self) -> None:
        self._is_writable.set()
        self.loop.call_soon(self._go_on)

    # Ending.

    def _reject(self, refusal: Refused) -> None:
        """Answer with a refusal, and serve no more."""
        answer = self._mock.refuse(refusal, self._method, self._find_path(), is_control=self._is_control)
        self._end(write_message(answer, keep_alive=False, is_head=self._method == "HEAD"))

    def _find_path(self) -> bytes:
        """The path of the request that comes in now, as far as it is known."""
        request = self._request
        if isinstance(request, Head):
            return request.shown.path.encode("latin-1")
        if isinstance(request, _ControlRequest):
            path: bytes = request.scope["raw_path"]
            return path
        return b"" if self._parsing is None else self._parsing[1].target.partition(b"?")[0]

    def _end(self, words: bytes) -> None:
        """Say the last words, and close once the client has had time to read them."""
        self.state = Connection.drop
        self._request = None
        self._body = bytearray()
        self._end_parsing()
        if self.transport.is_closing():
            return
        self.deadline = self.loop.time() + _LINGER_SECONDS
        self.transport.write(words)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()
        self._resume_reading()

    def eof_received(self) -> bool | None:
        if self.state is not Connection.wait or self.transport.is_closing() or self._is_secure:
            # TLS ends in both directions at once. Once closed, a transport may not tell that it is TLS.
            return None
        self._is_half_closed = True
        if self._cycle is not None:
            self._leave_in(_TURNS_TO_ANSWER, self._cycle)
        return True

    def _leave_in(self, turns: int, cycle: Cycle) -> None:
        """Close the connection of a client that sends no more, unless this answer is ready by then, or waits
        for nobody: that goes out whole."""
        if self._cycle is not cycle:
            return
        if turns:
            self.loop.call_soon(self._leave_in, turns - 1, cycle)
        else:
            cycle.give_up_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)
        request, self._request = self._request, None
        if isinstance(request, Head):
            self._mock.record_incomplete(request, bytes(self._body), self.client)
        self.state = Connection.drop
        self._end_parsing()
        self._waiting = self._body = bytearray()
        if self._cycle is not None:
            self._cycle.disconnect()
        self._is_writable.set()

    def shutdown(self) -> None:
        """The server ends: answer what is being answered, and close."""
        if self._cycle is not None:
            self._cycle.keep_alive = False
        elif self.is_over or self.is_stuck or (self.is_receiving and self.state is not Connection.wait):
            self.transport.abort()
        else:
            self.transport.close()

    def expire(self, now: float) -> None:
        """Close the connection if its client is late, with the rest of a request or with reading."""
        self._expire_unread(now)
        if self.deadline is None or now < self.deadline:
            return
        self.deadline = None
        if self.is_over:
            self.transport.abort()
        elif self.state is Connection.wait:
            self._is_late = True
        elif self.is_receiving:
            self._end_late()
        else:
            self.transport.close()

    def _end_late(self) -> None:
        """The rest of a request did not come in time."""
        if self.is_reading_head:
            self._reject(
                Refused(408, "request_timeout", "the request did not arrive in time (--read-timeout)")
            )
        else:
            # A body that never arrives whole: the call is recorded as such, and gets no answer.
            self.transport.abort()

    def _expire_unread(self, now: float) -> None:
        size = self.transport.get_write_buffer_size()
        if not self._unread_bytes or size < self._unread_bytes:
            self._unread_since = now
        elif now - self._unread_since > WRITE_TIMEOUT_SECONDS:
            self.transport.abort()
        self._unread_bytes = size


def expire_all(connections: Iterable[object], now: float) -> None:
    """Close every connection that is past its deadline; called by the server about once a second."""
    for connection in tuple(connections):
        if isinstance(connection, Connection):
            connection.expire(now)
