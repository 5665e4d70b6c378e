"""The ways into a mock that tests share: an engine called directly, and a real socket."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mockserver.engine.engine import Engine
from mockserver.messages import Request
from mockserver.scripting.documents import read_stubs
from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings

FROZEN = "2026-01-01T00:00:00Z"
KEY = "sk_test_local"
CREATE = "/v1/api-keys/?account_id=acct_1"
BODY = {"name": "Reporting", "permissions": {"account:api:key": ["read"]}}
JSON_TYPE = "application/json"
UNSENT: Any = object()

# What the servers and engines that tests share start with.
SETTINGS = Settings(port=0, clock=FROZEN)

# In the order in which they are sent; a name may come twice.
HeaderList = list[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """What a client got. `headers` has names in lower case and every value that came under them."""

    status: int
    headers: Mapping[str, list[str]]
    body: bytes

    @cached_property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """The only value of a header, None where it is missing."""
        values = self.headers.get(name, [])
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def reason(self) -> str | None:
        return self.header("mockserver-reason")

    @property
    def outcome(self) -> tuple[int, str | None]:
        """Status and reason: what most tests are about."""
        return self.status, self.reason

    @property
    def key(self) -> str:
        """The plaintext of the key that was issued."""
        assert self.status in (200, 201), self.body
        key: str = self.json["data"]["key"]
        return key

    @property
    def violations(self) -> set[tuple[str, str, str]]:
        """Place, pointer and keyword of each violation that a 422 lists."""
        found = self.json["error"]["details"]["violations"]
        places = {(item["in"], item["pointer"], item["keyword"]) for item in found}
        assert len(places) == len(found), "a violation is listed twice"
        return places


@dataclass(frozen=True)
class Api:
    """The mocked API behind one door. `engine` is what stands behind it, to be set up and looked into."""

    engine: Engine
    request: Callable[[str, str, HeaderList, bytes], Answer]

    def send(
        self,
        method: str = "POST",
        url: str = CREATE,
        *,
        key: str | None = KEY,
        headers: HeaderList | Mapping[str, str] | None = None,
        json: Any = BODY,
        body: bytes | None = None,
    ) -> Answer:
        """Send one request. `body` takes the place of `json`; either comes with a JSON content type, unless
        `headers` names one."""
        pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers or ())
        if key is not None:
            pairs.insert(0, ("Authorization", f"Bearer {key}"))
        if body is None:
            body = b"" if json is UNSENT else encode(json)
        if (json is not UNSENT or body) and not any(name.lower() == "content-type" for name, _ in pairs):
            pairs.append(("Content-Type", JSON_TYPE))
        return self.request(method, url, pairs, body)

    def configure(self, **changes: Any) -> None:
        """Change settings of the default namespace."""
        self.engine.namespaces.default.configure(changes)

    def script(self, mapping: Any) -> None:
        """Add a stub to the default namespace."""
        namespace = self.engine.namespaces.default
        namespace.stubs.add(read_stubs(mapping, self.engine.contract, new_id=namespace.next_stub_id))

    def advance(self, seconds: float) -> None:
        """Move the clock of the default namespace on."""
        self.engine.namespaces.default.clock.advance(round(seconds * 1000))

    def calls(self, namespace: str = "default") -> list[Any]:
        """The journal of a namespace as the control API shows it, oldest first."""
        return [call.to_json() for call in self.engine.namespaces.get(namespace).journal]

    def warnings(self) -> list[str]:
        """The codes of the warnings on the last call."""
        return [warning["code"] for warning in self.calls()[-1]["warnings"]]


def record_incomplete(engine: Engine, request: Request) -> None:
    """Have a request recorded whose client left before all of it had come."""
    engine.record_incomplete(engine.read_head(request), request.body, request.client)


def encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def make_jwt(claims: Any, *, header: Any = None, signature: str = "c2lnbmVk") -> str:
    """A JWT whose signature nobody made."""
    return ".".join((segment({"alg": "RS256"} if header is None else header), segment(claims), signature))


def segment(value: Any) -> str:
    return base64.urlsafe_b64encode(encode(value)).decode().rstrip("=")


def engine_api(engine: Engine) -> Api:
    """The API without a socket."""

    def request(method: str, url: str, headers: HeaderList, body: bytes) -> Answer:
        path, _, query = url.partition("?")
        pairs = tuple((name.lower().encode(), value.encode("latin-1")) for name, value in headers)
        response = engine.handle(Request(method, path, query, pairs, body, "127.0.0.1"))
        return Answer(response.status, _group(_decode(response.headers)), response.body)

    return Api(engine, request)


def _decode(headers: Iterable[tuple[bytes, bytes]]) -> HeaderList:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def _group(headers: HeaderList) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in headers:
        grouped.setdefault(name.lower(), []).append(value)
    return grouped


@contextmanager
def socket_api(server: ServerThread) -> Iterator[Api]:
    """The API over one kept-alive connection to a server."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)

    def request(method: str, url: str, headers: HeaderList, body: bytes) -> Answer:
        connection.putrequest(method, url, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body or method in ("POST", "PUT", "PATCH"):
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        with connection.getresponse() as response:
            return Answer(response.status, _group(response.getheaders()), response.read())

    try:
        yield Api(server.engine, request)
    finally:
        connection.close()


def talk(server: ServerThread, data: bytes, *, timeout: float = 20, shut: bool = False) -> bytes:
    """Everything that a server sends for these bytes until it closes the connection.

    `shut` says that nothing will come after them.
    """
    with socket.create_connection((server.host, server.port), timeout=timeout) as client:
        client.sendall(data)
        if shut:
            client.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := client.recv(65536):
            received += chunk
        return received


def parse(received: bytes) -> Answer:
    """The first answer in bytes that a server sent. Its body is all that came after its head."""
    head, found, body = received.partition(b"\r\n\r\n")
    assert found, received
    status_line, *lines = head.split(b"\r\n")
    version, status, _ = status_line.split(b" ", 2)
    assert version == b"HTTP/1.1"
    pairs = ((name, value.strip()) for name, _, value in (line.partition(b":") for line in lines))
    return Answer(int(status), _group(_decode(pairs)), body)
