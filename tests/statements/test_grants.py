"""What each credential may do."""

from __future__ import annotations

import gc
import logging
from types import FunctionType, ModuleType
from typing import Any

import pytest

from mockserver.serving.building import build_engine
from mockserver.settings import Settings
from tests.doors import (
    BODY,
    CREATE,
    FROZEN,
    UNSENT,
    Api,
    engine_api,
    make_jwt,
    segment,
)
from tests.judge import check

CREATE_GRANT = "account:api:key:create"


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


def test_a_signature_is_checked_once_a_secret_is_configured() -> None:
    settings = Settings(clock=FROZEN, jwt_secret="correct horse battery staple")
    api = engine_api(build_engine(settings))
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
