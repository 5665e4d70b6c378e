"""The API-key family: every rule of its four operations, at the engine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.engine.engine import Engine
from mockserver.exceptions import FixtureError
from mockserver.messages import Response, build_request
from mockserver.serving.building import build_engine
from mockserver.settings import Settings, packaged_folder
from mockserver.state.resources import measure_item
from tests.strategies import json_values

START = "2026-01-01T00:00:00.000Z"
HOUR = 3_600_000
HUGE = 10**18 - 1
MINE, YOURS = "sk_test_mine", "sk_test_yours"
MANAGED = "key_mock_managed00000000000000001"
MANAGED_ACCOUNT = "acct_test_main"


@dataclass(frozen=True)
class Answer:
    """One answer of the API, read."""

    status: int
    reason: str
    json: Any

    @property
    def data(self) -> Any:
        return self.json["data"]

    @property
    def error(self) -> tuple[int, str]:
        assert self.json["error"]["details"]["reason"] == self.reason
        return self.status, self.reason


class Keys:
    """The four operations of one engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def call(self, method: str, path: str, credential: str, body: Any = None) -> Answer:
        headers = {"Authorization": f"Bearer {credential}"}
        if body is None:
            request = build_request(method, path, headers=headers)
        else:
            request = build_request(method, path, headers=headers, json=body)
        return read(self.engine.handle(request))

    def create(self, credential: str = MINE, account: str = "acct_1", **members: Any) -> Answer:
        body = {"name": "Reporting", "permissions": {"account:api:key": ["*"]}, **members}
        return self.call("POST", f"/v1/api-keys/?account_id={account}", credential, body)

    def list_keys(self, credential: str = MINE, account: str = "acct_1", query: str = "") -> Answer:
        return self.call("GET", f"/v1/api-keys/?account_id={account}{query}", credential)

    def names(self, credential: str = MINE, account: str = "acct_1", query: str = "") -> list[str]:
        return [key["name"] for key in self.list_keys(credential, account, query).data]

    def regenerate(self, id: str = MANAGED, credential: str = MINE, prefix: str = "") -> Answer:
        return self.call("POST", f"{prefix}/v1/api-keys/{id}/regenerate", credential)

    def delete(self, id: str, credential: str = MINE, prefix: str = "") -> Answer:
        return self.call("DELETE", f"{prefix}/v1/api-keys/{id}", credential)

    def advance(self, millis: int) -> None:
        self.engine.namespaces.default.clock.advance(millis)


def read(response: Response) -> Answer:
    reason = dict(response.headers)[b"mockserver-reason"].decode()
    return Answer(response.status, reason, json.loads(response.body))


@pytest.fixture
def keys() -> Keys:
    return Keys(build_engine(Settings(clock=START)))


# Lists.


def test_a_new_key_is_listed_without_its_secret(keys: Keys) -> None:
    created = keys.create(metadata={"team": "finance"}).data
    listed = keys.list_keys()
    assert (listed.status, listed.reason) == (200, "listed")
    assert listed.data == [created | {"key": listed.data[0]["key"]}]
    assert created["key"] not in json.dumps(listed.json)


def test_a_listed_key_is_called_as_the_journal_calls_it(keys: Keys) -> None:
    secret = keys.create().data["key"]
    shown = keys.list_keys().data[0]["key"]
    keys.list_keys(secret)
    assert list(keys.engine.namespaces.default.journal)[-1].credential.display == shown
    assert shown.startswith("sk_test_[") and shown.endswith("]")


def test_members_stand_in_the_order_of_the_reference_page(keys: Keys) -> None:
    order = [
        "object", "id", "account_id", "name", "type", "key", "last_used_ip", "metadata", "permissions",
        "status", "last_used_at", "expires_at", "managed", "deleted", "created_at", "updated_at",
    ]  # fmt: skip
    created = keys.create().data
    assert list(created) == list(keys.list_keys(created["key"]).data[0]) == order


def test_keys_are_listed_oldest_first_after_the_managed_ones(keys: Keys) -> None:
    for name in ("b", "a", "c"):
        keys.create(account=MANAGED_ACCOUNT, name=name)
    assert keys.names(account=MANAGED_ACCOUNT) == ["Platform", "Checkout", "b", "a", "c"]


@pytest.mark.parametrize(
    ("query", "names", "page", "limit", "pages"),
    [
        pytest.param("", ["0", "1", "2", "3", "4"], 1, 10, 1, id="defaults"),
        pytest.param("&limit=2", ["0", "1"], 1, 2, 3, id="first-page"),
        pytest.param("&page=2&limit=2", ["2", "3"], 2, 2, 3, id="middle-page"),
        pytest.param("&page=3&limit=2", ["4"], 3, 2, 3, id="last-page"),
        pytest.param("&page=4&limit=2", [], 4, 2, 3, id="beyond-the-end"),
        pytest.param("&limit=5", ["0", "1", "2", "3", "4"], 1, 5, 1, id="just-full"),
        pytest.param(f"&page={HUGE}&limit={HUGE}", [], HUGE, HUGE, 1, id="huge"),
    ],
)
def test_a_list_comes_in_pages(
    keys: Keys, query: str, names: list[str], page: int, limit: int, pages: int
) -> None:
    for number in range(5):
        keys.create(name=str(number))
    answer = keys.list_keys(query=query).json
    assert [key["name"] for key in answer["data"]] == names
    assert (answer["total"], answer["page"], answer["limit"], answer["pages"]) == (5, page, limit, pages)


def test_of_no_keys_there_are_no_pages(keys: Keys) -> None:
    answer = keys.list_keys().json
    assert (answer["data"], answer["total"], answer["page"], answer["pages"]) == ([], 0, 1, 0)


@pytest.mark.parametrize(
    ("query", "pointer", "keyword"),
    [
        ("&page=0", "/page", "minimum"),
        ("&page=-1", "/page", "minimum"),
        ("&limit=-1", "/limit", "minimum"),
        ("&limit=0", "/limit", "minimum"),
        ("&page=two", "/page", "type"),
        ("&limit=1.5", "/limit", "type"),
        ("&managed=yes", "/managed", "type"),
        ("&page=1&page=2", "/page", "type"),
    ],
)
def test_bad_paging_is_a_violation(keys: Keys, query: str, pointer: str, keyword: str) -> None:
    answer = keys.list_keys(query=query)
    assert answer.error == (422, "invalid_request")
    [violation] = answer.json["error"]["details"]["violations"]
    assert (violation["in"], violation["pointer"], violation["keyword"]) == ("query", pointer, keyword)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["Platform", "Checkout", "Reporting"]),
        ("&managed=true", ["Platform", "Checkout"]),
        ("&managed=false", ["Reporting"]),
        ("&managed=true&page=2&limit=1", ["Checkout"]),
    ],
)
def test_the_managed_filter_tells_platform_keys_from_custom_ones(
    keys: Keys, query: str, names: list[str]
) -> None:
    keys.create(account=MANAGED_ACCOUNT)
    answer = keys.list_keys(account=MANAGED_ACCOUNT, query=query).json
    assert [key["name"] for key in answer["data"]] == names
    assert answer["total"] == {"": 3, "&managed=false": 1}.get(query, 2)


def test_a_managed_key_that_nobody_regenerated_shows_no_secret(keys: Keys) -> None:
    assert [key["key"] for key in keys.list_keys(account=MANAGED_ACCOUNT).data] == [None, None]


def test_managed_keys_are_in_every_fresh_namespace_and_back_after_a_reset(keys: Keys) -> None:
    elsewhere = keys.call("GET", f"/~t1/v1/api-keys/?account_id={MANAGED_ACCOUNT}", YOURS)
    assert [key["name"] for key in elsewhere.data] == ["Platform", "Checkout"]
    keys.delete(MANAGED)
    assert keys.names(account=MANAGED_ACCOUNT) == ["Checkout"]
    keys.engine.namespaces.default.reset()
    assert keys.names(account=MANAGED_ACCOUNT) == ["Platform", "Checkout"]


@pytest.mark.parametrize(
    ("credential", "sees_it"),
    [
        pytest.param(MINE, True, id="its-creator"),
        pytest.param(YOURS, False, id="another-unknown-key"),
        pytest.param("sk_test_readonly", True, id="a-listed-credential-sees-all-data"),
    ],
)
def test_every_unknown_test_key_has_its_own_data(keys: Keys, credential: str, sees_it: bool) -> None:
    keys.create(MINE)
    assert keys.names(credential) == (["Reporting"] if sees_it else [])


def test_what_a_listed_credential_creates_is_the_account_s_at_large(keys: Keys) -> None:
    keys.create("sk_test_bound", "acct_bound")
    assert keys.names(MINE, "acct_bound") == keys.names(YOURS, "acct_bound") == ["Reporting"]


def test_an_issued_key_sees_the_data_of_its_creator(keys: Keys) -> None:
    secret = keys.create(MINE, name="first").data["key"]
    keys.create(secret, name="second")
    assert keys.names(MINE) == keys.names(secret) == ["first", "second"]
    assert keys.names(YOURS) == []


def test_keys_of_other_accounts_are_unseen(keys: Keys) -> None:
    keys.create(account="acct_2")
    assert keys.names(account="acct_1") == []


# Issued keys are credentials.


def test_a_key_can_do_what_its_permission_map_says_and_nothing_else(keys: Keys) -> None:
    secret = keys.create(permissions={"account:api:key": ["read"]}).data["key"]
    assert keys.list_keys(secret).reason == "listed"
    refused = keys.create(secret)
    assert refused.error == (403, "missing_permission")
    assert refused.json["error"]["details"]["permission"] == "account:api:key:create"


@pytest.mark.parametrize(
    ("permissions", "is_allowed"),
    [
        ({"account": ["api:key:create"]}, True),
        ({"account:api": ["key:create"]}, True),
        ({"account:api:key": ["*"]}, True),
        ({"account": ["*"]}, True),
        ({"*": ["*"]}, True),
        ({"account:api:key": ["read"]}, False),
        ({"account:api:keys": ["*"]}, False),
        ({}, False),
    ],
)
def test_a_permission_is_key_colon_action_however_it_is_split(
    keys: Keys, permissions: dict[str, list[str]], is_allowed: bool
) -> None:
    secret = keys.create(permissions=permissions).data["key"]
    assert keys.create(secret).reason == ("created" if is_allowed else "missing_permission")


def test_a_key_reaches_its_own_account_only(keys: Keys) -> None:
    secret = keys.create(MINE, "acct_1").data["key"]
    elsewhere = keys.create(MINE, "acct_2").data["id"]
    assert keys.list_keys(secret, "acct_2").error == (403, "foreign_account")
    assert keys.create(secret, "acct_2").error == (403, "foreign_account")
    assert keys.delete(elsewhere, secret).error == (404, "api_key_not_found")
    assert keys.regenerate(MANAGED, secret).error == (404, "api_key_not_found")


def test_a_key_ends_with_its_expiry_to_the_millisecond(keys: Keys) -> None:
    secret = keys.create(expires_at="2026-01-01T01:00:00Z").data["key"]
    keys.advance(HOUR - 1)
    assert keys.list_keys(secret).status == 200
    keys.advance(1)
    assert keys.list_keys(secret).error == (401, "expired_credential")
    keys.advance(-1)
    assert keys.list_keys(secret).status == 200


def test_a_key_may_be_born_expired(keys: Keys) -> None:
    created = keys.create(expires_at="2025-01-01T00:00:00Z")
    assert created.status == 201
    assert keys.list_keys(created.data["key"]).error == (401, "expired_credential")


def test_an_expired_key_stays_listed_as_it_was_created(keys: Keys) -> None:
    keys.create(expires_at="2025-01-01T00:00:00Z")
    [listed] = keys.list_keys().data
    assert (listed["status"], listed["expires_at"]) == ("ACTIVE", "2025-01-01T00:00:00Z")


def test_the_last_use_moves_when_a_key_is_accepted(keys: Keys) -> None:
    created = keys.create().data
    assert (created["last_used_at"], created["last_used_ip"]) == (None, None)
    keys.list_keys(MINE)
    assert keys.list_keys(MINE).data[0]["last_used_at"] is None
    keys.advance(1500)
    keys.list_keys(created["key"])
    [listed] = keys.list_keys(MINE).data
    assert (listed["last_used_at"], listed["last_used_ip"]) == ("2026-01-01T00:00:01.500Z", "127.0.0.1")
    assert listed["updated_at"] == START


@pytest.mark.parametrize(
    ("path", "headers", "is_used"),
    [
        pytest.param("/v1/api-keys/?account_id=acct_1", {}, True, id="success"),
        pytest.param("/v1/api-keys/?account_id=acct_2", {}, True, id="403"),
        pytest.param("/v1/api-keys/?account_id=acct_1&page=0", {}, True, id="422"),
        pytest.param("/v1/nothing", {}, False, id="no-such-operation"),
        pytest.param("/v1/api-keys/?account_id=acct_error_500", {}, False, id="scripted-error"),
        pytest.param("/v1/api-keys/?account_id=acct_1", {"Prefer": "code=500"}, False, id="preferred-error"),
        pytest.param("/v1/api-keys/?account_id=acct_1", {"Prefer": "code=200"}, True, id="preferred-success"),
    ],
)
def test_a_use_is_a_call_that_got_past_the_credential_check(
    keys: Keys, path: str, headers: dict[str, str], is_used: bool
) -> None:
    secret = keys.create().data["key"]
    keys.engine.handle(build_request("GET", path, headers=headers | {"Authorization": f"Bearer {secret}"}))
    assert (keys.list_keys(MINE).data[0]["last_used_at"] is not None) == is_used


def test_an_expired_or_deleted_key_is_not_used(keys: Keys) -> None:
    secret = keys.create(expires_at="2025-01-01T00:00:00Z").data["key"]
    keys.list_keys(secret)
    assert keys.list_keys(MINE).data[0]["last_used_at"] is None


def test_a_key_belongs_to_the_namespace_that_issued_it(keys: Keys) -> None:
    created = keys.call(
        "POST", "/~t1/v1/api-keys/?account_id=acct_1", MINE, {"name": "n", "permissions": {"*": ["*"]}}
    )
    secret = created.data["key"]
    assert secret.startswith("sk_test_mock_ns-t1_")
    assert keys.names(secret) == ["n"], "the key leads into its namespace by itself"
    assert keys.call("GET", "/~t2/v1/api-keys/?account_id=acct_1", secret).error == (
        401,
        "revoked_credential",
    )
    assert keys.names(MINE) == []


# Deleting.


def test_a_deleted_key_is_gone_from_lists_and_as_a_credential(keys: Keys) -> None:
    created = keys.create().data
    deleted = keys.delete(created["id"])
    assert (deleted.status, deleted.reason) == (200, "deleted")
    assert deleted.json == {"message": "success", "success": True}
    assert keys.list_keys().json["total"] == 0
    assert keys.list_keys(created["key"]).error == (401, "revoked_credential")


def test_a_key_can_delete_itself(keys: Keys) -> None:
    created = keys.create().data
    assert keys.delete(created["id"], created["key"]).status == 200
    assert keys.delete(created["id"], created["key"]).error == (401, "revoked_credential")


def test_a_managed_key_can_be_deleted(keys: Keys) -> None:
    secret = keys.regenerate().data["key"]
    assert keys.delete(MANAGED).reason == "deleted"
    assert keys.list_keys(secret, MANAGED_ACCOUNT).error == (401, "revoked_credential")


def test_deleting_needs_its_own_permission(keys: Keys) -> None:
    secret = keys.create(permissions={"account:api:key": ["create", "read", "update"]}).data["key"]
    id = keys.create().data["id"]
    assert keys.delete(id, secret).error == (403, "missing_permission")
    assert keys.list_keys().json["total"] == 2


# Regenerating.


def test_a_regenerated_key_has_a_new_secret_and_the_old_one_ends(keys: Keys) -> None:
    first = keys.regenerate()
    assert (first.status, first.reason) == (200, "regenerated")
    keys.advance(1000)
    second = keys.regenerate()
    assert first.data["key"] != second.data["key"]
    assert keys.list_keys(first.data["key"], MANAGED_ACCOUNT).error == (401, "revoked_credential")
    assert keys.list_keys(second.data["key"], MANAGED_ACCOUNT).status == 200
    assert second.data["updated_at"] == "2026-01-01T00:00:01.000Z"
    assert first.data | {"key": "", "updated_at": ""} == second.data | {"key": "", "updated_at": ""}
    assert first.data["managed"] is True and first.data["id"] == MANAGED


def test_a_regenerated_key_shows_its_plaintext_once(keys: Keys) -> None:
    secret = keys.regenerate().data["key"]
    shown = keys.list_keys(account=MANAGED_ACCOUNT).data[0]["key"]
    assert shown.startswith("sk_test_[") and secret not in shown


def test_a_regenerated_key_has_the_permissions_and_the_account_of_the_managed_one(keys: Keys) -> None:
    secret = keys.regenerate().data["key"]
    assert keys.list_keys(secret, MANAGED_ACCOUNT).status == 200
    assert keys.list_keys(secret, "acct_1").error == (403, "foreign_account")
    assert keys.create(secret, MANAGED_ACCOUNT).error == (403, "missing_permission")


def test_a_regenerated_key_sees_the_data_of_whoever_asked_for_it(keys: Keys) -> None:
    keys.create(MINE, MANAGED_ACCOUNT, name="mine")
    keys.create(YOURS, MANAGED_ACCOUNT, name="yours")
    secret = keys.regenerate(MANAGED, MINE).data["key"]
    assert keys.names(secret, MANAGED_ACCOUNT) == ["Platform", "Checkout", "mine"]


def test_a_custom_key_cannot_be_regenerated(keys: Keys) -> None:
    created = keys.create().data
    assert keys.regenerate(created["id"]).error == (409, "conflict")
    assert keys.list_keys(created["key"]).status == 200


def test_regenerating_needs_its_own_permission(keys: Keys) -> None:
    assert keys.regenerate(MANAGED, "sk_test_readonly").error == (403, "missing_permission")


@pytest.mark.parametrize("operation", ["delete", "regenerate"])
@pytest.mark.parametrize(
    "whose", ["unknown", "deleted", "other-tenant", "other-namespace", "other-account", "other-mode"]
)
def test_a_key_that_is_not_there_for_the_caller_is_not_found(
    tmp_path: Path, operation: str, whose: str
) -> None:
    keys = Keys(engine_with_a_live_key(tmp_path))
    credential, prefix, id = MINE, "", "key_mock_unknown"
    if whose == "deleted":
        id = keys.create().data["id"]
        keys.delete(id)
    elif whose == "other-tenant":
        id = keys.create(YOURS).data["id"]
    elif whose == "other-namespace":
        id, prefix = keys.create(MINE).data["id"], "/~t1"
    elif whose == "other-account":
        id, credential = keys.create(MINE, "acct_2").data["id"], keys.create(MINE, "acct_1").data["key"]
    elif whose == "other-mode":
        id = "key_live"
    answer = getattr(keys, operation)(id, credential, prefix)
    assert answer.error == (404, "api_key_not_found")


def engine_with_a_live_key(folder: Path) -> Engine:
    """An engine whose fixtures have a managed key in a live account."""
    for name in ("accounts.json", "credentials.json", "errors.json"):
        (folder / name).write_bytes((packaged_folder("fixtures") / name).read_bytes())
    key = {"id": "key_live", "account_id": "acct_live_main", "name": "Live", "permissions": {}}
    (folder / "keys.json").write_text(json.dumps({"keys": [key]}))
    return build_engine(Settings(clock=START, fixtures=folder))


@pytest.mark.parametrize("credential", ["", "sk_test_expired", "pk_test_public"])
@pytest.mark.parametrize("operation", ["delete", "regenerate"])
def test_who_may_not_act_is_told_so_where_the_key_exists(keys: Keys, operation: str, credential: str) -> None:
    expected = {
        "": (401, "malformed_credential"),
        "sk_test_expired": (401, "expired_credential"),
        "pk_test_public": (403, "publishable_key"),
    }
    assert getattr(keys, operation)(MANAGED, credential).error == expected[credential]


# Values.


def test_the_same_requests_get_the_same_keys_whatever_else_happens() -> None:
    quiet, busy = (Keys(build_engine(Settings(clock=START))) for _ in range(2))
    busy.create(YOURS)
    busy.list_keys()
    busy.create(name="another")
    assert quiet.create().data == busy.create().data
    assert quiet.regenerate().data == busy.regenerate().data


def test_every_repetition_of_a_request_gets_another_key(keys: Keys) -> None:
    created = [keys.create().data for _ in range(20)]
    created += [keys.create(YOURS).data]
    assert len({key["id"] for key in created}) == len({key["key"] for key in created}) == 21


def test_two_callers_who_regenerate_one_key_get_different_secrets(keys: Keys) -> None:
    assert keys.regenerate(MANAGED, MINE).data["key"] != keys.regenerate(MANAGED, YOURS).data["key"]


TEXTS = st.text(max_size=5)
CREATED = st.fixed_dictionaries(
    {"name": TEXTS, "permissions": st.dictionaries(TEXTS, st.lists(TEXTS, max_size=2), max_size=2)},
    optional={
        "metadata": st.dictionaries(TEXTS, json_values, max_size=2),
        "expires_at": st.sampled_from((None, "2030-01-01T00:00:00Z", "2024-02-29t23:59:60+01:00")),
        "other": json_values,
    },
)


@settings(max_examples=60)
@given(CREATED)
def test_every_new_key_keeps_the_schema_of_its_answer(engine_of_all: Engine, body: dict[str, Any]) -> None:
    answer = Keys(engine_of_all).call("POST", "/v1/api-keys/?account_id=acct_1", MINE, body)
    assert answer.status == 201
    envelope = engine_of_all.contract.operations["createApiKey"].envelope(201)
    assert envelope is not None
    assert envelope.schema is not None
    assert envelope.schema.violations(answer.json) == ()


def changed(tmp_path: Path, name: str, change: Callable[[Any], None]) -> Engine:
    """The same API, one file of whose contract is another."""
    folder = tmp_path / "schemas"
    shutil.copytree(packaged_folder("schemas"), folder)
    path = folder / name
    document = json.loads(path.read_text("utf-8"))
    change(document)
    path.write_text(json.dumps(document), "utf-8")
    return build_engine(Settings(contract=folder / "openapi.json"))


def tightened(tmp_path: Path, change: Callable[[Any], None]) -> Engine:
    """The same API, of which an API key is another thing."""
    return changed(tmp_path, "api-key.json", lambda document: change(document["properties"]))


@pytest.mark.parametrize(
    "change",
    [
        lambda members: members["name"].update(maxLength=3),
        lambda members: members["permissions"].update(maxProperties=0),
        lambda members: members["updated_at"].update(type="integer"),
        lambda members: members["status"].update(enum=["REVOKED"]),
    ],
    ids=["name", "permissions", "time", "status"],
)
def test_where_the_contract_could_be_broken_each_answer_is_checked(
    tmp_path: Path, change: Callable[[Any], None]
) -> None:
    keys = Keys(tightened(tmp_path, change))
    request = build_request(
        "POST",
        "/v1/api-keys/?account_id=a",
        headers={"Authorization": f"Bearer {MINE}"},
        json={"name": "Long", "permissions": {"a": []}},
    )
    answer = keys.engine.handle(request)
    assert (answer.status, dict(answer.headers)[b"mockserver-reason"]) == (500, b"mock_failure")


def ask(engine: Engine, body: Any, **headers: str) -> tuple[int, str]:
    """Status and reason of the answer to a request for a new key."""
    sent = {"Authorization": f"Bearer {MINE}", **headers}
    answer = engine.handle(build_request("POST", "/v1/api-keys/?account_id=a", headers=sent, json=body))
    return answer.status, dict(answer.headers)[b"mockserver-reason"].decode()


def test_a_request_that_breaks_the_contract_gets_no_answer_that_does(tmp_path: Path) -> None:
    def document_no_error(document: Any) -> None:
        responses = document["paths"]["/api-keys/"]["post"]["responses"]
        for status in [status for status in responses if not status.startswith("2")]:
            del responses[status]

    engine = changed(tmp_path, "openapi.json", document_no_error)
    assert ask(engine, {"name": "Long", "permissions": {}}) == (201, "created")
    assert ask(engine, {"name": 5, "permissions": {}}) == (500, "mock_failure")


def test_a_secret_in_a_header_that_names_the_account_is_not_kept(tmp_path: Path) -> None:
    def move(document: Any) -> None:
        operation = document["paths"]["/api-keys/"]["post"]
        parameter = {"name": "X-Account", "in": "header", "schema": {"type": "string"}, "x-account": True}
        operation["parameters"] = [parameter]

    engine = changed(tmp_path, "openapi.json", move)
    secret = "sk_test_ABCDEFGHIJKLMNOPQRST"
    assert ask(engine, {"name": "x", "permissions": {}}, **{"X-Account": secret}) == (201, "created")
    (call,) = engine.namespaces.default.journal
    assert b"account_id" in call.response_body
    assert secret not in str(call.to_json())


def test_an_expiry_that_cannot_be_read_fails_where_it_is_set(tmp_path: Path) -> None:
    def allow_any_text(document: Any) -> None:
        document["properties"]["expires_at"] = {"type": "string"}

    engine = changed(tmp_path, "create-api-key.request.json", allow_any_text)
    assert ask(engine, {"name": "x", "permissions": {}, "expires_at": "soon"}) == (500, "mock_failure")
    (call,) = engine.namespaces.default.journal
    assert call.reason == "mock_failure"
    assert not engine.namespaces.default.resources.credentials


def test_no_secret_is_kept_in_what_is_remembered(keys: Keys) -> None:
    secrets = [keys.create().data["key"], keys.regenerate().data["key"]]
    for secret in secrets:
        keys.list_keys(secret, MANAGED_ACCOUNT)
    namespace = keys.engine.namespaces.default
    kept = repr((namespace.resources.items, namespace.resources.credentials, namespace.resources.answers))
    kept += json.dumps([call.to_json() for call in namespace.journal])
    assert not [secret for secret in secrets if secret in kept]


@pytest.mark.parametrize(
    "metadata",
    [{}, {"team": "billing", "ticket": "OPS-1482"}, {"a": "x" * 50_000}, {"a": [[]] * 9_000}],
    ids=["none", "usual", "text", "lists"],
)
def test_a_created_key_is_measured_by_its_body(keys: Keys, metadata: dict[str, Any]) -> None:
    assert keys.create(metadata=metadata).status == 201
    (item,) = keys.engine.namespaces.default.resources.items.values()
    by_value = measure_item(replace(item))
    assert by_value / 2 < item.size < by_value * 2


def test_the_oldest_custom_key_makes_room_and_managed_ones_never_do(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mockserver.state.resources.MAX_ITEMS", 2)
    secrets = [keys.create(account=MANAGED_ACCOUNT, name=str(number)).data["key"] for number in range(3)]
    assert keys.names(account=MANAGED_ACCOUNT) == ["Platform", "Checkout", "1", "2"]
    assert keys.list_keys(secrets[0], MANAGED_ACCOUNT).error == (401, "revoked_credential")
    assert keys.list_keys(secrets[2], MANAGED_ACCOUNT).status == 200


def test_strict_accounts_hide_the_keys_of_unlisted_accounts(keys: Keys) -> None:
    id = keys.create().data["id"]
    namespace = keys.engine.namespaces.default
    namespace.settings = replace(namespace.settings, strict_accounts=True)
    assert keys.list_keys().error == (404, "account_not_found")
    assert keys.delete(id).error == (404, "api_key_not_found")


def test_a_keys_file_may_say_only_what_matters(tmp_path: Path) -> None:
    keys = Keys(engine_with_a_live_key(tmp_path))
    namespace = keys.engine.namespaces.default
    namespace.settings = replace(namespace.settings, allow_live=True)
    [listed] = keys.list_keys("sk_live_not_a_real_key", "acct_live_main").data
    assert (listed["name"], listed["managed"], listed["key"], listed["created_at"]) == (
        "Live",
        True,
        None,
        None,
    )


def test_a_keys_file_is_refused_with_every_mistake(tmp_path: Path) -> None:
    key = {"id": "key_1", "account_id": "acct_1", "name": "n", "permissions": {}}
    wrong = key | {
        "id": "key_2",
        "key": "sk_test_plain",
        "expires_at": "soon",
        "status": "TIRED",
        "managed": 1,
    }
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [wrong]}))
    assert pointers(tmp_path) == ["expires_at", "key", "managed", "status"]
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [key, key]}))
    assert pointers(tmp_path) == ["id"]


def pointers(folder: Path) -> list[str]:
    """The members that are wrong in a folder's fixtures."""
    with pytest.raises(FixtureError) as caught:
        build_engine(Settings(fixtures=folder))
    assert "sk_test_plain" not in str(caught.value)
    return sorted(problem.pointer.rpartition("/")[2] for problem in caught.value.problems)
