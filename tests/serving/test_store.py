"""A server with a store, as a process: killed, started again, shared, refused."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mockserver import MockServer
from tests.doors import BODY, CREATE, FROZEN, KEY, Answer

LIST = "/v1/api-keys/?account_id=acct_1&limit=100"


@contextmanager
def serve(store: str, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`mockserver serve` in a process group of its own, and its port."""
    command = [sys.executable, "-m", "mockserver", "serve", "--port", "0", "--clock", FROZEN]
    process = subprocess.Popen(
        [*command, "--log-format", "json", "--log-level", "warning", "--store", store, *options],
        stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        welcome = process.stdout.readline()
        assert welcome, "it did not start"
        yield process, int(json.loads(welcome)["origin"].rpartition(":")[2])
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()


def send(
    port: int,
    method: str = "POST",
    url: str = CREATE,
    *,
    key: str = KEY,
    json_body: Any = None,
    **headers: str,
) -> Answer:
    """One call on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    body = None if method == "GET" else json.dumps(BODY if json_body is None else json_body)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    sent |= {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    try:
        connection.request(method, url, body, sent)
        answer = connection.getresponse()
        fields: dict[str, list[str]] = {}
        for name, value in answer.getheaders():
            fields.setdefault(name.lower(), []).append(value)
        return Answer(answer.status, fields, answer.read())
    finally:
        connection.close()


def test_a_killed_server_goes_on_where_it_was(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'state.db'}"
    with serve(store) as (process, port):
        first = send(port, Idempotency_Key="one")
        send(port, json_body={**BODY, "name": "another"})
        listed = send(port, "GET", LIST)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)
    with serve(store) as (_, port):
        assert send(port, "GET", LIST).json == listed.json
        assert send(port, "GET", LIST, key=first.key).status == 200
        again = send(port, Idempotency_Key="one")
        assert again.reason == "replayed"
        assert again.body == first.body
        calls = send(port, "GET", "/__admin/calls").json["calls"]
        assert [call["number"] for call in calls] == list(range(1, 7))


def test_servers_that_share_a_store_behave_as_one(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'state.db'}"
    with serve(store) as (_, one), serve(store) as (_, two):
        outcomes = [{"status": 500, "times": 2}]
        made = send(one, url="/__admin/queue", json_body={"operation": "createApiKey", "outcomes": outcomes})
        assert made.status == 201
        statuses = [send((one, two)[turn % 2]).status for turn in range(4)]
        assert statuses == [500, 500, 201, 201]
        assert send(one, "GET", LIST).json == send(two, "GET", LIST).json


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda path: path.write_bytes(b"no database" * 100), "is no SQLite database"),
        (lambda path: path.mkdir(), "is no file"),
        (lambda path: None, "needs the folder"),
    ],
    ids=["foreign", "folder", "nowhere"],
)
def test_a_store_that_cannot_be_used_ends_the_start_with_one_sentence(
    tmp_path: Path, make: Any, text: str
) -> None:
    path = tmp_path / "state.db"
    make(path)
    store = path if path.exists() else tmp_path / "no" / "state.db"
    command = [sys.executable, "-m", "mockserver", "serve", "--port", "0", "--store", f"sqlite:{store}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_the_state_of_a_server_in_this_process_lasts_too(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'state.db'}"
    with MockServer(store=store) as server:
        server.fail_next(429)
        sandbox = server.namespace("t1")
        sandbox.fail_next(500)
    with MockServer(store=store) as server:
        assert send(int(server.origin.rpartition(":")[2])).status == 429
        assert [stub["response"]["status"] for stub in server.namespace("t1").stubs()][:1] == [500]
        server.stop()
        server.start()
        assert send(int(server.origin.rpartition(":")[2])).status == 201
