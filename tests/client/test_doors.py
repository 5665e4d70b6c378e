"""The way of the verbs to a server that is elsewhere."""

from __future__ import annotations

import gc
import socket
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from mockserver import ControlError, MockServer, MockServerError, Sandbox, VerificationError, connect
from mockserver.client.doors import HttpDoor

TOKEN = "let-me-in"


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer(admin_token=TOKEN) as server:
        yield server


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:4020",
        "ftp://127.0.0.1",
        "http://",
        "http://127.0.0.1:4020/v1",
        "http://127.0.0.1:4020/~t1/v1",
        "http://127.0.0.1:4020/?a=b",
    ],
)
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="http://127"):
        connect(url)


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(MockServerError, match="a-z"):
        connect("http://127.0.0.1:4020/~T_1")


def test_a_server_that_is_not_there_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(
        MockServerError, match=f"no mock server answers at http://127.0.0.1:{port}: .*refused"
    ):
        connect(f"http://127.0.0.1:{port}")


def answer_once(data: bytes) -> str:
    """The origin of a server that answers its first request with these bytes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, listener.accept()[0] as client:
            client.recv(65536)
            client.sendall(data)

    threading.Thread(target=serve).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n{",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"",
    ],
)
def test_another_kind_of_server_is_none(answer: bytes) -> None:
    with pytest.raises(MockServerError, match=r"is no mock server|no mock server answers"):
        connect(answer_once(answer))


def test_a_server_that_knows_no_control_api_is_none() -> None:
    page = b"<h1>Not found</h1>"
    head = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(page)
    with pytest.raises(ControlError, match="Not found") as caught:
        connect(answer_once(head + page))
    assert caught.value.status == 404


@pytest.mark.parametrize("token", [None, "another"])
def test_a_wrong_token_is_said_so_at_once(server: MockServer, token: str | None) -> None:
    with pytest.raises(ControlError, match="admin token") as caught:
        connect(server.origin, admin_token=token)
    assert caught.value.status == 401


def test_the_token_lets_in_and_is_not_shown(server: MockServer) -> None:
    with connect(f"{server.origin}/", admin_token=TOKEN) as sandbox:
        assert sandbox.calls() == []
        assert TOKEN not in repr(sandbox) + repr(sandbox._door) + str(vars(sandbox))


def test_the_path_names_the_namespace(server: MockServer) -> None:
    sandbox = connect(f"{server.origin}/~t1/", admin_token=TOKEN)
    assert sandbox.name == "t1"
    assert sandbox.base_url == f"{server.origin}/~t1/v1"


def test_a_connection_that_the_server_closed_is_made_anew() -> None:
    server = MockServer()
    with server:
        sandbox = connect(server.origin)
    with server:
        assert sandbox.calls() == []
    with pytest.raises(MockServerError, match="no mock server answers"):
        sandbox.calls()


def test_many_threads_may_ask_at_once(server: MockServer) -> None:
    sandbox = connect(server.origin, admin_token=TOKEN).namespace("threads")
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: sandbox.fail_next(500), range(64)))
    assert len(set(ids)) == 64
    assert {stub["id"] for stub in sandbox.stubs()} >= set(ids)


def test_who_waits_keeps_nobody_from_asking(server: MockServer) -> None:
    sandbox = connect(server.origin, admin_token=TOKEN).namespace("waiting")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sandbox.wait_for, {"method": "PURGE"}, timeout=0.2)
        assert sandbox.calls() == []
        with pytest.raises(VerificationError):
            waiting.result(30)


def test_connections_go_with_the_sandbox(server: MockServer) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sandbox = connect(server.origin, admin_token=TOKEN)
        del sandbox
        gc.collect()


def test_the_end_of_a_context_closes_its_connections(server: MockServer) -> None:
    door = HttpDoor(server.origin, TOKEN)
    with Sandbox(door) as sandbox:
        assert sandbox.calls() == []
        assert len(door._idle) == 1
    assert door._idle == []
    assert sandbox.calls() == []
    door.close()
