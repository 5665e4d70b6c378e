"""The control API over HTTP: answers, listings in turns, questions that wait, events as they come."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import TypeVar, cast

from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from mockserver.control.routing import (
    CONTROL_HEADERS,
    PAGE_HEADERS,
    Body,
    ControlAnswer,
    Listing,
    Question,
    Router,
    Stream,
    read_body,
    refuse,
    refuse_unavailable,
)
from mockserver.exceptions import StoreUnavailable
from mockserver.journal.call import Call
from mockserver.journal.journal import Journal
from mockserver.json_codec import dumps, dumps_pretty
from mockserver.state.ledger import repeat
from mockserver.state.namespace import Namespace
from mockserver.stores.turns import Turns
from mockserver.types import UNSET

Result = TypeVar("Result")

EVENTS_AT_ONCE = 100
# A reader of events that is so many calls behind is cut off.
MAX_EVENTS_BEHIND = 1_000
KEEP_ALIVE_SECONDS = 15.0
# So many calls of a listing are written before others have their turn: some milliseconds.
_LISTED_AT_ONCE = 50
# Bodies of more than so many bytes are read in a thread.
_LONG_BODY = 64 * 1024


class ControlDoor:
    """An ASGI application. `scope["mockserver.control"]` has namespace, path below `/__admin`, and body."""

    def __init__(self, control: Router, turns: Turns) -> None:
        self._control = control
        self._turns = turns
        # A thread of its own, as such a body may take seconds.
        self._reader = ThreadPoolExecutor(1, "mockserver-control")
        self._bells: set[_Bell] = set()

    def end_waits(self) -> None:
        """End every stream, and have every question answered as if its time was up."""
        for bell in tuple(self._bells):
            bell.end()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(HttpRequest(scope, receive))
        try:
            await response(scope, receive, send)
        finally:
            if isinstance(response, StreamingResponse):
                # One that its client has left is not for the garbage collector to end.
                await cast(AsyncGenerator[bytes, None], response.body_iterator).aclose()

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        """Carry out one control call, waiting for calls if that is what it asks for."""
        namespace, path, data = request.scope["mockserver.control"]
        body: bytes | Body
        if len(data) > _LONG_BODY:
            body = await self._in_thread(partial(read_body, data))
        else:
            body = bytes(data)
        try:
            return await self._answer_read(request, namespace, path, body)
        finally:
            if isinstance(body, Body):
                await self._in_thread(body.let_go)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._reader, copy_context().run, work)

    async def _answer_read(
        self, request: HttpRequest, namespace: str, path: str, body: bytes | Body
    ) -> HttpResponse:
        is_pretty = "curl" in (request.headers.get("user-agent") or "")
        answer = await self._turns.run(
            # Health has a turn of its own: it tells what the others wait for.
            "" if path == "/health" else namespace,
            lambda: self._control.begin(
                request.method,
                path,
                request.scope["query_string"].decode("latin-1"),
                body,
                namespace=namespace,
                origin=f"{request.url.scheme}://{request.url.netloc}",
                accepts_html="text/html" in (request.headers.get("accept") or ""),
            ),
        )
        try:
            if isinstance(answer, Question):
                question = answer
                try:
                    answer = await self._wait(question, request.receive)
                finally:
                    question.let_go()
            if isinstance(answer, Listing):
                return await self._list(answer, is_pretty=is_pretty)
        except StoreUnavailable as error:
            answer = refuse_unavailable(error)
        if isinstance(answer, Stream):
            answer = self._resume(answer, request.headers.get("last-event-id"))
        if isinstance(answer, Stream):
            if request.method == "HEAD":
                return HttpResponse(media_type="text/event-stream")
            headers = {"cache-control": "no-store"}
            stream = StreamingResponse(self._events(answer), 200, headers, "text/event-stream")
            stream.raw_headers.extend(CONTROL_HEADERS)
            return stream
        return _respond(answer, is_pretty=is_pretty)

    async def _list(self, listing: Listing, *, is_pretty: bool) -> HttpResponse:
        """Write a listing, with turns for others in between."""
        if not listing.items:
            return _respond(listing.gather([]), is_pretty=is_pretty)
        frame = _respond(listing.gather([_ITEMS]), is_pretty=is_pretty)
        before, _, after = bytes(frame.body).partition(dumps(_ITEMS))
        # The items of a pretty list stand as far to the right as the first of them.
        margin = b"\n" + before[before.rfind(b"\n") + 1 :]
        comma = b"," + margin if is_pretty else b","
        pieces = [before]
        step = listing.at_once or _LISTED_AT_ONCE
        for start in range(0, len(listing.items), step):
            some = await self._turns.run(
                listing.namespace.name, partial(listing.write_some, start, start + step)
            )
            if is_pretty:
                texts = [dumps_pretty(item).replace(b"\n", margin) for item in some]
            else:
                texts = list(map(dumps, some))
            pieces += (comma.join(texts), comma)
            await asyncio.sleep(0)
        pieces[-1] = after
        return _Pieces(frame, pieces)

    async def _wait(self, question: Question, receive: Receive) -> ControlAnswer | Listing:
        """Wait, woken by the calls themselves, until the question has an answer, its time is up or its client
        has left, who gets none."""
        namespace = question.namespace

        def ask() -> ControlAnswer | Listing | None:
            return repeat(partial(_do, namespace, question.ask))

        def give_up() -> ControlAnswer | Listing:
            return repeat(partial(_do, namespace, question.give_up))

        def prepare() -> bool:
            return repeat(partial(_do, namespace, question.prepare))

        while not await self._turns.run(namespace.name, prepare):
            await asyncio.sleep(0)
        with self._listen(namespace.journal) as bell:
            deadline = bell.now() + question.seconds
            leaving = asyncio.ensure_future(receive())
            leaving.add_done_callback(lambda _: bell.end())
            try:
                while True:
                    answer = await self._turns.run(namespace.name, ask)
                    if answer is not None:
                        return answer
                    if not await bell.wait(deadline - bell.now()):
                        return await self._turns.run(namespace.name, give_up)
            finally:
                leaving.cancel()

    def _resume(self, stream: Stream, last_event_id: str | None) -> Stream | ControlAnswer:
        """The stream from the call after the last that the client has seen (HTML, 9.2 Server-sent events)."""
        if last_event_id is None:
            return stream
        if not re.fullmatch(r"\d{1,15}", last_event_id, re.ASCII):
            return refuse(400, "Last-Event-ID must be the number of a call")
        # A greater number is from before a reset: everything since is news.
        after = int(last_event_id)
        return stream._replace(after=after if after <= stream.after else 0)

    async def _events(self, stream: Stream) -> AsyncGenerator[bytes, None]:
        """The calls as server-sent events, in batches as large as the client takes them.

        Nothing is queued for a client: what it has not taken yet is what the journal holds. One that falls
        too far behind is cut off with a marker.
        """
        namespace, journal = stream.namespace, stream.namespace.journal
        sent, era = stream.after, journal.era
        # What was there before is no delay of the client's.
        begin = journal.last_number

        def look() -> tuple[int, int, list[Call]]:
            nonlocal sent, era, begin
            with namespace.lock:
                if journal.era != era:
                    sent, era, begin = 0, journal.era, 0
                dropped = max(0, journal.last_evicted - sent)
                return dropped, journal.last_number - max(sent, begin), journal.after(sent)[:EVENTS_AT_ONCE]

        with self._listen(journal) as bell:
            while True:
                dropped, behind, calls = await self._turns.run(namespace.name, look)
                events = [_write_event(call) for call in calls]
                if behind > MAX_EVENTS_BEHIND or (dropped and sent > begin):
                    yield _write_dropped(behind, None)
                    return
                if dropped:
                    sent += dropped
                    yield _write_dropped(dropped, sent)
                if events:
                    yield b"".join(events)
                    sent = calls[-1].number
                elif not await bell.wait(KEEP_ALIVE_SECONDS):
                    if bell.is_over:
                        return
                    yield b": still here\n\n"

    @contextmanager
    def _listen(self, journal: Journal) -> Iterator[_Bell]:
        bell = _Bell()
        self._bells.add(bell)
        journal.listeners.add(bell.ring)
        journal.endings.add(bell.end)
        try:
            yield bell
        finally:
            journal.listeners.discard(bell.ring)
            journal.endings.discard(bell.end)
            self._bells.discard(bell)


def _do(namespace: Namespace, work: Callable[[], Result]) -> Result:
    with namespace.transaction():
        return work()


# Where the items of a listing are going to stand.
_ITEMS = "mockserver:items"


class _Pieces(HttpResponse):
    """A long answer: it goes out in pieces, and others have their turn in between."""

    def __init__(self, frame: HttpResponse, pieces: list[bytes]) -> None:
        super().__init__(status_code=frame.status_code)
        length = str(sum(map(len, pieces))).encode("ascii")
        self.raw_headers = [
            (name, length if name == b"content-length" else value) for name, value in frame.raw_headers
        ]
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})


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
        self._loop.call_soon_threadsafe(self._rung.set)

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
    response.raw_headers.extend(PAGE_HEADERS if answer.is_page else CONTROL_HEADERS)
    return response
