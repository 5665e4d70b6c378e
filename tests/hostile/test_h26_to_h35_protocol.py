"""Rows H26 to H35: stubs that lie, credentials, parameters, paths, methods, content types, preferences."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from mockserver.serving.building import build_engine
from mockserver.settings import Settings
from tests.doors import parse
from tests.hostile.servers import target_with
from tests.hostile.wire import CANARY, CREATE, Target, http, read_to_end

# H26

BAD_ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "line-break-in-value": ({"headers": {"X-A": "a\r\nX-B: c"}}, "/response/headers/X-A"),
    "lone-line-feed": ({"headers": {"X-A": "a\nb"}}, "/response/headers/X-A"),
    "nul": ({"headers": {"X-A": "a\u0000b"}}, "/response/headers/X-A"),
    "not-latin-1": ({"headers": {"X-A": "\u20ac"}}, "/response/headers/X-A"),
    "space-in-name": ({"headers": {"X A": "a"}}, "/response/headers/X A"),
    "line-break-in-name": ({"headers": {"X\r\nA": "a"}}, "/response/headers/X\r\nA"),
    "empty-name": ({"headers": {"": "a"}}, "/response/headers/"),
    "list-with-a-bad-value": ({"headers": {"X-A": ["a", "b\n"]}}, "/response/headers/X-A/1"),
    "connection": ({"headers": {"Connection": "X-Secret"}}, "/response/headers/Connection"),
    "trailer": ({"headers": {"Trailer": "X-A"}}, "/response/headers/Trailer"),
    "encoding": ({"headers": {"Transfer-Encoding": "gzip"}}, "/response/headers/Transfer-Encoding"),
    "keep-alive": ({"headers": {"Keep-Alive": "timeout=5"}}, "/response/headers/Keep-Alive"),
    "upgrade": ({"headers": {"Upgrade": "h2c"}}, "/response/headers/Upgrade"),
    "wrong-length": ({"headers": {"Content-Length": "999"}, "body": "a"}, "/response/headers/Content-Length"),
    "status-99": ({"status": 99}, "/response/status"),
    "status-1000": ({"status": 1000}, "/response/status"),
    "status-100": ({"status": 100}, "/response/status"),
    "status-is-text": ({"status": "200"}, "/response/status"),
    "status-is-true": ({"status": True}, "/response/status"),
    "status-is-a-fraction": ({"status": 200.5}, "/response/status"),
    "204-with-a-body": ({"status": 204, "body": "x"}, "/response/body"),
    "304-with-a-body": ({"status": 304, "jsonBody": {}}, "/response/jsonBody"),
    "line-break-in-phrase": ({"status": 200, "statusMessage": "OK\r\nX-A: b"}, "/response/statusMessage"),
}  # fmt: skip


@pytest.mark.parametrize("response, pointer", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_h26_an_answer_that_is_no_http_is_refused_when_it_is_added(
    target: Target, response: dict[str, Any], pointer: str
) -> None:
    mapping = {"request": {"url": "/x"}, "response": {"status": 200, **response}}
    answer = target.control("POST", "/mappings", mapping)
    assert answer.status == 422, answer.body
    assert pointer in [error["source"]["pointer"] for error in answer.json["errors"]]
    assert target.ask(http("GET", "/x")).status == 404


def test_h26_a_malformed_answer_is_a_fault_and_says_so(target: Target) -> None:
    target.stub({"fault": "MALFORMED_RESPONSE_CHUNK"}, times=1)
    client = target.connect()
    client.sendall(http())
    assert b"transfer-encoding: chunked" in client.recv(65536)
    target.wait_until(lambda: target.calls()[0]["state"] == "faulted")
    assert target.calls()[0]["fault"] == "MALFORMED_RESPONSE_CHUNK"


# H27

MARKUP = "</script><script>alert(1)</script><svg onload=alert(1)><a href='javascript:alert(1)'>{{x}}"


def test_h27_recorded_markup_is_never_served_as_a_page(target: Target) -> None:
    body = json.dumps({"name": MARKUP, "permissions": {}, "metadata": {MARKUP: MARKUP}}).encode()
    assert (
        target.ask(http("POST", CREATE, f"X-A: {MARKUP}", f"User-Agent: {MARKUP}", body=body)).status == 201
    )
    target.ask(http("GET", "/%3Cscript%3Ealert(1)%3C/script%3E"))
    id = target.calls()[0]["id"]
    paths = [
        "/calls", f"/calls/{id}", f"/calls/{id}?format=curl", "/har", "/requests", "/mappings", "/errors",
        "/contract", "/nothing/%3Cscript%3E", "/calls?limit=%3Cscript%3E", "/near-misses/<script>",
    ]  # fmt: skip
    for path in paths:
        answer = target.control("GET", path)
        media = answer.header("content-type") or ""
        assert media.startswith(("application/json", "text/plain")), path
        assert answer.header("x-content-type-options") == "nosniff", path
        assert answer.header("content-security-policy") == "default-src 'none'", path


# H28

CREDENTIALS: dict[str, tuple[list[str], str]] = {
    "missing": ([], "missing_credential"),
    "empty": (["Authorization:"], "missing_credential"),
    "white-space": (["Authorization:   \t "], "missing_credential"),
    "scheme-only": (["Authorization: Bearer"], "malformed_credential"),
    "scheme-and-space": (["Authorization: Bearer   "], "malformed_credential"),
    "nonsense": (["Authorization: bearer x"], "malformed_credential"),
    "two": ([f"Authorization: Bearer {CANARY}"] * 2, "malformed_credential"),
    "basic": (["Authorization: Basic c2tfdGVzdDo="], "malformed_credential"),
    "no-scheme": ([f"Authorization: {CANARY}"], "malformed_credential"),
    "two-tokens": ([f"Authorization: Bearer {CANARY} {CANARY}"], "malformed_credential"),
    "hundred-kilobytes": (["Authorization: Bearer " + "x" * 100_000], "malformed_credential"),
}


@pytest.mark.parametrize("headers, reason", CREDENTIALS.values(), ids=CREDENTIALS)
def test_h28_what_is_no_credential_is_401_with_a_challenge(
    target: Target, headers: list[str], reason: str
) -> None:
    answer = target.ask(http("POST", CREATE, *headers, key=None))
    assert answer.outcome == (401, reason)
    assert (answer.header("www-authenticate") or "").startswith("Bearer")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "BeArEr", "Bearer  "])
def test_h28_the_scheme_has_no_case(target: Target, scheme: str) -> None:
    assert target.ask(http("POST", CREATE, f"Authorization: {scheme} {CANARY}", key=None)).status == 201


@pytest.mark.parametrize("name", ["access_token", "api_key", "token", "key", "authorization"])
def test_h28_a_token_in_the_query_never_authenticates_and_is_warned_of(target: Target, name: str) -> None:
    answer = target.ask(http("POST", f"{CREATE}&{name}={CANARY}", key=None))
    assert answer.outcome == (401, "missing_credential")
    assert target.ask(http("POST", f"{CREATE}&{name}={CANARY}")).status == 201
    for call in target.calls():
        assert "credential_in_query" in [warning["code"] for warning in call["warnings"]]


# H29


def jwt(claims: Any, header: Any = None, signature: str = "c2ln") -> str:
    parts = [header or {"alg": "RS256"}, claims]
    return ".".join(
        [*(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts), signature]
    )


KINDS: dict[str, tuple[str, tuple[int, str]]] = {
    "offset-28": ("x" * 28 + "sk_test_a", (201, "created")),
    "offset-29": ("x" * 29 + "sk_test_a", (201, "created")),
    "offset-30": ("x" * 30 + "sk_test_a", (401, "malformed_credential")),
    "offset-31": ("x" * 31 + "sk_test_a", (401, "malformed_credential")),
    "offset-33": ("x" * 33 + "sk_test_a", (401, "malformed_credential")),
    "secret-and-publishable": ("sk_test_pk_test_a", (201, "created")),
    "publishable-then-secret": ("pk_test_sk_test_a", (201, "created")),
    "publishable": ("pk_test_abcdef", (403, "publishable_key")),
    "unknown-mock-key": ("sk_test_mock_" + "a" * 32, (401, "revoked_credential")),
    "jwt-of-another-permission": (jwt({"permissions": ["other:read"]}), (403, "missing_permission")),
    "jwt-of-all": (jwt({}), (201, "created")),
    "jwt-none": (jwt({}, {"alg": "none"}, ""), (401, "invalid_token")),
    "jwt-none-in-capitals": (jwt({}, {"alg": "NONE"}), (401, "invalid_token")),
    "jwt-expired": (jwt({"exp": 1}), (401, "expired_credential")),
    "jwt-not-yet": (jwt({"nbf": 99999999999}), (401, "not_yet_valid")),
    "jwt-of-two-parts": ("eyJhbGciOiJSUzI1NiJ9.e30", (401, "malformed_credential")),
    "jwt-of-five-parts": (jwt({}) + ".a.b", (401, "malformed_credential")),
    "jwt-whose-exp-is-text": (jwt({"exp": "soon"}), (401, "invalid_token")),
    "jwt-whose-claims-are-a-list": (jwt([]), (401, "invalid_token")),
}  # fmt: skip


@pytest.mark.parametrize("token, outcome", KINDS.values(), ids=KINDS)
def test_h29_each_kind_of_token_gets_the_same_answer_each_time(
    target: Target, token: str, outcome: tuple[int, str]
) -> None:
    assert {target.ask(http(key=token)).outcome for _ in range(3)} == {outcome}


# H30

LIVE = [
    "sk_live_51HxYzAbCdEfGhIjKlMnOp",
    "sk_abcdefghijklmnop",
    "sk_prod_abcdefghijklmnop",
    "pk_live_abcdefghijkl",
]


@pytest.mark.parametrize("token", LIVE)
def test_h30_a_live_key_is_refused_warned_of_and_never_kept(
    target: Target, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    # What comes twice is remembered where it may be.
    for _ in range(2):
        assert target.ask(http(key=token)).outcome == (401, "live_credential")
    assert "LIVE CREDENTIAL" in caplog.text
    fingerprint = target.calls()[0]["credential"]["fingerprint"]
    assert fingerprint in caplog.text
    for text in (
        caplog.text,
        repr(target.calls()),
        target.control("GET", "/har").body.decode(),
        repr((vars(target.engine.heads), vars(target.engine.heads.memory), vars(target.engine._inspector))),
    ):
        assert token not in text


def test_h30_only_who_asks_for_it_lets_live_keys_in_and_still_keeps_none() -> None:
    with target_with(allow_live=True) as target:
        assert target.ask(http(key=LIVE[0])).status == 201
        assert LIVE[0] not in repr(target.calls())


# H31

ACCOUNTS: dict[str, tuple[str, set[tuple[str, str]] | int]] = {
    "missing": ("", {("/account_id", "required")}),
    "empty": ("account_id=", {("/account_id", "minLength")}),
    "no-value": ("account_id", {("/account_id", "minLength")}),
    "repeated": ("account_id=a&account_id=b", {("/account_id", "type")}),
    "brackets": ("account_id[]=acct_1", {("/account_id", "required")}),
    "encoded": ("account_id=acct%5F1", 201),
    "encoded-twice": ("account_id=acct%255F1", 201),
    "encoded-name": ("%61ccount_id=acct_1", 201),
    "other-case": ("Account_Id=acct_1", {("/account_id", "required")}),
    "ten-kilobytes": ("account_id=" + "a" * 10_000, 201),
    "hundred-kilobytes": ("account_id=" + "a" * 100_000, 414),
    "semicolon": ("x=1;account_id=acct_1", {("/account_id", "required")}),
}


@pytest.mark.parametrize("query, expected", ACCOUNTS.values(), ids=ACCOUNTS)
def test_h31_an_account_is_given_once(target: Target, query: str, expected: Any) -> None:
    if expected == 414:
        assert target.is_refused(http("POST", f"/v1/api-keys/?{query}")).status == 414
        return
    answer = target.ask(http("POST", f"/v1/api-keys/?{query}"))
    if isinstance(expected, int):
        assert answer.status in (expected, 422), answer.body
        return
    assert answer.outcome == (422, "invalid_request")
    found = answer.json["error"]["details"]["violations"]
    assert {(item["pointer"], item["keyword"]) for item in found} == expected
    assert len(found) == 1


# H32


@pytest.mark.parametrize("path", ["/v1/api-keys", "/v1/api-keys/"])
def test_h32_one_slash_at_the_end_makes_no_difference(target: Target, path: str) -> None:
    answer = target.ask(http("POST", f"{path}?account_id=acct_1"))
    assert answer.outcome == (201, "created")
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/v1/api-keys//",
        "/V1/API-KEYS/",
        "/v1/api-keys;x=1",
        "//v1/api-keys/",
        "/v1//api-keys",
        "/v1/./api-keys/",
        "/v1/x/../api-keys/",
    ],
)
def test_h32_other_paths_are_404_and_the_journal_names_the_nearest_operation(
    target: Target, path: str
) -> None:
    assert target.ask(http("POST", f"{path}?account_id=acct_1")).outcome == (404, "no_such_operation")
    warnings = [warning["message"] for warning in target.calls()[0]["warnings"]]
    assert any("createApiKey" in text or "regenerate" in text for text in warnings), warnings


# H33


@pytest.mark.parametrize("method", ["PUT", "TRACE", "PATCH", "OPTIONS", "PROPFIND", "QUERY"])
def test_h33_a_method_that_the_path_lacks_is_405(target: Target, method: str) -> None:
    answer = target.ask(http(method, CREATE, "X-HTTP-Method-Override: POST"))
    assert answer.outcome == (405, "method_not_allowed")
    assert answer.header("allow") == "GET, POST"
    assert answer.json["error"]["code"] == 405
    assert target.ask(http("GET", CREATE, "X-HTTP-Method-Override: POST")).status == 200


def test_h33_an_answer_to_head_has_no_body(target: Target) -> None:
    client = target.connect()
    client.sendall(http("HEAD", CREATE, "Connection: close"))
    answer = parse(read_to_end(client))
    assert (answer.outcome, answer.body) == ((405, "method_not_allowed"), b"")


@pytest.mark.parametrize("method", ["FOO", "get", "G ET", "POST\t", "\u00fc"])
def test_h33_a_method_that_is_none_is_400(target: Target, method: str) -> None:
    data = http("POST", CREATE).replace(b"POST", method.encode(), 1)
    assert target.is_refused(data).status == 400


@pytest.mark.parametrize("method", ["TRACE", "PUT", "PROPFIND", "PATCH"])
def test_h33_the_control_side_knows_its_methods_too(target: Target, method: str) -> None:
    answer = target.ask(http(method, "/__admin/calls", key=None))
    assert answer.status == 405
    assert answer.header("allow") == "GET, HEAD"
    assert answer.json["errors"]


# H34

TYPES: dict[str, tuple[str | None, int]] = {
    "missing": (None, 422),
    "empty": ("", 422),
    "text": ("text/plain", 422),
    "form": ("application/x-www-form-urlencoded", 422),
    "upper-case-with-charset": ("application/JSON; charset=UTF-8", 201),
    "quoted-charset": ('application/json; charset="utf-8"', 201),
    "other-parameter": ("application/json; profile=x", 201),
    "list": ("application/json, text/html", 422),
    "utf-16": ("application/json; charset=utf-16", 422),
    "latin-1": ("application/json; charset=iso-8859-1", 422),
    "no-subtype": ("application", 422),
    "patch": ("application/merge-patch+json", 422),
    "garbage": ("/;=,", 422),
    "long": ("application/json" + ";a=b" * 10_000, 201),
}


@pytest.mark.parametrize("media, status", TYPES.values(), ids=TYPES)
def test_h34_only_json_is_taken(target: Target, media: str | None, status: int) -> None:
    data = http("POST", CREATE, f"Content-Type: {media}")
    if media is None:
        data = data.replace(b"Content-Type: None\r\n", b"")
    answer = target.ask(data)
    assert answer.status == status, answer.body
    if status == 422:
        (violation,) = answer.json["error"]["details"]["violations"]
        assert (violation["in"], violation["pointer"]) == ("header", "/content-type")


@pytest.mark.parametrize("accept", ["text/html", "*/*;q=0", "application/json;q=0", "text/*", ";;;,,"])
def test_h34_whoever_does_not_want_json_gets_it_with_a_warning(target: Target, accept: str) -> None:
    answer = target.ask(http("POST", CREATE, f"Accept: {accept}"))
    assert (answer.status, answer.header("content-type")) == (201, "application/json")
    assert [warning["code"] for warning in target.calls()[0]["warnings"]] == ["not_acceptable"]


# H35

PREFERENCES: dict[str, tuple[str, int, bool]] = {
    "documented": ("code=429", 429, True),
    "undocumented": ("code=999", 201, False),
    "no-number": ("code=abc", 201, False),
    "negative": ("code=-1", 201, False),
    "first-wins": ("code=401, code=500", 401, True),
    "quoted": ('code="429"', 429, True),
    "empty": ("", 201, False),
    "empty-value": ("code=", 201, False),
    "thousand": ("code=429, " + ", ".join(f"x{number}=1" for number in range(1_000)), 429, True),
    "unknown-example": ("example=nope", 201, False),
    "garbage": (';;;=,,"', 201, False),
    "unfinished-quote": ('code="429', 201, False),
    "huge-number": ("code=" + "9" * 5_000, 201, False),
    "other-digits": ("code=\u0664".encode().decode("latin-1"), 400, False),
}


@pytest.mark.parametrize("preference, status, is_applied", PREFERENCES.values(), ids=PREFERENCES)
def test_h35_preferences_choose_among_what_is_documented(
    target: Target, preference: str, status: int, is_applied: bool
) -> None:
    data = http("POST", CREATE, f"Prefer: {preference}")
    answer = target.is_refused(data) if status == 400 else target.ask(data)
    assert answer.status == status, answer.body
    assert ("preference-applied" in answer.headers) == is_applied
    assert answer.reason != "mock_failure"


def test_h35_an_engine_alone_answers_as_a_server_does() -> None:
    from mockserver.messages import build_request

    engine = build_engine(Settings())
    response = engine.handle(
        build_request(
            "POST", CREATE, headers={"Authorization": f"Bearer {CANARY}", "Prefer": "code=429"}, json={}
        )
    )
    assert response.status == 429
