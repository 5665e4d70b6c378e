"""Connections: what a fault of our own looks like, and clients that leave in the middle of anything."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import struct
import threading
import weakref
from itertools import pairwise

import httptools
import pytest

from mockserver.control import Control
from mockserver.engine.engine import Engine
from mockserver.messages import SMALL_BYTES
from mockserver.serving import connection
from mockserver.serving.app import App
from tests.doors import Answer, parse
from tests.hostile.servers import target_with
from tests.hostile.wire import (
    CANARY,
    CREATE,
    Target,
    chunked,
    http,
    read_answer,
    read_to_end,
    split_answers,
)

BODY = b'{"name":"n","permissions":{}}'
IMPORT = "/__admin/mappings/import"


def broken(*_: object, **__: object) -> None:
    raise RuntimeError(f"a bug that quotes {CANARY}")


FAULTS = [
    pytest.param(Engine, "admit", http(), id="engine"),
    pytest.param(App, "admit", http(), id="admission"),
    pytest.param(App, "answer_at_once", http(), id="answer"),
    pytest.param(connection, "write_message", http(), id="writing"),
    pytest.param(Engine, "admit", http("POST", CREATE, "Expect: 100-continue"), id="engine-the-long-way"),
    pytest.param(Control, "begin", http("GET", "/__admin/calls"), id="control"),
    pytest.param(App, "admit", http("POST", "http://localhost/x"), id="absolute-form"),
]


@pytest.mark.parametrize("data", [http(), http("GET", "/__admin/calls")], ids=["call", "control call"])
def test_a_connection_that_ended_needs_no_garbage_collector(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_gone, usual = threading.Event(), connection.Connection.connection_made

    def make(self: connection.Connection, transport: asyncio.BaseTransport) -> None:
        weakref.finalize(self, is_gone.set)
        usual(self, transport)

    monkeypatch.setattr(connection.Connection, "connection_made", make)
    gc.disable()
    try:
        with target_with() as target, target.connect() as client:
            client.sendall(data.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
            read_to_end(client)
            client.close()
            assert is_gone.wait(20)
    finally:
        gc.enable()


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
        large = "x" * (SMALL_BYTES + 1)
        target.stub({"status": 200, "body": large})
        answer = target.ask(http())
        assert answer.body == large.encode()
        assert [call["state"] for call in target.calls()] == ["answered"]


def test_a_body_that_was_refused_is_not_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    data = http("POST", CREATE, "Expect: 100-continue", "Transfer-Encoding: chunked", body=b"x\r\n")
    with target_with() as target:
        # Whether it is refused before anybody waits for it depends on who is first.
        for _ in range(25):
            client = target.connect()
            client.sendall(data)
            received = read_to_end(client).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
            assert split_answers(received)[0].outcome == (400, "guard")
        assert target.calls() == []
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


# Heads that were read before.

REPEATED = {
    "create": http(),
    "list": http("GET"),
    "head": http("HEAD"),
    "unknown": http("GET", "/nowhere"),
    "namespace": http("POST", "/~t1" + CREATE),
    "no-json": http(body=b"{"),
    "no-account": http("POST", "/v1/api-keys/"),
    "preferring": http("POST", CREATE, "Prefer: code=429"),
    "padded": b"\r\n" + http(),
}
# Read anew each time.
UNUSUAL = {
    "chunked": http("POST", CREATE, "Transfer-Encoding: chunked", body=chunked(BODY)),
    "expecting": http("POST", CREATE, "Expect: 100-continue"),
    "closing": http("POST", CREATE, "Connection: close"),
    "old": http(version="1.0"),
    "malformed": http(key="nothing"),
    "live": http(key="sk_live_nothing"),
    "health": http("GET", "/__admin/health", key=None),
}


def ask_alone(client: socket.socket, data: bytes) -> Answer:
    """The answer to a request that is sent whole, and with nothing behind it."""
    client.sendall(data)
    if not data.startswith(b"HEAD"):
        return read_answer(client).answer
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        received += client.recv(65_536)
    return parse(received)


def known_heads(target: Target) -> list[bytes]:
    memory = target.server.engine.heads.memory
    return [key for key in (*memory._younger, *memory._older) if isinstance(key, bytes)]


@pytest.mark.parametrize("data", REPEATED.values(), ids=REPEATED)
def test_a_head_that_comes_again_is_remembered_and_answered_the_same_each_time(data: bytes) -> None:
    with target_with() as target:
        client = target.connect()
        first = ask_alone(client, data)
        assert known_heads(target) == []
        again = [ask_alone(client, data)]
        (known,) = known_heads(target)
        assert data.startswith(known)
        assert known.endswith(b"\r\n\r\n")
        again.append(ask_alone(client, data))
        assert {answer.outcome for answer in again} == {first.outcome}
        assert [list(answer.headers) for answer in again] == [list(first.headers)] * 2
        namespace = "t1" if b"/~t1" in data else "default"
        calls = target.calls(namespace)
        assert len(calls) == 3
        assert calls[0]["request"] == calls[1]["request"] == calls[2]["request"]
        assert known_heads(target) == [known]


@pytest.mark.parametrize("data", UNUSUAL.values(), ids=UNUSUAL)
def test_what_is_unusual_is_read_anew_each_time(data: bytes) -> None:
    with target_with() as target:
        answers = [ask_alone(target.connect(), data) for _ in range(3)]
        assert answers[0].outcome == answers[1].outcome == answers[2].outcome
        assert known_heads(target) == []


def test_a_known_head_may_come_in_pieces_and_in_company() -> None:
    data = http()
    end = data.index(b"\r\n\r\n") + 4
    with target_with() as target:
        client = target.connect()
        for _ in range(2):
            ask_alone(client, data)
        for length in range(1, len(data)):
            client.sendall(data[:length])
            target.wait_until(lambda: any(connection.is_receiving for connection in target.connections))
            client.sendall(data[length:])
            assert read_answer(client).answer.status == 201
        client.sendall(data + data + http("GET") + data[:end])
        rest = b""
        for status in (201, 201, 200):
            reply = read_answer(client, rest)
            assert reply.answer.status == status
            rest = reply.rest
        client.sendall(data[end:])
        assert read_answer(client, rest).answer.status == 201


def test_a_head_that_is_known_is_known_to_clients_that_send_the_body_apart() -> None:
    """As http.client, requests, urllib3 and httpx do."""
    data = http()
    end = data.index(b"\r\n\r\n") + 4
    with target_with() as target:
        client = target.connect()
        for count in range(1, 4):
            client.sendall(data[:end])
            target.wait_until(lambda: any(not item.is_reading_head for item in target.connections))
            assert len(known_heads(target)) == (count > 1)
            client.sendall(data[end:])
            assert read_answer(client).answer.status == 201
            assert len(target.calls()) == count


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1_000_000])
def test_chunks_are_read_in_pieces_of_any_size_up_to_their_end(size: int) -> None:
    """Blank lines stand in the data, at its end and in the trailers' place."""
    body = BODY[:-1] + b"\r\n\r\n" * 3 + b"}"
    chunks = http("POST", CREATE, "Transfer-Encoding: chunked", body=chunked(body, b"\r\n\r\n"))
    trailed = chunks[:-2] + b"X-Trailer: 0\r\n\r\n"
    data = chunks + http() + trailed + http("GET")
    with target_with() as target:
        client = target.connect()
        for start in range(0, len(data), size):
            client.sendall(data[start : start + size])
        rest = b""
        for status in (201, 201, 201, 200):
            reply = read_answer(client, rest)
            rest = reply.rest
            assert reply.answer.status == status
        assert rest == b""


def test_a_connection_goes_on_behind_a_call_that_lacks_the_token() -> None:
    body = b"{" + b" " * 100
    data = http("POST", "/__admin/reset", body=body, key=None)
    with target_with(admin_token="t") as target:
        client = target.connect()
        for cut in (len(data), len(data) - 50):
            client.sendall(data[:cut])
            if cut < len(data):
                target.wait_until(lambda: any(not item.is_reading_head for item in target.connections))
            client.sendall(data[cut:])
            assert read_answer(client).answer.outcome == (401, "guard")
        client.sendall(http())
        assert read_answer(client).answer.status == 201
        for headers in (("Expect: 100-continue",), ("Transfer-Encoding: chunked",)):
            content = chunked(body) if "chunked" in headers[0] else body
            data = http("POST", "/__admin/reset", *headers, body=content, key=None)
            assert target.is_refused(data).outcome == (401, "guard")


def test_a_parser_that_takes_less_than_a_blank_line_for_the_end_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def make(parts: object) -> object:
        parser = strict(parts)
        parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True)
        return parser

    strict = httptools.HttpRequestParser
    monkeypatch.setattr(httptools, "HttpRequestParser", make)
    with target_with() as target:
        first = http("GET", "/first").replace(b"\r\n", b"\n")
        assert target.is_refused(first + http("GET", "/second")).status == 400
        body = http(body=b"{}").replace(b"\r\n", b"\n") + b"\r\n\r\n"
        assert target.is_refused(body).status == 400
        assert target.calls() == []


def test_a_half_closed_client_gets_the_answers_to_all_that_it_has_pipelined() -> None:
    health = http("GET", "/__admin/health", key=None)
    with target_with() as target:
        client = target.connect()
        client.sendall(health + http() + health)
        client.shutdown(socket.SHUT_WR)
        answers = split_answers(read_to_end(client))
        assert [answer.status for answer in answers] == [200, 201, 200]


def test_a_half_closed_client_gets_hundreds_of_answers() -> None:
    with target_with() as target:
        client = target.connect()
        client.sendall(http() * 200)
        client.shutdown(socket.SHUT_WR)
        assert [answer.status for answer in split_answers(read_to_end(client))] == [201] * 200


def test_what_a_half_closed_client_has_sent_in_part_is_not_waited_for() -> None:
    with target_with() as target:
        client = target.connect()
        client.sendall(http() * 100 + http()[:-1])
        client.shutdown(socket.SHUT_WR)
        assert [answer.status for answer in split_answers(read_to_end(client))] == [201] * 100


def test_a_half_closed_client_is_not_waited_for_once_it_has_what_is_ready() -> None:
    with target_with() as target:
        response = {"status": 200, "fixedDelayMilliseconds": 300_000}
        target.control("POST", "/mappings", {"request": {"urlPath": "/slow"}, "response": response})
        client = target.connect()
        client.sendall(http() * 40 + http("GET", "/slow") + http())
        client.shutdown(socket.SHUT_WR)
        assert [answer.status for answer in split_answers(read_to_end(client))] == [201] * 40
        target.wait_until(lambda: target.calls()[-1]["state"] == "disconnected")


def test_hundreds_of_requests_in_one_packet_leave_others_their_turn() -> None:
    with target_with() as target:
        client = target.connect()
        target.wait_until(lambda: bool(target.connections))
        (connection,) = target.connections
        journal = target.engine.namespaces.default.journal

        async def count_by_turn() -> list[int]:
            connection.data_received(http() * 200)
            counts = [journal.total]
            while counts[-1] < 200:
                await asyncio.sleep(0)
                counts.append(journal.total)
            return counts

        counts = target.run(count_by_turn())
        assert max(after - before for before, after in pairwise([0, *counts])) <= 16
        rest = b""
        for _ in range(200):
            reply = read_answer(client, rest)
            assert reply.answer.status == 201
            rest = reply.rest


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_long_body_leaves_others_their_turn(monkeypatch: pytest.MonkeyPatch, is_chunked: bool) -> None:
    monkeypatch.setattr(connection, "_BODY_A_TURN", 1_000)
    body = b'{"mappings": []' + b" " * 4_000 + b"}"
    if is_chunked:
        data = http("POST", IMPORT, "Transfer-Encoding: chunked", body=chunked(body), key=None)
    else:
        data = http("POST", IMPORT, body=body, key=None)
    with target_with() as target:
        client = target.connect()
        target.wait_until(lambda: bool(target.connections))
        (item,) = target.connections

        async def count_pauses() -> int:
            pauses = 0
            for start in range(0, len(data), 400):
                item.data_received(data[start : start + 400])
                if not item.transport.is_reading():
                    pauses += 1
                    await asyncio.sleep(0)
                assert item.transport.is_reading()
            return pauses

        assert target.run(count_pauses()) == 4
        assert read_answer(client).answer.status == 200


def test_a_client_may_leave_in_the_middle_of_a_long_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_BODY_A_TURN", 1_000)
    data = http("POST", IMPORT, body=b" " * 4_000, key=None)
    with target_with() as target:
        target.connect()
        target.wait_until(lambda: bool(target.connections))
        (item,) = target.connections

        async def leave() -> bool:
            item.data_received(data[:2_000])
            is_reading = item.transport.is_reading()
            item.transport.abort()
            await asyncio.sleep(0)
            return bool(is_reading)

        assert target.run(leave()) is False
        target.wait_until(lambda: not target.connections)


def test_a_server_that_ends_sends_what_it_has_answered_of_a_packet() -> None:
    with target_with() as target:
        client = target.connect()
        target.wait_until(lambda: bool(target.connections))
        (connection,) = target.connections

        async def end_between_turns() -> None:
            connection.data_received(http() * 200)
            connection.shutdown()

        target.run(end_between_turns())
        answers = split_answers(read_to_end(client))
        assert len(answers) == target.engine.namespaces.default.journal.total == 16


def test_a_known_head_goes_the_long_way_where_the_answer_does() -> None:
    with target_with() as target:
        client = target.connect()
        ask_alone(client, http())
        stub = target.stub({"status": 200, "body": "x", "fixedDelayMilliseconds": 1})
        assert [ask_alone(client, http()).body for _ in range(2)] == [b"x", b"x"]
        target.control("DELETE", f"/mappings/{stub}")
        assert ask_alone(client, http()).status == 201
        assert target.reasons() == ["created", "stub", "stub", "created"]


def test_a_reset_forgets_the_heads() -> None:
    with target_with() as target:
        for _ in range(2):
            ask_alone(target.connect(), http())
        assert known_heads(target)
        target.control("POST", "/reset")
        assert known_heads(target) == []
        assert CANARY not in repr(vars(target.server.engine.heads.memory))


def test_an_idle_connection_holds_no_credential() -> None:
    with target_with() as target:
        client = target.connect()
        stub = target.stub({"status": 200, "body": "x", "fixedDelayMilliseconds": 1})
        assert ask_alone(client, http()).body == b"x"
        (idle,) = target.connections
        # The answer is there a moment before its request is forgotten.
        target.wait_until(lambda: idle.is_reading_head)
        assert CANARY not in repr(vars(idle))
        target.control("DELETE", f"/mappings/{stub}")
        assert ask_alone(client, http("GET", f"/nowhere?token={CANARY}")).status == 404
        assert CANARY not in repr(vars(idle))


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
