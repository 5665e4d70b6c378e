"""Doors: how the verbs of a sandbox reach a server, over HTTP here, straight to the engine in `local`."""

from __future__ import annotations

import http.client
import os
import ssl
import threading
import time
import weakref
from functools import cached_property
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from mockserver.client.sandbox import Sandbox
from mockserver.client.wires import SocketWire, Wire
from mockserver.exceptions import ControlError, MalformedJson, MockServerError
from mockserver.json_codec import loads_kept
from mockserver.settings import DEFAULT_NAMESPACE
from mockserver.types import Json

# How long a control call may take that does not wait for anything, in seconds.
CONTROL_TIMEOUT_SECONDS = 30.0
# Levels of JSON that the control API puts around the body of a call, at most.
AROUND_A_BODY = 16


class Reply(NamedTuple):
    """The answer to a control call: its status, and its JSON value or its text."""

    status: int
    value: Json


class Door(Protocol):
    """How the verbs reach a server."""

    @property
    def origin(self) -> str:
        """Scheme, host and port of the server. Raises MockServerError where it does not listen."""
        ...

    @property
    def is_listening(self) -> bool:
        """Whether the server has a port already, or would open one for who asks for `origin`."""
        ...

    @property
    def prefix(self) -> str:
        """The path of the contract's server URL, without a slash at its end: `/v1`."""
        ...

    @property
    def ca_file(self) -> str | None:
        """The file of the authority that signed the server's certificate; None without one of its own."""
        ...

    def call(self, namespace: str, method: str, target: str, body: bytes, wait_seconds: float) -> Reply:
        """Carry out one control call.

        `target` is path and query below `/__admin`; `wait_seconds` is how long the server itself may wait.
        """
        ...

    def close(self) -> None:
        """Give up what is kept open for the next call, which opens it anew."""
        ...

    def open_wire(self, timeout: float | None) -> Wire:
        """A connection for one call of the API, made in at most `timeout` seconds. Raises OSError."""
        ...


def connect(
    url: str, *, admin_token: str | None = None, wait: float = 0.0, ca_file: str | None = None
) -> Sandbox:
    """The sandbox of a server that runs elsewhere.

    `url` is the origin of the server (`http://127.0.0.1:4020`) for its default namespace, or the base path
    of another namespace (`http://127.0.0.1:4020/~t1`); `admin_token` is that of `--admin-token`.
    `wait` is how many seconds the server may still take to start. `ca_file` is the authority that signed the
    certificate of a server with TLS, where the system does not trust it.

    Raises ValueError for a URL that cannot be one, MockServerError if no mock server answers there, and
    ControlError if it wants another token.

        with connect("http://127.0.0.1:4020") as sandbox:
            sandbox.fail_next(503)
    """
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    name = path.removeprefix("/~") if path.startswith("/~") else DEFAULT_NAMESPACE
    is_whole = parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment)
    if not is_whole or path not in ("", f"/~{name}") or "/" in name:
        raise ValueError(
            f"{url!r} must be the origin of a server such as http://127.0.0.1:4020, or end in /~name"
        )
    door = HttpDoor(f"{parts.scheme}://{parts.netloc}", admin_token, ca_file=ca_file)
    sandbox = Sandbox(door, name)
    deadline = time.monotonic() + wait
    while True:
        try:
            # What is wrong with address or token is said here and not by the first verb.
            sandbox._ask("GET", "/version")
        except MockServerError as error:
            # A proxy in front of it may be there already.
            is_starting = not isinstance(error, ControlError) or error.status in (502, 503, 504)
            if not is_starting or time.monotonic() >= deadline:
                raise
            time.sleep(0.05)
        else:
            return sandbox


class HttpDoor:
    """The control API of a server over HTTP. Safe to use from many threads."""

    # It is, or was.
    is_listening = True

    def __init__(self, origin: str, admin_token: str | None = None, *, ca_file: str | None = None) -> None:
        parts = urlsplit(origin)
        self.origin = origin
        self.ca_file = ca_file
        self._tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        headers = {"Host": parts.netloc, "Content-Type": "application/json", "User-Agent": "mockserver"}
        if admin_token is not None:
            headers["Authorization"] = f"Bearer {admin_token}"
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._idle: list[Wire] = []
        # A sandbox need not be closed: its connections close with the door.
        self._close = weakref.finalize(self, _close_all, self._idle)

    def __repr__(self) -> str:
        return f"<HttpDoor {self.origin}>"

    @cached_property
    def prefix(self) -> str:
        """The path of the contract's server URL. A server keeps its contract, so it is asked for once."""
        _, contract = self.call(DEFAULT_NAMESPACE, "GET", "/contract", b"", 0.0)
        servers = contract.get("servers") or [{"url": ""}]
        return str(urlsplit(servers[0]["url"]).path.rstrip("/"))

    def call(self, namespace: str, method: str, target: str, body: bytes, wait_seconds: float) -> Reply:
        """Send one control call. Raises MockServerError if no mock server answers."""
        prefix = "" if namespace == DEFAULT_NAMESPACE else f"/~{namespace}"
        seconds = CONTROL_TIMEOUT_SECONDS + wait_seconds
        status, media_type, content = self._send(method, f"{prefix}/__admin{target}", body, seconds)
        if not media_type.startswith("application/json"):
            return Reply(status, content.decode("utf-8", "replace"))
        try:
            return Reply(status, loads_kept(content, around=AROUND_A_BODY))
        except MalformedJson:
            raise MockServerError(f"{self.origin} is no mock server: its JSON is broken") from None

    def _send(self, method: str, path: str, body: bytes, seconds: float) -> tuple[int, str, bytes]:
        request = f"{method} {path} HTTP/1.1\r\n{self._headers}Content-Length: {len(body)}\r\n\r\n"
        while True:
            wire = self._take()
            is_used = wire is not None
            try:
                wire = wire or self.open_wire(seconds)
                wire.settimeout(seconds)
                wire.sendall(request.encode("ascii") + body)
                # The class of `http.client` that other test libraries leave alone.
                response = http.client.HTTPResponse(wire, method=method)  # type: ignore[arg-type]
                response.begin()
                content = response.read()
            except (http.client.HTTPException, OSError) as error:
                if wire is not None:
                    wire.end()
                # A server closes an idle connection; the call has not reached it.
                if is_used and isinstance(error, ConnectionError):
                    continue
                raise MockServerError(f"no mock server answers at {self.origin}: {error}") from None
            if response.will_close:
                wire.end()
            else:
                with self._lock:
                    self._idle.append(wire)
            return response.status, response.getheader("content-type", ""), content

    def _take(self) -> Wire | None:
        """An open connection, or None. In a forked process those of the parent are dropped."""
        if self._process != os.getpid():
            # The parent goes on using them, and may have held the lock.
            self._process, self._lock = os.getpid(), threading.Lock()
            _close_all(self._idle)
        with self._lock:
            return self._idle.pop() if self._idle else None

    def close(self) -> None:
        """Close the connections that are kept open. The next call opens a new one."""
        with self._lock:
            _close_all(self._idle)

    def open_wire(self, timeout: float | None) -> Wire:
        """A connection to the server."""
        return SocketWire(self._host, self._port, tls=self._tls, timeout=timeout)


def _close_all(connections: list[Wire]) -> None:
    while connections:
        connections.pop().end()
