"""Requests that break the contract: 400 and 422."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from tests.doors import (
    BODY,
    CREATE,
    JSON_TYPE,
    KEY,
    Api,
    HeaderList,
    encode,
)
from tests.judge import check


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b" \r\n\t ", id="white space"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b'{"name":"n","permissions":{}', id="cut off at the end"),
        pytest.param(b'{"name":"n","permissions":{},}', id="trailing comma"),
        pytest.param(b'{"name":"n","permissions":{}} {}', id="two documents"),
        pytest.param(b"{'name':'n'}", id="single quotes"),
        pytest.param(b"\xef\xbb\xbf" + encode(BODY), id="byte order mark"),
        pytest.param(encode(BODY).decode().encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"name":"\xff","permissions":{}}', id="not UTF-8"),
        pytest.param(b'{"name":"\\ud800","permissions":{}}', id="lone surrogate"),
        pytest.param(b'{"name":"n","permissions":{},"metadata":{"\\udc00":1}}', id="one in a name"),
        pytest.param(b'{"name":NaN,"permissions":{}}', id="NaN"),
        pytest.param(b'{"name":"n","permissions":{},"metadata":{"x":-Infinity}}', id="Infinity"),
        pytest.param(b"[" * 100_000, id="100,000 brackets"),
        pytest.param(b'{"a":' * 65 + b"1" + b"}" * 65, id="65 levels"),
        pytest.param(b'{"name":"a\nb","permissions":{}}', id="line break in a text"),
        pytest.param(b'{"name":"a\x00b","permissions":{}}', id="NUL"),
        pytest.param(b"name=n&permissions=x", id="a form"),
    ],
)
def test_a_body_that_is_no_json_is_400(api: Api, body: bytes) -> None:
    answer = check(api.send(body=body, headers={"Content-Type": JSON_TYPE}))
    assert answer.outcome == (400, "malformed_json")
    assert answer.json["error"]["details"]["hint"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"json": {"permissions": {}}}, {("body", "/name", "required")}, id="no name"),
        pytest.param({"json": {"name": "n"}}, {("body", "/permissions", "required")}, id="no permissions"),
        pytest.param(
            {"json": {}},
            {("body", "/name", "required"), ("body", "/permissions", "required")},
            id="{}",
        ),
        pytest.param({"json": BODY | {"name": 5}}, {("body", "/name", "type")}, id="name a number"),
        pytest.param({"json": BODY | {"name": None}}, {("body", "/name", "type")}, id="name null"),
        pytest.param(
            {"json": BODY | {"permissions": ["a"]}},
            {("body", "/permissions", "type")},
            id="a list of permissions",
        ),
        pytest.param(
            {"json": BODY | {"permissions": {"x": "create"}}},
            {("body", "/permissions/x", "type")},
            id="actions a text",
        ),
        pytest.param(
            {"json": BODY | {"permissions": {"x": [1, "ok", None]}}},
            {("body", "/permissions/x/0", "type"), ("body", "/permissions/x/2", "type")},
            id="actions not texts",
        ),
        pytest.param(
            {"json": BODY | {"permissions": {"a/b~c": [1]}}},
            {("body", "/permissions/a~1b~0c/0", "type")},
            id="a name to be escaped",
        ),
        pytest.param(
            {"json": BODY | {"expires_at": "tomorrow"}},
            {("body", "/expires_at", "format")},
            id="no time",
        ),
        pytest.param(
            {"json": BODY | {"expires_at": 5}}, {("body", "/expires_at", "type")}, id="time a number"
        ),
        pytest.param(
            {"json": BODY | {"metadata": []}}, {("body", "/metadata", "type")}, id="metadata a list"
        ),
        pytest.param({"json": []}, {("body", "", "type")}, id="a list"),
        pytest.param({"json": "text"}, {("body", "", "type")}, id="a text"),
        pytest.param({"json": None}, {("body", "", "type")}, id="null"),
        pytest.param({"body": b"1e400"}, {("body", "", "type")}, id="a huge number"),
        pytest.param(
            {"url": "/v1/api-keys/"}, {("query", "/account_id", "required")}, id="account_id missing"
        ),
        pytest.param(
            {"url": "/v1/api-keys/?account_id[]=a"}, {("query", "/account_id", "required")}, id="account_id[]"
        ),
        pytest.param(
            {"url": "/v1/api-keys/?account_id="},
            {("query", "/account_id", "minLength")},
            id="account_id empty",
        ),
        pytest.param(
            {"url": "/v1/api-keys/?account_id"}, {("query", "/account_id", "minLength")}, id="account_id bare"
        ),
        pytest.param(
            {"url": CREATE + "&account_id=acct_1"},
            {("query", "/account_id", "type")},
            id="account_id repeated",
        ),
    ],
)
def test_what_breaks_the_contract_is_422_at_its_pointer(
    api: Api, change: dict[str, Any], expected: set[tuple[str, str, str]]
) -> None:
    answer = check(api.send(**change))
    assert answer.outcome == (422, "invalid_request")
    assert answer.violations == expected
    assert answer.json["error"]["details"]["violations"] == api.calls()[-1]["violations"]


def test_all_violations_come_at_once_each_with_words(api: Api) -> None:
    body = {"permissions": {"x": [0, 1]}, "metadata": 1, "expires_at": "soon"}
    answer = check(api.send(url="/v1/api-keys/", json=body))
    assert answer.violations == {
        ("query", "/account_id", "required"),
        ("body", "/name", "required"),
        ("body", "/permissions/x/0", "type"),
        ("body", "/permissions/x/1", "type"),
        ("body", "/metadata", "type"),
        ("body", "/expires_at", "format"),
    }
    listed = answer.json["error"]["details"]["violations"]
    assert all(set(item) == {"in", "pointer", "keyword", "message"} and item["message"] for item in listed)


@pytest.mark.parametrize(
    ("content_type", "keyword"),
    [
        pytest.param(None, "required", id="missing"),
        pytest.param("", "enum", id="empty"),
        pytest.param("text/plain", "enum", id="text"),
        pytest.param("application/x-www-form-urlencoded", "enum", id="form"),
        pytest.param("application/jsonx", "enum", id="begins alike"),
        pytest.param("application/problem+json", "enum", id="other JSON"),
        pytest.param("application/json, text/html", "enum", id="two types"),
        pytest.param("application/json; charset=utf-16", "enum", id="UTF-16"),
        pytest.param("application/json; charset=", "enum", id="charset without a value"),
        pytest.param("json", "enum", id="no slash"),
    ],
)
def test_another_or_no_content_type_is_422_and_the_body_is_not_judged(
    api: Api, content_type: str | None, keyword: str
) -> None:
    headers: HeaderList = [("Authorization", f"Bearer {KEY}")]
    if content_type is not None:
        headers.append(("Content-Type", content_type))
    answer = check(api.request("POST", CREATE, headers, b"{ not even json"))
    assert answer.outcome == (422, "invalid_request")
    assert answer.violations == {("header", "/content-type", keyword)}


def test_two_content_types_are_422(api: Api) -> None:
    answer = api.send(headers=[("Content-Type", JSON_TYPE), ("Content-Type", JSON_TYPE)])
    assert check(answer).violations == {("header", "/content-type", "enum")}


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "application/JSON;charset=UTF-8",
        'application/json; charset="utf-8"',
        "application/json; profile=x",
        "application/json;",
    ],
)
def test_a_json_content_type_may_be_written_in_many_ways(api: Api, content_type: str) -> None:
    assert api.send(headers={"Content-Type": content_type}).status == 201


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("/v1/api-keys/?account_id=acct%5F1", id="percent-encoded"),
        pytest.param("/v1/api-keys/?account%5Fid=acct_1", id="name percent-encoded"),
        pytest.param("/v1/api-keys/?&&account_id=acct_1&", id="empty pairs"),
    ],
)
def test_the_query_is_decoded_once(api: Api, url: str) -> None:
    answer = api.send(url=url)
    assert answer.json["data"]["account_id"] == "acct_1"
    assert api.send(url="/v1/api-keys/?account_id=a%252Fb+c").json["data"]["account_id"] == "a%2Fb c"


def test_body_members_that_the_contract_does_not_name_are_dropped_with_a_warning(api: Api) -> None:
    answer = check(api.send(json=BODY | {"colour": "red", "__proto__": {}, "managed": True}))
    assert answer.outcome == (201, "created")
    assert "colour" not in answer.json["data"]
    assert answer.json["data"]["managed"] is False
    assert api.warnings() == ["unknown_member"] * 3
    messages = [warning["message"] for warning in api.calls()[-1]["warnings"]]
    assert all(name in text for name, text in zip(("colour", "__proto__", "managed"), messages, strict=True))


def test_of_duplicate_members_the_last_one_counts_with_a_warning(api: Api) -> None:
    answer = check(api.send(body=b'{"name":"a","permissions":{},"name":"b","metadata":{"x":1,"x":2}}'))
    assert answer.json["data"]["name"] == "b"
    assert answer.json["data"]["metadata"] == {"x": 2}
    assert api.warnings() == ["duplicate_member"] * 2


@pytest.mark.parametrize(
    "number", ["1e400", "-1E+4000", "1" * 400, "18446744073709551616", "1e-400", "0.1", "-0"]
)
def test_numbers_of_any_size_are_taken_and_given_back(api: Api, number: str) -> None:
    answer = api.send(body=b'{"name":"n","permissions":{},"metadata":{"n":%b}}' % number.encode())
    assert answer.status == 201
    match = re.search(rb'"metadata":\{"n":([^}]*)\}', answer.body)
    assert match
    sent, got = Decimal(number), Decimal(match[1].decode())
    assert sent == got or (number == "1e-400" and got == 0)


@pytest.mark.parametrize("accept", ["text/html", "*/*;q=0", "application/xml, text/*", "image/png;q=1"])
def test_an_accept_that_excludes_json_is_answered_with_json_and_a_warning(api: Api, accept: str) -> None:
    assert check(api.send(headers={"Accept": accept})).status == 201
    assert api.warnings() == ["not_acceptable"]


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "application/*;q=0.1", "text/html, */*;q=0.1", ""]
)
def test_an_accept_that_includes_json_is_no_warning(api: Api, accept: str) -> None:
    assert api.send(headers={"Accept": accept}).status == 201
    assert api.warnings() == []
