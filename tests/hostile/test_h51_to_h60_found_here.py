"""Hostile inputs H51 to H60: what an attack on this product found."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.wire import http, read_answer
from tests.served import Served, serve

# H51

# The violations of this body make a long line.
LONG = json.dumps({"name": 1, "permissions": {f"p{'x' * 90}{number}": 1 for number in range(99)}}).encode()
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
