"""A server under attack, at the level of bytes."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, TypeVar

from mockserver.serving.connection import Connection, expire_all
from mockserver.serving.uvicorn_server import ServerThread
from tests.doors import Answer, parse

# In no other test: wherever it turns up, a secret has leaked.
CANARY = "sk_test_canary_4eC39HqLyjWDarjtT1zdp7dc"
CREATE = "/v1/api-keys/?account_id=acct_1"
BODY = b'{"name":"n","permissions":{"account:api:key":["read"]}}'
# Only a test that fails takes so long, in seconds.
PATIENCE = 20

Result = TypeVar("Result")
Header = str | bytes


def http(
    method: str = "POST",
    target: str | bytes = CREATE,
    *headers: Header,
    body: bytes | None = None,
    host: str | None = "localhost",
    key: str | None = CANARY,
    version: str = "1.1",
) -> bytes:
    """One request, right in everything that the arguments leave alone."""
    if body is None:
        body = BODY if method == "POST" else b""
    lines: list[bytes] = [b" ".join((method.encode(), _bytes(target), f"HTTP/{version}".encode()))]
    if host is not None:
        lines.append(f"Host: {host}".encode())
    if key is not None:
        lines.append(f"Authorization: Bearer {key}".encode())
    lines += map(_bytes, headers)
    given = b"\n".join(lines).lower()
    if body and b"content-type:" not in given:
        lines.append(b"Content-Type: application/json")
    if body and b"content-length:" not in given and b"transfer-encoding:" not in given:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(*chunks: bytes) -> bytes:
    """A body in chunks, with its end (RFC 9112, section 7.1)."""
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def _bytes(text: Header) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


@dataclass(frozen=True)
class Reply:
    """One answer on a connection that may go on."""

    answer: Answer
    rest: bytes


def read_answer(client: socket.socket, received: bytes = b"") -> Reply:
    """The next answer on a connection, and what came with it beyond its end."""
    while b"\r\n\r\n" not in received:
        received += _receive(client)
    length = int(parse(received).header("content-length") or 0)
    end = received.index(b"\r\n\r\n") + 4 + length
    while len(received) < end:
        received += _receive(client)
    return Reply(parse(received[:end]), received[end:])


def _receive(client: socket.socket) -> bytes:
    chunk = client.recv(65536)
    if not chunk:
        raise EOFError("the server closed the connection")
    return chunk


def read_to_end(client: socket.socket) -> bytes:
    """All that a server sends until it ends the connection, in whatever way."""
    received = b""
    try:
        while chunk := client.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def split_answers(received: bytes) -> list[Answer]:
    """The answers in what a server sent until the end; each with a Content-Length."""
    answers = []
    while received:
        answer = parse(received)
        end = received.index(b"\r\n\r\n") + 4 + int(answer.header("content-length") or 0)
        answers.append(parse(received[:end]))
        received = received[end:]
    return answers


class Target:
    """A server, with what an attacker can do to it and what its owner can see."""

    def __init__(self, server: ServerThread, stack: ExitStack) -> None:
        self.server = server
        self.engine = server.engine
        self._stack = stack

    # The attacker.

    def connect(self) -> socket.socket:
        """A connection, closed at the end of the test."""
        client = socket.create_connection((self.server.host, self.server.port), timeout=PATIENCE)
        # A piece that is sent after another does not wait until that one is acknowledged.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._stack.enter_context(client)

    def exchange(self, data: bytes) -> list[Answer]:
        """Every answer to these bytes, on a connection of their own that the server closes in the end.

        A server that keeps it open is asked to close it by a last request.
        """
        client = self.connect()
        client.sendall(data)
        client.sendall(http("GET", "/the/end", "Connection: close", key=None))
        answers = split_answers(read_to_end(client))
        assert answers, "the server closed the connection without a word"
        return answers if not self._is_end(answers[-1]) else answers[:-1]

    def is_refused(self, data: bytes) -> Answer:
        """The one answer to these bytes, after which the server closed the connection and served no more."""
        client = self.connect()
        client.sendall(data)
        client.sendall(http("GET", "/the/end", "Connection: close", key=None))
        answers = split_answers(read_to_end(client))
        assert len(answers) == 1, [answer.outcome for answer in answers]
        assert answers[0].reason == "guard", answers[0].outcome
        assert answers[0].header("connection") == "close"
        return answers[0]

    @staticmethod
    def _is_end(answer: Answer) -> bool:
        return answer.status == 404 and answer.header("connection") == "close"

    def ask(self, data: bytes) -> Answer:
        """The only answer to one request."""
        answers = self.exchange(data)
        assert len(answers) == 1, [answer.outcome for answer in answers]
        return answers[0]

    # The owner.

    def calls(self, namespace: str = "default") -> list[dict[str, Any]]:
        """The journal, without the requests that `exchange` makes itself."""
        known = [call.to_json() for call in self.engine.namespaces.get(namespace).journal]
        return [call for call in known if call["request"]["path"] != "/the/end"]

    def reasons(self) -> list[str]:
        """The reason of each call."""
        return [call["reason"] for call in self.calls()]

    def control(self, method: str, path: str, document: Any = None, *headers: Header) -> Answer:
        """One call of the control API over HTTP."""
        body = b"" if document is None else json.dumps(document).encode()
        return self.ask(http(method, f"/__admin{path}", *headers, body=body, key=None))

    def stub(self, response: dict[str, Any], **own: Any) -> str:
        """Add a stub for every request to the API; its id."""
        mapping = {
            "request": {"urlPathPattern": "/v1/.*"},
            "response": response,
            "metadata": {"mockserver": {"offContract": True, **own}},
        }
        answer = self.control("POST", "/mappings", mapping)
        assert answer.status == 201, answer.body
        id: str = answer.json["id"]
        return id

    @property
    def connections(self) -> list[Connection]:
        """The connections that are open now."""
        return [item for item in self.server._server.server_state.connections if isinstance(item, Connection)]

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in the event loop of the server."""
        loop = self.server._server._loop
        assert loop is not None
        return asyncio.run_coroutine_threadsafe(work, loop).result(PATIENCE)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Let the server work until something is true."""

        async def wait() -> None:
            deadline = asyncio.get_running_loop().time() + PATIENCE / 2
            while not condition():
                assert asyncio.get_running_loop().time() < deadline, "it never came to that"
                await asyncio.sleep(0)

        self.run(wait())

    def pass_time(self, seconds: float) -> None:
        """Let the server find that it is so much later."""

        async def expire() -> None:
            now = asyncio.get_running_loop().time()
            expire_all(self.connections, now + seconds)

        self.run(expire())
