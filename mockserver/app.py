"""The ASGI application: the mocked API on every path, the control API under `/__admin`.

A call of the API goes straight from the ASGI scope to the engine. The control API, which nobody calls ten
thousand times a second, is a Starlette application over the table in `control`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.responses import StreamingResponse
from starlette.routing import Route

from mockserver.connection import REJECTED
from mockserver.control import Control, ControlAnswer, Question, Stream, split_path
from mockserver.control.exchange import refuse
from mockserver.delivery import Receive, Scope, Send, deliver, send_response
from mockserver.engine import Engine, Exchange
from mockserver.guard import Guard, Refused
from mockserver.journal import Call, Journal
from mockserver.json_codec import dumps, dumps_pretty
from mockserver.messages import Request, Response
from mockserver.types import UNSET

EVENTS_AT_ONCE = 100
# A reader of events that is so many calls behind is cut off.
MAX_EVENTS_BEHIND = 1_000
KEEP_ALIVE_SECONDS = 15.0

OnCall = Callable[[Call], None]


def create_app(engine: Engine, *, on_call: OnCall | None = None) -> App:
    """The application for an engine. `on_call` is told of each call once its answer is decided."""
    return App(engine, on_call)


class App:
    """An ASGI 3 application."""

    def __init__(self, engine: Engine, on_call: OnCall | None) -> None:
        self.engine = engine
        self.control = Control(engine)
        self.guard = Guard(engine.settings, engine.fixtures)
        self._on_call = on_call
        self._door = ControlDoor(self.control)
        # Starlette sees the path that `split_path` accepted, whole: it decides nothing by it.
        self._admin = Starlette(routes=[Route("/{path:path}", self._door.answer, methods=_METHODS)])

    def end_waits(self) -> None:
        """Let go every answer that is held or delayed, end every stream, answer every question now."""
        for namespace in self.engine.namespaces:
            namespace.end_waits()
        self._door.end_waits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._admin(scope, receive, send)
            return
        path = scope["raw_path"].decode("latin-1")
        found = find_control(path)
        if found is None:
            await self._answer(scope, receive, send)
            return
        is_public = path in _ROOT_DOCUMENTS
        try:
            facts = self.engine.headers.read(tuple(scope["headers"]))
            self.guard.check_control(scope, facts, is_health=found[1] == "/health", is_public=is_public)
        except Refused as error:
            await send_response(self.guard.refuse(error, is_control=not is_public), scope, send)
            return
        scope["mockserver.control"] = found
        await self._admin(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One call of the mocked API."""
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                if REJECTED not in scope:
                    self.record_incomplete(*_line(scope), body, scope["client"])
                return
            body = body + message["body"] if body else message["body"]
            if not message["more_body"] or len(body) > self.guard.body_limit:
                break
        answer = self.begin(*_line(scope), body, scope["client"])
        if isinstance(answer, Response):
            await send_response(answer, scope, send)
        else:
            await deliver(answer, scope, receive, send)

    def begin(
        self,
        method: str,
        raw_path: bytes,
        query: bytes,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        client: tuple[str, int] | None,
    ) -> Exchange | Response:
        """Answer one call of the mocked API, but for its delivery. A Response is the guard's refusal."""
        guard = self.guard
        sent = tuple(headers)
        facts = self.engine.headers.read(sent)
        try:
            guard.check_call(sent, facts, raw_path, query)
            if len(body) > guard.body_limit:
                raise Refused(413, "body_too_large", f"the body may have at most {guard.body_limit} bytes")
        except Refused as error:
            return guard.refuse(error, is_control=False)
        origin = facts.origin
        if origin is not None and (preflight := guard.preflight(method, sent, origin)) is not None:
            return preflight
        peer = client[0] if client else None
        request = Request(method, raw_path.decode("latin-1"), query.decode("latin-1"), sent, body, peer)
        exchange = self.engine.begin(request)
        if origin is not None:
            exchange.add_headers(guard.cors_headers(origin))
        if self._on_call is not None:
            self._on_call(exchange.call)
        return exchange

    def record_incomplete(
        self,
        method: str,
        raw_path: bytes,
        query: bytes,
        headers: Iterable[tuple[bytes, bytes]],
        body: bytes,
        client: tuple[str, int] | None,
    ) -> None:
        """Record a call of the mocked API that never arrived whole; what the guard refuses is none."""
        sent = tuple(headers)
        try:
            self.guard.check_call(sent, self.engine.headers.read(sent), raw_path, query)
        except Refused as error:
            self.guard.refuse(error, is_control=False)
            return
        peer = client[0] if client else None
        request = Request(method, raw_path.decode("latin-1"), query.decode("latin-1"), sent, body, peer)
        call = self.engine.record_incomplete(request)
        if self._on_call is not None:
            self._on_call(call)


def _line(scope: Scope) -> tuple[str, bytes, bytes, list[tuple[bytes, bytes]]]:
    """Method, path, query and headers of a request."""
    return scope["method"], scope["raw_path"], scope["query_string"], scope["headers"]


def find_control(path: str) -> tuple[str, str] | None:
    """Namespace and control route that a raw path leads to; None where it is one of the mocked API."""
    if "__admin" in path:
        return split_path(path)
    return _ROOT_DOCUMENTS.get(path)


_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
# Documents at the root, by the control route that serves them.
_ROOT_DOCUMENTS = {
    "/openapi.json": ("default", "/contract"),
    "/.well-known/jwks.json": ("default", "/jwks"),
    "/.well-known/openid-configuration": ("default", "/discovery"),
}


class ControlDoor:
    """The control API over HTTP."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._bells: set[_Bell] = set()

    def end_waits(self) -> None:
        """End every stream, and have every question answered as if its time was up."""
        for bell in tuple(self._bells):
            bell.end()

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Carry out one control call, waiting for calls if that is what it asks for."""
        namespace, path = request.scope["mockserver.control"]
        body = await request.body()
        answer = self._control.answer(
            request.method,
            path,
            request.scope["query_string"].decode("latin-1"),
            body,
            namespace=namespace,
            origin=f"{request.url.scheme}://{request.url.netloc}",
        )
        if isinstance(answer, Question):
            answer = await self._wait(answer)
        elif isinstance(answer, Stream):
            answer = self._resume(answer, request.headers.get("last-event-id"))
        if isinstance(answer, Stream):
            headers = {"cache-control": "no-store"}
            return StreamingResponse(self._events(answer), 200, headers, "text/event-stream")
        return _respond(answer, is_pretty=b"curl" in (request.headers.get("user-agent") or "").encode())

    async def _wait(self, question: Question) -> ControlAnswer:
        """Wait, woken by the calls themselves, until the question has an answer or its time is up."""
        with self._listen(question.namespace.journal) as bell:
            deadline = bell.now() + question.seconds
            while True:
                with question.namespace.lock:
                    answer = question.ask()
                if answer is not None:
                    return answer
                if not await bell.wait(deadline - bell.now()):
                    with question.namespace.lock:
                        return question.give_up()

    def _resume(self, stream: Stream, last_event_id: str | None) -> Stream | ControlAnswer:
        """The stream from the call after the last that the client has seen (HTML, 9.2 Server-sent events)."""
        if last_event_id is None:
            return stream
        if not re.fullmatch(r"\d{1,15}", last_event_id, re.ASCII):
            return refuse(400, "Last-Event-ID must be the number of a call")
        # A greater number is from before a reset: everything since is news.
        after = int(last_event_id)
        return stream._replace(after=after if after <= stream.after else 0)

    async def _events(self, stream: Stream) -> AsyncIterator[bytes]:
        """The calls as server-sent events, in batches as large as the client takes them.

        Nothing is queued for a client: what it has not taken yet is what the journal holds. One that falls
        too far behind is cut off with a marker.
        """
        namespace, journal = stream.namespace, stream.namespace.journal
        sent, era = stream.after, journal.era
        # What was there before is no delay of the client's.
        begin = journal.last_number
        with self._listen(journal) as bell:
            while True:
                with namespace.lock:
                    if journal.era != era:
                        sent, era, begin = 0, journal.era, 0
                    dropped = max(0, journal.last_evicted - sent)
                    behind = journal.last_number - max(sent, begin)
                    calls = journal.after(sent)
                    events = [_write_event(call) for call in calls[:EVENTS_AT_ONCE]]
                if behind > MAX_EVENTS_BEHIND or (dropped and sent > begin):
                    yield _write_dropped(behind, None)
                    return
                if dropped:
                    sent += dropped
                    yield _write_dropped(dropped, sent)
                if events:
                    yield b"".join(events)
                    sent = calls[: len(events)][-1].number
                elif not await bell.wait(KEEP_ALIVE_SECONDS):
                    if bell.is_over:
                        return
                    yield b": still here\n\n"

    @contextmanager
    def _listen(self, journal: Journal) -> Iterator[_Bell]:
        bell = _Bell()
        self._bells.add(bell)
        journal.listeners.add(bell.ring)
        try:
            yield bell
        finally:
            journal.listeners.discard(bell.ring)
            self._bells.discard(bell)


class _Bell:
    """Wakes a task of the event loop when a call is recorded, in whatever thread that happens."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()
        self.is_over = False

    def now(self) -> float:
        """The time of the event loop, in seconds."""
        return self._loop.time()

    def ring(self, call: Call) -> None:
        """A call was recorded."""
        self._loop.call_soon_threadsafe(self._rung.set)

    def end(self) -> None:
        """Nothing shall be waited for any more."""
        self.is_over = True
        self._rung.set()

    async def wait(self, seconds: float) -> bool:
        """Wait for calls since the last wait. False once the time is up, or nothing shall be waited for."""
        try:
            await asyncio.wait_for(self._rung.wait(), seconds)
        except TimeoutError:
            return False
        self._rung.clear()
        return not self.is_over


def _write_event(call: Call) -> bytes:
    return b"event: call\nid: %d\ndata: %b\n\n" % (call.number, dumps(call.to_json()))


def _write_dropped(count: int, last: int | None) -> bytes:
    """The marker for calls that the client does not get. With `last` they are gone for good, up to it."""
    id = b"" if last is None else b"id: %d\n" % last
    return b'event: dropped\n%bdata: {"dropped":%d}\n\n' % (id, count)


def _respond(answer: ControlAnswer, *, is_pretty: bool) -> HttpResponse:
    if answer.text is not None:
        return HttpResponse(answer.text, answer.status, media_type=answer.media_type)
    if answer.value is UNSET:
        return HttpResponse(b"", answer.status)
    content = dumps_pretty(answer.value) + b"\n" if is_pretty else dumps(answer.value)
    return HttpResponse(content, answer.status, media_type=answer.media_type)
