"""The ASGI application: the mocked API on every path, the control API under `/__admin`.

A call of the API goes straight from the ASGI scope to the engine. The control API, which nobody calls ten
thousand times a second, is a Starlette application over the table in `control`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.responses import StreamingResponse
from starlette.routing import Route

from mockserver.control import Control, ControlAnswer, Listing, Question, Stream, split_path
from mockserver.control.routing import refuse
from mockserver.engine.engine import Engine, Exchange, fail
from mockserver.journal.call import Call
from mockserver.journal.journal import Journal
from mockserver.json_codec import dumps, dumps_pretty, prewrite
from mockserver.messages import Response
from mockserver.request.head import Head
from mockserver.serving.delivery import REJECTED, Receive, Scope, Send, deliver, find_cycle, send_response
from mockserver.serving.guard import CONTROL_BODY_LIMIT, CONTROL_HEADERS, Guard, Refused, too_large
from mockserver.types import UNSET, Headers, Json

EVENTS_AT_ONCE = 100
# A reader of events that is so many calls behind is cut off.
MAX_EVENTS_BEHIND = 1_000
KEEP_ALIVE_SECONDS = 15.0
# So many calls of a listing are written before others have their turn: some milliseconds.
_LISTED_AT_ONCE = 50

OnCall = Callable[[Call], None]


def create_app(engine: Engine, *, on_call: OnCall | None = None) -> App:
    """The application for an engine. `on_call` is told of each call once its answer is decided."""
    return App(engine, on_call)


class App:
    """An ASGI 3 application."""

    def __init__(self, engine: Engine, on_call: OnCall | None) -> None:
        self.engine = engine
        self.control = Control(engine)
        self.guard = Guard(engine.settings, engine.fixtures, engine.refusals)
        self._on_call = on_call
        self._door = ControlDoor(self.control)
        # Starlette sees the path that `split_path` accepted, whole: it decides nothing by it.
        self._admin = Starlette(routes=[Route("/{path:path}", self._door)])

    def end_waits(self) -> None:
        """Let go every answer that is held or delayed, end every stream, answer every question now."""
        for namespace in self.engine.namespaces:
            namespace.end_waits()
        self._door.end_waits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the mock server speaks HTTP, not {scope['type']}")
        path = scope["raw_path"].decode("latin-1")
        found = find_control(path)
        is_control = found is not None and path not in _ROOT_DOCUMENTS
        try:
            if found is None:
                await self._answer(scope, receive, send)
            else:
                await self._answer_control(found, is_control, scope, receive, send)
        except Refused as error:
            await send_response(self.guard.refuse(error, is_control=is_control), scope, send)
        except Exception as error:
            response = fail(error)
            cycle = find_cycle(scope)
            if cycle is None or not cycle.response_started:
                await send_response(response, scope, send)

    async def _answer_control(
        self, found: tuple[str, str], is_control: bool, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """One call of the control API, or for one of the documents at the root."""
        facts = self.engine.heads.headers.read(tuple(scope["headers"]))
        self.guard.check_control(scope, facts, is_health=found[1] == "/health", is_public=not is_control)
        body, is_whole = await _read_body(receive, CONTROL_BODY_LIMIT)
        if is_whole:
            scope["mockserver.control"] = *found, body
            await self._admin(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One call of the mocked API."""
        client = scope["client"]
        head = self.admit(scope["method"], scope["raw_path"], scope["query_string"], tuple(scope["headers"]))
        body, is_whole = await _read_body(receive, self.guard.body_limit)
        if not is_whole:
            if REJECTED not in scope:
                self.record_incomplete(head, body, client)
            return
        answer = self.answer(head, body, client)
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
        try:
            head = self.admit(method, raw_path, query, tuple(headers))
            if len(body) > self.guard.body_limit:
                raise too_large(self.guard.body_limit)
        except Refused as error:
            return self.guard.refuse(error)
        return self.answer(head, body, client)

    def admit(self, method: str, raw_path: bytes, query: bytes, headers: Headers) -> Head:
        """The head of a call, once the guard lets it in. Raises Refused."""
        head = self.engine.heads.read(method, raw_path.decode("latin-1"), query.decode("latin-1"), headers)
        self.guard.check_call(head, raw_path, query)
        return head

    def answer(self, head: Head, body: bytes, client: tuple[str, int] | None) -> Exchange | Response:
        """Answer a call that the guard has let in. A Response is an answer that belongs to no call."""
        origin = head.facts.origin
        if origin is not None:
            preflight = self.guard.preflight(head.method, head.headers, origin)
            if preflight is not None:
                return preflight
        try:
            exchange = self.engine.answer(head, body, None if client is None else client[0])
        except Exception as error:
            return fail(error)
        if origin is not None:
            exchange.add_headers(self.guard.cors_headers(origin))
        if self._on_call is not None:
            self._on_call(exchange.call)
        return exchange

    def record_incomplete(self, head: Head, body: bytes, client: tuple[str, int] | None) -> None:
        """Record a call that the guard has let in, and whose body never arrived whole."""
        call = self.engine.record_incomplete(head, body, None if client is None else client[0])
        if self._on_call is not None:
            self._on_call(call)


async def _read_body(receive: Receive, limit: int) -> tuple[bytes, bool]:
    """The body of a request, and whether all of it came. Raises Refused as soon as it is too large."""
    body = bytearray()
    message = await receive()
    while message["type"] == "http.request":
        body += message.get("body", b"")
        if len(body) > limit:
            raise too_large(limit)
        if not message.get("more_body", False):
            return bytes(body), True
        message = await receive()
    return bytes(body), False


def find_control(path: str) -> tuple[str, str] | None:
    """Namespace and control route that a raw path leads to; None where it is one of the mocked API."""
    if "__admin" in path:
        return split_path(path)
    return _ROOT_DOCUMENTS.get(path)


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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self.answer(HttpRequest(scope, receive))
        except Exception as error:
            # Here, before Starlette answers it in its own way.
            await send_response(fail(error), scope, send)
            return
        response.raw_headers.extend(CONTROL_HEADERS)
        await response(scope, receive, send)

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Carry out one control call, waiting for calls if that is what it asks for."""
        namespace, path, body = request.scope["mockserver.control"]
        is_pretty = "curl" in (request.headers.get("user-agent") or "")
        answer = self._control.begin(
            request.method,
            path,
            request.scope["query_string"].decode("latin-1"),
            body,
            namespace=namespace,
            origin=f"{request.url.scheme}://{request.url.netloc}",
        )
        if isinstance(answer, Listing):
            answer = await self._list(answer, is_pretty=is_pretty)
        elif isinstance(answer, Question):
            answer = await self._wait(answer)
        elif isinstance(answer, Stream):
            answer = self._resume(answer, request.headers.get("last-event-id"))
        if isinstance(answer, Stream):
            headers = {"cache-control": "no-store"}
            return StreamingResponse(self._events(answer), 200, headers, "text/event-stream")
        return _respond(answer, is_pretty=is_pretty)

    async def _list(self, listing: Listing, *, is_pretty: bool) -> ControlAnswer:
        """Write a listing, with turns for others in between."""
        written: list[Json] = []
        while len(written) < len(listing.calls):
            some = listing.write_some(len(written), len(written) + _LISTED_AT_ONCE)
            written += some if is_pretty else map(prewrite, some)
            await asyncio.sleep(0)
        return listing.gather(written)

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
    content: str | bytes = b""
    if answer.text is not None:
        content = answer.text
    elif answer.value is not UNSET:
        content = dumps_pretty(answer.value) + b"\n" if is_pretty else dumps(answer.value)
    response = HttpResponse(content, answer.status, media_type=answer.media_type if content else None)
    response.raw_headers.extend(answer.headers)
    return response
