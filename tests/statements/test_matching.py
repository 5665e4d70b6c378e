"""Matching, and what was hidden (design, section 13), asked of the whole."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from mockserver import MockServer, Unanswerable
from mockserver.control import Question
from mockserver.journal.verification import Selection, Sweep, read_target
from mockserver.json_codec import dumps
from tests.desk import Desk
from tests.doors import UNSENT

SESSION = {"session": {"matches": ".*12345.*"}}
CALLED = {"urlPath": "/c"}


def add(desk: Desk, request: Any, **response: Any) -> str:
    status, stub = desk.ask(
        "POST", "/mappings", {"request": request, "response": {"status": 200, **response}}
    )
    assert status == 201, stub
    return str(stub["id"])


def get(desk: Desk, target: str, **headers: str) -> int:
    return desk.api.send("GET", target, json=UNSENT, headers=headers).status


def test_a_stub_is_matched_against_the_cookie_that_came(desk: Desk) -> None:
    add(desk, {**CALLED, "cookies": SESSION}, body="hit")
    assert get(desk, "/c", Cookie="session=xx12345yy") == 200
    assert get(desk, "/c", Cookie="session=xx1234") == 404


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ({"cookies": {"session": {"contains": "12345"}}}, {"exactly": 0}),
        ({"cookies": {"session": {"doesNotContain": "12345"}}}, {"exactly": 1}),
        ({"headers": {"Cookie": {"contains": "12345"}}}, {"atMost": 0}),
        ({"headers": {"Authorization": {"matches": "Bearer .*"}}}, {"atLeast": 1}),
    ],
)
def test_a_question_about_what_was_hidden_is_refused_with_the_call(
    desk: Desk, pattern: Any, count: Any
) -> None:
    get(desk, "/c", Cookie="session=xx12345yy")
    call = desk.last_call
    request = {**CALLED, **pattern}
    for path, body in (
        ("/verify", {"expected": [{"request": request, **count}]}),
        ("/verify", {"expected": [{"request": request, **count}], "timeoutMillis": 1}),
        ("/requests/count", request),
        ("/requests/find", request),
        ("/requests/remove", request),
        ("/requests/wait-for-count", {"pattern": request, "count": 1, "timeoutMillis": 1}),
    ):
        status, value = desk.ask("POST", path, body)
        assert status == 409, (path, value)
        assert value["calls"] == [call.id]
        assert f"call {call.number} ({call.id})" in value["errors"][0]["detail"]
        assert "12345yy" not in json.dumps(value)


def test_what_is_known_of_the_hidden_is_answered(desk: Desk) -> None:
    get(desk, "/c", Cookie="session=xx12345yy")
    get(desk, "/other", Cookie="session=xx12345yy")
    for pattern, count in (
        ({"cookies": {"session": {"equalTo": "xx12345yy"}}}, 2),
        ({"cookies": {"session": {"equalTo": "xx12345y"}}}, 0),
        ({"cookies": {"session": {"absent": True}}}, 0),
        ({"cookies": {"other": {"doesNotContain": "12345"}}}, 2),
        ({"cookies": {"session": {"anything": "anything"}}, "urlPath": "/c"}, 1),
        ({"cookies": {"session": {"contains": "12345"}}, "urlPath": "/nowhere"}, 0),
    ):
        assert desk.post("/requests/count", pattern)["count"] == count


def test_an_order_and_nothing_else_are_in_doubt_as_well(desk: Desk) -> None:
    get(desk, "/a", Cookie="session=x")
    get(desk, "/b", Cookie="session=y")
    hidden = {"request": {"cookies": {"session": {"contains": "x"}}}, "atLeast": 0}
    for more in ({"nothingElse": True}, {"inOrder": True}):
        body = {"expected": [hidden, {"request": {"urlPath": "/b"}}], **more}
        status, value = desk.ask("POST", "/verify", body)
        assert (status, len(value["calls"])) == (409, 2)
    body = {"expected": [hidden, {"request": {"urlPath": "/z"}, "exactly": 2}], "inOrder": True}
    assert desk.post("/verify", body)["ok"] is False, "what surely failed is told"


def test_the_verb_raises_unanswerable() -> None:
    with MockServer() as server:
        sandbox = server.namespace("hidden")
        headers = {"Cookie": "session=xx12345yy"}
        with httpx.Client(transport=sandbox.transport(), base_url=sandbox.base_url) as client:
            client.get("/c", headers=headers)
        with pytest.raises(Unanswerable, match="redaction hid") as caught:
            sandbox.verify({"headers": {"Cookie": {"contains": "12345"}}}, times=0)
        last = sandbox.last_call
        assert last is not None
        assert caught.value.calls == (last.id,)


@pytest.mark.parametrize("kind", ["urlPath", "url", "urlPattern", "urlPathPattern"])
@pytest.mark.parametrize("end", ["", "/"])
def test_a_url_that_reaches_an_operation_means_both_spellings_of_its_last_slash(
    desk: Desk, kind: str, end: str
) -> None:
    path = f"/v1/api-keys{end}"
    add(desk, {"method": "POST", kind: f"{path}[?].*" if kind == "urlPattern" else path}, status=500)
    query = "" if kind == "url" else "?account_id=acct_1"
    for spelling in ("/v1/api-keys", "/v1/api-keys/"):
        assert desk.api.send(url=spelling + query).status == 500
    add(desk, {kind: f"/other{end}"})
    assert get(desk, f"/other{end}") == 200
    assert get(desk, "/other" if end else "/other/") == 404, "where no operation is, a path is what it is"
    count = desk.post("/requests/count", {"urlPath": "/v1/api-keys"})["count"]
    assert count == 2


def test_nulls_count_as_not_given_everywhere(desk: Desk) -> None:
    stub = {
        "id": "", "uuid": None, "name": None, "priority": None, "scenarioName": None, "persistent": True,
        "insertionIndex": 3, "metadata": None,
        "request": {
            "url": "/p", "urlPath": None, "method": None, "headers": None, "cookies": {"x": None},
            "basicAuth": None, "multipartPatterns": None,
            "bodyPatterns": [None, {"equalToJson": "[]", "absent": None, "ignoreArrayOrder": None}],
        },
        "response": {
            "status": 200, "body": None, "jsonBody": None, "headers": {"X-A": None, "X-B": ["1", None]},
            "transformers": None, "fault": None, "delayDistribution": None, "fromConfiguredStub": None,
        },
        "serveEventListeners": None, "postServeActions": None,
    }  # fmt: skip
    status, made = desk.ask("POST", "/mappings", stub)
    assert status == 201, made
    assert made["id"]
    assert desk.api.send(url="/p", json=[]).headers["x-b"] == ["1"]
    document = {"mappings": [None, stub], "meta": None, "importOptions": None}
    assert desk.ask("POST", "/mappings/import", document)[0] == 200
    question = {
        "expected": [
            None, {"request": {"urlPath": "/p", "headers": {"X": None}}, "operation": None, "exactly": 1,
                   "atMost": None},
        ],
        "inOrder": None, "nothingElse": None, "timeoutMillis": None,
    }  # fmt: skip
    assert desk.post("/verify", question) == {"ok": True, "failures": []}
    assert desk.post("/requests/count", {"urlPath": "/p", "method": None, "cookies": None})["count"] == 1
    wait = {"pattern": {"urlPath": "/p", "url": None}, "count": 1, "timeoutMillis": None}
    assert desk.post("/requests/wait-for-count", wait)["count"] == 1
    queue = {"operation": "createApiKey", "outcomes": [None, {"status": 500, "body": None, "delay": None}]}
    assert desk.ask("POST", "/queue", queue)[0] == 201
    assert desk.ask("POST", "/mappings/find-by-metadata", {"absent": True, "equalTo": None})[0] == 200


def test_numbers_are_kept_compared_and_answered_as_they_were_written(desk: Desk) -> None:
    text = b'{"a":1234567890123456.78,"b":10.50,"z":0.00,"e":1e3}'
    stub = (
        b'{"request":{"urlPath":"/n","bodyPatterns":[{"equalToJson":{"a":1234567890123456.78}}]},'
        b'"response":{"jsonBody":' + text + b"}}"
    )
    status = desk.control.begin("POST", "/mappings", "", stub, origin="")
    assert getattr(status, "status", None) == 201
    answer = desk.api.send(url="/n", body=b'{"a":1234567890123456.78}')
    assert (answer.status, answer.body) == (200, text)
    assert desk.api.send(url="/n", body=b'{"a":1234567890123456.79}').status == 404
    assert desk.api.send(url="/n", body=b'{"a":1234567890123456.780}').status == 200
    created = desk.api.send(body=b'{"name":"n","permissions":{"a":["b"]},"metadata":{"n":10.50}}')
    assert (created.status, b'"metadata":{"n":10.50}' in created.body) == (201, True)
    call = dumps(desk.get("/calls")["calls"][-1])
    assert call.count(b'"n":10.50') == 2, "in the request and in the answer"
    asked = {"bodyPatterns": [{"equalToJson": '{"metadata":{"n":10.5}}', "ignoreExtraElements": True}]}
    assert desk.post("/requests/count", asked)["count"] == 1
    assert "10.50" in desk.get(f"/calls/{desk.last_call.id}?format=curl")
    assert "10.50" in desk.get(f"/calls/{desk.last_call.id}?format=pytest")
    assert '"n\\":10.50' in dumps(desk.get("/har")).decode()


def test_a_jsonpath_beyond_its_budget_does_not_match_and_is_warned_of(desk: Desk) -> None:
    for pattern in ({"matchesJsonPath": "$..[?@..x]"}, {"not": {"matchesJsonPath": "$..[?@..x]"}}):
        add(desk, {"urlPath": "/deep", "bodyPatterns": [pattern]})
    deep: Any = 1
    for _ in range(50):
        deep = [deep]
    assert desk.api.send(url="/deep", json=[deep] * 1_000).status == 404
    warned = [item["code"] for item in desk.get("/calls")["calls"][-1]["warnings"]]
    assert warned.count("unfinished_match") == 2


def test_a_question_about_many_calls_leaves_turns_to_others(desk: Desk) -> None:
    for index in range(40):
        get(desk, "/even" if index % 2 == 0 else "/odd")
    pattern = {"urlPath": "/even"}
    expected = [{"request": pattern, "exactly": 20}, {"request": {"urlPath": "/odd"}, "atLeast": 1}]
    questions: list[tuple[str, Any]] = [
        ("/verify", {"expected": expected, "nothingElse": True}),
        ("/requests/count", pattern),
        ("/requests/find", pattern),
        ("/requests/wait-for-count", {"pattern": pattern, "count": 20}),
    ]
    for path, body in questions:
        question = desk.answer("POST", path, body)
        assert isinstance(question, Question), path
    counts = [desk.post(path, body) for path, body in questions]
    assert counts[0] == {"ok": True, "failures": []}
    assert counts[1]["count"] == counts[3]["count"] == 20
    assert len(counts[2]["requests"]) == len(counts[3]["requests"]) == 20
    wrong = {"expected": [{"request": pattern, "exactly": 1}], "nothingElse": True}
    failures = desk.post("/verify", wrong)["failures"]
    assert [failure["actual"] for failure in failures] == [20, 20]
    assert [len(failure["nearest"]) for failure in failures] == [3, 3]
    hidden = {"headers": {"Authorization": {"contains": "x"}}}
    assert desk.ask("POST", "/requests/count", hidden)[0] == 409
    assert desk.ask("POST", "/requests/wait-for-count", {"pattern": hidden, "count": 1})[0] == 409


def test_a_turn_is_short_and_the_next_goes_on(desk: Desk) -> None:
    for _ in range(10):
        get(desk, "/a")
    found = [Selection(read_target({"urlPath": "/a"}, "", ()).judge) for _ in range(3)]
    sweep = Sweep(desk.journal, found)
    turns = 0
    while not sweep.go_on(0.0):
        turns += 1
    assert [(one.count, len(one.calls)) for one in found] == [(10, 10)] * 3
    # Others have their turn behind each question about each call.
    assert turns >= 29
