"""Adapters of requests that lead into a sandbox; the only module that knows requests and its urllib3.

In the server's own process a connection of urllib3 gets a socket that is none: what is written on it goes to
the application, and what the application answers, damaged or not, is read from it byte by byte. So retries,
timeouts and errors are those of the libraries themselves.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator, Mapping
from typing import Any

import httptools

try:
    import requests
    import requests.adapters
    import urllib3
    import urllib3.connection
except ImportError:
    raise ImportError(
        "requests_adapter() needs requests, which is missing: pip install 'hsrcpay-mockserver[requests]'",
        name="requests",
    ) from None

from mockserver.client.transports.local import LocalRoute, Wait, enter_namespace, must_wait
from mockserver.engine.engine import Exchange
from mockserver.faults import Fault
from mockserver.messages import Response
from mockserver.serving.app import App
from mockserver.serving.delivery import write_damaged, write_head, write_message


class SandboxAdapter(requests.adapters.HTTPAdapter):
    """An adapter for `requests.Session.mount`. The host of a URL does not matter to it, nor do proxies."""

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Answer one request. Raises what requests would raise on a real connection."""
        return super().send(request, stream, timeout, verify, cert, None)


class LocalAdapter(SandboxAdapter):
    """Answers from an application in this process, into one namespace.

    `options` are those of `requests.adapters.HTTPAdapter`.
    """

    def __init__(self, app: App, namespace: str, **options: Any) -> None:
        self._route = LocalRoute(app, namespace)
        super().__init__(**options)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Let the connections of both schemes lead to the application."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _pools(self._route)


class RemoteAdapter(SandboxAdapter):
    """Sends every request to one server, into one namespace, whatever host its URL names.

    `options` are those of `requests.adapters.HTTPAdapter`.
    """

    def __init__(self, origin: str, namespace: str, **options: Any) -> None:
        self._origin = origin
        self._namespace = namespace
        super().__init__(**options)

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        """Send one request to the server. The response names the URL that was asked for."""
        sent = request.copy()
        path = enter_namespace(request.path_url.encode("ascii"), self._namespace).decode("ascii")
        sent.url = f"{self._origin}{path}"
        response = super().send(sent, *arguments, **options)
        response.request = request
        response.url = str(request.url)
        return response


def _pools(route: LocalRoute) -> dict[str, Any]:
    """Pools of connections, by scheme, that lead to an application."""

    class Connection(urllib3.connection.HTTPConnection):
        def connect(self) -> None:
            self.sock = _Socket(route)

        @property
        def is_connected(self) -> bool:
            # Each request gets a connection of its own: one costs nothing.
            return False

    class SecureConnection(urllib3.connection.HTTPSConnection):
        def connect(self) -> None:
            self.sock = _Socket(route)
            # There is no network to be safe from.
            self.is_verified = True

        @property
        def is_connected(self) -> bool:
            return False

    class Pool(urllib3.HTTPConnectionPool):
        ConnectionCls = Connection

    class SecurePool(urllib3.HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": Pool, "https": SecurePool}


class _Socket:
    """What `http.client` needs of a socket: requests go in, the bytes of their answers come out."""

    def __init__(self, route: LocalRoute) -> None:
        self._route = route
        self._timeout: float | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = b""
        self._answer: Exchange | Response | None = None

    def settimeout(self, timeout: float | None) -> None:
        self._timeout = timeout

    def sendall(self, data: bytes) -> None:
        self._parser.feed_data(data)

    # Called by the parser.

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode("ascii")
        self._is_head = method == "HEAD"
        self._answer = self._route.begin(method, self._target, self._headers, self._body)

    def makefile(self, *arguments: Any, **options: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._arrive()))

    def _arrive(self) -> Iterator[bytes]:
        """The bytes of the answer, as they come. Raises what a socket raises."""
        answer = self._answer
        assert answer is not None, "http.client reads an answer when it has sent the request"
        if isinstance(answer, Response):
            yield write_message(answer, keep_alive=False, is_head=self._is_head)
            return
        if must_wait(answer):
            with Wait(answer, self._timeout) as wait:
                wait.sit_out()
        response = answer.response
        fault = response.delivery.fault
        if fault is not None and fault is not Fault.NOT_JSON:
            answer.finish("faulted")
            yield write_damaged(response, fault, answer.call.id)
            if fault is Fault.CONNECTION_RESET_BY_PEER:
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
            return
        if response.delivery.dribble is not None and response.body and not self._is_head:
            yield write_head(response, b"content-length: %d\r\n" % len(response.body), keep_alive=False)
            with Wait(answer, self._timeout) as wait:
                yield from wait.pieces()
            return
        answer.finish("faulted" if fault else "answered")
        yield write_message(response, keep_alive=False, is_head=self._is_head)

    def shutdown(self, how: int) -> None:
        """There is nobody to tell."""

    def close(self) -> None:
        """There is nothing to give back."""


class _Reader(io.RawIOBase):
    """A file that is read from pieces, each made when it is asked for."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
