"""`serve --pact FILE`: a pact is answered from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from mockserver import MockServer
from mockserver.exceptions import FixtureError

JSON = {"content": {"id": 7, "tags": ["a"]}, "contentType": "application/json", "encoded": False}


def rule(match: str, **more: Any) -> dict[str, Any]:
    return {"combine": "AND", "matchers": [{"match": match, **more}]}


def interact(request: dict[str, Any], response: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "Synchronous/HTTP", "description": "d", "request": request, "response": response, **more}


def write_pact(path: Path, *interactions: Any) -> Path:
    path.write_text(json.dumps({"consumer": {"name": "c"}, "interactions": interactions}), "utf-8")
    return path


def ask(server: MockServer, method: str, path: str, **how: Any) -> tuple[int, Any]:
    with httpx.Client(transport=server.transport()) as client:
        answer = client.request(method, f"http://localhost{path}", **how)
    is_json = answer.headers.get("content-type", "").startswith("application/json")
    return answer.status_code, answer.json() if is_json else answer.content


def test_an_interaction_is_answered_as_it_says(tmp_path: Path) -> None:
    pact = write_pact(
        tmp_path / "p.json",
        interact(
            {"method": "GET", "path": "/orders/7", "query": {"full": ["1"], "tag": ["a", "b"]}},
            {
                "status": 200,
                "headers": {"Content-Type": ["application/json"], "X-A": ["1", "2"]},
                "body": JSON,
            },
        ),
        interact({"method": "DELETE", "path": "/orders/7"}, {"status": 204}),
        interact(
            {"method": "PUT", "path": "/picture", "body": {"content": "text", "contentType": "text/plain"}},
            {"status": 200, "body": {"content": "AP8=", "contentType": "image/png", "encoded": "base64"}},
        ),
        interact({"path": "/plain"}, {"body": "words"}),
    )
    server = MockServer(pact=pact)
    assert ask(server, "GET", "/orders/7?full=1&tag=a&tag=b") == (200, JSON["content"])
    assert ask(server, "GET", "/orders/7?full=1")[0] == 404
    assert ask(server, "DELETE", "/orders/7") == (204, b"")
    assert ask(server, "PUT", "/picture", content=b"text") == (200, b"\x00\xff")
    assert ask(server, "GET", "/plain") == (200, b"words")


def test_rules_of_a_request_let_in_what_they_allow(tmp_path: Path) -> None:
    content = {
        "name": "n",
        "age": 3,
        "is_big": True,
        "code": "AB",
        "list": [{"x": "y"}],
        "fixed": 1,
        "none": None,
    }
    request = {
        "method": "POST",
        "path": "/orders/7",
        "query": {"q": ["x"], "any": ["x"]},
        "headers": {
            "Authorization": ["Bearer z"], "Content-Type": ["application/json"], "X-Id": ["1"], "X-B": "2",
        },
        "body": {"content": content, "contentType": "application/json", "encoded": False},
        "matchingRules": {
            "path": rule("regex", regex="/orders/[0-9]+"),
            "query": {"q": rule("regex", regex="[a-z]"), "any": rule("type")},
            "header": {"X-Id": rule("regex", regex="[0-9]")},
            "body": {
                "$.name": rule("type"), "$.age": rule("integer"), "$.is_big": rule("type"),
                "$['code']": rule("regex", regex="^[A-Z]{2}$"), "$.list[*].x": rule("type"),
                "$.none": rule("type"), "$.fixed": rule("equality"),
            },
        },
    }  # fmt: skip
    server = MockServer(pact=write_pact(tmp_path / "p.json", interact(request, {"status": 202})))
    other = {
        "name": "m",
        "age": 4,
        "is_big": False,
        "code": "CD",
        "list": [{"x": "z"}],
        "fixed": 1,
        "none": None,
    }
    headers = {"Authorization": "Bearer other", "X-Id": "5", "X-B": "2"}
    url = "/orders/12?q=b&any=thing"
    assert ask(server, "POST", url, json=other, headers=headers)[0] == 202
    for wrong in ({"name": 1}, {"code": "x"}, {"fixed": 2}, {"more": 1}, {"list": [{"x": 1}]}):
        assert ask(server, "POST", url, json=other | wrong, headers=headers)[0] == 404
    assert ask(server, "POST", url, json=other, headers={"X-Id": "5", "X-B": "2"})[0] == 404
    assert ask(server, "POST", "/orders/x?q=b&any=c", json=other, headers=headers)[0] == 404


def test_equal_requests_are_answered_in_their_order(tmp_path: Path) -> None:
    request = {"method": "GET", "path": "/orders"}
    pact = write_pact(
        tmp_path / "p.json", *(interact(request, {"status": status}) for status in (200, 404, 410))
    )
    server = MockServer(pact=pact)
    assert [ask(server, "GET", "/orders")[0] for _ in range(4)] == [200, 404, 410, 410]


def test_a_pact_of_an_older_version_is_read_as_well(tmp_path: Path) -> None:
    request = {"method": "POST", "path": "/orders", "query": "a=1", "body": {"content": 1, "x": 2}}
    interaction = {
        "request": request,
        "response": {"status": 201, "body": {"a": 1}, "headers": {"Content-Type": "application/json"}},
    }
    server = MockServer(pact=write_pact(tmp_path / "p.json", interaction))
    assert ask(server, "POST", "/orders?a=1", json=request["body"]) == (201, {"a": 1})


def test_our_own_pact_is_answered_as_the_calls_were(tmp_path: Path) -> None:
    headers = {"Authorization": "Bearer sk_test_abcdefghijkl"}
    body = {"name": "n", "permissions": {}}
    calls: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("POST", "/v1/api-keys/?account_id=a", {"json": body, "headers": headers}),
        ("POST", "/v1/api-keys/?account_id=a", {"json": {}, "headers": headers}),
        ("GET", "/v1/api-keys/?account_id=a", {"headers": headers}),
        ("GET", "/v1/api-keys/?account_id=a", {}),
    )
    server = MockServer()
    before = [ask(server, method, path, **how)[0] for method, path, how in calls]
    file = tmp_path / "p.json"
    file.write_text(json.dumps(server.pact("c", "p")), "utf-8")
    from_pact = MockServer(pact=file)
    assert [ask(from_pact, method, path, **how)[0] for method, path, how in calls] == before
    assert {call.reason for call in from_pact.calls()} == {"stub"}


def test_a_key_of_the_contract_is_each_clients_own(tmp_path: Path) -> None:
    keys = {place: {"type": "apiKey", "in": place, "name": "X-Key"} for place in ("header", "query")}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "keys", "version": "1"},
        "components": {"securitySchemes": keys},
        "paths": {
            f"/{place}": {"get": {"security": [{place: []}], "responses": {"200": {"description": ""}}}}
            for place in keys
        },
    }
    contract = tmp_path / "openapi.json"
    contract.write_text(json.dumps(document), "utf-8")
    server = MockServer(contract=contract)
    calls: tuple[tuple[str, dict[str, Any]], ...] = (
        ("/header", {"headers": {"X-Key": "mine"}}), ("/query", {"params": {"X-Key": "mine"}}),
    )  # fmt: skip
    for path, how in calls:
        assert ask(server, "GET", path, **how)[0] == 200
    file = tmp_path / "p.json"
    file.write_text(json.dumps(server.pact("c", "p")), "utf-8")
    from_pact = MockServer(contract=contract, pact=file)
    for path, how in calls:
        assert ask(from_pact, "GET", path, **how)[0] == 200
    assert {call.reason for call in from_pact.calls()} == {"stub"}


@pytest.mark.parametrize(
    ("document", "problem"),
    (
        ([], "/interactions: is no pact: must have a list of interactions"),
        ({"interactions": [1]}, "/interactions/0: must have a request and a response"),
        (
            {"interactions": [interact({}, {}) | {"type": "Asynchronous/Messages"}]},
            "/interactions/0/type: only interactions over HTTP can be answered",
        ),
    ),
)
def test_what_is_no_pact_is_refused_with_its_place(document: Any, problem: str, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps(document), "utf-8")
    with pytest.raises(FixtureError) as caught:
        MockServer(pact=tmp_path / "p.json")
    assert problem in str(caught.value)
