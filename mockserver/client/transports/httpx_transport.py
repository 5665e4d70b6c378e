"""Transports of httpx that lead into a sandbox; the only module that knows httpx.

In the server's own process a request goes straight to the application, and what httpx would raise on a real
connection is raised here; against another process httpx itself meets it on the wire.
"""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

try:
    import anyio
    import anyio.to_thread
    import httpx
except ImportError:
    raise ImportError(
        "transport() needs httpx, which is not installed: pip install 'hsrcpay-mockserver[httpx]'",
        name="httpx",
    ) from None

from mockserver.client.transports.local import LocalRoute, Wait, enter_namespace, must_wait
from mockserver.engine.engine import Exchange
from mockserver.faults import Fault
from mockserver.messages import BODILESS, PROMPT, Response
from mockserver.serving.app import App
from mockserver.serving.delivery import REASON_PHRASES

T = TypeVar("T")


class HttpxTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A transport for `httpx.Client` and `httpx.AsyncClient`. The host of a URL does not matter to it."""


class LocalTransport(HttpxTransport):
    """Answers from an application in this process, into one namespace."""

    def __init__(self, app: App, namespace: str) -> None:
        self._route = LocalRoute(app, namespace)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request. Raises what httpx would raise on a real connection."""
        answer = self._begin(request, request.read())
        if must_wait(answer):
            with _patience(request), Wait(answer, _read_timeout(request)) as wait:
                wait.sit_out()
        return _respond(request, answer)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The same without blocking the event loop, asyncio's or trio's."""
        answer = self._begin(request, await request.aread())
        if must_wait(answer):
            with _patience(request), Wait(answer, _read_timeout(request)) as wait:
                await _in_thread(wait.sit_out)
        return _respond(request, answer)

    def _begin(self, request: httpx.Request, body: bytes) -> Exchange | Response:
        return self._route.begin(request.method, request.url.raw_path, request.headers.raw, body)


class RemoteTransport(HttpxTransport):
    """Sends every request to one server, into one namespace, whatever host its URL names."""

    def __init__(self, origin: str, namespace: str) -> None:
        self._origin = httpx.URL(origin)
        self._namespace = namespace
        # Reading the certificates of the world takes longer than all else, and http needs none.
        verify = self._origin.scheme == "https"
        self._inner = httpx.HTTPTransport(verify=verify)
        self._async_inner = httpx.AsyncHTTPTransport(verify=verify)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request to the server."""
        return self._inner.handle_request(self._redirect(request))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request to the server."""
        return await self._async_inner.handle_async_request(self._redirect(request))

    def _redirect(self, request: httpx.Request) -> httpx.Request:
        url = self._origin.copy_with(raw_path=enter_namespace(request.url.raw_path, self._namespace))
        headers = request.headers.copy()
        headers["host"] = self._origin.netloc.decode("ascii")
        return httpx.Request(
            request.method, url, headers=headers, stream=request.stream, extensions=request.extensions
        )

    def close(self) -> None:
        """Close the connections of the sync client."""
        self._inner.close()

    async def aclose(self) -> None:
        """Close the connections of the async client."""
        await self._async_inner.aclose()


def _read_timeout(request: httpx.Request) -> float | None:
    timeout: float | None = request.extensions.get("timeout", {}).get("read")
    return timeout


@contextmanager
def _patience(request: httpx.Request) -> Iterator[None]:
    """Says it in httpx's words when the client gives up."""
    try:
        yield
    except TimeoutError as error:
        raise httpx.ReadTimeout(str(error), request=request) from None


async def _in_thread(wait: Callable[[], T]) -> T:
    # A limiter of its own: waits are cheap, and one must not wait for the end of others.
    return await anyio.to_thread.run_sync(wait, abandon_on_cancel=True, limiter=anyio.CapacityLimiter(1))


def _respond(request: httpx.Request, answer: Exchange | Response) -> httpx.Response:
    """What the client gets of an answer whose time has come. Raises what it would meet instead of one."""
    if isinstance(answer, Response):
        return _write(request, answer)
    response = answer.response
    delivery = response.delivery
    if delivery is PROMPT:
        answer.finish("answered")
        return _write(request, response)
    if delivery.fault is not None and delivery.fault is not Fault.NOT_JSON:
        answer.finish("faulted")
        return _damage(request, response, delivery.fault)
    if delivery.dribble is not None and response.body and request.method != "HEAD":
        return _write(request, response, stream=_Dribble(request, answer))
    answer.finish("faulted" if delivery.fault else "answered")
    return _write(request, response)


def _write(
    request: httpx.Request,
    response: Response,
    *,
    framing: tuple[bytes, bytes] | None = None,
    stream: _Dribble | _Broken | None = None,
) -> httpx.Response:
    """An answer as httpx hands it out; `framing` and `stream` stand for what is not plain about its body."""
    headers = list(response.sent_headers)
    has_body = response.status not in BODILESS
    if has_body and framing is None:
        is_chunked = response.delivery.chunked
        length = b"%d" % len(response.body)
        framing = (b"transfer-encoding", b"chunked") if is_chunked else (b"content-length", length)
    if has_body and framing is not None:
        headers.append(framing)
    plain = httpx.ByteStream(response.body if has_body and request.method != "HEAD" else b"")
    phrase = response.status_message
    return httpx.Response(
        response.status,
        headers=headers,
        stream=stream if stream is not None and request.method != "HEAD" else plain,
        extensions={
            "http_version": b"HTTP/1.1",
            "reason_phrase": REASON_PHRASES.get(response.status, b"")
            if phrase is None
            else phrase.encode("latin-1", "replace"),
        },
    )


def _damage(request: httpx.Request, response: Response, fault: Fault) -> httpx.Response:
    """What a fault leaves of an answer. Raises where it leaves nothing.

    The exceptions are those of httpx 0.28 over HTTP/1.1, as the tests prove on real connections.
    """
    if fault is Fault.CONNECTION_RESET_BY_PEER:
        reset = ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        raise httpx.ReadError(str(reset), request=request)
    if fault is Fault.RANDOM_DATA_THEN_CLOSE:
        raise httpx.RemoteProtocolError("illegal status line", request=request)
    if fault is Fault.MALFORMED_RESPONSE_CHUNK:
        framing = (b"transfer-encoding", b"chunked")
        return _write(request, response, framing=framing, stream=_Broken(b"", "illegal chunk header"))
    if fault in (Fault.TRUNCATED_BODY, Fault.WRONG_CONTENT_LENGTH):
        body = response.body
        is_cut = fault is Fault.TRUNCATED_BODY
        sent, announced = (body[: len(body) // 2], len(body)) if is_cut else (body, len(body) + 7)
        text = (
            "peer closed connection without sending complete message body "
            f"(received {len(sent)} bytes, expected {announced})"
        )
        framing = (b"content-length", b"%d" % announced)
        return _write(request, response, framing=framing, stream=_Broken(sent, text))
    raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)


class _Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that ends before its end."""

    def __init__(self, body: bytes, text: str) -> None:
        self._body = body
        self._text = text

    def __iter__(self) -> Iterator[bytes]:
        yield self._body
        raise httpx.RemoteProtocolError(self._text)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


class _Dribble(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that arrives in pieces, each after a pause."""

    def __init__(self, request: httpx.Request, exchange: Exchange) -> None:
        self._request = request
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        with self._reading() as pieces:
            yield from pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with self._reading() as pieces:
            while (piece := await _in_thread(lambda: next(pieces, None))) is not None:
                yield piece

    @contextmanager
    def _reading(self) -> Iterator[Iterator[bytes]]:
        with _patience(self._request), Wait(self._exchange, _read_timeout(self._request)) as wait:
            yield wait.pieces()

    def close(self) -> None:
        """The client closes the answer. One that it has not read to its end is one that it left."""
        self._exchange.finish("disconnected", "client_disconnected")

    async def aclose(self) -> None:
        """The same for an async client."""
        self.close()
