"""Hostile inputs H51 to H60: what an attack on this product found."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.wire import BODY, CREATE, Target, chunked, http, read_answer, read_to_end, split_answers
from tests.served import Served, serve

# H51

# The violations of this body make a long line.
LONG = json.dumps({"name": 1, "permissions": {f"p{'x' * 90}{number}": 1 for number in range(99)}}).encode()
CHUNKED = "Transfer-Encoding: chunked"
LIVE = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"


def ask_json(served: Served, path: str) -> Any:
    with served.connect() as client:
        client.sendall(http("GET", path, key=None))
        return json.loads(read_answer(client).answer.body)


def send_many(client: socket.socket, request: bytes, count: int) -> None:
    """So many calls at once over one connection, each answered."""
    client.sendall(request * count)
    rest = b""
    for _ in range(count):
        reply = read_answer(client, rest)
        rest = reply.rest
        assert reply.answer.status >= 400


def lose_lines(served: Served, stream: str, request: bytes) -> None:
    """Send requests until lines of the log were dropped."""
    with served.connect() as client:
        for _ in range(1_000):
            send_many(client, request, 50)
            if ask_json(served, "/__admin/health")["lostLogLines"].get(stream):
                return
    raise AssertionError("no line was ever dropped")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_h51_a_pipe_that_nobody_reads_stops_nothing(log_format: str) -> None:
    with serve("--log-format", log_format) as served:
        lose_lines(served, "stdout", http(body=LONG))
        assert served.ask(http()) == 201
        assert served.end() == 0


def test_h51_warnings_that_nobody_reads_stop_nothing() -> None:
    with serve("--log-level", "warning") as served:
        lose_lines(served, "stderr", http(key=LIVE))
        assert served.ask(http()) == 201
        assert served.end() == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_h51_a_full_disk_stops_nothing() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with serve(preexec_fn=lambda: os.dup2(full, 2)) as served:
            lose_lines(served, "stderr", http(key=LIVE))
            assert served.end() == 0
    finally:
        os.close(full)


# H57

FOREIGN = {
    "rtsp": http().replace(b"HTTP/1.1", b"RTSP/1.1", 1),
    "rtsp-options": b"OPTIONS /v1/api-keys/ RTSP/1.1\r\nHost: localhost\r\n\r\n",
    "ice": b"SOURCE /v1/api-keys/ ICE/1.1\r\nHost: localhost\r\n\r\n",
    "many-zeros-too-large": http("POST", CREATE, f"Content-Length: {'0' * 4_400}9999999"),
}


@pytest.mark.parametrize("data", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("cut", [0, 40], ids=["whole", "in-pieces"])
def test_h57_what_is_no_http_or_too_large_is_refused(target: Target, data: bytes, cut: int) -> None:
    client = target.connect()
    client.sendall(data[:cut])
    if cut:
        target.wait_until(lambda: any(item.is_receiving for item in target.connections))
    client.sendall(data[cut:] + http())
    assert [answer.status for answer in split_answers(read_to_end(client))] in ([400], [413])
    assert target.calls() == []


def test_h57_a_length_may_have_thousands_of_zeros(target: Target) -> None:
    length = f"Content-Length: {'0' * 4_400}{len(BODY)}"
    assert target.ask(http("POST", CREATE, length)).status == 201


def test_h57_hundreds_of_upgrades_in_one_packet_are_answered(target: Target) -> None:
    count = 600
    upgrade = http("POST", CREATE, "Connection: Upgrade", "Upgrade: h2c")
    chunks = http("POST", CREATE, "Connection: Upgrade", "Upgrade: h2c", CHUNKED, body=chunked(BODY))
    client = target.connect()
    client.sendall(upgrade * (count - 1) + chunks)
    rest = b""
    for _ in range(count):
        reply = read_answer(client, rest)
        rest = reply.rest
        assert reply.answer.status == 201


@pytest.mark.parametrize("version, asked", [("1.1", True), ("1.0", False)])
def test_h57_a_body_is_asked_for_where_the_version_knows_of_it(
    target: Target, version: str, asked: bool
) -> None:
    data = http("POST", CREATE, "Expect: 100-continue", version=version)
    end = data.index(b"\r\n\r\n") + 4
    client = target.connect()
    client.sendall(data[:end])
    if asked:
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    else:
        target.wait_until(lambda: any(not item.is_reading_head for item in target.connections))
    client.sendall(data[end:])
    assert read_answer(client).answer.status == 201


def test_h57_two_blanks_in_the_request_line_are_answered(target: Target) -> None:
    assert target.ask(http().replace(b"POST ", b"POST  ", 1)).status in (201, 400)
