"""Inspection: all that is known of a request before anybody decides."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.contract.validation import CallWarning
from mockserver.http_fields import read_cookies, read_query
from mockserver.messages import build_request
from mockserver.request.head import HeadReader
from mockserver.request.inspection import MAX_REMEMBERED_LENGTH, Inspection, Inspector
from mockserver.request.leaks import LeakWatch
from mockserver.serving.building import Sources
from mockserver.types import UNSET
from tests.doors import BODY, CREATE, make_jwt


@pytest.fixture(scope="module")
def heads(sources: Sources) -> HeadReader:
    return HeadReader(sources.contract, sources.rules)


def inspect(heads: HeadReader, method: str = "POST", url: str = CREATE, **more: Any) -> Inspection:
    more.setdefault("headers", {"Authorization": "Bearer sk_test_x"})
    if "body" not in more:
        more.setdefault("json", BODY)
    request = build_request(method, url, **more)
    head = heads.read(request.method, request.path, request.query, request.headers)
    return Inspector(LeakWatch(None)).inspect(head, request.body, request.client)


def test_a_sound_request_is_known_whole(heads: HeadReader) -> None:
    body = BODY | {"colour": "red"}
    found = inspect(heads, url=f"{CREATE}&x=1", json=body)
    head = found.head
    assert head.operation is not None
    assert head.operation.id == "createApiKey"
    assert (head.namespace, head.line.path, head.credential.kind) == ("default", "/v1/api-keys/", "secret")
    assert head.arguments == {"account_id": "acct_1"}
    assert head.line.query == {"account_id": ["acct_1"], "x": ["1"]}
    assert (found.parsed.body, found.parsed.full_body, found.parsed.malformed) == (BODY, body, None)
    assert found.object() == BODY
    assert found.violations == []
    assert [warning.to_json() for warning in found.warnings] == [
        {
            "code": "unknown_member",
            "message": "the contract does not name the body member 'colour'; it is dropped",
        }
    ]


def test_parameters_are_converted_and_have_their_defaults(heads: HeadReader) -> None:
    found = inspect(heads, "GET", f"{CREATE}&limit=5&managed=true", body=b"")
    assert found.head.arguments == {"account_id": "acct_1", "page": 1, "limit": 5, "managed": True}
    found = inspect(heads, "DELETE", "/v1/api-keys/a%2Fb%20c", body=b"")
    assert found.head.line.path_parameters == found.head.arguments == {"id": "a/b c"}


def test_a_body_that_nobody_asks_for_is_not_read(heads: HeadReader) -> None:
    found = inspect(heads, "GET", body=b"{ no json")
    assert (found.parsed.body, found.parsed.full_body, found.parsed.malformed, found.violations) == (
        UNSET,
        UNSET,
        None,
        [],
    )


def test_what_is_no_json_says_why(heads: HeadReader) -> None:
    found = inspect(heads, body=b"[1,", headers={"Content-Type": "application/json"})
    assert found.parsed.malformed == "a value is expected at line 1 column 4"
    assert (found.parsed.body, found.parsed.full_body, found.violations) == (UNSET, UNSET, [])


def test_no_operation_is_a_hint_at_the_nearest(heads: HeadReader) -> None:
    found = inspect(heads, url="/v1/api-key")
    assert (found.head.operation, found.head.line.path_item) == (None, None)
    assert "createApiKey (POST /v1/api-keys/)" in found.warnings[0].message
    found = inspect(heads, "PUT")
    assert found.head.operation is None
    assert found.head.line.path_item is not None


@pytest.mark.parametrize(
    ("path", "key", "expected"),
    [
        ("/v1/x", "sk_test_x", ("default", "/v1/x", [])),
        ("/~a/v1/x", "sk_test_x", ("a", "/v1/x", [])),
        ("/~a", "sk_test_x", ("a", "/", [])),
        ("/~a/", "sk_test_x", ("a", "/", [])),
        ("/~a//v1", "sk_test_x", ("a", "//v1", [])),
        ("/~a/~b/v1", "sk_test_x", ("a", "/~b/v1", [])),
        ("/~a.b/v1", "sk_test_x", ("default", "/~a.b/v1", [])),
        ("/~A/v1", "sk_test_ns-b_x", ("b", "/~A/v1", [])),
        ("/x/~a", "sk_test_x", ("default", "/x/~a", [])),
        ("/v1", "sk_test_ns-b_x", ("b", "/v1", [])),
        ("/v1", make_jwt({"ns": "b"}), ("b", "/v1", [])),
        ("/~b/v1", "sk_test_ns-b_x", ("b", "/v1", [])),
        ("/~a/v1", "sk_test_ns-b_x", ("a", "/v1", ["namespace_conflict"])),
        ("/~a/v1", make_jwt({"ns": "b"}), ("a", "/v1", ["namespace_conflict"])),
    ],
)
def test_path_and_credential_name_the_namespace(
    heads: HeadReader, path: str, key: str, expected: tuple[str, str, list[str]]
) -> None:
    found = inspect(heads, url=path, headers={"Authorization": f"Bearer {key}"})
    codes = [warning.code for warning in found.warnings if warning.code != "unknown_operation"]
    assert (found.head.namespace, found.head.line.path, codes) == expected
    assert found.head.shown.path == expected[1]


def test_what_is_recorded_is_redacted(heads: HeadReader) -> None:
    secret = "sk_test_very_secret"
    found = inspect(
        heads,
        url=f"/~a/v1/{secret}?key={secret}",
        headers={"Authorization": f"Bearer {secret}", "X-Other": secret},
        json={secret: secret},
    )
    shown = found.head.shown.with_body(found.parsed.shown_body, found.client)
    assert "very_secret" not in str(astuple(shown)) + repr(found)


@pytest.mark.parametrize("name", ["access_token", "api_key", "token", "other"])
def test_a_credential_in_the_query_is_a_warning(heads: HeadReader, name: str) -> None:
    value = "sk_test_secret" if name == "other" else "anything"
    found = inspect(heads, url=f"{CREATE}&{name}={value}")
    assert [warning.code for warning in found.warnings] == ["credential_in_query"]


def test_of_many_unknown_members_the_first_are_named_and_the_rest_counted(heads: HeadReader) -> None:
    found = inspect(heads, json=BODY | {f"m{index}": 0 for index in range(100_000)})
    assert len(found.warnings) == 21
    assert "99980 further" in found.warnings[-1].message
    found = inspect(heads, json=BODY | {"m" * 100_000: 0})
    assert len(found.warnings[0].message) < 300


# Canonical requests


SPELT = b' {"name":"x","permissions":{"account:api:key":["read"]},"name":"Report\\u0069ng"}'


def canonical(heads: HeadReader, **change: Any) -> bytes:
    return inspect(heads, **change).parsed.canonical()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"url": "/v1/api-keys?account_id=acct_1"}, id="trailing slash"),
        pytest.param({"url": "/~other/v1/api-keys/?account_id=acct_1"}, id="namespace"),
        pytest.param({"url": "/v1/api%2Dkeys/?account%5Fid=acct%5f1"}, id="percent-encoding"),
        pytest.param({"json": dict(reversed(BODY.items()))}, id="order of members"),
        pytest.param({"body": SPELT, "headers": {"content-type": "application/json"}}, id="spelling of JSON"),
        pytest.param({"headers": {"Authorization": "Bearer sk_test_other", "X-A": "1"}}, id="headers"),
        pytest.param({"client": "10.0.0.1"}, id="client"),
    ],
)  # fmt: skip
def test_equal_requests_are_canonically_equal(heads: HeadReader, change: dict[str, Any]) -> None:
    assert canonical(heads, **change) == canonical(heads)


@pytest.mark.parametrize(
    "change",
    [
        {"url": CREATE + "0"},
        {"url": f"{CREATE}&x="},
        {"url": f"{CREATE}&account_id=acct_1"},
        {"json": BODY | {"name": "reporting"}},
        {"json": BODY | {"metadata": {}}},
        {"json": BODY | {"unknown": 1}},
        {"method": "GET"},
    ],
    ids=str,
)
def test_different_requests_are_canonically_different(heads: HeadReader, change: dict[str, Any]) -> None:
    assert canonical(heads, **change) != canonical(heads)


def test_the_order_of_different_parameters_does_not_matter_that_of_equal_ones_does(
    heads: HeadReader,
) -> None:
    assert canonical(heads, url="/v1/api-keys?b=1&a=2&b=3") == canonical(
        heads, url="/v1/api-keys?a=2&b=1&b=3"
    )
    assert canonical(heads, url="/v1/api-keys?b=1&b=3") != canonical(heads, url="/v1/api-keys?b=3&b=1")


# Query and cookies


@given(st.text(st.sampled_from("ab=&+%2053FüéÿC;"), max_size=20))
def test_a_query_is_read_as_forms_are(query: str) -> None:
    found = [(name, value) for name, values in read_query(query).items() for value in values]
    pairs = parse_qsl(query, keep_blank_values=True, encoding="latin-1")
    read = [tuple(text.encode("latin-1").decode("utf-8", "replace") for text in pair) for pair in pairs]
    assert sorted(found) == sorted(read)


def test_cookies_are_read_by_name() -> None:
    headers = ((b"cookie", b"a=1; b=2;a=3"), (b"x", b"c=9"), (b"cookie", b"flag"))
    assert read_cookies(headers) == {"a": ["1", "3"], "b": ["2"], "flag": [""]}


# What is remembered


def inspect_twice(heads: HeadReader, inspector: Inspector, **change: Any) -> tuple[Inspection, Inspection]:
    def inspect_once() -> Inspection:
        given = {"headers": {"Authorization": "Bearer sk_test_x"}, "json": BODY, **change}
        request = build_request("POST", CREATE, **given)
        key = (request.method, request.path, request.query, request.headers)
        head = heads.find(key) or heads.read(*key)
        for _ in range(2):
            heads.remember(head, key)
        heads.remember_credential(head)
        return inspector.inspect(head, request.body, request.client)

    return inspect_once(), inspect_once()


@pytest.mark.parametrize("body", [BODY, {"name": 1}, {**BODY, "colour": "red"}], ids=str)
def test_the_same_request_is_read_once(heads: HeadReader, body: Any) -> None:
    first, second = inspect_twice(heads, Inspector(LeakWatch(None)), json=body)
    assert first.parsed is second.parsed
    first.warnings.append(CallWarning("one", "call"))
    first.violations.clear()
    fresh = inspect(heads, json=body)
    assert (second.warnings, second.violations) == (fresh.warnings, fresh.violations)
    assert second.parsed.digest == fresh.parsed.digest


@pytest.mark.parametrize(
    "change",
    [
        {"json": {**BODY, "name": "sk_test_very_secret"}},
        {"json": {**BODY, "name": "n" * MAX_REMEMBERED_LENGTH}},
        {"headers": {"Authorization": "Bearer sk_live_very_secret"}},
        {"headers": {"Authorization": "Bearer sk_test_x", "Cookie": "a=b"}},
    ],
    ids=["secret", "long", "live", "cookie"],
)
def test_what_holds_a_secret_or_is_long_is_read_anew(heads: HeadReader, change: dict[str, Any]) -> None:
    inspector = Inspector(LeakWatch(None))
    first, second = inspect_twice(heads, inspector, **change)
    assert first.parsed is not second.parsed
    assert "very_secret" not in repr((vars(heads.memory), first, first.parsed))
    assert first.head.last_read is None or first.head.last_read[1] not in (first.parsed, second.parsed)


def test_what_was_read_is_forgotten_with_its_namespace_and_no_other(heads: HeadReader) -> None:
    inspector = Inspector(LeakWatch(None))
    first, second = inspect_twice(heads, inspector)
    heads.forget("other")
    third, _ = inspect_twice(heads, inspector)
    assert first.parsed is second.parsed is third.parsed
    heads.forget("default")
    fourth, _ = inspect_twice(heads, inspector)
    assert fourth.parsed is not first.parsed
