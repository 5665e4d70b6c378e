"""Connection: the reading side of one client's connection, with its limits and deadlines.

uvicorn's protocol, which also lends its record of a request to the ASGI scope, since ASGI has no words for a
reset connection or a reason phrase (see delivery). What breaks HTTP, or a limit, is answered by the guard and
closed; nothing that comes behind it is served.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mockserver.control.routing import ROOT_DOCUMENTS
from mockserver.engine.engine import Exchange, fail
from mockserver.messages import PROMPT, SMALL_BYTES, Response
from mockserver.request.head import Head
from mockserver.serving.delivery import (
    EXTENSION,
    REJECTED,
    WRITE_TIMEOUT_SECONDS,
    Receive,
    Scope,
    Send,
    deliver,
    send_response,
    write_message,
)
from mockserver.serving.guard import Refused, too_large

if TYPE_CHECKING:
    from mockserver.serving.app import App

_ROOT_DOCUMENTS = frozenset(path.encode("ascii") for path in ROOT_DOCUMENTS)
# So many requests may wait behind one that is being answered.
_PIPELINED = 16
# A client that closed its half of the connection may still read; it gets what is ready within so many turns
# of the event loop. One for whom an answer is delayed or held has left.
_TURNS_TO_ANSWER = 10
# How long a client has to read why it was refused, before closing makes its kernel forget that (RFC 9112,
# section 9.6). Until then what it sends is read and dropped.
_LINGER_SECONDS = 2.0
# uvicorn's lines say nothing that ours do not say better, and may quote a URL.
_SILENT = logging.getLogger("mockserver.uvicorn")
_SILENT.setLevel(logging.CRITICAL)
_SILENT.propagate = False
# What a chunk may have around its data; beyond that it counts as extension or trailer.
_CHUNK_FRAMING = 16


class Connection(HttpToolsProtocol):
    """One connection.

    `deadline`, in loop time, is when that must have come which is awaited now: the rest of a request, the
    next request or, where nothing more is served, the client's own end. None while a request is answered.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.logger = _SILENT
        self.access_log = False
        super().connection_made(transport)
        self._mock = cast("App", self.config.app)
        self._find_head = self._mock.engine.heads.find
        settings = self._mock.engine.settings
        self._url_limit = settings.url_limit
        self._header_limit = settings.header_limit
        self._header_count = settings.header_count
        self._body_limit = settings.body_limit
        self._read_timeout = settings.read_timeout
        self._idle_timeout = settings.idle_timeout
        self.deadline: float | None = self.loop.time() + self._read_timeout
        # Of the request that is being read: whether any of it has come, whether its head is still incomplete.
        self._is_receiving = False
        self._is_reading_head = True
        # Bytes that belong to no body: of a head, then of chunk sizes, chunk extensions and trailers.
        self._loose_bytes = 0
        self._head_bytes = 0
        self._wants_upgrade = False
        # Of a call that is answered as soon as it is whole, without uvicorn's record of it: its head, what
        # has come of its body, and the bytes that it began with if no others were before them.
        self._direct: Head | None = None
        self._body = bytearray()
        self._beginning: bytes | None = None
        # An answer that was given already, and now has to go the long way.
        self._ready: Exchange | Response | None = None
        self._active: RequestResponseCycle | None = None
        # Nothing more is served; `_last_words` follow the answers that are still due.
        self._is_over = False
        self._last_words = b""
        self._unread_bytes = 0
        self._unread_since = 0.0
        if len(self.connections) > self._mock.guard.connection_limit and not self._make_room():
            self._is_over = True
            refusal = Refused(503, "overloaded", "too many connections are open")
            transport.write(write_message(self._mock.guard.refuse(refusal), keep_alive=False))
            transport.close()

    def _make_room(self) -> bool:
        """Close some connections on which nobody waits for an answer, those first whose time is up first."""
        idle = [item for item in self.connections if isinstance(item, Connection) and item._is_idle()]
        idle.remove(self)
        idle.sort(key=lambda connection: connection.deadline or 0.0)
        for connection in idle[: 1 + len(idle) // 16]:
            self.connections.discard(connection)
            connection.transport.abort()
        return bool(idle)

    def _is_idle(self) -> bool:
        return self._is_reading_head and not self._is_answering()

    def _is_answering(self) -> bool:
        return self._active is not None and not self._active.response_complete

    # Reading. The parser calls the methods whose names begin with `on_`, and wraps what they raise.

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            return
        if self._is_receiving:
            self._beginning = None
        else:
            try:
                if self._answer_known(data):
                    return
            except Exception as error:
                self._end_by(error)
                return
            self._is_receiving = True
            self._beginning = data
            self.deadline = self.loop.time() + self._read_timeout
        self._loose_bytes += len(data)
        rest = None
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
        except httptools.HttpParserCallbackError as error:
            self._end_by(error.__context__)
        except httptools.HttpParserError:
            self._reject(Refused(400, "bad_request", "the request is not HTTP/1.1"))
        else:
            if self._loose_bytes > self._header_limit:
                self._reject(self._too_large())
        if rest is not None:
            # Not while an exception is handled: it would become the context of the next one.
            self._read_without_upgrade(rest)

    def _answer_known(self, data: bytes) -> bool:
        """Answer a whole request whose head is, byte for byte, one that was read and let in before.

        Clients send the same head with nearly every request, and reading it costs more than all else here.
        """
        end = data.find(b"\r\n\r\n") + 4
        known = self._find_head(data[:end])
        if known is None or len(data) - end != known[1] or self._is_busy():
            return False
        head, body = known[0], data[end:]
        answer = self._mock.answer(head, body, self.client)
        if not self._write_at_once(answer, head.method, keep_alive=True):
            # The parser reads it after all, for the sake of uvicorn's record.
            self._ready = answer
            return False
        return True

    def _read_without_upgrade(self, rest: bytes) -> None:
        """Read a request again as if it did not ask for another protocol (RFC 9110, section 7.8, allows it):
        at such a request the parser stops, and takes its body for that protocol's."""
        line = b"%b %b HTTP/%b\r\n" % (
            self.parser.get_method(),
            self.url,
            self.parser.get_http_version().encode("ascii"),
        )
        fields = [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self._wants_upgrade = False
        self._loose_bytes = 0
        self.data_received(b"".join((line, *fields, b"\r\n", rest)))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        if not self._is_receiving:
            # It came in one piece with the request before it.
            self._is_receiving = True
            self.deadline = self.loop.time() + self._read_timeout

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > self._url_limit:
            raise Refused(414, "uri_too_long", f"the URL has more than {self._url_limit} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_reading_head:
            # A trailer must not be taken for a header (RFC 9110, section 6.5.1).
            return
        super().on_header(name, value)
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > self._header_limit or len(self.headers) > self._header_count:
            raise self._too_large()

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise Refused(400, "bad_request", "this server is no proxy")
            self._wants_upgrade = True
            return
        url = self.url
        if b"#" in url:
            raise Refused(400, "bad_request", "a request target has no fragment")
        version = self.parser.get_http_version()
        if version != "1.1":
            self._check_old(version)
        self._is_reading_head = False
        self._loose_bytes = 0
        if self._is_direct(url, version):
            path, _, query = url.partition(b"?")
            method = self.parser.get_method().decode("ascii")
            self._direct = self._mock.admit(method, path, query, tuple(self.headers))
        else:
            self._begin_cycle()

    def _check_old(self, version: str) -> None:
        if version != "1.0":
            raise Refused(400, "bad_request", "the HTTP version is neither 1.1 nor 1.0")
        if any(name == b"transfer-encoding" for name, _ in self.headers):
            # Nobody can tell where its body ends (RFC 9112, section 6.1).
            raise Refused(400, "bad_request", "HTTP/1.0 has no Transfer-Encoding")

    def _is_direct(self, url: bytes, version: str) -> bool:
        """Whether this is a call of the mocked API with nothing unusual about it, and nothing before it."""
        return (
            not self._is_busy()
            and url.startswith(b"/")
            and b"__admin" not in url
            and url.partition(b"?")[0] not in _ROOT_DOCUMENTS
            and not self.expect_100_continue
            and version == "1.1"
            # Who asks a remote store has to wait for it.
            and not self._mock.turns.is_remote
        )

    def _is_busy(self) -> bool:
        """Whether the answer to an earlier request is still on its way."""
        return (self.cycle is not None and not self.cycle.response_complete) or self.flow.write_paused

    def _begin_cycle(self) -> None:
        """Let uvicorn begin its record of the request, and lend that to the code that answers."""
        url = self.url
        if not url.startswith(b"/"):
            self.url = b"/"
        super().on_headers_complete()
        scope = cast(Scope, self.scope)
        scope["extensions"] = {EXTENSION: self.cycle}
        if not url.startswith(b"/"):
            # An absolute or asterisk form must not be cut down to a path that then leads somewhere.
            scope["raw_path"], _, scope["query_string"] = url.partition(b"?")
        if len(self.pipeline) < _PIPELINED:
            # uvicorn would read no more, and so never see that the client has left.
            self.flow.resume_reading()

    def on_body(self, body: bytes) -> None:
        self._loose_bytes -= len(body) + _CHUNK_FRAMING
        if self._direct is None:
            super().on_body(body)
            return
        self._body += body
        if len(self._body) > self._body_limit:
            raise too_large(self._body_limit)

    def on_message_complete(self) -> None:
        if self._wants_upgrade:
            return
        head, self._direct = self._direct, None
        beginning, self._beginning = self._beginning, None
        self._is_receiving = False
        self._is_reading_head = True
        self._loose_bytes = 0
        self.deadline = None
        if head is None:
            super().on_message_complete()
        else:
            # Nothing of it is kept while the client is idle.
            body, self._body = bytes(self._body), bytearray()
            self._answer_directly(head, body, beginning)

    def _end_by(self, error: BaseException | None) -> None:
        """End what one of these methods has broken off: by a refusal, or by a fault of our own."""
        if isinstance(error, Refused):
            self._reject(error)
        else:
            self._direct = None
            self._end(write_message(fail(error), keep_alive=False))

    def _too_large(self) -> Refused:
        hint = f"there are more than {self._header_count} headers, or {self._header_limit} bytes of them"
        return Refused(431, "headers_too_large", hint)

    # Answering.

    def _answer_directly(self, head: Head, body: bytes, beginning: bytes | None) -> None:
        """Answer a call here and now: a task, two queues and three messages for what takes microseconds
        would cost more than the call. What has to wait, or to be damaged, takes the long way."""
        answer, self._ready = self._ready, None
        if answer is None:
            answer = self._mock.answer(head, body, self.client)
        keep_alive = self.parser.should_keep_alive()
        if keep_alive and beginning is not None:
            self._remember(beginning, head, body)
        if self._write_at_once(answer, head.method, keep_alive=keep_alive):
            # What uvicorn has read of it, credential and all, is not kept either.
            self.headers.clear()
            self.url = b""
        else:
            self._deliver_later(answer, body)

    def _remember(self, beginning: bytes, head: Head, body: bytes) -> None:
        end = beginning.find(b"\r\n\r\n") + 4
        is_framed = all(name != b"transfer-encoding" for name, _ in head.headers)
        # Else there is more in the first bytes than this request, or less.
        if is_framed and beginning[end:] == body:
            self._mock.engine.heads.remember(beginning[:end], head, len(body))

    def _write_at_once(self, answer: Exchange | Response, method: str, *, keep_alive: bool) -> bool:
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
        keep_alive = keep_alive and not response.closes
        self.transport.write(write_message(response, keep_alive=keep_alive, is_head=method == "HEAD"))
        self.server_state.total_requests += 1
        if not keep_alive:
            self.transport.close()
        self.deadline = self.loop.time() + self._idle_timeout
        return True

    def _deliver_later(self, answer: Exchange | Response, body: bytes) -> None:
        """Hand an answer to `delivery`, as uvicorn's application for this one request."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            if isinstance(answer, Exchange):
                await deliver(answer, scope, receive, send)
            else:
                await send_response(answer, scope, send)

        usual = self.app
        self.app = cast(Any, application)
        self._begin_cycle()
        self.app = usual
        self.cycle.body += body
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._active = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """An answer is out: go on to the next request, or to the end of the connection."""
        self.server_state.total_requests += 1
        if self._active is not None:
            # The record stays until the next one takes its place; the credential does not.
            cast(Scope, self._active.scope)["headers"].clear()
        if self.transport.is_closing():
            return
        if self._active is not None and not self._active.keep_alive:
            if self._is_receiving:
                # The answer came before the request was whole.
                self._end()
            else:
                self.transport.close()
        elif self.pipeline:
            self.flow.resume_reading()
            self._start_asgi_task(*self.pipeline.pop())
        elif self._is_over:
            self._end(self._last_words)
        else:
            self.flow.resume_reading()
            if not self._is_receiving:
                self.deadline = self.loop.time() + self._idle_timeout

    # Ending.

    def _reject(self, refusal: Refused) -> None:
        """Serve no more: give the answers that are due, then this refusal, and close."""
        self._is_over = True
        self._direct = None
        words = write_message(self._mock.guard.refuse(refusal), keep_alive=False)
        broken = None if self._is_reading_head else self.cycle
        if broken is not None and broken is self._active and not broken.response_complete:
            cast(Scope, broken.scope)[REJECTED] = True
            broken.disconnected = True
            # The code that waits for its body must not ask the client for it any more.
            broken.waiting_for_100_continue = False
            broken.message_event.set()
            self._end(b"" if broken.response_started else words)
        elif self._is_answering():
            if self.pipeline and self.pipeline[0][0] is broken:
                self.pipeline.popleft()
            self._last_words = words
            self.deadline = None
        else:
            self._end(words)

    def _end(self, words: bytes = b"") -> None:
        """Say the last words, and close once the client has had time to read them."""
        self._is_over = True
        self.pipeline.clear()
        if self.transport.is_closing():
            return
        self.deadline = self.loop.time() + _LINGER_SECONDS
        self.transport.write(words)
        self.transport.write_eof()
        self.flow.resume_reading()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        if self._is_over or self._is_receiving or not self._is_answering():
            return None
        self._close_in(_TURNS_TO_ANSWER)
        return True

    def _close_in(self, turns: int) -> None:
        if turns and self._is_answering():
            self.loop.call_soon(self._close_in, turns - 1)
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._direct is not None:
            head, self._direct = self._direct, None
            self._mock.record_incomplete(head, bytes(self._body), self.client)
        super().connection_lost(exc)
        # uvicorn tells the request that came last, which may be one behind that which is being answered.
        active = self._active
        if active is not None and not active.response_complete:
            active.disconnected = True
            active.message_event.set()

    def shutdown(self) -> None:
        """The server ends: answer what is being answered, and close."""
        if self._is_answering() and not self._is_over and (self._is_reading_head or self.pipeline):
            self.pipeline.clear()
            cast(RequestResponseCycle, self._active).keep_alive = False
        else:
            self.transport.abort() if self._is_receiving or self._is_over else self.transport.close()

    def expire(self, now: float) -> None:
        """Close the connection if its client is late, with the rest of a request or with reading."""
        self._expire_unread(now)
        if self.deadline is None or now < self.deadline:
            return
        self.deadline = None
        if self._is_over:
            self.transport.abort()
        elif not self._is_receiving:
            self.transport.close()
        elif self._is_reading_head or self.pipeline:
            self._reject(Refused(408, "request_timeout", "the request did not arrive in time"))
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
