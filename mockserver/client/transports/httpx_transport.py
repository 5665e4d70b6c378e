"""The transport of httpx and httpx2; the only module that knows them.

Their own HTTP/1.1 (httpcore) runs over a wire, so that faults and timeouts raise what they raise on any
connection. Their pools and transports stay out of it: these are what other test libraries patch.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mockserver.client.threads import run_in_thread
from mockserver.client.wires import NamespaceRoute, Wire

if TYPE_CHECKING:
    import httpx
    import httpx2

    class _Base(  # type: ignore[misc]
        httpx.BaseTransport, httpx.AsyncBaseTransport, httpx2.BaseTransport, httpx2.AsyncBaseTransport
    ):
        """What a type checker takes the transport for."""


# Each library and the one below it.
_CORES = {"httpx": "httpcore", "httpx2": "httpcore2"}


def _import_libraries() -> list[ModuleType]:
    """Those of the two that are installed. Raises ImportError without any."""
    found = []
    for name in _CORES:
        try:
            found.append(importlib.import_module(name))
        except ImportError:
            continue
    if not found:
        raise ImportError(
            "transport() needs httpx, which is not installed: pip install 'hsrcpay-mockserver[httpx]'",
            name="httpx",
        )
    return found


if not TYPE_CHECKING:
    _Base = type(
        "_Base",
        tuple(
            base
            for library in _import_libraries()
            for base in (library.BaseTransport, library.AsyncBaseTransport)
        ),
        {},
    )


class HttpxTransport(_Base):
    """A transport for the clients of httpx and httpx2, sync and async. It ignores the host of a URL.

    Each request goes over a wire of its own.
    """

    def __init__(self, route: NamespaceRoute) -> None:
        self._route = route

    def handle_request(self, request: Any) -> Any:
        """Answer one request. Raises what its library raises on a connection to a server."""
        library = _Library.of(request)
        with library.mapping(request):
            wire = self._connect(library, request)
            connection = library.core.HTTP11Connection(library.origin, library.stream(wire))
            answer = connection.handle_request(self._address(library, request, wire))
        return library.respond(request, answer, wire)

    async def handle_async_request(self, request: Any) -> Any:
        """The same without blocking the event loop, asyncio's or trio's."""
        library = _Library.of(request)
        with library.mapping(request):
            wire = self._connect(library, request)
            connection = library.core.AsyncHTTP11Connection(library.origin, library.async_stream(wire))
            answer = await connection.handle_async_request(self._address(library, request, wire))
        return library.respond(request, answer, wire)

    def _connect(self, library: _Library, request: Any) -> Wire:
        seconds = request.extensions.get("timeout", {}).get("connect")
        try:
            return self._route.open_wire(seconds)
        except TimeoutError as error:
            raise library.core.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise library.core.ConnectError(str(error)) from error

    def _address(self, library: _Library, request: Any, wire: Wire) -> Any:
        """The request as it goes over a wire: this server, this namespace."""
        headers = request.headers.copy()
        headers["host"] = wire.host
        origin = library.origin
        return library.core.Request(
            method=request.method,
            url=library.core.URL(
                scheme=origin.scheme,
                host=origin.host,
                port=origin.port,
                target=self._route.enter(request.url.raw_path),
            ),
            headers=headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )


class _Library:
    """One of the two libraries, and the classes that it wants to see."""

    def __init__(self, name: str) -> None:
        self.module = sys.modules[name]
        self.core = core = importlib.import_module(_CORES[name])
        # Of the connection, which is never opened by this name.
        self.origin = core.Origin(b"http", b"localhost", 80)

        class Stream(core.NetworkStream):  # type: ignore[misc, name-defined]
            """A wire as httpcore sees one."""

            def __init__(self, wire: Wire) -> None:
                self._wire = wire

            def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
                with _mapping_errors(core.ReadTimeout, core.ReadError):
                    self._wire.settimeout(timeout)
                    return self._wire.receive(max_bytes)

            def write(self, buffer: bytes, timeout: float | None = None) -> None:
                with _mapping_errors(core.WriteTimeout, core.WriteError):
                    self._wire.settimeout(timeout)
                    self._wire.sendall(buffer)

            def close(self) -> None:
                self._wire.end()

        class AsyncStream(core.AsyncNetworkStream):  # type: ignore[misc, name-defined]
            """The same for coroutines."""

            def __init__(self, wire: Wire) -> None:
                self._wire = wire
                self._inner = Stream(wire)

            async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
                if self._wire.is_prompt:
                    return self._inner.read(max_bytes, timeout)
                return await run_in_thread(lambda: self._inner.read(max_bytes, timeout))

            async def write(self, buffer: bytes, timeout: float | None = None) -> None:
                if self._wire.is_prompt:
                    self._inner.write(buffer, timeout)
                else:
                    await run_in_thread(lambda: self._inner.write(buffer, timeout))

            async def aclose(self) -> None:
                self._wire.end()

        class Body(self.module.SyncByteStream, self.module.AsyncByteStream):  # type: ignore[misc, name-defined]
            """The body of an answer. With its end, or its reader's, the connection ends."""

            def __init__(self, library: _Library, request: Any, stream: Any, wire: Wire) -> None:
                self._library = library
                self._request = request
                self._stream = stream
                self._wire = wire

            def __iter__(self) -> Iterator[bytes]:
                with self._library.mapping(self._request):
                    yield from self._stream

            async def __aiter__(self) -> AsyncIterator[bytes]:
                with self._library.mapping(self._request):
                    async for part in self._stream:
                        yield part

            def close(self) -> None:
                self._stream.close()
                self._wire.end()

            async def aclose(self) -> None:
                await self._stream.aclose()
                self._wire.end()

        self.stream, self.async_stream, self._body = Stream, AsyncStream, Body

    @staticmethod
    def of(request: Any) -> _Library:
        """The library of a request."""
        return _find_library(type(request).__module__.partition(".")[0])

    def respond(self, request: Any, answer: Any, wire: Wire) -> Any:
        """An answer of httpcore as the library hands it out."""
        return self.module.Response(
            answer.status,
            headers=answer.headers,
            stream=self._body(self, request, answer.stream, wire),
            extensions=answer.extensions,
        )

    @contextmanager
    def mapping(self, request: Any) -> Iterator[None]:
        """Says in the library's words what httpcore says; the two spell their exceptions alike."""
        try:
            yield
        except Exception as error:
            kind = getattr(self.module, type(error).__name__, None)
            if kind is None or type(error).__module__.partition(".")[0] != self.core.__name__:
                raise
            raise kind(str(error), request=request) from error


_find_library = cache(_Library)


@contextmanager
def _mapping_errors(timeout: type[Exception], other: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise timeout(str(error)) from error
    except OSError as error:
        raise other(str(error)) from error
