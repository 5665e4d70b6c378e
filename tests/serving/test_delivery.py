"""Delivery: what a client sees on the wire, byte for byte, and what the journal says of it afterwards."""

from __future__ import annotations

import asyncio
import errno
import http.client
import queue
import select
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from io import BufferedIOBase
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.control import Control
from mockserver.engine.engine import Engine
from mockserver.engine.exchange import Exchange
from mockserver.faults import Dribble, Fault
from mockserver.journal.call import Call
from mockserver.messages import Response, build_request
from mockserver.serving import delivery
from mockserver.serving.cycle import Cycle
from mockserver.serving.delivery import deliver
from mockserver.serving.uvicorn_server import ServerThread
from mockserver.serving.writing import write_damaged
from tests.doors import BODY, CREATE, KEY, SETTINGS, encode, parse, talk

# A wait that a test ends itself; a test that fails to end it fails by its own timeout.
LONG = 300_000
TIMEOUT = 20
TEXT = b"a text that somebody scripted"
LIST = "/v1/api-keys/?account_id=acct_1"


def call_bytes(method: str = "POST", url: str = CREATE, *headers: str, key: str = KEY) -> bytes:
    """One request as it stands on the wire."""
    body = encode(BODY) if method == "POST" else b""
    lines = [
        f"{method} {url} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {key}",
        *headers,
        *(["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Script:
    """Stubs of the default namespace of a server, and what there is to know of its calls."""

    def __init__(self, engine: Engine) -> None:
        self.namespace = engine.namespaces.default
        self._control = Control(engine)
        self.arrived: queue.Queue[Call] = queue.Queue()
        self.finished: queue.Queue[Call] = queue.Queue()

    def control(self, method: str, path: str, document: Any = None) -> Any:
        """Carry out a control call that is not refused; its value."""
        body = b"" if document is None else encode(document)
        answer = self._control.begin(method, path, "", body)
        assert isinstance(answer.value, dict) and answer.status < 300, answer  # type: ignore[union-attr]
        return answer.value  # type: ignore[union-attr]

    def answer(self, response: dict[str, Any], **own: Any) -> str:
        """Add a stub for every request; its id."""
        document = {"response": response, "metadata": {"mockserver": {"offContract": True, **own}}}
        id: str = self.control("POST", "/mappings", document)["id"]
        return id

    def next_arrived(self) -> Call:
        return self.arrived.get(timeout=TIMEOUT)

    def next_finished(self) -> Call:
        return self.finished.get(timeout=TIMEOUT)


@contextmanager
def scripted(engine: Engine) -> Iterator[Script]:
    """A Script that is told when calls arrive and when they are finished."""
    script = Script(engine)
    finish = Exchange.finish

    # A call of an earlier test, whose client has left only now, is none of this one.
    ours: list[Call] = []

    def arrive(call: Call) -> None:
        ours.append(call)
        script.arrived.put(call)

    def tell(exchange: Exchange, *ending: Any) -> None:
        was_under_way = not exchange._is_finished
        finish(exchange, *ending)
        if was_under_way and any(exchange.call is call for call in ours):
            script.finished.put(exchange.call)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Exchange, "finish", tell)
        script.namespace.journal.listeners.add(arrive)
        yield script
        script.namespace.journal.listeners.discard(arrive)


@pytest.fixture
def script(server: ServerThread) -> Iterator[Script]:
    with scripted(server.engine) as script:
        yield script


Connect: TypeAlias = Callable[[], socket.socket]


@pytest.fixture
def connect(server: ServerThread) -> Iterator[Connect]:
    """Connections to the server, closed in the end."""
    with ExitStack() as stack:
        address = (server.host, server.port)
        yield lambda: stack.enter_context(socket.create_connection(address, timeout=TIMEOUT))


def read_answer(client: socket.socket) -> http.client.HTTPResponse:
    """The next answer on a connection that stays open, its body read."""
    response = http.client.HTTPResponse(client)
    response.begin()
    return response


def read_to_end(client: socket.socket) -> bytes:
    received = b""
    while chunk := client.recv(65536):
        received += chunk
    return received


# Faults


def expected_head(call: Call, *framing: str, status: str = "200 OK") -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        "content-type: text/plain; charset=utf-8",
        "mockserver-reason: stub",
        f"mockserver-call-id: {call.id}",
        *framing,
        "connection: close",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def fault_bytes(fault: Fault, call: Call) -> bytes:
    """Everything that a client receives of the scripted text."""
    match fault:
        case Fault.TRUNCATED_BODY:
            return expected_head(call, "content-length: 29") + TEXT[:14]
        case Fault.WRONG_CONTENT_LENGTH:
            return expected_head(call, "content-length: 36") + TEXT
        case Fault.MALFORMED_RESPONSE_CHUNK:
            garbage = write_damaged(Response(200, (), b""), Fault.RANDOM_DATA_THEN_CLOSE, call.id)
            return expected_head(call, "transfer-encoding: chunked") + garbage
        case Fault.RANDOM_DATA_THEN_CLOSE:
            return write_damaged(Response(200, (), b""), Fault.RANDOM_DATA_THEN_CLOSE, call.id)
        case _:
            return b""


ENDING_FAULTS = [
    Fault.EMPTY_RESPONSE,
    Fault.MALFORMED_RESPONSE_CHUNK,
    Fault.RANDOM_DATA_THEN_CLOSE,
    Fault.TRUNCATED_BODY,
    Fault.WRONG_CONTENT_LENGTH,
]


@pytest.mark.parametrize("fault", ENDING_FAULTS)
def test_a_fault_sends_exactly_its_bytes_and_then_ends_the_stream(
    server: ServerThread, script: Script, fault: Fault
) -> None:
    script.answer({"status": 200, "body": TEXT.decode(), "fault": fault})
    received = talk(server, call_bytes())
    call = script.next_finished()
    assert received == fault_bytes(fault, call)
    assert (call.state, call.reason, call.fault) == ("faulted", "stub", fault)


def test_a_reset_connection_is_reset_and_not_closed(script: Script, connect: Connect) -> None:
    script.answer({"fault": "CONNECTION_RESET_BY_PEER"})
    client = connect()
    client.sendall(call_bytes())
    assert script.next_finished().state == "faulted"
    select.select([client], [], [], TIMEOUT)
    assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET
    client = connect()
    client.sendall(call_bytes())
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_garbage_is_no_http_and_no_chunk_and_the_same_for_the_same_call() -> None:
    response = Response(200, (), b"")
    garbage = write_damaged(response, Fault.RANDOM_DATA_THEN_CLOSE, "call-1")
    assert len(garbage) == 64
    assert garbage.startswith(b"\x00\xff")
    assert write_damaged(response, Fault.RANDOM_DATA_THEN_CLOSE, "call-1") == garbage
    assert write_damaged(response, Fault.RANDOM_DATA_THEN_CLOSE, "call-2") != garbage


@pytest.mark.parametrize(
    "fault, error",
    [
        (Fault.EMPTY_RESPONSE, http.client.RemoteDisconnected),
        (Fault.CONNECTION_RESET_BY_PEER, ConnectionResetError),
        (Fault.MALFORMED_RESPONSE_CHUNK, http.client.IncompleteRead),
        (Fault.RANDOM_DATA_THEN_CLOSE, http.client.BadStatusLine),
        (Fault.TRUNCATED_BODY, http.client.IncompleteRead),
        (Fault.WRONG_CONTENT_LENGTH, http.client.IncompleteRead),
    ],
)
def test_a_client_sees_each_fault_as_an_error(
    script: Script, connect: Connect, fault: Fault, error: type[Exception]
) -> None:
    script.answer({"status": 200, "body": TEXT.decode(), "fault": fault})
    client = connect()
    client.sendall(call_bytes())
    with pytest.raises(error):
        read_answer(client).read()


@pytest.mark.parametrize(
    "status, phrase", [(502, "Bad Gateway"), (503, "Service Unavailable"), (504, "Gateway Timeout")]
)
def test_a_gateways_page_is_html_with_its_status_and_the_connection_goes_on(
    script: Script, connect: Connect, status: int, phrase: str
) -> None:
    script.answer({"status": status, "fault": "NOT_JSON"}, times=1)
    client = connect()
    client.sendall(call_bytes())
    answer = read_answer(client)
    assert (answer.status, answer.reason, answer.getheader("content-type")) == (status, phrase, "text/html")
    assert f"<h1>{status} {phrase}</h1>".encode() in answer.read()
    assert script.next_finished().state == "faulted"
    client.sendall(call_bytes())
    assert read_answer(client).status == 201


def test_a_gateways_page_is_502_if_nothing_else_is_said(server: ServerThread, script: Script) -> None:
    script.answer({"fault": "NOT_JSON"})
    assert parse(talk(server, call_bytes("POST", CREATE, "Connection: close"))).status == 502


def test_a_call_that_hangs_gets_nothing_until_the_client_gives_up(script: Script, connect: Connect) -> None:
    script.answer({"fault": "HANG"})
    client = connect()
    client.sendall(call_bytes())
    call = script.next_arrived()
    assert call.state == "in_flight"
    client.shutdown(socket.SHUT_WR)
    assert read_to_end(client) == b""
    assert script.next_finished() is call
    assert (call.state, call.reason) == ("faulted", "stub")


@pytest.mark.parametrize("fault", list(Fault))
def test_a_fault_leaves_other_connections_alone(script: Script, connect: Connect, fault: Fault) -> None:
    other, victim = connect(), connect()
    other.sendall(call_bytes())
    assert read_answer(other).status == 201
    script.answer({"fault": fault}, times=1)
    victim.sendall(call_bytes())
    script.next_arrived()
    script.next_arrived()
    other.sendall(call_bytes())
    assert read_answer(other).status == 201


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.HANG])
def test_after_commit_the_key_exists_and_works_and_the_call_is_in_the_journal(
    server: ServerThread, script: Script, engine: Engine, fault: Fault
) -> None:
    script.answer({"fault": fault}, phase="after_commit", times=1, operation="createApiKey")
    try:
        talk(server, call_bytes("POST", CREATE, "Connection: close"))
    except ConnectionResetError:
        assert fault is Fault.CONNECTION_RESET_BY_PEER
    call = script.next_finished()
    assert (call.state, call.phase, call.fault) == ("faulted", "after_commit", fault)
    assert [kept.id for kept in script.namespace.journal] == [call.id]
    listed = parse(talk(server, call_bytes("GET", LIST, "Connection: close"))).json["data"]
    # The plaintext is lost, but the same request gets the same key of every server.
    twin = engine.handle(build_request("POST", CREATE, headers={"Authorization": f"Bearer {KEY}"}, json=BODY))
    issued = parse(b"HTTP/1.1 201 Created\r\n\r\n" + twin.body).json["data"]
    assert [key["id"] for key in listed] == [issued["id"]]
    answer = parse(talk(server, call_bytes("GET", LIST, "Connection: close", key=issued["key"])))
    assert answer.status == 200


def test_before_the_commit_nothing_happened(server: ServerThread, script: Script) -> None:
    script.answer({"fault": "EMPTY_RESPONSE"}, times=1, operation="createApiKey")
    assert talk(server, call_bytes()) == b""
    assert not parse(talk(server, call_bytes("GET", LIST, "Connection: close"))).json["data"]


# Delays


def delay_of(engine: Engine, response: dict[str, Any]) -> float:
    Script(engine).answer({"status": 200, **response})
    return engine.handle(build_request("GET", LIST)).delivery.delay_seconds


def test_a_fixed_delay_is_always_the_same(engine: Engine) -> None:
    assert delay_of(engine, {"fixedDelayMilliseconds": 1500}) == 1.5


def test_a_uniform_delay_lies_between_its_bounds_and_differs_from_call_to_call(engine: Engine) -> None:
    distribution = {"type": "uniform", "lower": 1000, "upper": 2000}
    delays = {delay_of(engine, {"delayDistribution": distribution}) for _ in range(50)}
    assert len(delays) == 50
    assert all(1 <= delay <= 2 for delay in delays)
    assert min(delays) < 1.2 and max(delays) > 1.8


def test_a_lognormal_delay_has_its_median_and_stays_below_its_maximum(engine: Engine) -> None:
    distribution = {"type": "lognormal", "median": 1000, "sigma": 1, "maxValue": 3000}
    delays = sorted(delay_of(engine, {"delayDistribution": distribution}) for _ in range(101))
    assert 0.7 < delays[50] < 1.4
    assert delays[0] < 0.4
    assert delays[-1] == 3.0


def test_the_delay_of_all_answers_comes_on_top(engine: Engine) -> None:
    script = Script(engine)
    script.control("POST", "/settings", {"fixedDelay": 250})
    assert engine.handle(build_request("GET", LIST)).delivery.delay_seconds == 0.25
    assert delay_of(engine, {"fixedDelayMilliseconds": 1500}) == 1.75
    script.control("POST", "/reset")
    assert engine.handle(build_request("GET", LIST)).delivery.delay_seconds == 0


def test_a_reset_ends_a_delay_and_the_answer_comes(script: Script, connect: Connect) -> None:
    script.answer({"status": 200, "body": TEXT.decode(), "fixedDelayMilliseconds": LONG})
    client = connect()
    client.sendall(call_bytes())
    script.next_arrived()
    script.control("POST", "/reset")
    assert read_answer(client).read() == TEXT
    assert script.next_finished().state == "answered"


@pytest.mark.parametrize(
    "response, own",
    [
        ({"fixedDelayMilliseconds": LONG}, {}),
        ({"fixedDelayMilliseconds": LONG, "fault": "EMPTY_RESPONSE"}, {}),
        ({}, {"hold": True}),
    ],
    ids=["delayed", "delayed fault", "held"],
)
def test_a_wait_ends_when_the_client_leaves(
    script: Script, connect: Connect, response: dict[str, Any], own: dict[str, Any]
) -> None:
    script.answer({"status": 200, "body": "x", **response}, **own)
    client = connect()
    client.sendall(call_bytes())
    call = script.next_arrived()
    client.close()
    assert script.next_finished() is call
    assert (call.state, call.reason) == ("disconnected", "client_disconnected")
    assert not script.namespace.waiting


def test_a_delay_holds_up_nobody_else(script: Script, connect: Connect) -> None:
    script.answer({"status": 200, "body": "x", "fixedDelayMilliseconds": LONG}, times=1)
    delayed, other = connect(), connect()
    delayed.sendall(call_bytes())
    script.next_arrived()
    other.sendall(call_bytes())
    assert read_answer(other).status == 201
    assert not select.select([delayed], [], [], 0)[0]


# Dribble


@given(st.binary(min_size=1, max_size=200), st.integers(1, 300))
def test_the_pieces_of_a_body_are_the_body(body: bytes, chunks: int) -> None:
    pieces = Dribble(chunks, 1.0).cut(body)
    assert b"".join(pieces) == body
    assert len(pieces) == min(chunks, len(body))
    assert max(map(len, pieces)) - min(map(len, pieces)) <= 1


def test_a_dribbled_body_arrives_whole(script: Script, connect: Connect) -> None:
    dribble = {"numberOfChunks": 5, "totalDuration": 5}
    script.answer({"status": 200, "body": TEXT.decode(), "chunkedDribbleDelay": dribble}, times=1)
    client = connect()
    client.sendall(call_bytes())
    answer = read_answer(client)
    assert (answer.getheader("content-length"), answer.read()) == ("29", TEXT)
    assert script.next_finished().state == "answered"
    client.sendall(call_bytes())
    assert read_answer(client).status == 201


def test_a_dribble_begins_with_the_head_and_a_reset_sends_the_rest(script: Script, connect: Connect) -> None:
    dribble = {"numberOfChunks": 5, "totalDuration": LONG}
    script.answer({"status": 200, "body": TEXT.decode(), "chunkedDribbleDelay": dribble})
    client = connect()
    client.sendall(call_bytes())
    # Only the head: the first piece comes after its share of the time.
    assert client.recv(65536).endswith(b"\r\n\r\n")
    script.control("POST", "/reset")
    assert read_exactly(client, len(TEXT)) == TEXT
    assert script.next_finished().state == "answered"


def test_a_dribble_ends_when_the_client_leaves(script: Script, connect: Connect) -> None:
    dribble = {"numberOfChunks": 5, "totalDuration": LONG}
    script.answer({"status": 200, "body": TEXT.decode(), "chunkedDribbleDelay": dribble})
    client = connect()
    client.sendall(call_bytes())
    client.recv(65536)
    client.close()
    assert script.next_finished().state == "disconnected"


@pytest.mark.parametrize("method, status", [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_where_there_is_no_body_nothing_is_dribbled(
    script: Script, connect: Connect, method: str, status: int
) -> None:
    dribble = {"numberOfChunks": 5, "totalDuration": LONG}
    text = {"body": TEXT.decode()} if status == 200 else {}
    script.answer({"status": status, "chunkedDribbleDelay": dribble, **text}, times=1)
    client = connect()
    client.sendall(call_bytes(method, LIST))
    head = client.recv(65536)
    assert head.startswith(b"HTTP/1.1 %d " % status) and head.endswith(b"\r\n\r\n")
    client.sendall(call_bytes())
    assert read_answer(client).status == 201


def read_exactly(client: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        received += client.recv(size - len(received))
    return received


# Held answers


def test_two_held_calls_wait_until_both_are_released(script: Script, connect: Connect) -> None:
    id = script.answer({"status": 200, "body": TEXT.decode()}, hold=True)
    clients = [connect(), connect()]
    for client in clients:
        client.sendall(call_bytes())
        script.next_arrived()
    assert [call.state for call in script.namespace.journal] == ["in_flight", "in_flight"]
    assert not select.select(clients, [], [], 0)[0]
    assert script.control("POST", f"/mappings/{id}/release") == {"released": 2}
    assert [read_answer(client).read() for client in clients] == [TEXT, TEXT]
    assert script.control("POST", f"/mappings/{id}/release") == {"released": 0}


def test_a_release_lets_go_those_that_wait_now_and_no_later_ones(script: Script, connect: Connect) -> None:
    id = script.answer({"status": 200, "body": "x"}, hold=True)
    early, late = connect(), connect()
    early.sendall(call_bytes())
    script.next_arrived()
    script.control("POST", f"/mappings/{id}/release")
    assert read_answer(early).status == 200
    late.sendall(call_bytes())
    assert script.next_arrived().state == "in_flight"
    assert not select.select([late], [], [], 0)[0]


def test_who_sees_a_call_can_release_it(script: Script, connect: Connect) -> None:
    id = script.answer({"status": 200, "body": "x"}, hold=True)
    released: list[int] = []

    # Told in the moment in which the call becomes known: earlier nobody can be.
    def release(call: Call) -> None:
        released.append(script.namespace.release(id))

    script.namespace.journal.listeners.add(release)
    client = connect()
    client.sendall(call_bytes())
    assert read_answer(client).status == 200
    assert released == [1]
    script.namespace.journal.listeners.discard(release)


def test_a_used_up_stub_releases_what_it_held(script: Script, connect: Connect) -> None:
    id = script.answer({"status": 200, "body": TEXT.decode()}, hold=True, times=1)
    client = connect()
    client.sendall(call_bytes())
    script.next_arrived()
    assert script.namespace.stubs.find_by_id(id) is None
    assert script.control("POST", f"/mappings/{id}/release") == {"released": 1}
    assert read_answer(client).read() == TEXT


def test_a_delay_begins_with_the_release_and_a_reset_ends_it(script: Script, connect: Connect) -> None:
    response = {"status": 200, "body": TEXT.decode(), "fixedDelayMilliseconds": LONG}
    id = script.answer(response, hold=True)
    client, other = connect(), connect()
    client.sendall(call_bytes())
    call = script.next_arrived()
    assert script.control("POST", f"/mappings/{id}/release") == {"released": 1}
    # Served by the same event loop, behind the release.
    other.sendall(call_bytes("GET", "/__admin/health"))
    assert read_answer(other).status == 200
    assert call.state == "in_flight"
    script.control("POST", "/reset")
    assert read_answer(client).read() == TEXT


def test_a_held_fault_strikes_when_it_is_released(script: Script, connect: Connect) -> None:
    id = script.answer({"fault": "CONNECTION_RESET_BY_PEER"}, hold=True)
    client = connect()
    client.sendall(call_bytes())
    script.next_arrived()
    script.control("POST", f"/mappings/{id}/release")
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_a_server_that_stops_lets_go_what_waits() -> None:
    with ServerThread(SETTINGS) as server, scripted(server.engine) as script:
        script.answer({"status": 200, "body": TEXT.decode()}, hold=True)
        with socket.create_connection((server.host, server.port), timeout=TIMEOUT) as client:
            client.sendall(call_bytes())
            script.next_arrived()
            server.stop()
            assert read_to_end(client).endswith(TEXT)
        assert script.next_finished().state == "answered"


# One connection, many calls


def test_a_connection_goes_on_after_a_phrase_of_its_own(script: Script, connect: Connect) -> None:
    script.answer({"status": 429, "statusMessage": "Slow Down Please"}, times=1)
    client = connect()
    client.sendall(call_bytes())
    assert client.recv(65536).startswith(b"HTTP/1.1 429 Slow Down Please\r\n")
    client.sendall(call_bytes())
    answer = read_answer(client)
    assert (answer.status, answer.reason) == (201, "Created")


def test_calls_sent_at_once_are_answered_in_order(script: Script, connect: Connect) -> None:
    held = script.answer({"status": 200, "body": "first"}, hold=True, times=1)
    script.answer({"status": 200, "statusMessage": "Second", "body": "second"}, times=1)
    script.answer({"status": 200, "body": "third", "fixedDelayMilliseconds": 1}, times=1)
    client = connect()
    client.sendall(call_bytes() * 4)
    script.next_arrived()
    script.control("POST", f"/mappings/{held}/release")
    stream = client.makefile("rb")
    answers = [read_from(stream) for _ in range(4)]
    assert [answer[:2] for answer in answers] == [
        (b"HTTP/1.1 200 OK", b"first"),
        (b"HTTP/1.1 200 Second", b"second"),
        (b"HTTP/1.1 200 OK", b"third"),
        (b"HTTP/1.1 201 Created", answers[3][1]),
    ]


def read_from(stream: BufferedIOBase) -> tuple[bytes, bytes]:
    """Status line and body of the next answer of a stream."""
    lines = list(iter(lambda: stream.readline().rstrip(b"\r\n"), b""))
    length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))
    return lines[0], stream.read(length)


def test_a_fault_ends_the_connection_for_the_calls_behind_it(script: Script, connect: Connect) -> None:
    script.answer({"status": 200, "body": "first"}, times=1)
    script.answer({"fault": "EMPTY_RESPONSE"}, times=1)
    client = connect()
    client.sendall(call_bytes() * 3)
    assert read_to_end(client).endswith(b"\r\n\r\nfirst")
    states = {script.next_finished().state, script.next_finished().state}
    assert states == {"answered", "faulted"}
    assert len(script.namespace.journal) == 2


def test_a_client_that_leaves_with_calls_waiting_behind_the_first_is_noticed(
    script: Script, connect: Connect
) -> None:
    script.answer({"fault": "HANG"})
    client = connect()
    client.sendall(call_bytes() * 3)
    call = script.next_arrived()
    client.close()
    assert script.next_finished() is call


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_announces_none(script: Script, connect: Connect, status: int) -> None:
    script.answer({"status": status}, times=1)
    client = connect()
    client.sendall(call_bytes())
    head = client.recv(65536)
    assert head.startswith(b"HTTP/1.1 %d " % status) and head.endswith(b"\r\n\r\n")
    assert b"content-length" not in head and b"transfer-encoding" not in head
    client.sendall(call_bytes())
    assert read_answer(client).status == 201


def test_an_answer_to_head_tells_the_length_of_the_body_that_it_leaves_out(
    script: Script, connect: Connect
) -> None:
    script.answer({"status": 200, "body": TEXT.decode(), "fixedDelayMilliseconds": 1}, times=1)
    client = connect()
    client.sendall(call_bytes("HEAD", LIST))
    head = client.recv(65536)
    assert b"\r\ncontent-length: 29\r\n" in head and head.endswith(b"\r\n\r\n")
    client.sendall(call_bytes())
    assert read_answer(client).status == 201


@pytest.mark.parametrize("response", [{"status": 429}, {"status": 429, "fixedDelayMilliseconds": 1}])
def test_a_client_that_waits_for_100_is_told_to_go_on(
    script: Script, connect: Connect, response: dict[str, Any]
) -> None:
    script.answer(response, times=1)
    client = connect()
    head, body = call_bytes("POST", CREATE, "Expect: 100-continue").split(b"\r\n\r\n")
    client.sendall(head + b"\r\n\r\n")
    assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.sendall(body)
    answer = read_answer(client)
    assert (answer.status, answer.getheader("mockserver-reason")) == (429, "stub")
    answer.read()
    client.sendall(call_bytes())
    assert read_answer(client).status == 201


def test_a_client_of_http_1_0_is_answered_and_the_connection_closed(
    server: ServerThread, script: Script
) -> None:
    script.answer({"status": 200, "body": TEXT.decode()})
    received = talk(server, call_bytes("GET", LIST).replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert received.endswith(b"\r\nconnection: close\r\n\r\n" + TEXT)


# Clients that do not read

BIG = "x" * 1_000_000


@contextmanager
def slow_client(server: ServerThread) -> Iterator[socket.socket]:
    """A client between which and the server there is hardly any room for what nobody reads."""
    client = socket.socket()
    client.settimeout(TIMEOUT)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with client:
        client.connect((server.host, server.port))
        yield client


@pytest.fixture(scope="module")
def narrow_server() -> Iterator[ServerThread]:
    server = ServerThread(SETTINGS)
    server._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with server:
        yield server


@pytest.mark.parametrize("extra", [{}, {"fault": "WRONG_CONTENT_LENGTH"}], ids=["whole", "damaged"])
def test_a_client_that_reads_nothing_is_given_up(
    narrow_server: ServerThread, monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any]
) -> None:
    narrow_server.engine.namespaces.reset_all()
    drained: queue.Queue[bool] = queue.Queue()
    drain = delivery._drain

    async def tell(cycle: Any) -> bool:
        drained.put(await drain(cycle))
        return False

    monkeypatch.setattr(delivery, "WRITE_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(delivery, "_drain", tell)
    with scripted(narrow_server.engine) as script, slow_client(narrow_server) as client:
        script.answer({"status": 200, "body": BIG, **extra})
        client.sendall(call_bytes())
        assert drained.get(timeout=TIMEOUT) is False
        assert script.next_finished().state == ("faulted" if extra else "disconnected")
        assert len(read_to_end(client)) < len(BIG)


def test_a_client_that_leaves_within_the_body_has_left(narrow_server: ServerThread) -> None:
    narrow_server.engine.namespaces.reset_all()
    with scripted(narrow_server.engine) as script, slow_client(narrow_server) as client:
        script.answer({"status": 200, "body": BIG})
        client.sendall(call_bytes())
        assert script.next_arrived().state == "in_flight"
        client.recv(1000)
        client.close()
        call = script.next_finished()
        assert (call.state, call.reason) == ("disconnected", "client_disconnected")


def test_a_slow_client_gets_all_of_it(narrow_server: ServerThread) -> None:
    narrow_server.engine.namespaces.reset_all()
    with scripted(narrow_server.engine) as script, slow_client(narrow_server) as client:
        script.answer({"status": 200, "body": BIG}, times=1)
        client.sendall(call_bytes())
        answer = read_answer(client)
        assert answer.read().decode() == BIG
        assert script.next_finished().state == "answered"
        client.sendall(call_bytes())
        assert read_answer(client).status == 201


def test_the_call_of_a_long_answer_is_finished_before_the_last_bytes_are_sent(
    script: Script, connect: Connect
) -> None:
    script.answer({"status": 200, "body": BIG})
    is_finishing, may_finish = threading.Event(), threading.Event()
    finish = Exchange.finish

    def wait_and_finish(exchange: Exchange, *ending: Any) -> None:
        is_finishing.set()
        may_finish.wait(TIMEOUT)
        finish(exchange, *ending)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Exchange, "finish", wait_and_finish)
        client = connect()
        client.sendall(call_bytes("POST", CREATE, "Connection: close"))
        received = b""
        while select.select([client], [], [], 0.01)[0] or not is_finishing.is_set():
            if select.select([client], [], [], 0)[0]:
                received += client.recv(65536)
        assert len(BIG) / 2 < len(received) < len(BIG)
        may_finish.set()
        assert (received + read_to_end(client)).endswith(b"\r\n\r\n" + BIG.encode())
    assert script.next_arrived().state == "answered"


class Wire(asyncio.Transport):
    """A transport to a client that takes everything, and may leave."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize("leaves", [False, True], ids=["stays", "leaves"])
@pytest.mark.parametrize("response", [{"status": 200, "body": "x"}, {"fault": "TRUNCATED_BODY"}])
def test_an_answer_is_sent_once_a_store_that_takes_long_has_recorded_its_end(
    engine: Engine, response: dict[str, Any], leaves: bool
) -> None:
    Script(engine).answer(response)
    exchange, wire, recorded = (
        engine.begin(build_request("POST", CREATE, json=BODY)),
        Wire(),
        Future[object](),
    )
    records: list[Callable[[], object]] = []

    def defer(record: Callable[[], object]) -> Future[object]:
        records.append(record)
        return recorded

    async def send() -> None:
        exchange.defer = defer
        cycle = Cycle(wire, asyncio.Event(), "POST", keep_alive=True, on_end=lambda: None)
        task = asyncio.ensure_future(deliver(exchange, cycle))
        while not records:
            await asyncio.sleep(0)
        assert (wire.written, exchange.call.state) == (b"", "in_flight")
        wire.is_closed = leaves
        recorded.set_result(records[0]())
        await task

    asyncio.run(send())
    assert bool(wire.written) is not leaves
    assert exchange.call.state == ("faulted" if "fault" in response else "answered")


def test_a_delivery_that_is_cut_short_leaves_nothing_under_way(engine: Engine) -> None:
    script = Script(engine)
    script.answer({"status": 200, "body": "x"}, hold=True)
    exchange = engine.begin(build_request("POST", CREATE, json=BODY))

    async def cut_short() -> None:
        cycle = Cycle(asyncio.Transport(), asyncio.Event(), "POST", keep_alive=True, on_end=lambda: None)
        task = asyncio.ensure_future(deliver(exchange, cycle))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})

    asyncio.run(cut_short())
    assert exchange.call.state == "disconnected"
    assert not script.namespace.waiting
