"""Connections: what a fault of our own looks like, and clients that leave in the middle of anything."""

from __future__ import annotations

import logging
import socket
import struct

import pytest

from mockserver import connection, delivery
from mockserver.app import App
from mockserver.control import Control
from mockserver.engine import Engine
from tests.hostile.servers import target_with
from tests.hostile.wire import CANARY, CREATE, chunked, http, read_to_end, split_answers

BODY = b'{"name":"n","permissions":{}}'


def broken(*_: object, **__: object) -> None:
    raise RuntimeError(f"a bug that quotes {CANARY}")


FAULTS = [
    pytest.param(Engine, "begin", http(), id="engine"),
    pytest.param(App, "admit", http(), id="admission"),
    pytest.param(App, "answer", http(), id="answer"),
    pytest.param(connection, "write_message", http(), id="writing"),
    pytest.param(Engine, "begin", http("POST", CREATE, "Expect: 100-continue"), id="engine-the-long-way"),
    pytest.param(Control, "begin", http("GET", "/__admin/calls"), id="control"),
    pytest.param(App, "admit", http("POST", "http://localhost/x"), id="absolute-form"),
]


@pytest.mark.parametrize("owner, name, data", FAULTS)
def test_a_fault_of_the_mock_never_looks_like_the_api(
    owner: object, name: str, data: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with target_with() as target:
        usual = getattr(owner, name)
        client = target.connect()
        if owner is connection:
            # What answers the failure must not fail.
            attempts = iter([broken, usual])
            monkeypatch.setattr(owner, name, lambda *given, **more: next(attempts)(*given, **more))
        else:
            monkeypatch.setattr(owner, name, broken)
        client.sendall(data.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        received = read_to_end(client).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        (answer,) = split_answers(received)
        assert answer.outcome == (500, "mock_failure")
        assert answer.header("content-type") == "text/plain; charset=utf-8"
        assert CANARY.encode() not in received
        monkeypatch.setattr(owner, name, usual)
        assert target.ask(http()).status == 201
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "RuntimeError: a bug that quotes sk_test_[" in record.getMessage()


WHOLE = {
    "create": http(body=BODY),
    "chunked": http("POST", CREATE, "Transfer-Encoding: chunked", body=chunked(BODY)),
    "expecting": http("POST", CREATE, "Expect: 100-continue", body=BODY),
    "control": http("POST", "/__admin/requests/count", body=b'{"url":"/x"}', key=None),
}


@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("is_reset", [False, True], ids=["fin", "rst"])
def test_a_client_may_leave_after_any_byte(
    data: bytes, is_reset: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with target_with() as target:
        for length in range(len(data) + 1):
            with socket.create_connection((target.server.host, target.server.port)) as client:
                client.sendall(data[:length])
                if is_reset:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        target.wait_until(lambda: not target.connections and not target.server._server.server_state.tasks)
        assert target.ask(http()).status == 201
        assert {call["reason"] for call in target.calls()} <= {
            "created",
            "incomplete_request",
            "client_disconnected",
        }
        assert {call["state"] for call in target.calls()} <= {"answered", "disconnected"}
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


def test_an_answer_that_takes_the_long_way_is_given_once() -> None:
    with target_with() as target:
        large = "x" * (delivery.SMALL_BYTES + 1)
        target.stub({"status": 200, "body": large})
        answer = target.ask(http())
        assert answer.body == large.encode()
        assert [call["state"] for call in target.calls()] == ["answered"]


def test_connections_are_counted_and_forgotten() -> None:
    with target_with() as target:
        clients = [target.connect() for _ in range(20)]
        target.wait_until(lambda: len(target.connections) == 20)
        for client in clients:
            client.close()
        target.wait_until(lambda: not target.connections)


def test_what_was_refused_is_counted_where_health_shows_it() -> None:
    with target_with() as target:
        for data in (
            b"GARBAGE\r\n\r\n",
            http(host="evil.example"),
            http("POST", CREATE, "Content-Length: 9999999"),
        ):
            target.is_refused(data)
        health = target.control("GET", "/health").json
        assert health["status"] == "healthy"
        assert health["refused"] == {"bad_request": 2, "body_too_large": 1}
        assert target.calls() == []
