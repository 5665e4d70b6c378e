"""WireMock's routes onto the journal: its shapes, its order, and what eviction makes of them."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import pytest

from mockserver.clocks import read_instant
from mockserver.messages import build_request
from tests.desk import ORIGIN, Desk
from tests.doors import BODY, CREATE, UNSENT, encode, record_incomplete

LIST = "/v1/api-keys/?account_id=acct_1"


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """A create, a list, a call that nothing knows, and one that only a stub answers."""
    desk.api.script(
        {
            "id": "11111111-2222-3333-4444-555555555555",
            "name": "other",
            "request": {"urlPath": "/other"},
            "response": {"status": 204},
            "metadata": {"tags": ["mine"]},
        }
    )
    desk.api.send()
    desk.api.send("GET", LIST, json=UNSENT)
    desk.api.send("GET", "/v1/nowhere?a=1&a=2&b=", json=UNSENT, headers={"Cookie": "one=1; two=2"})
    desk.api.send("GET", "/other", json=UNSENT)
    return desk


def urls(requests: list[Any]) -> list[str]:
    return [request["url"] for request in requests]


def evict(desk: Desk) -> None:
    """Have all calls but the newest evicted."""
    desk.journal._limit = 1
    desk.api.send("GET", "/other", json=UNSENT)
    while len(desk.journal) > 1:
        desk.journal._evict()


# Shapes.


def test_a_request_has_the_members_of_a_logged_request(busy: Desk) -> None:
    (request,) = busy.post("/requests/find", {"urlPath": "/v1/nowhere"})["requests"]
    millis = request.pop("loggedDate")
    assert read_instant(request.pop("loggedDateString")) == millis
    assert request == {
        "id": busy.api.calls()[2]["id"],
        "url": "/v1/nowhere?a=1&a=2&b=",
        "absoluteUrl": f"{ORIGIN}/v1/nowhere?a=1&a=2&b=",
        "method": "GET",
        "clientIp": "127.0.0.1",
        "headers": {
            "authorization": busy.api.calls()[2]["request"]["headers"]["authorization"],
            "cookie": busy.api.calls()[2]["request"]["headers"]["cookie"],
        },
        "cookies": dict(
            pair.split("=") for pair in busy.api.calls()[2]["request"]["headers"]["cookie"].split("; ")
        ),
        "browserProxyRequest": False,
        "bodyAsBase64": "",
        "body": "",
        "protocol": "HTTP/1.1",
        "scheme": "http",
        "host": "localhost",
        "port": 4020,
        "queryParams": {
            "a": {"key": "a", "values": ["1", "2"]},
            "b": {"key": "b", "values": [""]},
        },
        "formParams": {},
    }


def test_a_body_is_given_as_text_and_as_base64(busy: Desk) -> None:
    (request,) = busy.post("/requests/find", {"method": "POST"})["requests"]
    assert request["body"].encode() == b64decode(request["bodyAsBase64"]) == encode(BODY)


def test_a_form_has_parameters(desk: Desk) -> None:
    desk.api.send(
        "POST", "/form", body=b"a=1&b=x+y", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    (request,) = desk.post("/requests/find", {})["requests"]
    assert request["formParams"] == {
        "a": {"key": "a", "values": ["1"]},
        "b": {"key": "b", "values": ["x y"]},
    }


def test_events_tell_what_answered(busy: Desk) -> None:
    by_stub, by_nobody, by_list, by_create = busy.get("/requests")["requests"]
    assert [event["wasMatched"] for event in (by_stub, by_nobody, by_list, by_create)] == [
        True, False, True, True,
    ]  # fmt: skip
    assert by_stub["stubMapping"]["name"] == "other"
    assert by_stub["responseDefinition"] == {"status": 204}
    assert by_stub["response"]["status"] == 204
    assert "stubMapping" not in by_create
    assert by_create["responseDefinition"]["status"] == 201
    assert by_create["response"]["headers"]["mockserver-reason"] == "created"
    assert by_nobody["responseDefinition"] == {
        "status": 404,
        "transformers": [],
        "fromConfiguredStub": False,
        "transformerParameters": {},
    }
    assert all(isinstance(millis, int) for millis in by_create["timing"].values())


def test_one_event_by_its_id(busy: Desk) -> None:
    event = busy.get("/requests")["requests"][0]
    assert busy.get(f"/requests/{event['id']}") == event
    assert busy.ask("GET", "/requests/nix")[0] == 404


def test_a_fault_stands_in_the_response(desk: Desk) -> None:
    desk.api.script({"request": {}, "response": {"fault": "EMPTY_RESPONSE"}})
    desk.api.send()
    assert desk.get("/requests")["requests"][0]["response"]["fault"] == "EMPTY_RESPONSE"


def test_a_request_that_never_arrived_whole_was_not_matched(desk: Desk) -> None:
    record_incomplete(desk.engine, build_request("POST", CREATE, body=b"{"))
    (event,) = desk.get("/requests?unmatched=true")["requests"]
    assert (event["wasMatched"], event["response"]["status"]) == (False, 0)


# Queries.


def test_all_requests_newest_first(busy: Desk) -> None:
    value = busy.get("/requests")
    assert urls([event["request"] for event in value["requests"]]) == [
        "/other",
        "/v1/nowhere?a=1&a=2&b=",
        LIST,
        CREATE,
    ]
    assert (value["meta"], value["requestJournalDisabled"]) == ({"total": 4}, False)


@pytest.mark.parametrize(
    ("query", "expected", "total"),
    [
        ("limit=1", ["/other"], 4),
        ("unmatched=true", ["/v1/nowhere?a=1&a=2&b="], 1),
        ("matchingStub=11111111-2222-3333-4444-555555555555", ["/other"], 1),
        ("matchingStub=99999999-2222-3333-4444-555555555555", [], 0),
        ("since=2999-01-01T00:00:00Z", [], 4),
        ("since=2000-01-01T00:00:00Z&limit=1", ["/other"], 4),
    ],
)
def test_filters_of_requests(busy: Desk, query: str, expected: list[str], total: int) -> None:
    value = busy.get(f"/requests?{query}")
    assert urls([event["request"] for event in value["requests"]]) == expected
    assert value["meta"] == {"total": total}


@pytest.mark.parametrize("query", ["limit=-1", "limit=x", "since=x", "unmatched=x"])
def test_nonsense_is_refused(desk: Desk, query: str) -> None:
    assert desk.refused("GET", f"/requests?{query}")[0] == 400


def test_counting_and_finding_by_pattern(busy: Desk) -> None:
    assert busy.post("/requests/count", {"method": "GET"}) == {"count": 3, "requestJournalDisabled": False}
    assert busy.post("/requests/count", {}) == {"count": 4, "requestJournalDisabled": False}
    found = busy.post("/requests/find", {"method": "GET"})
    assert urls(found["requests"]) == [LIST, "/v1/nowhere?a=1&a=2&b=", "/other"]
    assert found["requestJournalDisabled"] is False


def test_a_pattern_may_name_an_operation(busy: Desk) -> None:
    assert busy.post("/requests/count", {"operation": "listApiKeys"})["count"] == 1
    assert busy.post("/requests/count", {"operation": "listApiKeys", "method": "POST"})["count"] == 0


@pytest.mark.parametrize("route", ["count", "find", "remove"])
@pytest.mark.parametrize(
    ("pattern", "pointers"),
    [
        ({"urlPaht": "/x"}, ["/urlPaht"]),
        ({"method": 1, "headers": {"A": {"equals": "x"}}}, ["/method", "/headers/A/equals"]),
        ([], [""]),
        ({"operation": "createKey"}, ["/operation"]),
    ],
)
def test_a_malformed_pattern_is_refused(desk: Desk, route: str, pattern: Any, pointers: list[str]) -> None:
    status, value = desk.ask("POST", f"/requests/{route}", pattern)
    assert status == 422
    assert [error["source"]["pointer"] for error in value["errors"]] == pointers


def test_a_missing_pattern_is_refused(desk: Desk) -> None:
    assert desk.ask("POST", "/requests/count")[0] == 422


def test_unmatched_requests(busy: Desk) -> None:
    busy.api.send("PUT", "/elsewhere")
    value = busy.get("/requests/unmatched")
    assert urls(value["requests"]) == ["/elsewhere", "/v1/nowhere?a=1&a=2&b="]
    assert value["requestJournalDisabled"] is False


def test_eviction_takes_answers_away_but_never_changes_them(busy: Desk) -> None:
    evict(busy)
    assert busy.get("/requests")["meta"] == {"total": 5}
    assert len(busy.get("/requests")["requests"]) == 1
    assert busy.post("/requests/count", {})["count"] == 5
    assert busy.post("/requests/count", {"operation": "createApiKey"})["count"] == 1
    for route in ("count", "find"):
        assert busy.ask("POST", f"/requests/{route}", {"method": "GET"})[0] == 409
    for query in ("unmatched=true", "matchingStub=11111111-2222-3333-4444-555555555555"):
        assert busy.ask("GET", f"/requests?{query}")[0] == 409
    assert busy.ask("GET", "/requests/unmatched")[0] == 409


def test_what_is_evicted_and_was_matched_does_not_make_the_unmatched_unknown(desk: Desk) -> None:
    desk.journal._limit = 2
    for _ in range(4):
        desk.api.send()
    desk.api.send("GET", "/v1/nowhere", json=UNSENT)
    assert urls(desk.get("/requests/unmatched")["requests"]) == ["/v1/nowhere"]


# Removal.


@pytest.mark.parametrize(("method", "route"), [("DELETE", "/requests"), ("POST", "/requests/reset")])
def test_all_requests_can_be_forgotten(busy: Desk, method: str, route: str) -> None:
    assert busy.ask(method, route) == (200, {})
    assert busy.get("/requests")["meta"] == {"total": 0}
    assert busy.engine.namespaces.default.stubs.find_by_id("11111111-2222-3333-4444-555555555555")


def test_one_request_can_be_removed(busy: Desk) -> None:
    id = busy.api.calls()[0]["id"]
    assert busy.ask("DELETE", f"/requests/{id}") == (200, {})
    assert busy.ask("DELETE", f"/requests/{id}")[0] == 404
    assert [call["number"] for call in busy.get("/calls")["calls"]] == [2, 3, 4]


def test_requests_can_be_removed_by_pattern(busy: Desk) -> None:
    removed = busy.post("/requests/remove", {"urlPathPattern": "/v1/.*"})["serveEvents"]
    assert urls([event["request"] for event in removed]) == [CREATE, LIST, "/v1/nowhere?a=1&a=2&b="]
    assert urls([event["request"] for event in busy.get("/requests")["requests"]]) == ["/other"]
    assert busy.post("/verify", {"expected": [{"operation": "createApiKey", "exactly": 0}]})["ok"] is True


def test_requests_can_be_removed_by_the_metadata_of_their_stubs(busy: Desk) -> None:
    pattern = {"matchesJsonPath": {"expression": "$.tags[0]", "equalTo": "mine"}}
    removed = busy.post("/requests/remove-by-metadata", pattern)["serveEvents"]
    assert urls([event["request"] for event in removed]) == ["/other"]
    assert busy.get("/requests")["meta"] == {"total": 3}
    assert busy.ask("POST", "/requests/remove-by-metadata", {"equalsTo": "x"})[0] == 422


# Near misses.


def test_stubs_near_to_a_request(busy: Desk) -> None:
    request = {"url": "/othr", "method": "GET", "headers": {"Accept": ["a", "b"]}, "cookies": {"c": "1"}}
    first = busy.post("/near-misses/request", request)["nearMisses"][0]
    assert list(first) == ["request", "stubMapping", "matchResult"]
    assert first["stubMapping"]["name"] == "other"
    assert 0 < first["matchResult"]["distance"] < 0.5
    assert first["request"]["url"] == "/othr"
    assert first["request"]["headers"]["accept"] == ["a", "b"]
    assert list(first["request"]["cookies"]) == ["c"]


def test_the_operation_that_a_request_reaches_counts(desk: Desk) -> None:
    desk.engine.namespaces.default.stubs.clear()
    for name in ("createApiKey", "listApiKeys"):
        desk.api.script(
            {
                "name": name,
                "request": {},
                "response": {"status": 500},
                "metadata": {"mockserver": {"operation": name}},
            }
        )
    found = desk.post("/near-misses/request", {"url": LIST, "method": "GET"})["nearMisses"]
    assert [near["stubMapping"]["name"] for near in found] == ["listApiKeys", "createApiKey"]
    assert found[0]["matchResult"] == {"distance": 0}


def test_the_body_of_a_request_counts_in_either_form(desk: Desk) -> None:
    desk.engine.namespaces.default.stubs.clear()
    desk.api.script({"request": {"bodyPatterns": [{"equalTo": "x"}]}, "response": {"status": 500}})
    for body in ({"body": "x"}, {"bodyAsBase64": b64encode(b"x").decode()}):
        (near,) = desk.post("/near-misses/request", {"url": "/", "method": "GET", **body})["nearMisses"]
        assert near["matchResult"] == {"distance": 0}


@pytest.mark.parametrize(
    ("request_", "pointers"),
    [
        ({}, ["/url", "/method"]),
        ({"url": 1, "method": "GET"}, ["/url"]),
        ({"url": "/", "method": "GET", "headers": []}, []),
        ({"url": "/", "method": "GET", "headers": [1]}, ["/headers"]),
        ({"url": "/", "method": "GET", "bodyAsBase64": "!"}, ["/bodyAsBase64"]),
    ],
)
def test_a_request_that_is_none_is_refused(desk: Desk, request_: Any, pointers: list[str]) -> None:
    status, value = desk.ask("POST", "/near-misses/request", request_)
    assert status == (422 if pointers else 200)
    assert [error["source"]["pointer"] for error in value.get("errors", [])] == pointers


def test_calls_near_to_a_pattern(busy: Desk) -> None:
    pattern = {"urlPath": "/v1/nowher", "method": "GET"}
    found = busy.post("/near-misses/request-pattern", pattern)["nearMisses"]
    assert list(found[0]) == ["request", "requestPattern", "matchResult"]
    assert found[0]["request"]["url"] == "/v1/nowhere?a=1&a=2&b="
    assert found[0]["requestPattern"] == pattern
    assert len(found) == 3
    distances = [near["matchResult"]["distance"] for near in found]
    assert distances == sorted(distances)


def test_stubs_near_to_every_unmatched_request(busy: Desk) -> None:
    busy.api.send("GET", "/otherr", json=UNSENT)
    found = busy.get("/requests/unmatched/near-misses")["nearMisses"]
    assert urls([near["request"] for near in found]) == ["/otherr"] * 3 + ["/v1/nowhere?a=1&a=2&b="] * 3
    assert found[0]["stubMapping"]["name"] == "other"


def test_near_misses_show_no_secret(desk: Desk) -> None:
    secret = "sk_test_never_to_be_seen"
    request = {
        "url": f"/x?key={secret}",
        "method": "POST",
        "headers": {"Authorization": f"Bearer {secret}", "X-Key": secret},
        "cookies": {"session": "opaque"},
        "body": secret,
    }
    shown = str(desk.post("/near-misses/request", request))
    assert secret not in shown
    assert "opaque" not in shown


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"url": "/a", "method": None}, "#/method: 'method' is missing"),
        ({"url": None, "method": "GET"}, "#/url: 'url' is missing"),
        (
            {"url": "/a", "method": "GET", "bodyAsBase64": "\u00e9"},
            "#/bodyAsBase64: 'bodyAsBase64' is not base64",
        ),
        ({"url": "/a", "method": "GET", "cookies": False}, "#/cookies: 'cookies' must be an object"),
    ],
)
def test_members_that_are_null_or_of_another_kind_are_refused_in_a_request(
    desk: Desk, body: Any, detail: str
) -> None:
    assert desk.refused("POST", "/near-misses/request", body) == (422, [detail])
