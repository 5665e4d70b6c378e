"""The ASGI application: the mocked API on every path, the control API under `/__admin`.

A call of the API goes straight from the ASGI scope to the engine. The control API, which nobody calls ten
thousand times a second, is a Starlette application over the table in `control`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.routing import Route

from mockserver.control import Control, ControlAnswer, Question, Stream, split_path
from mockserver.delivery import Receive, Scope, Send, deliver, send_response
from mockserver.engine import Engine, Exchange
from mockserver.guard import Guard, Refused
from mockserver.journal import Call
from mockserver.json_codec import dumps, dumps_pretty
from mockserver.messages import Request, Response
from mockserver.types import UNSET

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
        door = ControlDoor(self.control)
        # Starlette sees the path that `split_path` accepted, whole: it decides nothing by it.
        self._admin = Starlette(routes=[Route("/{path:path}", door.answer, methods=_METHODS)])

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
                return
            body = body + message["body"] if body else message["body"]
            if not message["more_body"] or len(body) > self.guard.body_limit:
                break
        answer = self.begin(
            scope["method"], scope["raw_path"], scope["query_string"], scope["headers"], body, scope["client"]
        )
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
            answer = await _wait(answer)
        if isinstance(answer, Stream):
            raise NotImplementedError
        return _respond(answer, is_pretty=b"curl" in (request.headers.get("user-agent") or "").encode())


def _respond(answer: ControlAnswer, *, is_pretty: bool) -> HttpResponse:
    if answer.text is not None:
        return HttpResponse(answer.text, answer.status, media_type=answer.media_type)
    if answer.value is UNSET:
        return HttpResponse(b"", answer.status)
    content = dumps_pretty(answer.value) + b"\n" if is_pretty else dumps(answer.value)
    return HttpResponse(content, answer.status, media_type=answer.media_type)


async def _wait(question: Question) -> ControlAnswer:
    """Wait, woken by the calls themselves, until the question has an answer or its time is up."""
    loop = asyncio.get_running_loop()
    came = asyncio.Event()
    listeners = question.namespace.journal.listeners

    def listen(call: Call) -> None:
        loop.call_soon_threadsafe(came.set)

    listeners.add(listen)
    try:
        deadline = loop.time() + question.seconds
        while True:
            came.clear()
            with question.namespace.lock:
                answer = question.ask()
            if answer is not None:
                return answer
            try:
                await asyncio.wait_for(came.wait(), deadline - loop.time())
            except TimeoutError:
                with question.namespace.lock:
                    return question.give_up()
    finally:
        listeners.discard(listen)
