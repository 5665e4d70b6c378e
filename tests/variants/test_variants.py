"""Asking for a variant: in the request, for a namespace, in a cycle. What is carried out stays the same."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from mockserver.engine.engine import Engine
from mockserver.exceptions import SettingsError
from mockserver.request.head import Head
from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings
from mockserver.state.namespace import VariantChoice
from tests.doors import Answer, Api, engine_api, talk
from tests.judge import check

BODY = {
    "name": "Reporting",
    "permissions": {"account:api:key": ["read"]},
    "expires_at": "2027-01-01T00:00:00.000Z",
    "metadata": {"team": "finance"},
}


def create(api: Api, prefer: str | None = None, **more: Any) -> Answer:
    headers = more.pop("headers", {}) | ({"Prefer": prefer} if prefer else {})
    return api.send(json=BODY, headers=headers, **more)


def names_of(api: Api, operation: str, status: int, *, legal: bool = True) -> list[str]:
    engine = api.engine
    found = engine.variants.of(engine.contract.operations[operation], status)
    return [variant.name for variant in found if variant.is_legal is legal and not variant.needs_gzip]


# In the request.


def test_a_request_gets_the_variant_that_it_prefers(api: Api) -> None:
    answer = check(create(api, "variant=null-expires_at"))
    assert answer.outcome == (201, "preferred")
    assert answer.header("preference-applied") == "variant=null-expires_at"
    assert answer.header("mockserver-variant") == "null-expires_at"
    assert answer.json["data"]["expires_at"] is None
    assert answer.json["data"]["metadata"] == {"team": "finance"}
    assert api.calls()[-1]["variant"] == "null-expires_at"
    assert "variant" not in json.dumps(api.calls()[-1]["warnings"])


def test_a_variant_changes_only_the_answer(api: Api) -> None:
    plain = create(api)
    api.engine.namespaces.default.reset()
    varied = create(api, "variant=absent-metadata")
    assert varied.key == plain.key
    assert varied.json["data"] == {
        name: value for name, value in plain.json["data"].items() if name != "metadata"
    }
    # The key is there, with all that was asked for, and works.
    listed = api.send("GET", key=varied.key, json=None, body=b"")
    assert listed.json["data"][0]["metadata"] == {"team": "finance"}


def test_every_legal_variant_of_a_success_keeps_its_contract_and_none_is_plain(api: Api) -> None:
    plain = create(api)
    for name in names_of(api, "createApiKey", 201):
        answer = create(api, f"variant={name}")
        assert answer.header("preference-applied") == f"variant={name}"
        assert answer.status == (200 if name == "status-200" else 201)
        if name != "charset-parameter":
            check(answer)
        same_key = answer.body.replace(answer.key.encode(), plain.key.encode())
        same_id = same_key.replace(answer.json["data"]["id"].encode(), plain.json["data"]["id"].encode())
        if name not in ("chunked", "header-case", "charset-parameter", "status-200"):
            assert same_id != plain.body, name


def test_every_legal_variant_of_an_error_keeps_its_contract(api: Api) -> None:
    plain = create(api, "code=429")
    for name in names_of(api, "createApiKey", 429):
        answer = create(api, f"code=429, variant={name}")
        assert answer.outcome == (429, "preferred")
        assert answer.header("preference-applied") == f"code=429, variant={name}"
        error = answer.json["error"]
        assert isinstance(error["code"], int)
        assert isinstance(error["message"], str)
        assert answer.json["success"] is False
        if name == "no-retry-after":
            assert (plain.header("retry-after"), answer.header("retry-after")) == ("1", None)


def test_a_real_refusal_is_varied_too_and_keeps_its_reason(api: Api) -> None:
    answer = create(api, "variant=extra-members-error", key=None)
    assert answer.outcome == (401, "missing_credential")
    assert answer.header("preference-applied") == "variant=extra-members-error"
    assert answer.json["error"]["mockserver_unknown"] == {"nested": [1, None, "text"]}
    assert answer.header("www-authenticate") == "Bearer"


def test_the_own_status_of_a_success_can_be_asked_for_as_well(api: Api) -> None:
    answer = create(api, "variant=status-201")
    assert (answer.status, answer.header("preference-applied")) == (201, "variant=status-201")
    assert create(api, "code=200, variant=status-201").status == 201


def test_two_deviations_at_once(api: Api) -> None:
    answer = check(create(api, "variant=null-expires_at+absent-metadata+status-200"))
    assert answer.status == 200
    assert answer.json["data"]["expires_at"] is None
    assert "metadata" not in answer.json["data"]
    assert answer.header("mockserver-variant") == "null-expires_at+absent-metadata+status-200"


@pytest.mark.parametrize(
    ("prefer", "words"),
    [
        ("variant=null-expires", "did you mean 'null-expires_at'"),
        ("variant=null-expires", "? GET /__admin/variants?operation=createApiKey&status=201 lists them"),
        ("variant=qqqqqqqqqq", "; GET /__admin/variants?operation=createApiKey&status=201 lists them"),
        ("variant=", "; GET /__admin/variants?operation=createApiKey&status=201 lists them"),
        ("variant=no-retry-after", "the answer 201 of createApiKey has no variant 'no-retry-after'"),
        ("variant=null-expires_at+nothing", "has no variant"),
        ("variant=sk_test_4eC39HqLyjWDarjtT1zdp7dc", "sk_test_["),
        ("variant=gzip", "needs a request with Accept-Encoding: gzip"),
    ],
)
def test_a_variant_that_there_is_not_is_ignored_with_a_warning(api: Api, prefer: str, words: str) -> None:
    plain = create(api)
    api.engine.namespaces.default.reset()
    answer = create(api, prefer)
    assert (answer.status, answer.reason, answer.body) == (plain.status, plain.reason, plain.body)
    assert "preference-applied" not in answer.headers
    (warning,) = api.calls()[-1]["warnings"]
    assert warning["code"] == "preference_ignored"
    assert words in warning["message"]


def test_what_a_script_wrote_word_by_word_stays_as_it_is(api: Api) -> None:
    body = {"message": "m", "success": False, "error": {"code": 500, "message": "m"}}
    api.script({"request": {}, "response": {"status": 500, "jsonBody": body}})
    answer = create(api, "variant=extra-members")
    assert (answer.json, answer.header("mockserver-variant")) == (body, None)
    assert api.calls()[-1]["warnings"][-1]["message"] == "the answer is scripted word by word"


def test_an_answer_that_the_contract_wrote_for_a_script_is_varied(api: Api) -> None:
    api.script({"request": {}, "response": {"status": 409}})
    answer = create(api, "variant=empty-details")
    assert answer.outcome == (409, "stub")
    assert answer.json["error"]["details"] == {}


def test_a_replay_is_varied_from_what_was_kept_plain(api: Api) -> None:
    key = {"Idempotency-Key": "k"}
    first = create(api, "variant=absent-metadata", headers=key)
    second = create(api, headers=key)
    third = create(api, "variant=null-created_at", headers=key)
    assert "metadata" not in first.json["data"]
    assert second.json["data"]["metadata"] == {"team": "finance"}
    assert (second.reason, third.reason) == ("replayed", "replayed")
    assert third.json["data"] == second.json["data"] | {"created_at": None}


def test_what_the_contract_breaks_is_sent_when_it_is_asked_for(api: Api) -> None:
    assert "id" not in create(api, "variant=breaking-missing-id").json["data"]
    assert create(api, "variant=breaking-contradicting-success").json["success"] is False
    page = create(api, "variant=breaking-html-page")
    assert (page.status, page.header("content-type")) == (200, "text/html; charset=utf-8")
    assert page.body.startswith(b"<!DOCTYPE html>")
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        _ = create(api, "variant=breaking-cut-json").json
    assert create(api, "variant=breaking-undocumented-status").status == 202
    # All of them were carried out.
    assert api.send("GET", json=None, body=b"").json["total"] == 5


def test_no_secret_rests_in_the_journal_whatever_the_answer_looked_like(api: Api) -> None:
    gzipped = {"Accept-Encoding": "gzip"}
    for name in [
        *names_of(api, "createApiKey", 201),
        *names_of(api, "createApiKey", 201, legal=False),
        "gzip",
    ]:
        create(api, f"variant={name}", headers=gzipped)
    journal = list(api.engine.namespaces.default.journal)
    assert len(journal) > 60
    for call in journal:
        assert b"sk_test_mock_" not in call.response_body
        assert "sk_test_mock_" not in json.dumps(call.to_json())


def test_the_journal_shows_a_compressed_answer_as_it_was_before(api: Api) -> None:
    answer = create(api, "variant=gzip", headers={"Accept-Encoding": "br, GZIP;q=0.5"})
    assert answer.header("content-encoding") == "gzip"
    assert json.loads(gzip.decompress(answer.body))["data"]["name"] == "Reporting"
    assert api.calls()[-1]["response"]["body"]["data"]["name"] == "Reporting"


@pytest.mark.parametrize("accepted", ["identity", "gzip;q=0", "gzip; q=0.000", "deflate, br", ""])
def test_only_who_asks_for_gzip_gets_it(api: Api, accepted: str) -> None:
    answer = create(api, "variant=gzip", headers={"Accept-Encoding": accepted})
    assert answer.json["data"]["name"] == "Reporting"
    assert answer.header("content-encoding") is None


# On the wire.


def raw(server: ServerThread, variant: str) -> bytes:
    body = json.dumps(BODY).encode()
    head = (
        "POST /v1/api-keys/?account_id=acct_1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        "Authorization: Bearer sk_test_local\r\nContent-Type: application/json\r\n"
        f"Prefer: variant={variant}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return talk(server, head.encode() + body)


def test_header_names_are_in_capitals_on_the_wire(server: ServerThread) -> None:
    head = raw(server, "header-case").partition(b"\r\n\r\n")[0]
    assert b"\r\nCONTENT-TYPE: application/json\r\n" in head
    assert b"\r\nMOCKSERVER-VARIANT: header-case" in head


def test_a_chunked_answer_has_no_length(server: ServerThread) -> None:
    head, _, body = raw(server, "chunked").partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert b"content-length" not in head
    assert body.endswith(b"\r\n0\r\n\r\n")


# For a namespace.


def test_a_namespace_has_its_variant_until_it_is_reset(api: Api) -> None:
    namespace = api.engine.namespaces.default
    namespace.choose_variant(VariantChoice("null-expires_at"))
    answer = create(api)
    assert answer.outcome == (201, "created")
    assert (answer.header("mockserver-variant"), answer.header("preference-applied")) == (
        "null-expires_at",
        None,
    )
    assert answer.json["data"]["expires_at"] is None
    # What has no such variant is plain, and what the request prefers comes first.
    assert create(api, key=None).header("mockserver-variant") is None
    assert create(api, "variant=absent-metadata").json["data"]["expires_at"] is not None
    namespace.choose_variant(None)
    assert create(api).json["data"]["expires_at"] is not None
    namespace.choose_variant(VariantChoice("null-expires_at"))
    namespace.reset()
    assert create(api).json["data"]["expires_at"] is not None


def test_a_variant_can_be_meant_for_one_answer_only(api: Api) -> None:
    namespace = api.engine.namespaces.default
    namespace.choose_variant(VariantChoice("extra-members", "createApiKey", 401))
    assert create(api).header("mockserver-variant") is None
    assert api.send("GET", key=None, json=None, body=b"").header("mockserver-variant") is None
    assert create(api, key=None).header("mockserver-variant") == "extra-members"


def test_a_snapshot_holds_the_variant(api: Api) -> None:
    namespace = api.engine.namespaces.default
    namespace.choose_variant(VariantChoice("null-expires_at"))
    snapshot = namespace.snapshot()
    namespace.choose_variant(None)
    namespace.restore(snapshot)
    assert create(api).json["data"]["expires_at"] is None


def test_a_compressed_answer_is_for_those_who_read_it(api: Api) -> None:
    api.engine.namespaces.default.choose_variant(VariantChoice("gzip"))
    assert create(api).header("content-encoding") is None
    assert create(api, headers={"Accept-Encoding": "gzip"}).header("content-encoding") == "gzip"


# In a cycle.


def test_a_cycle_goes_through_every_legal_variant_and_begins_again(api: Api) -> None:
    api.configure(variants="cycle")
    names = names_of(api, "createApiKey", 201)
    seen = [create(api).header("mockserver-variant") for _ in range(len(names) + 2)]
    assert seen == [*names, *names[:2]]


def test_each_answer_has_a_turn_of_its_own(api: Api) -> None:
    api.configure(variants="cycle")
    errors = names_of(api, "createApiKey", 401)
    lists = names_of(api, "listApiKeys", 200)
    seen = []
    for _ in range(2):
        seen.append(create(api, key=None).header("mockserver-variant"))
        seen.append(api.send("GET", json=None, body=b"").header("mockserver-variant"))
    assert seen == [errors[0], lists[0], errors[1], lists[1]]
    api.engine.namespaces.default.reset()
    api.configure(variants="cycle")
    assert create(api, key=None).header("mockserver-variant") == errors[0]


def test_turns_are_counted_in_each_namespace_and_kept_by_snapshots(api: Api) -> None:
    names = names_of(api, "createApiKey", 201)
    namespace = api.engine.namespaces.default
    api.configure(variants="cycle")
    create(api)
    snapshot = namespace.snapshot()
    create(api)
    namespace.restore(snapshot)
    assert create(api).header("mockserver-variant") == names[1]
    assert create(api, url="/~t1/v1/api-keys/?account_id=acct_1").header("mockserver-variant") is None


# For a tolerant reader.


def test_a_tolerant_reader_meets_unknown_members_in_every_success(api: Api) -> None:
    api.configure(tolerant_reader=True)
    answer = check(create(api))
    assert answer.outcome == (201, "created")
    unknown = {"nested": [1, None, "text"]}
    assert answer.json["mockserver_unknown"] == unknown
    assert answer.json["data"]["mockserver_unknown"] == unknown
    assert answer.json["data"]["metadata"] == {"team": "finance", "mockserver_unknown": unknown}
    listed = api.send("GET", json=None, body=b"")
    assert listed.json["data"][0]["mockserver_unknown"] == unknown
    assert "mockserver_unknown" not in create(api, key=None).json


def test_both_can_be_had_at_once(api: Api) -> None:
    api.configure(variants="cycle", tolerant_reader=True)
    answer = create(api)
    assert (answer.status, answer.json["mockserver_unknown"]) == (200, {"nested": [1, None, "text"]})


def test_options_that_cannot_be_are_refused() -> None:
    with pytest.raises(SettingsError, match="off, cycle"):
        Settings(variants="all")
    with pytest.raises(SettingsError, match="true or false"):
        Settings().with_changes({"tolerant_reader": "perhaps"})


# Where a variant cannot be.


def test_a_variant_that_the_contract_refuses_for_this_answer_is_left_plain(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    envelope = api.engine.contract.operations["createApiKey"].envelope(201)
    assert envelope is not None
    assert envelope.schema is not None
    is_valid: Callable[[Any], bool] = envelope.schema.is_valid
    names_of(api, "createApiKey", 201)
    monkeypatch.setattr(
        envelope.schema, "is_valid", lambda value: is_valid(value) and "mockserver_unknown" not in value
    )
    answer = create(api, "variant=extra-members")
    assert "mockserver_unknown" not in answer.json
    assert "preference-applied" not in answer.headers
    assert "variant_ignored" in api.warnings()


def test_a_variant_changes_nothing_that_is_remembered(engine: Engine) -> None:
    engine.namespaces.default.configure({"variants": "cycle", "tolerant_reader": True})
    api, body = engine_api(engine), {**BODY, "metadata": {"a": {"b": [1]}}}
    kept = copy.deepcopy(body)
    for _ in engine.variants.of(engine.contract.operations["createApiKey"], 201):
        assert api.send(json=body).status in (200, 201)
    heads = [value for value, _ in engine.heads.memory._younger.values() if isinstance(value, Head)]
    ((_, parsed),) = filter(None, (head.last_read for head in heads))
    assert parsed.full_body == parsed.body == kept
