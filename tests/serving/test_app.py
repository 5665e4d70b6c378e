"""The application over HTTP: questions that wait, answers for people, requests that never arrive whole."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from typing import Any

import pytest

from mockserver.control import Control, Listing
from mockserver.journal.call import Call
from mockserver.json_codec import dumps
from mockserver.serving.uvicorn_server import ServerThread
from tests.doors import BODY, CREATE, KEY, Answer, Api, encode, engine_api, parse, talk

CREATED = {"operation": "createApiKey"}


@pytest.fixture
def api(server: ServerThread) -> Api:
    return engine_api(server.engine)


def ask(server: ServerThread, method: str, path: str, body: Any = None, *headers: str) -> Answer:
    """One control call over a connection of its own."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [
        f"{method} /__admin{path} HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        f"Content-Length: {len(content)}",
        *headers,
    ]
    return parse(talk(server, "\r\n".join(lines).encode() + b"\r\n\r\n" + content))


# Questions.


@pytest.mark.parametrize(
    ("path", "body", "key", "value"),
    [
        ("/verify", {"expected": [CREATED | {"exactly": 2}]}, "ok", True),
        ("/requests/wait-for-count", {"pattern": CREATED, "count": 2}, "count", 2),
    ],
)
def test_a_wait_ends_with_the_call_that_it_waits_for(
    server: ServerThread, api: Api, path: str, body: Any, key: str, value: Any
) -> None:
    answers: list[Answer] = []
    waiting = threading.Thread(
        target=lambda: answers.append(ask(server, "POST", path, body | {"timeoutMillis": 60_000}))
    )
    waiting.start()
    listeners = server.engine.namespaces.default.journal.listeners
    while waiting.is_alive() and not listeners:
        ask(server, "GET", "/health")
    api.send()
    api.send()
    waiting.join(20)
    (answer,) = answers
    assert (answer.status, answer.json[key]) == (200, value)
    assert not listeners


def test_a_time_that_is_up_is_an_answer(server: ServerThread) -> None:
    wait = {"pattern": {}, "count": 1, "timeoutMillis": 1}
    answer = ask(server, "POST", "/requests/wait-for-count", wait)
    assert (answer.status, answer.json) == (408, {"count": 0, "requests": []})
    answer = ask(server, "POST", "/verify", {"expected": [CREATED], "timeoutMillis": 1})
    assert (answer.status, answer.json["ok"]) == (200, False)


def test_answers_are_indented_for_people_who_use_curl(server: ServerThread) -> None:
    plain = ask(server, "GET", "/calls")
    pretty = ask(server, "GET", "/calls", None, "User-Agent: curl/8.0")
    assert plain.json == pretty.json
    assert b"\n" not in plain.body
    assert pretty.body.endswith(b"\n}\n")


@pytest.mark.parametrize("path", ["/calls", "/requests", "/har"])
@pytest.mark.parametrize("agent", ["python", "curl/8"])
def test_a_listing_is_written_in_parts_and_is_what_it_is_at_once(
    server: ServerThread, api: Api, monkeypatch: pytest.MonkeyPatch, path: str, agent: str
) -> None:
    for number in range(7):
        api.send(json={**BODY, "name": f"n{number}", "metadata": {"a": [1.5, None, "ü"]}})
    monkeypatch.setattr("mockserver.control.door._LISTED_AT_ONCE", 3)
    parts: list[int] = []
    write_some = Listing.write_some

    def watch(listing: Listing, start: int, stop: int) -> Any:
        written = write_some(listing, start, stop)
        parts.append(len(written))
        return written

    monkeypatch.setattr(Listing, "write_some", watch)
    answer = ask(server, "GET", path, None, f"User-Agent: {agent}")
    assert parts == [3, 3, 1]
    assert (b"\n" in answer.body) is (agent != "python")
    whole = Control(server.engine).begin("GET", path, "", b"", origin="http://localhost")
    assert isinstance(whole, Listing)
    assert answer.json == json.loads(dumps(whole.finish().value))


def test_others_have_their_turn_while_a_listing_is_written(
    server: ServerThread, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        api.send()
    monkeypatch.setattr("mockserver.control.door._LISTED_AT_ONCE", 1)
    turns: list[str] = []
    to_json = Call.to_json

    def write(call: Call) -> Any:
        turns.append("call")
        asyncio.get_running_loop().call_soon(turns.append, "other")
        return to_json(call)

    monkeypatch.setattr(Call, "to_json", write)
    assert len(ask(server, "GET", "/calls").json["calls"]) == 5
    assert turns == ["call", "other"] * 5


def test_texts_have_their_media_type(server: ServerThread, api: Api) -> None:
    id = api.send().header("mockserver-call-id")
    answer = ask(server, "GET", f"/calls/{id}?format=curl")
    assert answer.header("content-type") == "text/plain; charset=utf-8"
    assert f"http://localhost{CREATE}".encode() in answer.body


# Requests that never arrive whole.

HALF = encode(BODY)[:20]
LENGTH = len(encode(BODY))


@pytest.mark.parametrize(
    "more",
    [(), ("Expect: 100-continue",), ("Transfer-Encoding: chunked",)],
    ids=["directly", "the long way", "in chunks"],
)
def test_a_request_that_never_arrives_whole_is_a_call(server: ServerThread, more: tuple[str, ...]) -> None:
    is_chunked = "Transfer-Encoding: chunked" in more
    lines = [
        f"POST {CREATE} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {KEY}",
        "Content-Type: application/json",
        *more,
        *([] if is_chunked else [f"Content-Length: {LENGTH}"]),
    ]
    part = b"%x\r\n%b" % (LENGTH, HALF) if is_chunked else HALF
    with socket.create_connection((server.host, server.port), timeout=20) as client:
        client.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        if "Expect: 100-continue" in more:
            assert client.recv(100).startswith(b"HTTP/1.1 100")
        client.sendall(part)
    wait = {"pattern": CREATED, "count": 1, "timeoutMillis": 20_000}
    assert ask(server, "POST", "/requests/wait-for-count", wait).status == 200
    (call,) = ask(server, "GET", "/calls").json["calls"]
    assert (call["state"], call["reason"], call["response"]) == ("disconnected", "incomplete_request", None)
    assert call["operation"] == "createApiKey"
    assert call["violations"] == []
    assert call["durationMs"] is not None


def test_half_a_request_that_the_guard_refuses_is_no_call(server: ServerThread) -> None:
    head = f"POST {CREATE} HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 100\r\n\r\n"
    with socket.create_connection((server.host, server.port), timeout=20) as client:
        client.sendall(head.encode() + HALF)
        client.shutdown(socket.SHUT_WR)
        while client.recv(4096):
            pass
    assert ask(server, "GET", "/calls").json["total"] == 0


def test_a_long_answer_goes_out_whole_to_a_client_that_sends_no_more(
    server: ServerThread, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mockserver.control.door._LISTED_AT_ONCE", 1)
    for _ in range(600):
        api.send()
    request = b"GET /__admin/requests HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert len(parse(talk(server, request, shut=True)).json["requests"]) == 600
