"""Connection: the reading side of one client's connection, with its limits and deadlines.

uvicorn's protocol, which also lends its record of a request to the ASGI scope, since ASGI has no words for a
reset connection or a reason phrase (see delivery). What breaks HTTP, or a limit, is answered by the guard and
closed; nothing that comes behind it is served.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mockserver.delivery import (
    EXTENSION,
    SMALL_BYTES,
    Receive,
    Scope,
    Send,
    deliver,
    send_response,
    write_message,
)
from mockserver.engine import Exchange
from mockserver.guard import Refused
from mockserver.messages import PROMPT, Response

if TYPE_CHECKING:
    from mockserver.app import App

REJECTED = "mockserver.rejected"
_ROOT_DOCUMENTS = (b"/openapi.json", b"/.well-known/")
# So many requests may wait behind one that is being answered.
_PIPELINED = 16


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
        self._body_limit = settings.body_limit
        self._direct_body: bytearray | None = None
        self._active: RequestResponseCycle | None = None
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
        if self._is_direct_call():
            self._direct_body = bytearray()
            return
        self._begin_cycle()
        if not self.url.startswith(b"/"):
            # An absolute or asterisk form must not be cut down to a path that then leads somewhere.
            cast(Scope, self.scope)["raw_path"] = self.url

    def _begin_cycle(self) -> None:
        """Let uvicorn begin its record of the request, and lend that to whoever answers."""
        super().on_headers_complete()
        cast(Scope, self.scope)["extensions"] = {EXTENSION: self.cycle}
        if len(self.pipeline) < _PIPELINED:
            # uvicorn would read no more, and so never see that the client has left.
            self.flow.resume_reading()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._active = cycle
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # uvicorn tells the request that came last, which may be one behind that which is being answered.
        active = self._active
        if active is not None and not active.response_complete:
            active.disconnected = True
            active.message_event.set()

    def _is_direct_call(self) -> bool:
        """Whether this is a call of the mocked API with nothing unusual about it, and nothing before it."""
        return (
            (self.cycle is None or self.cycle.response_complete)
            and self.url.startswith(b"/")
            and b"__admin" not in self.url
            and not self.url.startswith(_ROOT_DOCUMENTS)
            and not self.expect_100_continue
            and not self.flow.write_paused
            and self.parser.get_http_version() == "1.1"
            and not self.parser.should_upgrade()
        )

    def on_body(self, body: bytes) -> None:
        if self._direct_body is None:
            super().on_body(body)
            return
        self._direct_body += body
        if len(self._direct_body) > self._body_limit:
            raise Refused(413, "body_too_large", f"the body may have at most {self._body_limit} bytes")

    def on_message_complete(self) -> None:
        body = self._direct_body
        self._direct_body = None
        self.is_reading_head = True
        self._head_bytes = 0
        self.deadline = None
        if body is None:
            super().on_message_complete()
        else:
            self._answer_directly(bytes(body))

    def _answer_directly(self, body: bytes) -> None:
        """Answer a call here and now: a task, two queues and three messages for what takes microseconds
        would cost more than the call. What has to wait, or to be damaged, takes the long way."""
        target = self.url.partition(b"#")[0] if b"#" in self.url else self.url
        raw_path, _, query = target.partition(b"?")
        method = self.parser.get_method().decode("ascii")
        answer = self._mock.begin(method, raw_path, query, self.headers, body, self.client)
        response = answer if isinstance(answer, Response) else answer.response
        if response.delivery is not PROMPT or len(response.body) > SMALL_BYTES:
            self._deliver_later(answer, body)
            return
        keep_alive = self.parser.should_keep_alive() and not response.closes
        is_gone = self.transport.is_closing()
        if isinstance(answer, Exchange):
            # First, so that whoever has the answer finds the call finished.
            answer.finish(*(("disconnected", "client_disconnected") if is_gone else ("answered", None)))
        self.transport.write(write_message(response, keep_alive=keep_alive, is_head=method == "HEAD"))
        self.server_state.total_requests += 1
        if not keep_alive:
            self.transport.close()
        elif not is_gone:
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

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
            self.transport.write(write_message(response, keep_alive=False))
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


def expire_all(connections: Iterable[object], now: float) -> None:
    """Close every connection that is past its deadline; called by the server about once a second."""
    for connection in tuple(connections):
        if isinstance(connection, Connection):
            connection.expire(now)
