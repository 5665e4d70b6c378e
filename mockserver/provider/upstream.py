"""The way to the real API. The only module of the package that knows the library which goes there.

Bytes go on and come back as they are: no redirect is followed, no cookie kept, no coding undone, no proxy of
the environment used. Every address is looked at before a connection to it is opened.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mockserver.exceptions import MockServerError, Problem, SettingsError
from mockserver.types import Headers

if TYPE_CHECKING:
    import httpcore

# What tells a machine in a cloud who it is: no API of anybody's is there.
_METADATA = tuple(
    map(
        ipaddress.ip_network,
        ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "168.63.129.16/32"),
    )
)
# What belongs to one connection and not to the message (RFC 9110, section 7.6.1).
HOP_BY_HOP = frozenset({
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
    b"trailer", b"transfer-encoding", b"upgrade",
})  # fmt: skip
MAX_CONNECTIONS = 256


class UpstreamError(MockServerError):
    """The real API gave no whole answer. `is_late`: not in time, else not at all; `is_unreached`: nothing was
    sent to it."""

    def __init__(self, text: str, *, is_late: bool, is_unreached: bool = False) -> None:
        self.is_late = is_late
        self.is_unreached = is_unreached
        super().__init__(text)

    @property
    def reason(self) -> str:
        """The slug of the answer that stands for it."""
        return "upstream_late" if self.is_late else "upstream_broken"


@dataclass(slots=True)
class UpstreamAnswer:
    """The head of an answer, and the bytes behind it as they come. `headers` have names in lower case."""

    status: int
    headers: Headers
    chunks: Iterator[bytes]


class Upstream:
    """An origin, and the connections to it. May be used by several threads at once.

    `timeout_seconds` is how long the head of an answer may take, or a pause in its body. Raises SettingsError
    for an origin that is none, or that leads to a metadata service, and where the library is missing.
    """

    def __init__(self, origin: str, *, timeout_seconds: float, proxy: str | None = None) -> None:
        try:
            import httpcore
        except ImportError:
            text = "needs httpx; install the extra: pip install 'hsrcpay-mockserver[proxy]'"
            raise SettingsError([Problem(text, "/upstream")]) from None
        try:
            self._scheme, self._host, self._port = read_origin(origin)
        except ValueError as error:
            raise SettingsError([Problem(str(error), "/upstream")]) from None
        if is_metadata(self._host):
            text = f"{self._host} is a metadata service, and no API"
            raise SettingsError([Problem(text, "/upstream")])
        self.origin = origin.rstrip("/")
        self.timeout_seconds = timeout_seconds
        name = f"[{self._host}]" if ":" in self._host else self._host
        self._authority = (name if self._port is None else f"{name}:{self._port}").encode("ascii")
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(),
            proxy=None if proxy is None else httpcore.Proxy(proxy),
            max_connections=MAX_CONNECTIONS,
            # Servers close idle connections; a call must not meet that moment.
            keepalive_expiry=2.0,
            network_backend=_make_backend(),
        )

    def __repr__(self) -> str:
        return f"<Upstream {self.origin}>"

    def send(
        self, method: str, target: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes
    ) -> UpstreamAnswer:
        """Send a request; `target` is path and query. Raises UpstreamError."""
        import httpcore

        own = [
            (name, value)
            for name, value in drop_hop_by_hop(headers)
            if name not in (b"host", b"content-length")
        ]
        own = [(b"Host", self._authority), *own]
        if body or method not in ("GET", "HEAD", "DELETE", "OPTIONS", "TRACE"):
            own.append((b"Content-Length", b"%d" % len(body)))
        seconds = self.timeout_seconds
        request = httpcore.Request(
            method,
            httpcore.URL(scheme=self._scheme, host=self._host, port=self._port, target=target),
            headers=own,
            content=body,
            extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), seconds)},
        )
        try:
            response = self._pool.handle_request(request)
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError,
                httpcore.UnsupportedProtocol, OSError) as error:  # fmt: skip
            raise self._translate(error) from None
        lower = [(name.lower(), value) for name, value in response.headers]
        return UpstreamAnswer(response.status, drop_hop_by_hop(lower), self._read(response))

    def read(self, answer: UpstreamAnswer, most: int) -> bytes:
        """The body of an answer, or more than `most` bytes of it. Raises UpstreamError, also where it takes
        longer than an answer may."""
        deadline = time.monotonic() + self.timeout_seconds
        parts: list[bytes] = []
        size = 0
        for chunk in answer.chunks:
            parts.append(chunk)
            size += len(chunk)
            if size > most:
                break
            if time.monotonic() > deadline:
                text = f"{self.origin} was not done in {self.timeout_seconds:g} s"
                raise UpstreamError(text, is_late=True)
        return b"".join(parts)

    def _read(self, response: Any) -> Iterator[bytes]:
        import httpcore

        try:
            yield from response.iter_stream()
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise self._translate(error) from None
        finally:
            with suppress(Exception):
                response.close()

    def _translate(self, error: Exception) -> UpstreamError:
        import httpcore

        if isinstance(error, _Forbidden):
            return UpstreamError(str(error), is_late=False, is_unreached=True)
        if isinstance(error, httpcore.TimeoutException):
            return UpstreamError(f"{self.origin} gave no answer in {self.timeout_seconds:g} s", is_late=True)
        if isinstance(error, httpcore.ConnectError):
            text = f"{self.origin} cannot be reached: {error}"
            return UpstreamError(text, is_late=False, is_unreached=True)
        text = str(error) or type(error).__name__
        return UpstreamError(f"{self.origin} gave no whole answer: {text}", is_late=False)

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()


def drop_hop_by_hop(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Headers without those that belong to one connection, names in lower case."""
    pairs = tuple(headers)
    named = {
        name.strip().lower() for key, value in pairs if key == b"connection" for name in value.split(b",")
    }
    return tuple((name, value) for name, value in pairs if name not in HOP_BY_HOP and name not in named)


def read_origin(text: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an origin, None for the scheme's own.

    Raises ValueError with what would be right.
    """
    shown = f"{text[:100]!r} is not an origin; use http(s)://HOST or http(s)://HOST:PORT"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(shown) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError(shown)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"{shown}; paths go on as they come, the contract's prefix included")
    return parts.scheme, parts.hostname, None if port == {"http": 80, "https": 443}[parts.scheme] else port


def is_metadata(host: str) -> bool:
    """Whether a literal address is that of a metadata service."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in _METADATA)


class _Forbidden(OSError):
    """An address that nothing is sent to."""


def _make_backend() -> httpcore.NetworkBackend:
    import httpcore

    class Backend(httpcore.SyncBackend):
        """Looks at the address that a name stands for, and connects to that very address."""

        def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,
            local_address: str | None = None,
            socket_options: Any = None,
        ) -> httpcore.NetworkStream:
            try:
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except OSError as error:
                raise httpcore.ConnectError(error.strerror or "unknown host") from None
            failure: Exception = httpcore.ConnectError("unknown host")
            for *_, address in found:
                if is_metadata(str(address[0])):
                    failure = _Forbidden(
                        f"{host} leads to a metadata service, {address[0]}; nothing is sent to it"
                    )
                    continue
                try:
                    return super().connect_tcp(str(address[0]), port, timeout, local_address, socket_options)
                except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                    failure = error
            raise failure

    return Backend()
