"""Routes onto the journal: lists, exports, and questions that wait."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from mockserver.client.local import wait_for_answer
from mockserver.control import ControlAnswer, Listing, Question, Stream
from mockserver.engine.engine import Engine
from mockserver.json_codec import loads_kept
from tests.desk import Desk
from tests.doors import BODY, UNSENT

LIST = "/v1/api-keys/?account_id=acct_1"
CREATE = {"operation": "createApiKey"}
POST = {"method": "POST"}


@pytest.fixture
def short(engine: Engine) -> Desk:
    """A journal that keeps two calls."""
    desk = Desk(engine)
    desk.journal._limit = 2
    return desk


def numbers(value: Any) -> list[int]:
    return [call["number"] for call in value["calls"]]


# Lists.


def test_all_calls_oldest_first(desk: Desk) -> None:
    desk.api.send()
    desk.api.send("GET", LIST, json=UNSENT)
    value = desk.get("/calls")
    assert (numbers(value), value["total"], value["evicted"]) == ([1, 2], 2, 0)
    assert [call["operation"] for call in value["calls"]] == ["createApiKey", "listApiKeys"]


def test_a_call_has_the_shape_that_is_pinned(desk: Desk) -> None:
    answer = desk.api.send(json={**BODY, "colour": "red"})
    (call,) = desk.get("/calls")["calls"]
    assert list(call) == [
        "id", "number", "namespace", "receivedAt", "operation", "request", "credential", "violations",
        "warnings", "reason", "stub", "fault", "phase", "response", "state", "durationMs",
    ]  # fmt: skip
    assert call["id"] == answer.header("mockserver-call-id")
    assert call["request"]["query"] == {"account_id": ["acct_1"]}
    assert call["request"]["body"] == {**BODY, "colour": "red"}
    assert call["warnings"][0]["code"] == "unknown_member"
    assert (call["reason"], call["state"], call["response"]["status"]) == ("created", "answered", 201)
    assert desk.get(f"/calls/{call['id']}") == call


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("operation=createApiKey", [1, 3]),
        ("status=404", [4]),
        ("reason=listed", [2]),
        ("warnings=true", [3, 4]),
        ("warnings=false", [1, 2, 3, 4]),
        ("operation=createApiKey&warnings=true", [3]),
        ("since=2000-01-01T00:00:00Z", [1, 2, 3, 4]),
        ("since=2999-01-01T00:00:00Z", []),
        ("limit=2", [3, 4]),
        ("limit=0", []),
        ("limit=99", [1, 2, 3, 4]),
    ],
)
def test_filters_of_calls(desk: Desk, query: str, expected: list[int]) -> None:
    desk.api.send()
    desk.api.send("GET", LIST, json=UNSENT)
    desk.api.send()
    desk.api.send("GET", "/v1/nowhere", json=UNSENT)
    value = desk.get(f"/calls?{query}")
    assert numbers(value) == expected
    assert value["total"] == (4 if query.startswith("limit") else len(expected))


def test_totals_survive_eviction(short: Desk) -> None:
    for _ in range(3):
        short.api.send()
    short.api.send("GET", LIST, json=UNSENT)
    value = short.get("/calls?operation=createApiKey")
    assert (numbers(value), value["total"], value["evicted"]) == ([3], 3, 2)
    status, (text,) = short.refused("GET", "/calls?since=2000-01-01T00:00:00Z")
    assert status == 409
    assert "2 calls were evicted" in text and "--journal-limit (now 2)" in text


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("limit=-1", "limit='-1' must be a whole number"),
        ("limit=ten", "limit='ten' must be a whole number"),
        ("status=2xx", "status='2xx' must be a whole number"),
        ("since=yesterday", "since='yesterday' is not a valid time"),
        ("since=2026-01-01T00:00:00", "since='2026-01-01T00:00:00' is not a valid time"),
        ("warnings=perhaps", "warnings='perhaps' must be true or false"),
        ("operation=createKey", "operation='createKey' is not in the contract"),
        ("limits=1", "'limits' is not a filter of calls; did you mean 'limit'?"),
        ("operaton=createApiKey", "'operaton' is not a filter of calls; did you mean 'operation'?"),
    ],
)
def test_nonsense_in_a_filter_is_refused(desk: Desk, query: str, text: str) -> None:
    status, (problem,) = desk.refused("GET", f"/calls?{query}")
    assert status == 400
    assert problem.startswith(text)


def test_an_unknown_call_is_not_found(desk: Desk) -> None:
    assert desk.refused("GET", "/calls/nix") == (404, ["there is no call 'nix' in the namespace 'default'"])


def test_a_call_is_found_in_its_namespace_only(desk: Desk) -> None:
    answer = desk.api.send("GET", f"/~t1{LIST}", json=UNSENT)
    id = answer.header("mockserver-call-id")
    assert desk.get(f"/calls/{id}", namespace="t1")["namespace"] == "t1"
    assert desk.ask("GET", f"/calls/{id}")[0] == 404


# Exports (their content is tested in test_exports).


def test_a_call_can_be_exported(desk: Desk) -> None:
    id = desk.api.send().header("mockserver-call-id")
    assert desk.get(f"/calls/{id}?format=curl").startswith("curl -X POST 'http://localhost:4020/v1/")
    assert "def test_call_1(mockserver):" in desk.get(f"/calls/{id}?format=pytest")
    assert desk.get(f"/calls/{id}?format=json")["id"] == id
    (entry,) = loads_kept(desk.get(f"/calls/{id}?format=har").encode())["log"]["entries"]
    assert entry["_call"]["id"] == id
    assert desk.refused("GET", f"/calls/{id}?format=xml") == (
        400,
        ["format='xml' must be one of json, curl, pytest, har"],
    )


def test_the_archive_takes_the_filters_of_calls(desk: Desk) -> None:
    desk.api.send()
    desk.api.send("GET", LIST, json=UNSENT)
    assert len(desk.get("/har")["log"]["entries"]) == 2
    (entry,) = desk.get("/har?operation=listApiKeys")["log"]["entries"]
    assert entry["request"]["method"] == "GET"


def test_events_are_a_stream_from_now_on(desk: Desk) -> None:
    desk.api.send()
    stream = desk.answer("GET", "/events")
    assert isinstance(stream, Stream)
    assert (stream.namespace.name, stream.after) == ("default", 1)


# Verification (what it finds is tested in test_verification).


def test_a_verification_that_holds(desk: Desk) -> None:
    desk.api.send()
    value = desk.post("/verify", {"expected": [CREATE | {"exactly": 1}], "nothingElse": True})
    assert value == {"ok": True, "failures": []}


def test_a_verification_that_fails_is_an_answer(desk: Desk) -> None:
    desk.api.send()
    value = desk.post("/verify", {"expected": [CREATE | {"exactly": 2}]})
    assert value["ok"] is False
    (failure,) = value["failures"]
    assert (failure["expected"], failure["actual"]) == (CREATE | {"exactly": 2}, 1)
    assert failure["nearest"][0]["call"]["number"] == 1
    assert failure["nearest"][0]["differences"] == []


def test_a_verification_that_eviction_made_unanswerable(short: Desk) -> None:
    for _ in range(3):
        short.api.send()
    status, (text,) = short.refused("POST", "/verify", {"expected": [{"request": POST, "exactly": 3}]})
    assert status == 409
    assert text.startswith("1 call was evicted")
    assert short.post("/verify", {"expected": [CREATE | {"exactly": 3}]})["ok"] is True


def test_a_verification_of_nothing_is_refused(desk: Desk) -> None:
    empty: list[Any] = [{}, {"expected": []}, {"expected": [], "nothingElse": True}, []]
    for body in empty:
        status, _ = desk.refused("POST", "/verify", body)
        assert status == 422
    status, (text,) = desk.refused("POST", "/verify", {"expected": [{"operation": "createKey"}]})
    assert (status, text) == (
        422,
        "#/expected/0/operation: 'createKey' is no operation of the contract; did you mean 'createApiKey'?",
    )


def test_namespaces_are_verified_apart(desk: Desk) -> None:
    desk.api.send(url="/~t1/v1/api-keys/?account_id=acct_1")
    question = {"expected": [CREATE | {"exactly": 1}]}
    assert desk.post("/verify", question, namespace="t1")["ok"] is True
    assert desk.post("/verify", question, namespace="t2")["ok"] is False


# Waiting.


def pending(desk: Desk, path: str, body: Any) -> Question:
    question = desk.answer("POST", path, body)
    assert isinstance(question, Question)
    return question


def test_a_question_is_answered_by_the_call_that_it_waits_for(desk: Desk) -> None:
    body = {"expected": [CREATE | {"exactly": 2}], "timeoutMillis": 60_000}
    question = pending(desk, "/verify", body)
    desk.api.send()
    assert question.ask() is None
    desk.api.send()
    answer = question.ask()
    assert isinstance(answer, Listing) and answer.finish().value == {"ok": True, "failures": []}


def test_a_wait_for_calls_ends_with_the_call_itself(desk: Desk) -> None:
    body = {"pattern": POST, "count": 2, "timeoutMillis": 60_000}
    desk.api.send()
    question = pending(desk, "/requests/wait-for-count", body)
    answers: list[ControlAnswer] = []
    waiting = threading.Thread(target=lambda: answers.append(wait_for_answer(question)))
    waiting.start()
    desk.api.send()
    waiting.join(20)
    (answer,) = answers
    value: Any = answer.value
    assert answer.status == 200
    assert value["count"] == 2
    assert [request["method"] for request in value["requests"]] == ["POST", "POST"]
    assert not desk.journal.listeners


def test_what_is_there_already_is_not_waited_for(desk: Desk) -> None:
    desk.api.send()
    body = {"pattern": POST, "count": 1, "timeoutMillis": 60_000}
    assert isinstance(desk.answer("POST", "/requests/wait-for-count", body), ControlAnswer)
    body = {"expected": [CREATE | {"atMost": 0}], "timeoutMillis": 60_000}
    assert isinstance(desk.answer("POST", "/verify", body), ControlAnswer)


@pytest.mark.parametrize(
    "pattern",
    [POST, CREATE, CREATE | POST, {"request": POST}, CREATE | {"request": {"urlPath": "/v1/api-keys/"}}, {}],
)
def test_a_time_that_is_up_is_told_with_what_came(desk: Desk, pattern: Any) -> None:
    desk.api.send()
    status, value = desk.ask("POST", "/requests/wait-for-count", {"pattern": pattern, "count": 2})
    assert (status, value["count"]) == (408, 1)
    (request,) = value["requests"]
    assert (request["method"], request["url"]) == ("POST", LIST)


def test_a_time_that_is_up_makes_a_verification_fail(desk: Desk) -> None:
    body = {"expected": [CREATE], "timeoutMillis": 1}
    assert desk.post("/verify", body)["ok"] is False


def test_waiting_for_calls_that_may_be_evicted(short: Desk) -> None:
    for _ in range(3):
        short.api.send()
    wait = "/requests/wait-for-count"
    assert short.ask("POST", wait, {"pattern": POST, "count": 2})[0] == 200
    assert short.ask("POST", wait, {"pattern": CREATE, "count": 3})[1]["count"] == 3
    assert short.refused("POST", wait, {"pattern": POST, "count": 3})[0] == 409
    question = pending(short, wait, {"pattern": POST, "count": 4, "timeoutMillis": 1})
    answer = question.give_up()
    assert isinstance(answer, ControlAnswer) and answer.status == 409


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/pattern", "/count"]),
        ({"pattern": {}, "count": -1}, ["/count"]),
        ({"pattern": {}, "count": 1, "counts": 1}, ["/counts"]),
        ({"pattern": [], "count": 1}, ["/pattern"]),
        ({"pattern": {"operation": "x"}, "count": 1}, ["/pattern/operation"]),
        ({"pattern": {"request": {"x": 1}}, "count": 1}, ["/pattern/request/x"]),
        ({"pattern": {}, "count": 1, "timeoutMillis": -1}, ["/timeoutMillis"]),
        ({"pattern": {}, "count": 1, "timeoutMillis": "soon"}, ["/timeoutMillis"]),
        ({"pattern": {}, "count": 1, "timeoutMillis": True}, ["/timeoutMillis"]),
        ({"pattern": {}, "count": 1, "timeoutMillis": 300_001}, ["/timeoutMillis"]),
        ({"count": "1", "timeoutMillis": -1}, ["/pattern", "/count", "/timeoutMillis"]),
        ({"pattern": {"x": 1}, "count": -1, "timeoutMillis": -1}, ["/count", "/timeoutMillis", "/pattern/x"]),
    ],
)
def test_what_cannot_be_waited_for_is_refused(desk: Desk, body: Any, pointers: list[str]) -> None:
    status, value = desk.ask("POST", "/requests/wait-for-count", body)
    assert status == 422
    assert [error["source"]["pointer"] for error in value["errors"]] == pointers


def test_the_time_to_wait_for_a_verification_is_checked(desk: Desk) -> None:
    for millis in (-1, "1", 10**9):
        status, (text,) = desk.refused("POST", "/verify", {"expected": [CREATE], "timeoutMillis": millis})
        assert status == 422
        assert text.startswith("#/timeoutMillis: 'timeoutMillis' must be a number of milliseconds")


@pytest.mark.parametrize("count", [1, 100])
def test_all_that_is_wrong_with_a_verification_is_said_at_once(desk: Desk, count: int) -> None:
    expected = [*[CREATE] * count, {"operation": "x"}]
    body = {"expected": expected, "inOrder": 1, "timeoutMillis": -1}
    pointers = ["/inOrder", "/timeoutMillis", f"/expected/{count}/operation"]
    assert desk.misplaced("POST", "/verify", body) == pointers


def test_the_stubs_nearest_to_a_call_come_with_their_differences(desk: Desk) -> None:
    desk.api.script({"request": {"method": "GET", "urlPath": "/v1/kyes"}, "response": {"status": 200}})
    desk.api.send("GET", "/v1/keys", json=UNSENT)
    nearest, *_ = desk.get(f"/calls/{desk.last_call.id}/near-misses")["nearMisses"]
    assert nearest["stub"]["request"]["urlPath"] == "/v1/kyes"
    assert 0 < nearest["distance"] < 1
    (difference,) = nearest["differences"]
    assert (difference["in"], difference["expected"], difference["actual"]) == (
        "path",
        "/v1/kyes",
        "/v1/keys",
    )
