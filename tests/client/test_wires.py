"""Wires: the bytes of requests go in, those of answers come out, and what goes wrong on the way."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
import requests

from mockserver import MockServer, MockServerError, connect
from mockserver.client.transports.httpx_transport import HttpxTransport
from mockserver.client.transports.local import LocalWire
from mockserver.client.transports.requests_adapter import SandboxAdapter
from mockserver.client.wires import NamespaceRoute, SocketWire, Wire
from mockserver.serving.app import App, create_app
from mockserver.serving.building import build_engine
from mockserver.settings import Settings

GET = b"GET /v1/api-keys/?account_id=a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sk_test_a\r\n"


@pytest.fixture(scope="module")
def app() -> App:
    return create_app(build_engine(Settings()))


def exchange(app: App, *parts: bytes) -> bytes:
    wire = LocalWire(app)
    for part in parts:
        wire.sendall(part)
    return wire.makefile().read()


def test_a_request_may_come_in_parts(app: App) -> None:
    assert exchange(app, GET[:5], GET[5:], b"\r\n").startswith(b"HTTP/1.1 200 OK\r\n")


def test_what_is_no_http_is_refused_as_on_a_socket(app: App) -> None:
    answer = exchange(app, b"\x00\x01 nonsense\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"mockserver-reason: guard" in answer


def test_a_wish_to_upgrade_is_left_alone(app: App) -> None:
    answer = exchange(app, GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_file_outlives_its_wire(app: App) -> None:
    """As that of a socket: `http.client` closes the one and goes on reading from the other."""
    wire = LocalWire(app)
    wire.sendall(GET + b"\r\n")
    with wire.makefile() as file:
        wire.close()
        assert file.read().startswith(b"HTTP/1.1 200 OK\r\n")
    wire.close()


def late(timeout: float | None) -> Wire:
    raise TimeoutError("timed out")


def test_a_connection_that_comes_too_late_is_said_in_the_words_of_each_library() -> None:
    route = NamespaceRoute(late, "t1")
    with httpx.Client(transport=HttpxTransport(route)) as client, pytest.raises(httpx.ConnectTimeout):
        client.get("https://api.hsrcpay.com/")
    with requests.Session() as session:
        session.mount("https://", SandboxAdapter(route))
        with pytest.raises(requests.ConnectTimeout):
            session.get("https://api.hsrcpay.com/")


def test_an_error_of_the_callers_own_stays_as_it_is() -> None:
    def fail(timeout: float | None) -> Wire:
        raise LookupError("not of httpcore")

    with (
        httpx.Client(transport=HttpxTransport(NamespaceRoute(fail, "t1"))) as client,
        pytest.raises(LookupError),
    ):
        client.get("https://api.hsrcpay.com/")


# Sockets


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_what_speaks_no_tls_is_said_so(listener: socket.socket) -> None:
    def answer() -> None:
        with listener.accept()[0] as client:
            client.recv(65536)
            client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(MockServerError, match="no mock server answers at https://127"):
        connect(f"https://127.0.0.1:{listener.getsockname()[1]}")
    thread.join()


def test_a_host_is_written_as_a_header_has_it(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    wire = SocketWire("127.0.0.1", port, timeout=60)
    assert wire.host == f"127.0.0.1:{port}"
    wire.end()


# A server that is still starting


def test_a_server_may_take_its_time_to_start(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    answers = [b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n", b""]
    begun = threading.Event()

    def start() -> None:
        # A proxy says that it is not there yet, then a connection ends, then it is there.
        for answer in answers:
            with listener.accept()[0] as client:
                client.recv(65536)
                client.sendall(answer)
        listener.close()
        with MockServer(port=port):
            begun.wait(60)

    thread = threading.Thread(target=start)
    thread.start()
    try:
        with connect(f"http://127.0.0.1:{port}", wait=60) as sandbox:
            assert sandbox.calls() == []
    finally:
        begun.set()
        thread.join()


def test_a_server_that_does_not_start_in_time_is_said_so(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    with pytest.raises(MockServerError, match="no mock server answers"):
        connect(f"http://127.0.0.1:{port}", wait=0.1)


def test_a_wrong_token_is_not_waited_for() -> None:
    with MockServer(admin_token="t") as server, pytest.raises(MockServerError, match="admin token"):
        connect(server.origin, wait=60)
