"""Server-sent events over a real socket: one per call, resumable, never in the way of anything."""

from __future__ import annotations

import gc
import json
import socket
import urllib.request
from typing import Any

import pytest

from mockserver.client.local import wait_for_answer
from mockserver.control import Control, door
from mockserver.control.routing import Listing, Question, read_body
from mockserver.engine.engine import Engine
from mockserver.messages import build_request
from mockserver.serving.uvicorn_server import ServerThread
from mockserver.variants import list_statuses
from tests.doors import BODY, SETTINGS, UNSENT, Api, engine_api, parse, talk
from tests.events import listening

LIST = "/v1/api-keys/?account_id=acct_1"
HEALTH = b"GET /__admin/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture
def api(server: ServerThread) -> Api:
    return engine_api(server.engine)


def test_each_call_is_an_event(server: ServerThread, api: Api) -> None:
    with listening(server) as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        assert events.headers["cache-control"] == "no-store"
        answer = api.send()
        event = events.next()
        assert event is not None
        assert (event["event"], event["id"]) == ("call", "1")
        assert event["data"]["id"] == answer.header("mockserver-call-id")
        assert event["data"]["request"]["body"] == BODY
        api.send("GET", LIST, json=UNSENT)
        assert events.numbers(1) == [2]


def test_a_call_is_an_event_before_it_is_answered(server: ServerThread) -> None:
    with listening(server) as events:
        exchange = server.engine.begin(build_request("GET", "/nowhere"))
        event = events.next()
        exchange.finish("answered")
    assert event is not None and event["data"]["state"] == "in_flight"


def test_earlier_calls_are_no_news(server: ServerThread, api: Api) -> None:
    api.send()
    with listening(server) as events:
        api.send()
        assert events.numbers(1) == [2]


def test_a_stream_goes_on_after_the_last_event_that_was_seen(server: ServerThread, api: Api) -> None:
    for _ in range(250):
        api.send("GET", LIST, json=UNSENT)
    with listening(server, last_id="20") as events:
        assert events.numbers(230) == list(range(21, 251))
        api.send()
        assert events.numbers(1) == [251]


def test_a_reset_begins_the_numbers_anew(server: ServerThread, api: Api) -> None:
    for _ in range(3):
        api.send()
    with listening(server) as events:
        server.engine.namespaces.default.reset()
        api.send()
        api.send()
        assert events.numbers(2) == [1, 2]
    with listening(server, last_id="3") as events:
        assert events.numbers(2) == [1, 2]


def test_namespaces_have_streams_of_their_own(server: ServerThread, api: Api) -> None:
    with listening(server, namespace="/~t1") as events:
        api.send()
        api.send("GET", f"/~t1{LIST}", json=UNSENT)
        event = events.next()
    assert event is not None
    assert (event["id"], event["data"]["namespace"]) == ("1", "t1")


def test_events_show_no_secret(server: ServerThread, api: Api) -> None:
    with listening(server) as events:
        key = api.send(key="sk_test_never_to_be_seen").key
        shown = str(events.next())
    assert "never_to_be_seen" not in shown
    assert key not in shown


@pytest.mark.parametrize("last_id", ["", "x", "-1", "1.5", "9" * 16])
def test_what_is_no_number_of_a_call_is_refused(server: ServerThread, last_id: str) -> None:
    lines = (
        "GET /__admin/events HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        f"Last-Event-ID: {last_id}",
        "\r\n",
    )
    assert parse(talk(server, "\r\n".join(lines).encode())).status == 400


def test_evicted_calls_are_marked_and_the_stream_goes_on(server: ServerThread, api: Api) -> None:
    journal = server.engine.namespaces.get("short").journal
    journal._limit = 2
    for _ in range(5):
        api.send("GET", f"/~short{LIST}", json=UNSENT)
    with listening(server, namespace="/~short", last_id="1") as events:
        assert events.next() == {"event": "dropped", "id": "3", "data": {"dropped": 2}}
        assert events.numbers(2) == [4, 5]


def test_a_slow_reader_is_cut_off_with_a_marker(
    server: ServerThread, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "MAX_EVENTS_BEHIND", 3)
    with listening(server) as events:
        namespace = server.engine.namespaces.default
        # Under the lock the stream cannot look, as if its client did not read.
        with namespace.lock:
            for _ in range(5):
                api.send("GET", LIST, json=UNSENT)
        assert events.next() == {"event": "dropped", "data": {"dropped": 5}}
        assert events.next() is None
    with listening(server, last_id="0") as events:
        assert events.numbers(5) == [1, 2, 3, 4, 5]


def test_a_reader_that_never_reads_is_in_nobodys_way(server: ServerThread, api: Api) -> None:
    with socket.create_connection((server.host, server.port), timeout=20) as silent:
        silent.sendall(b"GET /__admin/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert silent.recv(8)
        for _ in range(30):
            api.send(json={**BODY, "name": "x" * 60_000})
        with listening(server) as events:
            api.send()
            assert events.numbers(1) == [31]


def test_a_client_that_leaves_is_forgotten(server: ServerThread, api: Api) -> None:
    journal = server.engine.namespaces.default.journal
    with listening(server) as events:
        api.send()
        assert events.numbers(1) == [1]
        assert len(journal.listeners) == 1
    _hear_nobody(server)
    assert not journal.listeners


def test_a_reader_that_leaves_in_the_middle_of_an_event_is_forgotten(server: ServerThread, api: Api) -> None:
    journal = server.engine.namespaces.default.journal
    for _ in range(30):
        api.send(json={**BODY, "name": "x" * 60_000})
    with socket.create_connection((server.host, server.port), timeout=20) as silent:
        silent.sendall(b"GET /__admin/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 0\r\n\r\n")
        received = b""
        while b"data:" not in received:
            received += silent.recv(8)
        assert len(journal.listeners) == 1
    gc.disable()
    try:
        _hear_nobody(server)
    finally:
        gc.enable()
    assert not journal.listeners


@pytest.mark.parametrize(
    ("path", "question"),
    [
        ("/verify", {"expected": [{"operation": "createApiKey"}]}),
        ("/requests/wait-for-count", {"pattern": {}, "count": 2}),
    ],
)
def test_a_wait_ends_when_its_client_leaves(server: ServerThread, path: str, question: Any) -> None:
    journal = server.engine.namespaces.default.journal
    body = json.dumps(question | {"timeoutMillis": 60_000}).encode()
    head = f"POST /__admin{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((server.host, server.port), timeout=20) as waiting:
        waiting.sendall(head.encode() + body)
        while not journal.listeners:
            talk(server, HEALTH)
    _hear_nobody(server)
    assert not journal.listeners


def _hear_nobody(server: ServerThread) -> None:
    """Let the server notice that a client has left: it does in its own time, at the latest when it writes."""
    journal = server.engine.namespaces.default.journal
    for _ in range(2_000):
        if not journal.listeners:
            break
        talk(server, HEALTH)


def test_the_end_of_the_server_ends_streams_and_waits(engine: Engine) -> None:
    with ServerThread(SETTINGS) as server:
        waiting = socket.create_connection((server.host, server.port), timeout=20)
        body = b'{"expected": [{"operation": "createApiKey"}], "timeoutMillis": 60000}'
        waiting.sendall(
            b"POST /__admin/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
            + body
        )
        journal = server.engine.namespaces.default.journal
        with listening(server) as events:
            while len(journal.listeners) < 2:
                talk(server, HEALTH)
            server.stop()
            assert events.next() is None
        with waiting:
            answer = parse(waiting.makefile("rb").read())
        assert (answer.status, answer.json["ok"]) == (200, False)


def test_errors_are_made_one_at_a_time_and_are_the_same(
    server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    write_some = Listing.write_some

    def note(listing: Listing, start: int, stop: int) -> list[Any]:
        steps.append(stop - start)
        return write_some(listing, start, stop)

    monkeypatch.setattr(Listing, "write_some", note)
    origin = f"http://{server.host}:{server.port}"
    with urllib.request.urlopen(f"{origin}/__admin/errors", timeout=20) as answer:
        found = json.load(answer)
    assert steps == [1] * len(found["errors"])
    told = Control(server.engine).begin("GET", "/errors", "", b"", origin=origin)
    assert isinstance(told, Listing)
    assert found == told.finish().value


def test_coverage_is_worked_out_in_steps_and_is_the_same(
    server: ServerThread, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each step takes longer than this.
    monkeypatch.setattr("mockserver.control.server.TURN_SECONDS", -1.0)
    api.send()
    told = Control(server.engine).begin("GET", "/coverage", "", b"")
    assert isinstance(told, Question)
    steps = 1
    while not told.prepare():
        steps += 1
    assert steps > sum(len(list_statuses(each)) for each in server.engine.contract.operations.values())
    with urllib.request.urlopen(f"http://{server.host}:{server.port}/__admin/coverage", timeout=20) as answer:
        assert json.load(answer) == wait_for_answer(told).value


def test_a_body_that_was_read_shows_nothing_and_is_let_go() -> None:
    for text in (b'{"secret":[{"a":1},{"b":2}],"b":5}', b"[1]", b""):
        body = read_body(text)
        assert repr(body) == "<Body>"
        body.let_go()
    kept = read_body(b'{"secret":[{"a":1}],"b":5}')
    kept.let_go()
    assert kept.value == {"secret": [], "b": 5}
