"""What the mocked API does, statement by statement, at the engine and again at a real socket."""

from __future__ import annotations

import gc
import logging
import re
from decimal import Decimal
from types import FunctionType, ModuleType
from typing import Any

import pytest

from mockserver.clocks import format_instant, real_millis
from mockserver.contract import Contract
from mockserver.serving.building import assemble
from mockserver.settings import Settings
from mockserver.state.fixtures import Fixtures
from mockserver.vendors.hsrcpay import BEHAVIOURS
from tests.doors import (
    BODY,
    CREATE,
    FROZEN,
    JSON_TYPE,
    KEY,
    UNSENT,
    Api,
    HeaderList,
    encode,
    engine_api,
    make_jwt,
    segment,
)
from tests.judge import check

CREATE_GRANT = "account:api:key:create"
ERROR_STATUSES = (400, 401, 403, 404, 409, 422, 429, 500)


# Where


@pytest.mark.parametrize("path", ["/v1/api-keys/", "/v1/api-keys", "/v1/api%2Dkeys/"])
def test_an_operation_answers_with_and_without_trailing_slash(api: Api, path: str) -> None:
    answer = check(api.send(url=f"{path}?account_id=acct_1"))
    assert answer.outcome == (201, "created")
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/",
        "/v1/api-keys//",
        "/v1//api-keys/",
        "//v1/api-keys/",
        "/V1/API-KEYS/",
        "/v1/api-keys;x=1",
        "/v1/x/../api-keys/",
        "/api-keys/",
        "/v2/api-keys/",
        "/v1/api-keys%2F",
        "/v1/accounts/",
        "/v1/api-keys/key_1/regenerate/more",
        "/%5f%5fadmin/health",
        "//__admin/health",
    ],
)
def test_a_path_that_the_contract_lacks_is_404(api: Api, path: str) -> None:
    answer = check(api.send(url=f"{path}?account_id=acct_1"), None)
    assert answer.outcome == (404, "no_such_operation")
    assert answer.json["error"]["details"]["reason"] == "no_such_operation"
    call = api.calls()[-1]
    assert call["operation"] is None
    assert call["warnings"][0]["code"] == "unknown_operation"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/v1/api-keys/", "GET, POST"),
        ("DELETE", "/v1/api-keys", "GET, POST"),
        ("PATCH", "/v1/api-keys/", "GET, POST"),
        ("OPTIONS", "/v1/api-keys/", "GET, POST"),
        ("TRACE", "/v1/api-keys/", "GET, POST"),
        ("GET", "/v1/api-keys/key_1", "DELETE"),
        ("GET", "/v1/api-keys/key_1/regenerate", "POST"),
    ],
)
def test_a_method_that_the_contract_lacks_is_405_with_allow(
    api: Api, method: str, path: str, allow: str
) -> None:
    answer = check(api.send(method, path, json=UNSENT, headers={"X-HTTP-Method-Override": "POST"}), None)
    assert answer.outcome == (405, "method_not_allowed")
    assert answer.header("allow") == allow


def test_the_hint_in_the_journal_names_the_nearest_operation(api: Api) -> None:
    api.send(url="/v1/api-key/?account_id=acct_1")
    assert "createApiKey (POST /api-keys/)" in api.calls()[-1]["warnings"][0]["message"]


def test_an_operation_without_a_credential_is_still_told_apart_from_no_operation(api: Api) -> None:
    assert api.send(key=None).status == 401
    assert api.send(url="/v1/nothing", key=None).status == 404
    assert api.send("PUT", key=None).status == 405


# Credentials: what they are


MALFORMED = (401, "malformed_credential", "malformed", None)
PUBLISHABLE = (403, "publishable_key", "publishable", "test")


def accepted(kind: str) -> tuple[int, str, str, str]:
    return 201, "created", kind, "test"


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        pytest.param("sk_test_x", accepted("secret"), id="secret"),
        pytest.param("a" * 29 + "sk_test_x", accepted("secret"), id="sk_ ends at the 32nd character"),
        pytest.param("org_sk_x_test_y", accepted("secret"), id="_test_ anywhere"),
        pytest.param("sk_test_pk_test_x", accepted("secret"), id="secret before publishable"),
        pytest.param("pk_test_sk_x", accepted("secret"), id="sk_ within 32 though pk_ stands first"),
        pytest.param(make_jwt({"sub": "u"}), accepted("jwt"), id="jwt"),
        pytest.param(make_jwt({"sub": "sk_test_x"}, signature=""), accepted("jwt"), id="jwt before secret"),
        pytest.param("pk_test_x", PUBLISHABLE, id="publishable"),
        pytest.param(
            "a" * 30 + "sk_test_pk_x",
            PUBLISHABLE,
            id="pk_ and a late sk_",
        ),
        pytest.param(
            "a" * 30 + "sk_test_x",
            MALFORMED,
            id="sk_ ends at the 33rd character",
        ),
        pytest.param("nonsense", MALFORMED, id="nonsense"),
        pytest.param(
            ".".join([*make_jwt({}).split("."), "x", "y"]),
            MALFORMED,
            id="five parts",
        ),
        pytest.param(
            make_jwt({}, header={"typ": "JWT"}),
            MALFORMED,
            id="jwt without alg",
        ),
        pytest.param(
            make_jwt({}, header=["alg"]),
            MALFORMED,
            id="header no object",
        ),
        pytest.param("YQ.YQ.YQ", MALFORMED, id="header no json"),
        pytest.param("x" * 9000, MALFORMED, id="long"),
    ],
)
def test_a_token_is_recognised_in_order(
    api: Api, token: str, expected: tuple[int, str, str, str | None]
) -> None:
    answer = check(api.send(key=token))
    credential = api.calls()[-1]["credential"]
    assert (*answer.outcome, credential["kind"], credential["mode"]) == expected


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        pytest.param([], "missing_credential", id="missing"),
        pytest.param([("Authorization", "")], "missing_credential", id="empty"),
        pytest.param([("Authorization", "Bearer")], "malformed_credential", id="scheme alone"),
        pytest.param([("Authorization", "sk_test_x")], "malformed_credential", id="token alone"),
        pytest.param([("Authorization", "Basic c2tfdGVzdF94Og==")], "malformed_credential", id="basic"),
        pytest.param([("Authorization", "Token sk_test_x")], "malformed_credential", id="other scheme"),
        pytest.param([("Authorization", "Bearer sk_test_x y")], "malformed_credential", id="two tokens"),
        pytest.param(
            [("Authorization", "Bearer sk_test_x")] * 2, "malformed_credential", id="the header twice"
        ),
    ],
)
def test_a_missing_or_malformed_header_is_401_with_a_challenge(
    api: Api, headers: HeaderList, reason: str
) -> None:
    answer = check(api.send(key=None, headers=headers))
    assert answer.outcome == (401, reason)
    assert answer.header("www-authenticate") == "Bearer"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer  "])
def test_the_scheme_compares_without_case(api: Api, scheme: str) -> None:
    answer = api.send(key=None, headers={"Authorization": f"{scheme} {KEY}"})
    assert answer.outcome == (201, "created")


def test_a_credential_in_the_query_is_never_taken(api: Api) -> None:
    answer = api.send(url=f"{CREATE}&access_token={KEY}&api_key={KEY}", key=None)
    assert answer.outcome == (401, "missing_credential")
    assert api.warnings() == ["credential_in_query"]


# Credentials: what they may do


def test_any_unknown_test_key_has_all_permissions_and_its_own_data(api: Api) -> None:
    created = api.send(key="sk_test_never_seen_before").json["data"]["id"]
    assert api.send("DELETE", f"/v1/api-keys/{created}", key="sk_test_other", json=UNSENT).status == 404
    assert (
        api.send("DELETE", f"/v1/api-keys/{created}", key="sk_test_never_seen_before", json=UNSENT).status
        == 200
    )


@pytest.mark.parametrize(
    ("permissions", "is_granted"),
    [
        pytest.param({"account:api:key": ["create"]}, True, id="split before the action"),
        pytest.param({"account": ["api:key:create"]}, True, id="split after the first word"),
        pytest.param({"account:api": ["key:create"]}, True, id="split in the middle"),
        pytest.param({"account:api:key": ["read", "create"]}, True, id="among others"),
        pytest.param({"*": ["*"]}, True, id="star for everything"),
        pytest.param({"account": ["*"]}, True, id="star for all below account"),
        pytest.param({"account:api:key": ["*"]}, True, id="star for all below key"),
        pytest.param({"account:*": ["*"]}, True, id="star in the name"),
        pytest.param({}, False, id="nothing"),
        pytest.param({"account:api:key": []}, False, id="no action"),
        pytest.param({"account:api:key": ["read", "update", "delete"]}, False, id="other actions"),
        pytest.param({"account:api:ke": ["*"]}, False, id="star below half a word"),
        pytest.param({"account:webhook": ["*"]}, False, id="star below something else"),
        pytest.param({CREATE_GRANT: []}, False, id="the whole permission without an action"),
        pytest.param({"account:api:key": ["Create"]}, False, id="other case"),
    ],
)
def test_an_issued_key_has_its_own_permissions(
    api: Api, permissions: dict[str, list[str]], is_granted: bool
) -> None:
    issued = api.send(json=BODY | {"permissions": permissions}).key
    answer = check(api.send(key=issued))
    assert answer.outcome == ((201, "created") if is_granted else (403, "missing_permission"))
    if not is_granted:
        assert answer.json["error"]["details"]["permission"] == CREATE_GRANT


def test_an_issued_key_has_its_own_account(api: Api) -> None:
    issued = api.send(json=BODY | {"permissions": {"*": ["*"]}}).key
    assert api.send(key=issued).status == 201
    answer = check(api.send(key=issued, url=CREATE.replace("acct_1", "acct_2")))
    assert answer.outcome == (403, "foreign_account")


def test_an_expired_issued_key_is_401(api: Api) -> None:
    body = BODY | {"permissions": {"*": ["*"]}, "expires_at": "2026-01-01T00:00:10Z"}
    issued = api.send(json=body).key
    clock = api.engine.namespaces.default.clock
    clock.advance(9_999)
    assert api.send(key=issued).status == 201
    clock.advance(1)
    answer = check(api.send(key=issued))
    assert answer.outcome == (401, "expired_credential")


def test_a_deleted_issued_key_is_401(api: Api) -> None:
    created = api.send(json=BODY | {"permissions": {"*": ["*"]}})
    api.send("DELETE", f"/v1/api-keys/{created.json['data']['id']}", json=UNSENT)
    answer = check(api.send(key=created.key))
    assert answer.outcome == (401, "revoked_credential")


@pytest.mark.parametrize("key", ["sk_test_mock_" + "A" * 32, "sk_test_mock_ns-default_" + "A" * 32])
def test_a_key_of_the_issued_form_that_nobody_issued_is_401_and_says_why(api: Api, key: str) -> None:
    answer = check(api.send(key=key))
    assert answer.outcome == (401, "revoked_credential")
    assert "does not know this one" in answer.json["error"]["details"]["hint"]


@pytest.mark.parametrize(
    ("key", "account", "expected"),
    [
        ("sk_test_expired", "acct_1", (401, "expired_credential")),
        ("sk_test_revoked", "acct_1", (401, "revoked_credential")),
        ("sk_test_readonly", "acct_1", (403, "missing_permission")),
        ("sk_test_no_permissions", "acct_1", (403, "missing_permission")),
        ("sk_test_bound", "acct_bound", (201, "created")),
        ("sk_test_bound", "acct_1", (403, "foreign_account")),
    ],
)
def test_a_key_of_the_fixtures_is_what_is_listed_there(
    api: Api, key: str, account: str, expected: tuple[int, str]
) -> None:
    answer = check(api.send(key=key, url=CREATE.replace("acct_1", account)))
    assert answer.outcome == expected


def test_a_publishable_key_may_never_create(api: Api) -> None:
    answer = check(api.send(key="pk_test_anything"))
    assert answer.outcome == (403, "publishable_key")
    assert answer.json["error"]["details"]["permission"] == CREATE_GRANT


NOW = 1_767_225_600  # FROZEN, in seconds


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        pytest.param({}, (201, "created"), id="neither permissions nor scope"),
        pytest.param({"permissions": {"account:api:key": ["create"]}}, (201, "created"), id="permission map"),
        pytest.param({"permissions": [CREATE_GRANT]}, (201, "created"), id="permission list"),
        pytest.param({"permissions": ["account:*"]}, (201, "created"), id="permission list with star"),
        pytest.param({"scope": f"openid {CREATE_GRANT}"}, (201, "created"), id="scope"),
        pytest.param({"permissions": []}, (403, "missing_permission"), id="empty permissions"),
        pytest.param({"permissions": {}}, (403, "missing_permission"), id="empty permission map"),
        pytest.param({"scope": ""}, (403, "missing_permission"), id="empty scope"),
        pytest.param({"scope": "openid"}, (403, "missing_permission"), id="other scope"),
        pytest.param(
            {"permissions": [], "scope": CREATE_GRANT},
            (403, "missing_permission"),
            id="permissions before scope",
        ),
        pytest.param({"exp": NOW + 1}, (201, "created"), id="expires in a second"),
        pytest.param({"exp": NOW}, (401, "expired_credential"), id="expires now"),
        pytest.param({"exp": NOW - 0.5}, (401, "expired_credential"), id="expired half a second ago"),
        pytest.param({"exp": "never"}, (401, "invalid_token"), id="exp no number"),
        pytest.param({"exp": True}, (401, "invalid_token"), id="exp true"),
        pytest.param({"nbf": NOW}, (201, "created"), id="valid from now on"),
        pytest.param({"nbf": NOW + 1}, (401, "not_yet_valid"), id="valid in a second"),
        pytest.param({"nbf": []}, (401, "invalid_token"), id="nbf no number"),
        pytest.param({"permissions": None, "scope": None}, (201, "created"), id="claims that are null"),
        pytest.param({"scope": ["openid", CREATE_GRANT]}, (201, "created"), id="scope list"),
        pytest.param({"scope": ["openid"]}, (403, "missing_permission"), id="other scope list"),
        pytest.param({"permissions": 7}, (401, "invalid_token"), id="permissions a number"),
        pytest.param({"permissions": False}, (401, "invalid_token"), id="permissions false"),
        pytest.param({"permissions": 0, "scope": CREATE_GRANT}, (401, "invalid_token"), id="permissions 0"),
        pytest.param({"scope": 7}, (401, "invalid_token"), id="scope a number"),
        pytest.param({"scope": {"account:api:key": ["create"]}}, (401, "invalid_token"), id="scope a map"),
        pytest.param({"account_id": "acct_1"}, (201, "created"), id="its own account"),
        pytest.param({"account_id": 5}, (401, "invalid_token"), id="account a number"),
        pytest.param({"livemode": False}, (201, "created"), id="livemode false"),
        pytest.param({"livemode": "true"}, (201, "created"), id="livemode a text"),
        pytest.param({"livemode": 1}, (201, "created"), id="livemode a number"),
        pytest.param({"livemode": True}, (401, "live_credential"), id="livemode true"),
    ],
)
def test_a_jwt_is_what_its_claims_say(api: Api, claims: Any, expected: tuple[int, str]) -> None:
    answer = check(api.send(key=make_jwt(claims)))
    assert answer.outcome == expected
    assert (answer.header("www-authenticate") == "Bearer") is (answer.status == 401)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(make_jwt({}, header={"alg": "none"}, signature=""), id="none"),
        pytest.param(make_jwt({}, header={"alg": "NoNe"}), id="none in another case"),
        pytest.param(make_jwt({}, header={"alg": None}), id="null"),
        pytest.param(make_jwt(["no", "object"]), id="claims no object"),
        pytest.param(f"{segment({'alg': 'RS256'})}.!.x".replace("!", "_"), id="claims no json"),
        pytest.param(
            make_jwt({}, header={"alg": "ES256", "kid": "mockserver-000000000000"}), id="unknown built-in key"
        ),
    ],
)
def test_a_jwt_that_cannot_be_trusted_is_401_invalid_token(api: Api, token: str) -> None:
    assert check(api.send(key=token)).outcome == (401, "invalid_token")


def test_a_jwt_of_the_built_in_provider_is_checked(api: Api) -> None:
    token = api.engine.tokens.sign(now_seconds=NOW)
    assert api.send(key=token).status == 201
    head, _, signature = token.split(".")
    forged = f"{head}.{segment({'sub': 'somebody else'})}.{signature}"
    assert check(api.send(key=forged)).outcome == (401, "invalid_token")


def test_a_signature_is_checked_once_a_secret_is_configured(
    contract: Contract, packaged_fixtures: Fixtures
) -> None:
    settings = Settings(clock=FROZEN, jwt_secret="correct horse battery staple")
    api = engine_api(assemble(contract, packaged_fixtures, settings, BEHAVIOURS))
    answer = check(api.send(key=make_jwt({}, header={"alg": "HS256"})))
    assert answer.outcome == (401, "invalid_token")


LIVE = [
    pytest.param("sk_live_51Habc", id="sk_live_"),
    pytest.param("sk_51Habc", id="without a mode"),
    pytest.param("sk_testing", id="_test without a bar behind"),
    pytest.param("pk_live_51Habc", id="pk_live_"),
    pytest.param(make_jwt({"livemode": True}), id="jwt"),
]


@pytest.mark.parametrize("token", LIVE)
def test_a_live_credential_is_refused_with_a_loud_warning(
    api: Api, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "mockserver"):
        answer = check(api.send(key=token))
    assert answer.outcome == (401, "live_credential")
    assert answer.header("www-authenticate") == "Bearer"
    warned = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warned) == 1
    assert "LIVE CREDENTIAL" in warned[0].getMessage()
    assert token not in caplog.text + str(api.calls())


@pytest.mark.parametrize("token", LIVE)
def test_allow_live_lets_it_in_and_still_keeps_nothing(
    api: Api, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    api.configure(allow_live=True)
    with caplog.at_level(logging.DEBUG, "mockserver"):
        answer = check(api.send(key=token))
    assert answer.outcome == ((403, "publishable_key") if token.startswith("pk_") else (201, "created"))
    assert "LIVE CREDENTIAL" in caplog.text
    assert token not in caplog.text + str(api.calls())


def kept_texts(root: object) -> set[str]:
    """Every text and every bytes that can be reached from an object."""
    texts: set[str] = set()
    seen: set[int] = set()
    rest = [root]
    while rest:
        item = rest.pop()
        if id(item) in seen or isinstance(item, type | ModuleType | FunctionType):
            continue
        seen.add(id(item))
        if isinstance(item, str | bytes):
            texts.add(item if isinstance(item, str) else item.decode("latin-1"))
        rest += gc.get_referents(item)
    return texts


@pytest.mark.parametrize("allow_live", [False, True])
@pytest.mark.parametrize(
    "token", ["sk_live_CaNaRy7f", "pk_live_CaNaRy7f", make_jwt({"livemode": True, "sub": "CaNaRy7f"})]
)
def test_the_memory_holds_nothing_of_a_live_credential(api: Api, token: str, allow_live: bool) -> None:
    api.configure(allow_live=allow_live)
    api.send(key=token)
    api.send(key=token, headers={"Idempotency-Key": "once"}, url=f"{CREATE}&x={token}")
    kept = kept_texts(api.engine)
    assert any("account_id=acct_1" in text for text in kept), "the search looks into the journal"
    assert [text for text in kept if "CaNaRy7f" in text or token in text] == []


def test_a_live_credential_is_refused_where_there_is_no_operation(api: Api) -> None:
    assert check(api.send(url="/v1/nothing", key="sk_live_x"), None).outcome == (401, "live_credential")


# The order of decisions

# Each reason: what brings it about, on top of a request that would succeed.
CAUSES: dict[str, dict[str, Any]] = {
    "live_credential": {"key": "sk_live_x"},
    "stub": {"headers": {"X-Scripted": "yes"}},
    "preferred": {"headers": {"Prefer": "code=500"}},
    "no_such_operation": {"path": "/v1/nothing"},
    "method_not_allowed": {"method": "PUT"},
    "missing_credential": {"key": None},
    "expired_credential": {"key": "sk_test_expired"},
    "rate_limited": {"rate_limit": "1/60s"},
    "malformed_json": {"body": b"{"},
    "invalid_request": {"query": "&account_id=again"},
    "account_not_found": {"account": "acct_live_main"},
    "missing_permission": {"key": "sk_test_no_permissions"},
    "foreign_account": {"key": "sk_test_bound"},
    "idempotency_conflict": {"headers": {"Idempotency-Key": "used"}},
}
ORDER = list(CAUSES)
# A request has one path and method, one credential, one account; `Prefer` means nothing without an operation.
IMPOSSIBLE = {
    ("preferred", "no_such_operation"),
    ("preferred", "method_not_allowed"),
    ("no_such_operation", "method_not_allowed"),
    ("missing_permission", "idempotency_conflict"),
}
PAIRS = [
    (first, second)
    for index, first in enumerate(ORDER)
    for second in ORDER[index + 1 :]
    if not ("key" in CAUSES[first] and "key" in CAUSES[second]) and (first, second) not in IMPOSSIBLE
]


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=[f"{a} before {b}" for a, b in PAIRS])
def test_of_two_reasons_the_earlier_one_decides(api: Api, first: str, second: str) -> None:
    causes = [CAUSES[first], CAUSES[second]]
    given = {key: value for cause in causes for key, value in cause.items() if key != "headers"}
    headers = {name: value for cause in causes for name, value in cause.get("headers", {}).items()}
    key = given.get("key", KEY)
    home = "acct_bound" if key == "sk_test_bound" else "acct_1"
    api.script({"request": {"headers": {"X-Scripted": {"equalTo": "yes"}}}, "response": {"status": 500}})
    if "idempotency_conflict" in (first, second):
        api.send(
            key=key,
            url=f"/v1/api-keys/?account_id={home}",
            headers=headers | {"X-Scripted": "", "Prefer": ""},
        )
    if "rate_limit" in given:
        api.configure(rate_limit=given["rate_limit"])
        api.send(key=key)
    account = given.get("account", "acct_1")
    url = f"{given.get('path', '/v1/api-keys/')}?account_id={account}{given.get('query', '')}"
    body = given.get("body", encode(BODY | {"name": "other"}))
    answer = api.send(given.get("method", "POST"), url, key=key, headers=headers, body=body)
    assert answer.reason == first


def test_refused_credentials_take_nothing_from_the_rate(api: Api) -> None:
    api.configure(rate_limit="1/60s")
    for _ in range(3):
        assert api.send(key="sk_test_expired").reason == "expired_credential"
    assert api.send().status == 201


# 400 and 422


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


# Accounts


def test_any_account_exists(api: Api) -> None:
    for account in ("acct_nobody_listed", "x", "accounts.1234", "ünï"):
        url = f"/v1/api-keys/?account_id={'%C3%BCn%C3%AF' if account == 'ünï' else account}"
        assert api.send(url=url).json["data"]["account_id"] == account


def test_strict_accounts_knows_only_the_listed_ones(api: Api) -> None:
    api.configure(strict_accounts=True)
    assert check(api.send()).outcome == (404, "account_not_found")
    assert api.send(url=CREATE.replace("acct_1", "acct_test_main")).status == 201


def test_an_account_of_the_other_mode_is_404(api: Api) -> None:
    live = CREATE.replace("acct_1", "acct_live_main")
    assert check(api.send(url=live)).outcome == (404, "account_not_found")
    assert check(api.send(url=live, key=make_jwt({}))).outcome == (404, "account_not_found")
    api.configure(allow_live=True)
    assert api.send(url=live, key="sk_live_x").status == 201
    main = CREATE.replace("acct_1", "acct_test_main")
    assert check(api.send(url=main, key="sk_live_x")).outcome == (404, "account_not_found")


@pytest.mark.parametrize("status", ERROR_STATUSES)
def test_acct_error_gives_that_documented_error(api: Api, status: int, packaged_fixtures: Fixtures) -> None:
    answer = check(api.send(url=CREATE.replace("acct_1", f"acct_error_{status}")))
    assert answer.outcome == (status, "stub")
    slug = next(iter(packaged_fixtures.errors[status]))
    assert answer.json["error"]["details"] == {"reason": slug}
    assert api.calls()[-1]["stub"]["name"] == f"acct_error_{status}"
    assert (answer.header("retry-after") is not None) is (status == 429)
    assert (answer.header("www-authenticate") is not None) is (status == 401)


@pytest.mark.parametrize("status", ERROR_STATUSES)
def test_acct_error_holds_for_a_request_that_is_wrong_otherwise(api: Api, status: int) -> None:
    url = f"/v1/api-keys?account_id=acct_error_{status}"
    assert api.send(url=url, key=None, body=b"{").status == status
    assert check(api.send("GET", url, json=UNSENT), "listApiKeys").status == status


# Success


@pytest.mark.parametrize(
    ("setting", "statuses"),
    [("201", [201, 201, 201]), ("200", [200, 200, 200]), ("alternate", [201, 200, 201])],
)
def test_the_status_of_a_success_is_chosen(api: Api, setting: str, statuses: list[int]) -> None:
    api.configure(success_status=setting)
    assert [check(api.send(json=BODY | {"name": str(index)})).status for index in range(3)] == statuses


def test_alternate_counts_the_creates_of_each_namespace(api: Api) -> None:
    for name in ("default", "one"):
        api.engine.namespaces.get(name).configure({"success_status": "alternate"})
    keys = (KEY, "sk_test_ns-one_x", KEY, "sk_test_ns-one_x", "bad", KEY)
    assert [api.send(key=key).status for key in keys] == [201, 201, 200, 200, 401, 201]


def test_the_body_of_a_success_is_what_the_contract_says(api: Api) -> None:
    body = {
        "name": "Zahlung €",
        "permissions": {"account:api:key": ["create", "read"], "": []},
        "expires_at": "2027-01-01T00:00:00+01:00",
        "metadata": {"team": {"x": [1, None, "ü"]}},
    }
    value = check(api.send(json=body)).json
    data = value.pop("data")
    assert value == {"message": "success", "success": True}
    assert re.fullmatch(r"key_mock_[A-Za-z0-9]{24}", data.pop("id"))
    assert re.fullmatch(r"sk_test_mock_[A-Za-z0-9]{32}", data.pop("key"))
    assert data == {
        **body,
        "object": "api_key",
        "account_id": "acct_1",
        "type": "SECRET",
        "status": "ACTIVE",
        "managed": False,
        "deleted": False,
        "last_used_at": None,
        "last_used_ip": None,
        "created_at": "2026-01-01T00:00:00.000Z",
        "updated_at": "2026-01-01T00:00:00.000Z",
    }


@pytest.mark.parametrize("given", [{}, {"expires_at": None}], ids=["absent", "null"])
def test_what_was_not_sent_is_null_and_empty(api: Api, given: dict[str, Any]) -> None:
    data = api.send(json=BODY | given).json["data"]
    assert data["expires_at"] is None
    assert data["metadata"] == {}


def test_the_plaintext_key_stands_in_this_answer_and_nowhere_else(api: Api) -> None:
    answer = api.send()
    listed = check(api.send("GET", json=UNSENT), "listApiKeys")
    assert [item["id"] for item in listed.json["data"]] == [answer.json["data"]["id"]]
    assert answer.body.count(answer.key.encode()) == 1
    assert answer.key.encode() not in listed.body
    assert answer.key not in str(api.calls())


def test_an_expiry_in_the_past_is_accepted_and_the_key_is_expired(api: Api) -> None:
    answer = check(api.send(json=BODY | {"expires_at": "2020-01-01T00:00:00Z"}))
    assert answer.outcome == (201, "created")
    assert api.send(key=answer.key).outcome == (401, "expired_credential")


# Errors


def test_an_error_has_its_text_from_the_fixtures_and_its_reason_in_the_details(
    api: Api, packaged_fixtures: Fixtures
) -> None:
    answer = api.send(key=None)
    text = packaged_fixtures.error_text(401, "missing_credential")
    assert answer.json == {
        "message": text,
        "success": False,
        "error": {"code": 401, "message": text, "details": {"reason": "missing_credential"}},
    }


def test_the_rate_limit_is_429_with_retry_after(api: Api) -> None:
    api.configure(rate_limit="2/60s")
    assert [api.send().status for _ in range(2)] == [201, 201]
    answer = check(api.send())
    assert answer.outcome == (429, "rate_limited")
    assert answer.header("retry-after") == "30"
    assert answer.json["error"]["details"]["retry_after_seconds"] == 30
    assert api.send(key="sk_test_other").status == 201, "each credential has its own"
    assert api.send("GET", json=UNSENT).status == 200, "each operation has its own"
    api.engine.namespaces.default.clock.advance(29_999)
    assert api.send().header("retry-after") == "1"
    api.engine.namespaces.default.clock.advance(1)
    assert api.send().status == 201


def test_every_reason_that_an_answer_can_have_has_a_text(packaged_fixtures: Fixtures) -> None:
    named = {(status, reason) for status, texts in packaged_fixtures.errors.items() for reason in texts}
    assert named >= {
        (400, "malformed_json"), (401, "missing_credential"), (401, "malformed_credential"),
        (401, "invalid_token"), (401, "not_yet_valid"), (401, "expired_credential"),
        (401, "revoked_credential"), (401, "live_credential"), (403, "missing_permission"),
        (403, "publishable_key"), (403, "foreign_account"), (404, "account_not_found"),
        (404, "api_key_not_found"), (404, "no_such_operation"), (405, "method_not_allowed"),
        (409, "idempotency_conflict"), (409, "conflict"), (422, "invalid_request"), (429, "rate_limited"),
        (500, "internal_error"),
    }  # fmt: skip


class Broken:
    """A behaviour with a bug."""

    def find_missing(self, situation: object) -> None: ...

    def find_conflict(self, situation: object) -> None: ...

    def carry_out(self, situation: object, seed: object) -> None:
        raise ZeroDivisionError("while holding sk_live_marker")


def test_a_fault_of_the_mock_itself_never_looks_like_the_api(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(api.engine, "behaviours", {"createApiKey": Broken()})
    with caplog.at_level(logging.ERROR, "mockserver"):
        answer = api.send()
    assert answer.outcome == (500, "mock_failure")
    assert answer.header("content-type") == "text/plain; charset=utf-8"
    assert not answer.body.startswith(b"{")
    call = api.calls()[-1]
    assert (call["reason"], call["id"]) == ("mock_failure", answer.header("mockserver-call-id"))
    assert "ZeroDivisionError" in caplog.text
    assert "sk_live_marker" not in caplog.text
    monkeypatch.undo()
    assert api.send().status == 201


# Deterministic


def test_the_same_request_gets_the_same_values_from_any_engine(
    api: Api, contract: Contract, packaged_fixtures: Fixtures
) -> None:
    other = engine_api(assemble(contract, packaged_fixtures, Settings(clock=FROZEN), BEHAVIOURS))
    assert [api.send().body for _ in range(3)] == [other.send().body for _ in range(3)]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"json": BODY | {"name": "Other"}}, id="body"),
        pytest.param({"json": BODY | {"colour": "red"}}, id="a member that is dropped"),
        pytest.param({"key": "sk_test_other"}, id="credential"),
        pytest.param({"url": CREATE.replace("acct_1", "acct_2")}, id="account"),
        pytest.param({"url": f"{CREATE}&x=1"}, id="query"),
    ],
)
def test_a_different_request_gets_another_key(api: Api, change: dict[str, Any]) -> None:
    assert api.send().key != api.send(**change).key


def test_how_the_same_request_is_written_changes_nothing(api: Api) -> None:
    namespace = api.engine.namespaces.default
    first = api.send(url=f"{CREATE}&b=1&a=2").json["data"]
    namespace.reset()
    body = b' { "permissions" : {"account:api:key":["re\\u0061d"]},\n"name":"Reporting"} '
    url = "/v1/api-keys?a=2&account%5Fid=acct%5f1&b=1"
    headers = {"X-Other": "1", "User-Agent": "test", "Content-Type": "application/json; charset=utf-8"}
    second = api.send(url=url, body=body, headers=headers).json["data"]
    assert (first["key"], first["id"]) == (second["key"], second["id"])


def test_only_a_request_that_was_carried_out_counts_as_a_repetition(api: Api) -> None:
    keys = [api.send().key, api.send().key]
    assert keys[0] != keys[1]
    api.engine.namespaces.default.reset()
    # Refused, scripted and preferred on the way: the values stay those of the first and the second time.
    api.send(headers={"Prefer": "code=429"})
    api.script({"request": {"urlPath": "/v1/api-keys/"}, "response": {"status": 500},
                "metadata": {"mockserver": {"times": 1}}})  # fmt: skip
    assert api.send().status == 500
    assert api.send().key == keys[0]
    again = {"Idempotency-Key": "once"}
    assert api.send(headers=again).key == keys[1]
    assert api.send(headers=again).outcome == (201, "replayed")
    assert api.send().key not in keys


def test_seed_and_namespace_change_the_values(contract: Contract, packaged_fixtures: Fixtures) -> None:
    keys = set()
    for seed in ("one", "two"):
        engine = assemble(contract, packaged_fixtures, Settings(clock=FROZEN, seed=seed), BEHAVIOURS)
        keys |= {engine_api(engine).send(url=f"{prefix}{CREATE}").key[-32:] for prefix in ("", "/~a", "/~b")}
    assert len(keys) == 6


def test_a_key_is_seen_to_be_fake_by_people_and_by_secret_scanners(api: Api) -> None:
    for key in (api.send().key, api.send(url=f"/~team-1{CREATE}").key):
        assert key.startswith("sk_test_mock_")
        # The rules of gitleaks and trufflehog for keys that look like this.
        assert not re.search(r"\b(?:sk|rk)_(?:test|live|prod)_[a-zA-Z0-9]{10,99}\b", key)


# Namespaces


@pytest.mark.parametrize(
    ("url", "key", "name"),
    [
        pytest.param(CREATE, KEY, "default", id="unnamed"),
        pytest.param(CREATE, "sk_test_ns-team-1_x", "team-1", id="secret key"),
        pytest.param(CREATE, "sk_test_abc_ns-team-1_x", "team-1", id="inside a secret key"),
        pytest.param(CREATE, "pk_test_ns-team-1_x", "team-1", id="publishable key"),
        pytest.param(CREATE, make_jwt({"ns": "team-1"}), "team-1", id="jwt claim"),
        pytest.param(f"/~team-1{CREATE}", KEY, "team-1", id="path"),
        pytest.param(f"/~team-1{CREATE}", None, "team-1", id="path without a credential"),
        pytest.param(f"/~{'a' * 40}{CREATE}", KEY, "a" * 40, id="40 characters"),
        pytest.param(CREATE, "sk_test_ns-Team_x", "default", id="capitals in a key"),
        pytest.param(CREATE, f"sk_test_ns-{'a' * 41}_x", "default", id="41 characters in a key"),
        pytest.param(CREATE, make_jwt({"ns": "Team"}), "default", id="capitals in a claim"),
        pytest.param(CREATE, make_jwt({"ns": "team-1\n"}), "default", id="a claim with a line break"),
        pytest.param(CREATE, make_jwt({"ns": 5}), "default", id="a claim that is no text"),
    ],
)
def test_a_request_names_its_namespace(api: Api, url: str, key: str | None, name: str) -> None:
    answer = api.send(url=url, key=key)
    assert [space.name for space in api.engine.namespaces if len(space.journal)] == [name]
    call = api.calls(name)[0]
    assert (call["namespace"], call["id"]) == (name, answer.header("mockserver-call-id"))
    assert call["request"]["path"] == "/v1/api-keys/"


@pytest.mark.parametrize("path", [f"/~{'a' * 41}", "/~Team", "/~", "/~a_b", "/~a%2Db"])
def test_what_is_no_name_of_a_namespace_is_no_operation(api: Api, path: str) -> None:
    assert check(api.send(url=path + CREATE), None).outcome == (404, "no_such_operation")
    assert api.calls()[-1]["namespace"] == "default"


def test_if_path_and_credential_disagree_the_path_wins_with_a_warning(api: Api) -> None:
    assert api.send(url=f"/~one{CREATE}", key="sk_test_ns-two_x").status == 201
    assert [len(api.calls(name)) for name in ("one", "two")] == [1, 0]
    assert [item["code"] for item in api.calls("one")[0]["warnings"]] == ["namespace_conflict"]
    assert api.send(url=f"/~one{CREATE}", key="sk_test_ns-one_x").status == 201
    assert api.calls("one")[1]["warnings"] == []


def test_an_issued_key_carries_the_namespace_of_the_call_that_created_it(api: Api) -> None:
    body = BODY | {"permissions": {"*": ["*"]}}
    key = api.send(url=f"/~team-1{CREATE}", json=body).key
    assert re.fullmatch(r"sk_test_mock_ns-team-1_[A-Za-z0-9]{32}", key)
    assert api.send(key=key).status == 201
    assert len(api.calls("team-1")) == 2


def test_namespaces_never_see_each_other(api: Api) -> None:
    one, two = api.engine.namespaces.get("one"), api.engine.namespaces.get("two")
    key = api.send(url=f"/~one{CREATE}", json=BODY | {"permissions": {"*": ["*"]}}).key
    assert api.send(url=f"/~two{CREATE}", key=key).outcome == (401, "revoked_credential")
    api.script({"request": {"method": "ANY"}, "response": {"status": 500}})
    one.clock.advance(1000)
    two.configure({"strict_accounts": True})
    assert api.send().reason == "stub"
    assert api.send(url=f"/~one{CREATE}").json["data"]["created_at"] == "2026-01-01T00:00:01.000Z"
    assert api.send(url=f"/~two{CREATE}").outcome == (404, "account_not_found")
    one.reset()
    assert [len(api.calls(name)) for name in ("default", "one", "two")] == [1, 0, 2]


def test_the_same_request_has_other_values_in_another_namespace(api: Api) -> None:
    keys = {api.send(url=prefix + CREATE).key[-32:] for prefix in ("", "/~a", "/~b")}
    assert len(keys) == 3


# Clock


def test_a_frozen_clock_stands_still(api: Api) -> None:
    assert [api.send().json["data"]["created_at"] for _ in range(2)] == ["2026-01-01T00:00:00.000Z"] * 2


def test_a_shifted_and_a_real_clock_go_with_the_time(api: Api) -> None:
    for clock, shift in (("real", 0), ("+90d", 90 * 86_400_000), ("-1h", -3_600_000)):
        api.configure(clock=clock)
        before = format_instant(real_millis() + shift)
        created = api.send().json["data"]["created_at"]
        assert before <= created <= format_instant(real_millis() + shift)


# Every answer


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({}, id="created"),
        pytest.param({"method": "GET", "json": UNSENT}, id="listed"),
        pytest.param({"key": None}, id="401"),
        pytest.param({"url": "/nothing"}, id="404"),
        pytest.param({"method": "PUT"}, id="405"),
        pytest.param({"headers": {"Prefer": "code=409"}}, id="preferred"),
        pytest.param({"url": CREATE.replace("acct_1", "acct_error_500")}, id="stub"),
    ],
)
def test_every_answer_says_why_and_under_which_id_it_is_recorded(api: Api, change: dict[str, Any]) -> None:
    answers = [api.send(**change), api.send(**change)]
    calls = api.calls()
    assert [call["reason"] for call in calls] == [answer.reason for answer in answers]
    assert [call["id"] for call in calls] == [answer.header("mockserver-call-id") for answer in answers]
    assert [call["number"] for call in calls] == [1, 2]
    assert calls[0]["id"] != calls[1]["id"]


# Asked for in the request


@pytest.mark.parametrize("status", [200, 201, *ERROR_STATUSES])
def test_prefer_asks_for_a_documented_status(api: Api, status: int) -> None:
    answer = check(api.send(headers={"Prefer": f"code={status}"}))
    assert answer.outcome == (status, "preferred")
    assert answer.header("preference-applied") == f"code={status}"


def test_prefer_asks_for_a_named_example(api: Api, contract: Contract) -> None:
    answer = check(api.send(headers={"Prefer": "code=401, example=expired_credential"}))
    assert answer.outcome == (401, "preferred")
    envelope = contract.operations["createApiKey"].envelope(401)
    assert envelope is not None
    assert answer.json == envelope.examples["expired_credential"]
    assert answer.header("www-authenticate") == "Bearer"


@pytest.mark.parametrize(
    "prefer",
    ["code=418", "code=abc", "code=", "code=99", "code=4291", "code=404, example=nothing", "example=nothing"],
)
def test_a_preference_that_cannot_be_followed_is_ignored_with_a_warning(api: Api, prefer: str) -> None:
    answer = check(api.send(headers={"Prefer": prefer}))
    assert answer.outcome == (201, "created")
    assert "preference-applied" not in answer.headers
    assert api.warnings() == ["preference_ignored"]


@pytest.mark.parametrize("url", ["/v1/nothing", "/v1/api-keys/key_1/regenerate/x"])
def test_a_preference_where_there_is_no_operation_is_ignored_with_a_warning(api: Api, url: str) -> None:
    assert api.send(url=url, headers={"Prefer": "code=429"}).status == 404
    assert "preference_ignored" in api.warnings()


@pytest.mark.parametrize("prefer", ["respond-async", "return=minimal, wait=100", ""])
def test_a_preference_of_others_is_none_of_ours(api: Api, prefer: str) -> None:
    assert api.send(headers={"Prefer": prefer}).outcome == (201, "created")
    assert api.warnings() == []


def test_of_several_preferences_the_first_counts(api: Api) -> None:
    answer = api.send(headers=[("Prefer", "code=404, code=500"), ("Prefer", "code=409")])
    assert answer.outcome == (404, "preferred")


def test_a_success_that_is_asked_for_is_carried_out_if_it_can_be(api: Api) -> None:
    issued = api.send(headers={"Prefer": "code=200"}, json=BODY | {"permissions": {"*": ["*"]}})
    assert issued.outcome == (200, "preferred")
    assert api.send(key=issued.key).status == 201
    example = check(api.send(headers={"Prefer": "code=201"}, key=None, body=b"{"))
    assert example.outcome == (201, "preferred")
    assert api.send(key=example.key).status == 401
