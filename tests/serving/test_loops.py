"""A client sees the same on every event loop: uvloop is an extra."""

from __future__ import annotations

import asyncio
import importlib
import socket
from collections.abc import Iterator

import pytest
import pytest_socket

from tests.hostile.servers import target_with
from tests.hostile.wire import BODY, Target, http, read_answer, read_to_end, split_answers


@pytest.fixture
def target(loop: str) -> Iterator[Target]:
    """A server on that loop."""
    with target_with() as target:
        yield target


def test_uvloop_runs_the_server_wherever_it_is_installed(loop: str, target: Target) -> None:
    async def find() -> str:
        return type(asyncio.get_running_loop()).__module__.partition(".")[0]

    try:
        importlib.import_module("uvloop")
    except ImportError:
        assert target.run(find()) == "asyncio"
    else:
        assert (loop, target.run(find())) == ("fastest", "uvloop")


def test_a_reset_is_a_reset(target: Target) -> None:
    target.stub({"fault": "CONNECTION_RESET_BY_PEER"})
    client = target.connect()
    client.sendall(http())
    with pytest.raises(ConnectionResetError):
        client.recv(1)


@pytest.mark.parametrize("fault", ["EMPTY_RESPONSE", "TRUNCATED_BODY", "RANDOM_DATA_THEN_CLOSE"])
def test_what_is_cut_short_ends_as_a_stream_does(target: Target, fault: str) -> None:
    target.stub({"fault": fault})
    client = target.connect()
    client.sendall(http())
    received = b""
    while chunk := client.recv(65536):
        received += chunk
    assert (received == b"") == (fault == "EMPTY_RESPONSE")


def test_a_client_that_closed_its_half_gets_every_answer(target: Target) -> None:
    client = target.connect()
    client.sendall(http() * 40)
    client.shutdown(socket.SHUT_WR)
    assert [answer.status for answer in split_answers(read_to_end(client))] == [201] * 40


def test_a_client_that_is_still_sending_can_read_why_it_was_refused(target: Target) -> None:
    client = target.connect()
    client.sendall(http("POST", "/v1/api-keys/", "Content-Length: 99999999"))
    assert read_answer(client).answer.status == 413
    client.sendall(bytes(100_000))
    assert client.recv(1) == b""


def test_a_client_that_leaves_within_its_body_is_a_call_that_never_came_whole(target: Target) -> None:
    client = target.connect()
    client.sendall(http(body=BODY)[:-5])
    target.wait_until(lambda: bool(target.connections))
    client.close()
    target.wait_until(lambda: not target.connections)
    assert target.reasons() == ["incomplete_request"]


def test_a_client_that_leaves_while_it_is_held_has_left(target: Target) -> None:
    target.stub({"status": 200}, hold=True)
    client = target.connect()
    client.sendall(http())
    target.wait_until(lambda: target.reasons() == ["stub"])
    client.close()
    target.wait_until(lambda: target.reasons() == ["client_disconnected"])


def test_more_than_a_client_reads_waits_and_then_arrives(target: Target) -> None:
    text = "x" * 1_000_000
    target.stub({"status": 200, "body": text})
    client = target.connect()
    client.sendall(http() * 20)
    target.wait_until(lambda: any(connection.is_stuck for connection in target.connections))
    rest = b""
    for _ in range(20):
        reply = read_answer(client, rest)
        assert reply.answer.body == text.encode()
        rest = reply.rest
    assert rest == b""


def test_a_server_accepts_while_a_test_may_open_no_socket(target: Target) -> None:
    with socket.socket() as client:
        pytest_socket.disable_socket()
        try:
            client.connect((target.server.host, target.server.port))
            client.settimeout(20)
            client.sendall(http())
            assert read_answer(client).answer.status == 201
        finally:
            pytest_socket.enable_socket()


def test_a_server_that_ends_closes_what_is_idle_and_what_has_begun(loop: str) -> None:
    with target_with() as target:
        idle, begun = target.connect(), target.connect()
        begun.sendall(http()[:30])
        target.wait_until(lambda: len(target.connections) == 2)
        target.server.stop()
        assert read_to_end(idle) == read_to_end(begun) == b""
