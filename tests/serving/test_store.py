"""A server with a store, as a process: killed, started again, shared, refused."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mockserver import MockServer
from mockserver.exceptions import SettingsError
from mockserver.scripting.documents import read_stub
from mockserver.scripting.stubs import Stub
from mockserver.serving.uvicorn_server import ServerThread
from tests.doors import BODY, KEY, SETTINGS
from tests.serving.processes import LIST, serve
from tests.stores.servers import RedisServer, run_redis


def test_a_killed_server_goes_on_where_it_was(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'state.db'}"
    with serve("--store", store) as server:
        first = server.send(Idempotency_Key="one")
        server.send(json_body={**BODY, "name": "another"})
        listed = server.send("GET", LIST)
        server.kill()
    with serve("--store", store) as server:
        assert server.send("GET", LIST).json == listed.json
        assert server.send("GET", LIST, key=first.key).status == 200
        again = server.send(Idempotency_Key="one")
        assert again.reason == "replayed"
        assert again.body == first.body
        calls = server.send("GET", "/__admin/calls").json["calls"]
        assert [call["number"] for call in calls] == list(range(1, 7))


def test_servers_that_share_a_store_behave_as_one(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'state.db'}"
    with serve("--store", store) as one, serve("--store", store) as two:
        outcomes = [{"status": 500, "times": 2}]
        made = one.send(url="/__admin/queue", json_body={"operation": "createApiKey", "outcomes": outcomes})
        assert made.status == 201
        statuses = [(one, two)[turn % 2].send().status for turn in range(4)]
        assert statuses == [500, 500, 201, 201]
        assert one.send("GET", LIST).json == two.send("GET", LIST).json


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
        server.namespace("t1").fail_next(500)
    with MockServer(store=store) as server:
        for name, status in (("default", 429), ("t1", 500)):
            newest = server.namespace(name).stubs()[0]
            assert newest["response"]["status"] == status
        server.stop()
        server.start()
        server.fail_next(500)
        assert len(server.stubs()) == len(server.namespace("t2").stubs()) + 2


def test_a_server_in_this_process_is_one_process() -> None:
    with pytest.raises(SettingsError, match="must be 1 for a server in this process"):
        MockServer(workers=2)


def test_replicas_on_one_redis_answer_as_one(redis_server: RedisServer) -> None:
    with serve("--store", redis_server.url) as one, serve("--store", redis_server.url) as two:
        servers = (one, two)
        outcomes = [{"status": 500, "times": 3}]
        queue = {"operation": "createApiKey", "outcomes": outcomes}
        assert one.send(url="/__admin/queue", json_body=queue).status == 201

        def create(number: int) -> int:
            return servers[number % 2].send(json_body={**BODY, "name": f"key {number % 10}"}).status

        with ThreadPoolExecutor(16) as pool:
            statuses = Counter(pool.map(create, range(100)))
        assert statuses == {500: 3, 201: 97}
        answers = [server.send(Idempotency_Key="k") for server in (one, two, one)]
        assert [answer.reason for answer in answers] == ["created", "replayed", "replayed"]
        assert len({answer.body for answer in answers}) == 1
        calls = [server.send("GET", "/__admin/calls").json for server in servers]
        assert calls[0] == calls[1]
        assert [call["number"] for call in calls[0]["calls"]] == list(range(1, 104))


def test_a_held_answer_is_released_by_the_other_replica(redis_server: RedisServer) -> None:
    with serve("--store", redis_server.url) as one, serve("--store", redis_server.url) as two:
        stub = {
            "request": {"urlPath": "/held"},
            "response": {"status": 200, "body": "at last"},
            "metadata": {"mockserver": {"hold": True}},
        }
        made = one.send(url="/__admin/mappings", json_body=stub).json
        question = {"pattern": {"urlPath": "/held"}, "count": 1, "timeoutMillis": 20_000}
        with ThreadPoolExecutor(2) as pool:
            waiting = pool.submit(two.send, url="/__admin/requests/wait-for-count", json_body=question)
            held = pool.submit(one.send, "GET", "/held")
            assert waiting.result(30).status == 200
            released = two.send(url=f"/__admin/mappings/{made['id']}/release", json_body={})
            assert released.json == {"released": 1}
            assert held.result(30).body == b"at last"


def test_while_redis_is_away_calls_are_told_so_and_health_too(tmp_path: Path) -> None:
    with run_redis(tmp_path) as redis, serve("--store", redis.url) as server:
        assert server.send().status == 201
        assert server.send("GET", "/__admin/health").json["store"] == {"kind": "redis", "ok": True}
        redis.stop()
        answer = server.send()
        assert answer.outcome == (503, "store_unavailable")
        assert answer.header("content-type") == "text/plain; charset=utf-8"
        assert b"does not answer" in answer.body
        health = server.send("GET", "/__admin/health")
        assert health.status == 503
        assert health.json["store"]["ok"] is False
        assert server.send("GET", "/__admin/calls").status == 503
        redis.start()
        # It is empty, and the server goes on.
        assert server.send().status == 201
        assert server.send("GET", "/__admin/health").status == 200


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_events_tell_of_calls_to_the_other_server(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    store = f"sqlite:{tmp_path / 'state.db'}"
    if kind == "redis":
        store = request.getfixturevalue("redis_server").url
    with serve("--store", store) as one, serve("--store", store) as two:
        connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=30)
        connection.request("GET", "/__admin/events")
        stream = connection.getresponse()
        for number in range(3):
            two.send(json_body={**BODY, "name": f"key {number}"})
        numbers: list[int] = []
        while len(numbers) < 3:
            line = stream.readline()
            if line.startswith(b"id: "):
                numbers.append(int(line[4:]))
        assert numbers == [1, 2, 3]
        connection.close()


def test_verifying_waits_for_calls_to_the_other_server(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'state.db'}"
    with serve("--store", store) as one, serve("--store", store) as two:
        question = {"expected": [{"operation": "createApiKey", "exactly": 2}], "timeoutMillis": 20_000}
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(one.send, url="/__admin/verify", json_body=question)
            two.send()
            two.send()
            assert waiting.result(30).json == {"ok": True, "failures": []}


# What takes long is done in a thread, and holds nobody but who asks the same namespace.


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[ServerThread]:
    """A server with a SQLite store, in this process."""
    settings = SETTINGS.with_changes({"store": f"sqlite:{tmp_path / 'state.db'}"})
    with ServerThread(settings) as server:
        yield server


def ask(server: ServerThread, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and JSON of an answer, on a connection of its own."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    response = connection.getresponse()
    value = json.loads(response.read())
    connection.close()
    return response.status, value


class Gate:
    """Where the reading of a stub from the store waits, and the threads in which it does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_reached = threading.Event()
        self.is_open = threading.Event()
        self.threads: set[int] = set()
        monkeypatch.setattr("mockserver.engine.engine.read_stub", self.read)

    def read(self, *arguments: Any, **more: Any) -> Stub:
        """As `read_stub`, once the gate is open."""
        self.threads.add(threading.get_ident())
        self.is_reached.set()
        assert self.is_open.wait(60)
        return read_stub(*arguments, **more)


def test_while_a_snapshot_is_restored_only_its_namespace_waits(
    stored: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = {"request": {"urlPath": "/restored"}, "response": {"status": 200, "jsonBody": {"is": "back"}}}
    assert ask(stored, "POST", "/__admin/mappings", stub)[0] == 201
    _, kept = ask(stored, "POST", "/__admin/snapshots")
    assert ask(stored, "DELETE", "/__admin/mappings")[0] == 200
    assert ask(stored, "POST", LIST, BODY)[0] == 201
    gate = Gate(monkeypatch)
    with ThreadPoolExecutor(2) as pool:
        restoring = pool.submit(ask, stored, "POST", f"/__admin/snapshots/{kept['id']}/restore")
        assert gate.is_reached.wait(60)
        waiting = pool.submit(ask, stored, "GET", "/restored")
        for number in range(3):
            assert ask(stored, "POST", f"/~t1{LIST}", {**BODY, "name": f"key {number}"})[0] == 201
            assert ask(stored, "GET", "/~t1/__admin/mappings")[0] == 200
            assert ask(stored, "GET", "/__admin/health")[0] == 200
        assert not restoring.done()
        gate.is_open.set()
        assert restoring.result(60) == (200, {})
        assert waiting.result(60) == (200, {"is": "back"}), "it came after the restore"
    assert stored._thread is not None
    assert stored._thread.ident not in gate.threads
    _, listed = ask(stored, "GET", "/__admin/calls")
    assert [call["number"] for call in listed["calls"]] == [1, 2]


def test_what_another_server_wrote_is_read_while_other_namespaces_are_answered(
    stored: ServerThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(stored, "POST", LIST, BODY)[0] == 201
    stubs = [{"request": {"urlPath": f"/{number}"}, "response": {"jsonBody": number}} for number in range(99)]
    settings = SETTINGS.with_changes({"store": f"sqlite:{tmp_path / 'state.db'}"})
    with ServerThread(settings) as other:
        assert ask(other, "POST", "/__admin/mappings/import", {"mappings": stubs})[0] == 200
    gate = Gate(monkeypatch)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(ask, stored, "GET", f"/{number}") for number in (7, 8)]
        assert gate.is_reached.wait(60)
        assert ask(stored, "POST", f"/~t1{LIST}", BODY)[0] == 201
        gate.is_open.set()
        assert [answer.result(60) for answer in waiting] == [(200, 7), (200, 8)]
    assert stored._thread is not None
    assert stored._thread.ident not in gate.threads
