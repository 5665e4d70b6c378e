"""Wires: connections to a sandbox that no test library stands in the way of.

    sendall(the bytes of a request) -> receive(size) -> some bytes of its answer, none at its end

respx, pytest-httpx, responses and vcrpy patch the classes of client libraries, pytest-socket `socket.socket`.
A wire uses none of them: it is the C type below `socket.socket`, or leads straight into the application.
"""

from __future__ import annotations

import io
import socket
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable
from socket import getaddrinfo  # as it is now: pytest-socket puts another one in its place
from typing import Any, NamedTuple


class Wire(ABC):
    """One connection. It has what `http.client` and urllib3 need of a socket.

    `host` is what a Host header names. `is_prompt` says that `receive` would not block now.
    """

    host: str
    is_prompt = False

    def __init__(self) -> None:
        self._files = 0
        self._is_closed = False

    @abstractmethod
    def settimeout(self, timeout: float | None) -> None:
        """How many seconds the next steps may block; None is for ever."""

    @abstractmethod
    def sendall(self, data: bytes) -> None:
        """Send a request, whole or in parts. Raises OSError."""

    @abstractmethod
    def receive(self, size: int) -> bytes:
        """Some bytes of the answer, at most `size`; none at its end. Raises OSError."""

    @abstractmethod
    def end(self) -> None:
        """End the connection, now. Safe to call twice, and from another thread."""

    def makefile(self, *arguments: Any, **options: Any) -> io.BufferedReader:
        """The rest of the answer as a file, which outlives `close`, as that of a socket does."""
        self._files += 1
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """End the connection, once its files are closed."""
        self._is_closed = True
        if not self._files:
            self.end()

    def release(self) -> None:
        """A file is closed."""
        self._files -= 1
        if self._is_closed:
            self.close()


class NamespaceRoute(NamedTuple):
    """The way of requests into one namespace of a server.

    `open_wire` takes the seconds that it may take to connect, None for ever, and raises OSError.
    """

    open_wire: Callable[[float | None], Wire]
    namespace: str

    def enter(self, path: bytes) -> bytes:
        """A path in the namespace: `/v1/x` -> `/~t1/v1/x`; one that is there already is left as it is."""
        prefix = f"/~{self.namespace}".encode("ascii")
        return path if path == prefix or path.startswith(prefix + b"/") else prefix + path


class SocketWire(Wire):
    """A connection to a server that listens. Raises OSError where none does."""

    def __init__(
        self, host: str, port: int, *, tls: ssl.SSLContext | None = None, timeout: float | None = None
    ) -> None:
        super().__init__()
        self.host = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._socket = _connect(host, port, timeout)
        if tls is not None:
            try:
                self._socket = tls.wrap_socket(self._socket, server_hostname=host)  # type: ignore[arg-type]
            except OSError:
                self._socket.close()
                raise

    def settimeout(self, timeout: float | None) -> None:
        """How many seconds the next steps may take."""
        self._socket.settimeout(timeout)

    def sendall(self, data: bytes) -> None:
        """Send some bytes."""
        # Sending none asks the kernel how things are: it would tell of a reset here, and not to the reader.
        if data:
            self._socket.sendall(data)

    def receive(self, size: int) -> bytes:
        """Some bytes; none at the end."""
        return self._socket.recv(size)

    def end(self) -> None:
        """End the connection."""
        self._socket.close()


def _connect(host: str, port: int, timeout: float | None) -> socket.SocketType:
    """A connection to the first address of a host that takes it. Raises OSError."""
    problem = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in getaddrinfo(host, port, type=socket.SOCK_STREAM):
        connection = socket.SocketType(family, kind, protocol)
        try:
            connection.settimeout(timeout)
            connection.connect(address)
        except OSError as error:
            connection.close()
            problem = error
        else:
            return connection
    raise problem


class _Reader(io.RawIOBase):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._wire.receive(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._wire.release()
