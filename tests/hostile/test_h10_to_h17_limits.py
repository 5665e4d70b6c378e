"""Rows H10 to H17: how much, how long, and which bytes."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import resource
import select
import socket
import struct
import zlib

import pytest

from mockserver.serving import delivery
from mockserver.serving.logs import RequestLog
from tests.hostile.servers import target_with
from tests.hostile.wire import (
    BODY,
    CREATE,
    Target,
    chunked,
    http,
    read_answer,
    read_to_end,
    split_answers,
)

HALF_HEAD = b"POST /v1/api-keys/?account_id=acct_1 HTTP/1.1\r\nHost: localhost\r\nX-A"
ANNOUNCED = http("POST", CREATE, "Content-Length: 100", body=b'{"n')


def wait_for_bytes(target: Target, count: int = 1) -> None:
    """Until so many connections have sent a part of a request."""
    target.wait_until(lambda: sum(item.is_receiving for item in target.connections) >= count)


# H10


def test_h10_half_a_head_is_answered_408_at_the_deadline(target: Target) -> None:
    client = target.connect()
    client.sendall(HALF_HEAD)
    wait_for_bytes(target)
    target.pass_time(9)
    assert target.ask(http()).status == 201
    assert target.connections
    target.pass_time(11)
    (answer,) = split_answers(read_to_end(client))
    assert answer.outcome == (408, "guard")
    assert target.engine.refusals == {"request_timeout": 1}


def test_h10_the_server_itself_looks_at_its_deadlines() -> None:
    with target_with(read_timeout=1) as target:
        client = target.connect()
        client.sendall(HALF_HEAD)
        assert [answer.status for answer in split_answers(read_to_end(client))] == [408]


def test_h10_a_connection_on_which_nothing_comes_is_closed_without_a_word(target: Target) -> None:
    client = target.connect()
    target.wait_until(lambda: len(target.connections) == 1)
    target.pass_time(11)
    assert read_to_end(client) == b""


def test_h10_a_connection_may_rest_between_requests_for_longer(target: Target) -> None:
    client = target.connect()
    client.sendall(http())
    rest = read_answer(client).rest
    target.pass_time(70)
    client.sendall(http())
    assert read_answer(client, rest).answer.status == 201
    target.pass_time(80)
    assert read_to_end(client) == b""


def test_h10_half_a_head_pipelined_in_one_piece_with_a_request_has_a_deadline(target: Target) -> None:
    client = target.connect()
    client.sendall(http() + HALF_HEAD)
    read_answer(client)
    wait_for_bytes(target)
    target.pass_time(11)
    assert [answer.status for answer in split_answers(read_to_end(client))] == [408]


def test_h10_the_deadline_of_a_request_does_not_cut_the_answer_before_it(target: Target) -> None:
    held = target.stub({"status": 201}, hold=True, times=1)
    client = target.connect()
    client.sendall(http() + HALF_HEAD)
    wait_for_bytes(target)
    target.pass_time(11)
    target.control("POST", f"/mappings/{held}/release")
    assert [answer.status for answer in split_answers(read_to_end(client))] == [201, 408]
    assert target.reasons() == ["stub"]


def test_h10_drops_do_not_move_the_deadline(target: Target) -> None:
    client = target.connect()
    client.sendall(HALF_HEAD)
    wait_for_bytes(target)
    deadlines = {item.deadline for item in target.connections}
    client.sendall(b"b")
    target.wait_until(lambda: any(len(item._raw) > len(HALF_HEAD) for item in target.connections))
    assert {item.deadline for item in target.connections} == deadlines


def test_h10_two_thousand_half_heads_keep_nobody_from_being_served(target: Target) -> None:
    # Both ends are in this process, which may have fewer descriptors than that.
    count = min(2_000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)
    clients = [target.connect() for _ in range(count)]
    for client in clients:
        client.sendall(HALF_HEAD)
    wait_for_bytes(target, count)
    for _ in range(20):
        assert target.ask(http()).status == 201
    target.pass_time(11)
    assert [answer.status for answer in split_answers(read_to_end(clients[0]))] == [408]


def test_h10_where_too_many_are_open_those_that_wait_for_nothing_make_room() -> None:
    with target_with(connection_limit=20) as target:
        for _ in range(100):
            target.connect().sendall(HALF_HEAD)
            target.wait_until(lambda: len(target.connections) <= 20)
        for _ in range(20):
            assert target.ask(http()).status == 201


def test_h10_nobody_who_is_being_answered_makes_room() -> None:
    with target_with(connection_limit=3) as target:
        held = target.stub({"status": 201}, hold=True)
        clients = [target.connect() for _ in range(3)]
        for client in clients:
            client.sendall(http("POST", CREATE, "Connection: close"))
        target.wait_until(lambda: len(target.calls()) == 3)
        late = target.connect()
        (answer,) = split_answers(read_to_end(late))
        assert answer.outcome == (503, "guard")
        assert answer.json["error"]["details"]["reason"] == "overloaded"
        assert target.engine.namespaces.default.release(held) == 3
        for client in clients:
            assert [answer.status for answer in split_answers(read_to_end(client))] == [201]


# H11


@pytest.mark.parametrize("headers", [(), ("Expect: 100-continue",)], ids=["plain", "expecting"])
@pytest.mark.parametrize("end", ["silence", "fin", "rst"])
def test_h11_a_body_that_never_arrives_whole_is_a_call_without_an_answer(
    target: Target, end: str, headers: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    client = target.connect()
    client.sendall(http("POST", CREATE, "Content-Length: 100", *headers, body=b'{"n'))
    target.wait_until(lambda: any(not item.is_reading_head for item in target.connections))
    if end == "silence":
        target.pass_time(11)
    elif end == "fin":
        client.shutdown(socket.SHUT_WR)
    else:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    target.wait_until(lambda: bool(target.calls()))
    if end != "rst":
        assert read_to_end(client).replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"") == b""
    (call,) = target.calls()
    assert (call["state"], call["reason"], call["response"]) == ("disconnected", "incomplete_request", None)
    assert call["operation"] == "createApiKey"
    assert call["violations"] == []
    assert [record for record in caplog.records if record.levelname not in ("DEBUG", "INFO")] == []


def test_h11_half_a_chunk_is_an_incomplete_request_too(target: Target) -> None:
    client = target.connect()
    client.sendall(http("POST", CREATE, "Transfer-Encoding: chunked", body=b"ff\r\n{"))
    target.wait_until(lambda: any(not item.is_reading_head for item in target.connections))
    client.close()
    target.wait_until(lambda: target.reasons() == ["incomplete_request"])


def test_h11_half_a_control_call_changes_nothing(target: Target) -> None:
    target.ask(http())
    client = target.connect()
    client.sendall(http("POST", "/__admin/reset", "Content-Length: 100", body=b"{"))
    target.wait_until(lambda: any(not item.is_reading_head for item in target.connections))
    client.close()
    target.wait_until(lambda: not target.connections)
    assert target.reasons() == ["created"]


# H12


def test_h12_a_client_that_leaves_frees_the_answer_it_waited_for(target: Target) -> None:
    target.stub({"status": 201}, hold=True)
    client = target.connect()
    client.sendall(http())
    target.wait_until(lambda: bool(target.calls()))
    assert target.calls()[0]["state"] == "in_flight"
    client.close()
    target.wait_until(lambda: target.calls()[0]["state"] == "disconnected")
    assert target.calls()[0]["reason"] == "client_disconnected"
    assert not target.engine.namespaces.default.waiting
    target.wait_until(lambda: not target.server._server.server_state.tasks)


# As much as a stub may hold, so often as fits into no buffer on the way.
LARGE = "x" * 1_000_000
OFTEN = 16


def is_stuck(target: Target) -> bool:
    return any(item.transport.get_write_buffer_size() for item in target.connections)


def test_h12_a_client_that_reads_nothing_is_given_up(target: Target) -> None:
    target.stub({"status": 200, "body": LARGE})
    client = target.connect()
    client.sendall(http() * OFTEN)
    target.wait_until(lambda: is_stuck(target))
    target.pass_time(0)
    target.pass_time(delivery.WRITE_TIMEOUT_SECONDS + 1)
    target.wait_until(lambda: not target.connections)
    target.wait_until(lambda: target.calls()[-1]["state"] == "disconnected")
    assert target.calls()[-1]["reason"] == "client_disconnected"
    assert len(read_to_end(client)) < len(LARGE) * OFTEN


def test_h12_a_client_that_reads_slowly_is_not_given_up(target: Target) -> None:
    target.stub({"status": 200, "body": LARGE})
    client = target.connect()
    client.sendall(http() * (OFTEN - 1) + http("POST", CREATE, "Connection: close"))
    target.wait_until(lambda: is_stuck(target))
    received = 0
    while is_stuck(target):
        target.pass_time(delivery.WRITE_TIMEOUT_SECONDS - 1)
        received += len(client.recv(1_000_000))
    received += len(read_to_end(client))
    assert received > len(LARGE) * OFTEN
    assert {call["state"] for call in target.calls()} == {"answered"}


def test_h12_a_control_client_that_reads_nothing_is_given_up(target: Target) -> None:
    for _ in range(OFTEN):
        target.stub({"status": 200, "body": LARGE})
    client = target.connect()
    client.sendall(http("GET", "/__admin/mappings"))
    target.wait_until(lambda: is_stuck(target))
    target.pass_time(0)
    target.pass_time(delivery.WRITE_TIMEOUT_SECONDS + 1)
    target.wait_until(lambda: not target.connections)
    assert len(read_to_end(client)) < len(LARGE) * OFTEN


def test_h12_requests_of_a_client_that_never_reads_do_not_pile_up(target: Target) -> None:
    target.stub({"status": 200, "body": LARGE})
    client = target.connect()
    client.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        # Far more than every buffer on the way holds.
        for _ in range(1_000_000):
            client.send(http() * 100)
    target.wait_until(lambda: all(item.is_stuck for item in target.connections))
    (item,) = target.connections
    assert len(LARGE) > item.transport.get_write_buffer_size() > 0
    assert len(target.calls()) < 100


def test_h12_a_client_that_closed_its_half_still_gets_what_is_ready(target: Target) -> None:
    for path in ("/v1/api-keys/?account_id=acct_1", "/__admin/health", "http://localhost/x"):
        client = target.connect()
        client.sendall(http("GET", path))
        client.shutdown(socket.SHUT_WR)
        assert [answer.status for answer in split_answers(read_to_end(client))] in ([200], [404])


# H13


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("path", [CREATE, "/__admin/mappings/import"], ids=["data", "control"])
@pytest.mark.parametrize("headers", [(), ("Expect: 100-continue",)], ids=["plain", "expecting"])
def test_h13_a_gigabyte_is_refused_before_any_of_it_is_read(
    target: Target, path: str, headers: tuple[str, ...]
) -> None:
    answer = target.is_refused(http("POST", path, "Content-Length: 1073741824", *headers, body=b""))
    assert answer.status == 413
    assert target.calls() == []


@pytest.mark.parametrize("headers", [(), ("Expect: 100-continue",)], ids=["plain", "expecting"])
def test_h13_an_endless_body_is_refused_at_the_limit(target: Target, headers: tuple[str, ...]) -> None:
    before = resident_bytes()
    client = target.connect()
    client.sendall(http("POST", CREATE, "Transfer-Encoding: chunked", *headers, body=b""))
    if headers:
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    sent, piece = 0, b"%x\r\n%b\r\n" % (65536, b" " * 65536)
    while not select.select([client], [], [], 0)[0]:
        client.sendall(piece)
        sent += len(piece)
        assert sent < 50_000_000
    (answer,) = split_answers(read_to_end(client))
    assert answer.outcome == (413, "guard")
    assert resident_bytes() - before < 10_000_000
    assert target.calls() == []


def test_h13_a_body_of_just_the_limit_is_taken(target: Target) -> None:
    body = BODY[:-1] + b" " * (1024 * 1024 - len(BODY)) + b"}"
    assert target.ask(http(body=body)).status == 201
    assert target.is_refused(http(body=body + b" ")).status == 413
    halves = chunked(body[:500_000], body[500_000:])
    assert target.ask(http("POST", CREATE, "Transfer-Encoding: chunked", body=halves)).status == 201


def test_h13_the_control_side_takes_more(target: Target) -> None:
    mappings = {"mappings": [{"request": {"url": "/x"}, "response": {"body": "x" * 1_000_000}}] * 5}
    answer = target.control("POST", "/mappings/import", mappings)
    assert answer.status == 200, answer.body


@pytest.mark.parametrize(
    "loose",
    [
        b"3;" + b"x" * 2_000_000,
        b"0\r\n" + b"X-Trailer: " + b"x" * 2_000_000,
        b"0\r\n" + b"X: y\r\n" * 400_000,
    ],
    ids=["chunk-extension", "trailer", "trailers"],
)
def test_h13_what_surrounds_a_body_is_bounded_too(target: Target, loose: bytes) -> None:
    data = http("POST", CREATE, "Transfer-Encoding: chunked", body=loose)
    assert target.is_refused(data).status in (400, 431)
    assert target.calls() == []


# H14

BOMB = zlib.compress(bytes(10_000_000), 9)
COMPRESSED = {
    "gzip": ("gzip", gzip.compress(BODY)),
    "bomb": ("gzip", gzip.compress(bytes(10_000_000))),
    "nested": ("gzip, gzip", gzip.compress(gzip.compress(BODY))),
    "deflate": ("deflate", BOMB),
    "upper-case": ("GZIP", gzip.compress(BODY)),
    "unknown": ("rot13", BODY),
    "brotli": ("br", b"\x0b\x02\x80"),
}


REFUSED = {"bomb": 413, "nested": 400, "deflate": 413, "unknown": 400, "brotli": 400}


@pytest.mark.parametrize("name", REFUSED)
def test_h14_what_is_too_much_once_it_is_inflated_is_refused(target: Target, name: str) -> None:
    encoding, body = COMPRESSED[name]
    data = http("POST", CREATE, f"Content-Encoding: {encoding}", "Content-Type: application/json", body=body)
    assert target.ask(data).status == REFUSED[name]
    assert target.calls() == []


@pytest.mark.parametrize("encoding, body", COMPRESSED.values(), ids=COMPRESSED)
def test_h14_the_control_side_takes_no_compressed_bodies(target: Target, encoding: str, body: bytes) -> None:
    fields = (f"Content-Encoding: {encoding}", "Content-Type: application/json")
    data = http("POST", "/__admin/mappings", *fields, body=body)
    assert target.is_refused(data).status == 400


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(BODY)),
        ("GZIP", gzip.compress(BODY[:9]) + gzip.compress(BODY[9:])),
        ("x-gzip", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY)[2:-4]),
    ],
    # A gzip member holds the time.
    ids=["gzip", "two members", "x-gzip", "zlib", "raw deflate"],
)
def test_h14_a_compressed_body_is_read(target: Target, encoding: str, body: bytes) -> None:
    data = http("POST", CREATE, f"Content-Encoding: {encoding}", "Content-Type: application/json", body=body)
    assert target.ask(data).status == 201
    (call,) = target.calls()
    assert call["request"]["body"] == json.loads(BODY)


@pytest.mark.parametrize(
    "body",
    [b"", b"\x1f\x8b", gzip.compress(BODY)[:-9], gzip.compress(BODY) + b"x", BODY],
    ids=["empty", "begun", "cut", "followed", "plain"],
)
def test_h14_a_broken_coding_is_refused(target: Target, body: bytes) -> None:
    data = http("POST", CREATE, "Content-Encoding: gzip", "Content-Type: application/json", body=body)
    status = target.ask(data).status
    assert status == 400
    if body:
        assert target.calls() == []


def test_h14_a_body_that_is_not_compressed_may_say_so(target: Target) -> None:
    assert target.ask(http("POST", CREATE, "Content-Encoding: identity")).status == 201


# H15


@pytest.mark.parametrize(
    "data, status",
    [
        (http("POST", CREATE, *(f"X-{number}: a" for number in range(2_000))), 431),
        (http("POST", CREATE, "X-A: " + "a" * 1_000_000), 431),
        (http("POST", CREATE, "X" * 1_000_000 + ": a"), 431),
        (http("POST", CREATE, *(f"X-{number}: {'a' * 900}" for number in range(160))), 431),
        (http("POST", CREATE + "&x=" + "a" * 100_000), 414),
        (http("GET", "/" + "a" * 100_000), 414),
        (http("GET", "/__admin/" + "a" * 100_000), 414),
        (b"\r\n" * 200_000, 431),
        (b"POST" * 100_000, 400),
    ],
    ids=["count", "value", "name", "sum", "query", "path", "control", "empty-lines", "method"],
)
@pytest.mark.parametrize("piece", [10_000_000, 1_000], ids=["at-once", "in-pieces"])
def test_h15_heads_are_bounded(target: Target, data: bytes, status: int, piece: int) -> None:
    client = target.connect()
    with contextlib.suppress(OSError):
        for start in range(0, len(data), piece):
            client.sendall(data[start : start + piece])
    (answer,) = split_answers(read_to_end(client))
    assert answer.outcome == (status, "guard")
    assert target.calls() == []


def test_h15_the_second_head_of_a_connection_is_bounded_as_the_first(target: Target) -> None:
    large = http("POST", CREATE, *(f"X-{number}: {'a' * 900}" for number in range(160)))
    client = target.connect()
    client.sendall(http() + large)
    assert [answer.status for answer in split_answers(read_to_end(client))] == [201, 431]


def test_h15_what_is_within_the_limits_is_served(target: Target) -> None:
    headers = [f"X-{number}: {'a' * 300}" for number in range(190)]
    assert target.ask(http("POST", CREATE + "&x=" + "a" * 10_000, *headers)).status == 201


# H16

BAD_BYTES = {
    "nul-in-value": http("POST", CREATE, b"X-A: a\x00b"),
    "bell-in-value": http("POST", CREATE, b"X-A: a\x07b"),
    "cr-in-value": http("POST", CREATE, b"X-A: a\rb"),
    "delete-in-value": http("POST", CREATE, b"X-A: a\x7fb"),
    "eight-bit-value": http("POST", CREATE, "X-A: gr\u00fcn".encode()),
    "latin-1-value": http("POST", CREATE, b"X-A: gr\xfcn"),
    "nul-in-name": http("POST", CREATE, b"X-\x00: a"),
    "space-in-name": http("POST", CREATE, b"X A: a"),
    "eight-bit-name": http("POST", CREATE, b"X-\xfc: a"),
    "empty-name": http("POST", CREATE, b": a"),
    "eight-bit-host": http("POST", CREATE, b"Host: l\xf6calhost", host=None),
    "eight-bit-origin": http("POST", CREATE, b"Origin: http://\xfc"),
    "nul-in-path": http("GET", b"/v1/\x00"),
    "escape-in-path": http("GET", b"/v1/\x1b[31m"),
    "eight-bit-path": http("GET", "/v1/gr\u00fcn".encode()),
    "eight-bit-query": http("GET", b"/v1/api-keys/?account_id=\xff"),
    "encoded-nul": http("GET", "/v1/api-keys/%00"),
    "encoded-nul-in-query": http("POST", "/v1/api-keys/?account_id=%00"),
    "encoded-ff": http("GET", "/v1/api-keys/%ff"),
    "encoded-ff-in-query": http("POST", "/v1/api-keys/?account_id=%FF"),
    "overlong": http("GET", "/v1/api-keys/%c0%af"),
    "overlong-long": http("GET", "/v1/api-keys/%e0%80%af"),
    "encoded-surrogate": http("GET", "/v1/api-keys/%ed%a0%80"),
    "beyond-unicode": http("GET", "/v1/api-keys/%f5%80%80%80"),
    "half-a-character": http("GET", "/v1/api-keys/%c3"),
}


@pytest.mark.parametrize("data", BAD_BYTES.values(), ids=BAD_BYTES)
def test_h16_bytes_that_no_client_means_to_send_are_refused(target: Target, data: bytes) -> None:
    assert target.is_refused(data).status == 400
    assert target.calls() == []


def test_h16_encoded_text_is_decoded_once_and_shown_as_it_came(target: Target) -> None:
    answer = target.ask(http("DELETE", "/v1/api-keys/%67r%C3%BCn%252e?account_id=acct%5F1"))
    assert answer.outcome == (404, "api_key_not_found")
    (call,) = target.calls()
    assert call["request"]["path"] == "/v1/api-keys/%67r%C3%BCn%252e"
    assert call["request"]["query"] == {"account_id": ["acct_1"]}


# H17


def test_h17_a_log_line_stays_one_line_and_holds_no_escape() -> None:
    nasty = "\x1b[31mred\x1b[0m\r\nINFO: forged\u2028line\u0085\x07\u202e"
    body = f'{{"name":"n","permissions":{{"{_json(nasty)}":[1]}},"{_json(nasty)}":1}}'.encode()
    stream = io.StringIO()
    log = RequestLog(stream, is_json=False)
    with target_with() as target:
        target.server.app.log = log
        assert target.ask(http(body=body)).status == 422
        assert target.ask(http("GET", "/v1/%1b%5b31m%0d%0aINFO")).status == 404
    log.close()
    lines = stream.getvalue().split("\n")
    assert len([line for line in lines if line and "/the/end" not in line]) == 2
    assert all(char.isprintable() for line in lines for char in line)
    assert "\\x1b[31mred" in stream.getvalue()


def _json(text: str) -> str:
    return "".join(f"\\u{ord(char):04x}" for char in text)
