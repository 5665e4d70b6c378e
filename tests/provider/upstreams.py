"""Real APIs to pass calls on to: a server of ours, and one that says on a socket whatever a test wants."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from mockserver import MockServer, Sandbox

BODY: dict[str, Any] = {"name": "n", "permissions": {}, "expires_at": "2030-01-01T00:00:00Z"}
KEY = "sk_test_abcdefghijklmnop"
HEADERS = {"Authorization": f"Bearer {KEY}"}
PATIENCE = 20


@contextmanager
def pair(**options: Any) -> Iterator[tuple[MockServer, MockServer]]:
    """A real API, and a proxy in front of it. Nothing of the proxy is scripted."""
    with MockServer(seed="upstream") as real, MockServer(upstream=real.origin, **options) as proxy:
        yield real, proxy


def send(
    sandbox: Sandbox, method: str = "POST", path: str = "/api-keys/?account_id=acct_1", **how: Any
) -> httpx.Response:
    """One call over a socket, with a test key; a POST creates an API key."""
    how.setdefault("headers", HEADERS)
    if method == "POST":
        how.setdefault("json", BODY)
    return httpx.request(method, sandbox.base_url + path, trust_env=False, timeout=PATIENCE, **how)


def answer_wrongly(real: Sandbox, response: dict[str, Any], *, times: int = 1) -> None:
    """Let the real API answer its next calls so, whatever its contract says."""
    own = {"offContract": True, "times": times}
    real.stub({"request": {"method": "ANY"}, "response": response, "metadata": {"mockserver": own}})


@contextmanager
def raw_server(respond: Callable[[socket.socket, bytes], object]) -> Iterator[tuple[str, list[bytes]]]:
    """A server that reads one request a connection, and then does as it is told. Gives its origin, and the
    heads of the requests that came."""
    heads: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def work() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                data = b""
                while b"\r\n\r\n" not in data:
                    data += client.recv(65536)
                heads.append(data)
                respond(client, data)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heads
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(PATIENCE)


@dataclass
class Relayed:
    """An answer on its way through a relay, which may change it."""

    method: str
    path: str
    request: bytes
    status: int
    headers: dict[str, str]
    body: bytes

    def replace(self, old: str, new: str) -> None:
        """Write one text in place of another in the body."""
        self.body = self.body.replace(old.encode(), new.encode())


class Lost(Exception):
    """The answer does not arrive."""


@contextmanager
def relay(real: Sandbox, change: Callable[[Relayed], object]) -> Iterator[str]:
    """The origin of a server that answers as a real API does, but for what `change` changes."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # The body does not wait until the head is acknowledged.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            # Without `verify` no certificates are read, which takes longer than the answer; it needs none.
            answer = httpx.request(
                self.command,
                real.origin + self.path,
                headers=headers,
                content=sent,
                trust_env=False,
                verify=False,
            )
            kept = {name: value for name, value in answer.headers.items() if name != "content-length"}
            found = Relayed(self.command, self.path, sent, answer.status_code, kept, answer.content)
            try:
                change(found)
            except Lost:
                self.close_connection = True
                return
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        do_POST = do_DELETE = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Nothing of it is shown."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)
