"""Judgement: which operations a scripted answer can reach, and what in it breaks their contract."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mockserver.contract import load_contract
from mockserver.contract.operations import Contract
from mockserver.exceptions import StubError
from mockserver.scripting.documents import read_stub
from mockserver.scripting.judgement import judge
from mockserver.settings import packaged_folder

CONTRACT = load_contract(packaged_folder("schemas") / "openapi.json")
ON_CREATE = {"mockserver": {"operation": "createApiKey"}}
ERROR = {
    "message": "Too many",
    "success": False,
    "error": {"code": 429, "message": "Too many", "details": {"reason": "rate_limited"}},
}


def find_problems(document: Any, contract: Contract = CONTRACT) -> list[tuple[str, str]]:
    """Each as (pointer, message); empty for a stub that keeps the contract."""
    try:
        read_stub(document, contract, new_id=lambda: "stub")
    except StubError as error:
        return [(problem.pointer, problem.message) for problem in error.problems]
    return []


def find_reached(request: Any, metadata: Any = None) -> list[str]:
    """The operations by which an answer with an undocumented status is judged."""
    document = {"request": request, "response": {"status": 599}, "metadata": metadata or {}}
    return [message.partition(":")[0] for _, message in find_problems(document)]


@pytest.mark.parametrize(
    ("request_pattern", "operations"),
    [
        ({}, ["listApiKeys", "createApiKey", "deleteApiKey", "regenerateManagedApiKey"]),
        ({"method": "ANY", "headers": {"x": {"equalTo": "1"}}}, 4),
        ({"method": "POST"}, ["createApiKey", "regenerateManagedApiKey"]),
        ({"method": "PATCH"}, []),
        ({"url": "/v1/api-keys/?account_id=acct_1"}, ["listApiKeys", "createApiKey"]),
        ({"method": "POST", "url": "/v1/api-keys"}, ["createApiKey"]),
        ({"urlPath": "/v1/api%2Dkeys/"}, ["listApiKeys", "createApiKey"]),
        ({"urlPath": "/v1/api-keys/key_1"}, ["deleteApiKey"]),
        ({"method": "PUT", "urlPath": "/v1/api-keys/"}, []),
        ({"urlPath": "/v2/api-keys/"}, []),
        ({"urlPathTemplate": "/v1/api-keys/{key}/regenerate"}, ["regenerateManagedApiKey"]),
        (
            {"urlPathTemplate": "/v1/{a}/{b}", "pathParameters": {"b": {"equalTo": "key_9"}}},
            ["deleteApiKey"],
        ),
        ({"urlPathPattern": "/v1/.*"}, 4),
        ({"urlPathPattern": "/v1/api-keys"}, ["listApiKeys", "createApiKey"]),
        ({"urlPathPattern": "/v1/api-keys/[a-z]+"}, ["deleteApiKey"]),
        ({"urlPathPattern": "/v1/api-keys/[0-9]+"}, ["deleteApiKey"]),
        ({"urlPattern": r"/v1/api-keys/\?account_id=.*"}, ["listApiKeys", "createApiKey"]),
        ({"method": "GET", "urlPattern": "/v1/.*", "bodyPatterns": [{"contains": "x"}]}, ["listApiKeys"]),
        ({"urlPattern": "/other.*"}, []),
    ],
    ids=json.dumps,
)
def test_an_answer_is_judged_by_what_its_method_and_url_can_reach(
    request_pattern: Any, operations: list[str] | int
) -> None:
    reached = find_reached(request_pattern)
    assert (len(reached) if isinstance(operations, int) else reached) == operations


def test_a_named_operation_is_the_only_one() -> None:
    assert find_reached({"urlPath": "/v1/api-keys/"}, ON_CREATE) == ["createApiKey"]
    assert find_reached({}, ON_CREATE) == ["createApiKey"]


def test_an_undocumented_status_is_refused_with_those_that_are() -> None:
    document = {"response": {"status": 503}, "metadata": ON_CREATE}
    assert find_problems(document) == [
        (
            "/response/status",
            "createApiKey: 503 is not documented, only 200, 201, 400, 401, 403, 404, 409, 422, 429, 500; "
            'if that is meant, say "offContract": true',
        )
    ]


def test_every_violation_of_a_body_has_its_place() -> None:
    body = {"message": 1, "success": False, "error": {"code": "x", "details": {}}}
    problems = find_problems({"response": {"status": 409, "jsonBody": body}, "metadata": ON_CREATE})
    assert [pointer for pointer, _ in problems] == [
        "/response/jsonBody/error/code",
        "/response/jsonBody/error/message",
        "/response/jsonBody/message",
    ]
    assert problems[1][1].startswith("createApiKey: the body of status 409: is missing; ")


def test_in_a_body_that_is_text_the_message_says_where() -> None:
    body = json.dumps({**ERROR, "message": 1})
    problems = find_problems({"response": {"status": 429, "body": body}, "metadata": ON_CREATE})
    assert [pointer for pointer, _ in problems] == ["/response/body"]
    assert "the body of status 429, /message: must be string, is integer" in problems[0][1]


@pytest.mark.parametrize(
    ("member", "body"), [("body", "busy"), ("body", ""), ("body", '{"a": NaN}'), ("base64Body", "AP8=")]
)
def test_where_json_is_documented_the_body_must_be_json(member: str, body: str) -> None:
    [(pointer, message)] = find_problems({"response": {"status": 500, member: body}, "metadata": ON_CREATE})
    assert pointer == f"/response/{member}"
    assert "must be JSON: " in message


def test_a_body_without_a_status_is_judged_as_200() -> None:
    problems = find_problems({"response": {"jsonBody": ERROR}, "metadata": ON_CREATE})
    assert "/response/jsonBody/data" in dict(problems)


@pytest.mark.parametrize(
    ("value", "pointers"),
    [
        ("application/json", []),
        ("Application/JSON; charset=utf-8", []),
        ("text/html", ["/response/headers/Content-Type"]),
        (["application/json", "text/html"], ["/response/headers/Content-Type"]),
    ],
    ids=str,
)
def test_a_content_type_is_the_documented_one(value: Any, pointers: list[str]) -> None:
    response = {"status": 429, "headers": {"Content-Type": value}}
    for body in ({}, {"jsonBody": ERROR}):
        problems = find_problems({"response": response | body, "metadata": ON_CREATE})
        assert [pointer for pointer, _ in problems] == pointers
    assert not problems or "'text/html' must be application/json" in problems[0][1]


@pytest.mark.parametrize(
    "document",
    [
        {"response": {"status": 429}},
        {"response": {"status": 429, "jsonBody": ERROR}},
        {"response": {"status": 429, "base64Body": b64encode(json.dumps(ERROR).encode()).decode()}},
        {"response": {}},
        {"response": {"fixedDelayMilliseconds": 5, "headers": {"content-type": "text/html"}}},
        {"response": {"fault": "NOT_JSON", "status": 502, "body": "<html>"}},
        {"response": {"status": 503, "body": "busy", "headers": {"Content-Type": "text/plain"}}, "off": True},
    ],
    ids=str,
)
def test_what_keeps_the_contract_or_means_to_break_it_is_accepted(document: Any) -> None:
    own = {"operation": "createApiKey", "offContract": document.pop("off", False)}
    assert find_problems({**document, "metadata": {"mockserver": own}}) == []


def test_a_breach_is_found_beside_other_problems() -> None:
    document = {"response": {"status": 503}, "priority": 0, "metadata": ON_CREATE}
    assert [pointer for pointer, _ in find_problems(document)] == ["/priority", "/response/status"]


def test_places_stand_below_the_pointer_of_the_stub() -> None:
    own = {"mockserver": {**ON_CREATE["mockserver"], "offContract": True}}
    stub = read_stub({"response": {"status": 503}, "metadata": own}, CONTRACT, new_id=lambda: "stub")
    assert judge(stub, CONTRACT, pointer="/mappings/1") == []
    [problem] = judge(replace(stub, off_contract=False), CONTRACT, pointer="/mappings/1")
    assert problem.pointer == "/mappings/1/response/status"


# Contracts other than the built-in one.


def load(folder: Path, responses: Any) -> Contract:
    path = folder / "openapi.json"
    document = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {"/things": {"get": {"operationId": "show", "responses": responses}}},
    }
    path.write_text(json.dumps(document), "utf-8")
    return load_contract(path)


def media(name: str) -> Any:
    return {"description": "", "content": {name: {"schema": {"type": "object", "required": ["a"]}}}}


def test_a_range_and_a_default_document_statuses(tmp_path: Path) -> None:
    contract = load(tmp_path, {"200": {"description": ""}, "4XX": media("application/problem+json")})
    assert find_problems({"response": {"status": 418}}, contract) == []
    [(pointer, _)] = find_problems({"response": {"status": 418, "jsonBody": {}}}, contract)
    assert pointer == "/response/jsonBody/a"
    [(_, message)] = find_problems({"response": {"status": 500}}, contract)
    assert "only 200, 4XX" in message
    contract = load(tmp_path, {"default": media("application/json")})
    assert find_problems({"response": {"status": 500, "jsonBody": {"a": 1}}}, contract) == []


def test_a_status_without_content_has_no_body(tmp_path: Path) -> None:
    contract = load(tmp_path, {"204": {"description": ""}, "202": {"description": ""}})
    assert find_problems({"response": {"status": 204, "body": ""}}, contract) == []
    [(pointer, message)] = find_problems({"response": {"status": 202, "body": "x"}}, contract)
    assert pointer == "/response/body"
    assert "none is documented" in message


@pytest.mark.parametrize("name", ["text/csv", "*/*"])
def test_a_body_that_is_no_json_is_judged_by_its_type_alone(tmp_path: Path, name: str) -> None:
    contract = load(tmp_path, {"200": media(name)})
    assert find_problems({"response": {"status": 200, "body": "a;b"}}, contract) == []
    wrong = {"response": {"status": 200, "body": "a;b", "headers": {"content-type": "text/plain"}}}
    assert len(find_problems(wrong, contract)) == (name == "text/csv")


def test_headers_that_are_no_object_are_refused_and_not_judged(contract: Contract) -> None:
    stub = {
        "request": {"method": "POST"},
        "response": {"status": 429, "headers": [None]},
        "metadata": {"mockserver": {"operation": "createApiKey"}},
    }
    with pytest.raises(StubError, match="headers"):
        read_stub(stub, contract, new_id=lambda: "1")
