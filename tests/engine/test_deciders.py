"""Which answer a call gets where the contract leaves something out, and what a script does to a call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mockserver.contract import Contract
from mockserver.engine.deciders import list_deciders
from mockserver.engine.engine import Engine
from mockserver.engine.errors import to_details
from mockserver.engine.situation import Refusal
from mockserver.serving.building import build_engine
from mockserver.settings import Settings
from mockserver.vendors.hsrcpay import HsrcpayRules
from tests.doors import BODY, CREATE, FROZEN, KEY, UNSENT, Api, engine_api, make_jwt
from tests.judge import check

PERMITTED = BODY | {"permissions": {"*": ["*"]}}


def test_the_deciders_are_asked_in_the_order_of_the_design(rules: HsrcpayRules) -> None:
    assert [decider.__name__ for decider in list_deciders(rules)] == [
        "by_live_credential",
        "by_stub",
        "by_soundness",
        "by_preference",
        "by_operation",
        "by_credential",
        "by_rate_limit",
        "by_violations",
        "by_account",
        "by_target",
        "by_permission",
        "by_conflict",
        "by_contract",
    ]


# Where the contract does not document a status


def contract_with(tmp_path: Path, *statuses: int, **operation: Any) -> Api:
    """An engine for a contract of one operation, `POST /things`, that documents these statuses."""
    responses = {
        str(status): {
            "description": "",
            "content": {"application/json": {"schema": {"type": "object"}, "example": {"status": status}}},
        }
        for status in statuses
    }
    document = {
        "openapi": "3.1.0",
        "x-mockserver": {"rules": "hsrcpay"},
        "info": {"title": "T", "version": "1"},
        "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "Bearer"}}},
        "paths": {
            "/things": {
                "post": {
                    "operationId": "addThing",
                    "security": [{"bearer": []}],
                    "x-permission": "thing:add",
                    "parameters": [
                        {"name": "account", "in": "query", "x-account": True, "schema": {"type": "string"}}
                    ],
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"type": "object"}}},
                    },
                    "responses": responses,
                    **operation,
                }
            }
        },
    }
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document), "utf-8")
    return engine_api(build_engine(Settings(contract=path, clock=FROZEN)))


CAUSES: dict[int, dict[str, Any]] = {
    400: {"body": b"{"},
    401: {"key": None},
    403: {"key": "sk_test_no_permissions"},
    404: {"url": "/things?account=acct_live_main"},
    422: {"json": []},
}


def cause(api: Api, status: int) -> tuple[int, str | None]:
    return api.send(**{"url": "/things", "json": {}, **CAUSES[status]}).outcome


REASONS = {400: "malformed_json", 401: "missing_credential", 403: "missing_permission",
           404: "account_not_found", 422: "invalid_request"}  # fmt: skip


@pytest.mark.parametrize("status", CAUSES)
def test_a_documented_status_is_answered(tmp_path: Path, status: int) -> None:
    assert cause(contract_with(tmp_path, 201, status), status) == (status, REASONS[status])


@pytest.mark.parametrize(
    ("status", "documented", "answered"),
    [(400, 422, 422), (401, 403, 403), (403, 401, 401), (404, 400, 400), (404, 422, 422), (422, 400, 400)],
)
def test_an_undocumented_status_gives_way_to_its_kin(
    tmp_path: Path, status: int, documented: int, answered: int
) -> None:
    assert cause(contract_with(tmp_path, 201, documented), status) == (answered, REASONS[status])


@pytest.mark.parametrize("status", CAUSES)
def test_a_rule_for_which_no_status_is_documented_is_not_applied(tmp_path: Path, status: int) -> None:
    api = contract_with(tmp_path, 201)
    assert cause(api, status) == (201, "answered")
    assert "undocumented_status" in api.warnings()


def test_a_live_credential_is_refused_even_so(tmp_path: Path) -> None:
    answer = contract_with(tmp_path, 201).send(url="/things", key="sk_live_x", json={})
    assert answer.outcome == (401, "live_credential")


def test_a_range_and_a_default_document_every_status_in_them(tmp_path: Path) -> None:
    responses = {"2XX": {"description": ""}, "4XX": {"description": ""}}
    api = contract_with(tmp_path, responses=responses)
    assert api.send(url="/things", key=None, json={}).outcome == (401, "missing_credential")
    assert api.send(url="/things", json={}).outcome == (200, "answered")
    assert api.send(url="/things", json={}, headers={"Prefer": "code=451"}).status == 451
    assert api.send(url="/things", json={}, headers={"Prefer": "code=503"}).status == 200


@pytest.mark.parametrize("security", [[], [{}], [{"bearer": []}, {}]], ids=str)
def test_where_no_bearer_is_asked_for_none_is_needed_and_none_is_judged(
    tmp_path: Path, security: list[Any]
) -> None:
    api = contract_with(tmp_path, 201, 401, 403, security=security)
    for key in (None, "nonsense", "sk_test_expired", "sk_test_no_permissions"):
        assert api.send(url="/things", key=key, json={}).status == 201
    assert api.send(url="/things", key="sk_live_x", json={}).status == 401


# Scripted answers


AFTER = {"phase": "after_commit"}


def stub(response: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "request": {"urlPath": "/v1/api-keys/", "method": "POST"},
        "response": response,
        "metadata": {"mockserver": more},
    }


def created(api: Api) -> int:
    """How many keys of `acct_1` there are; listed as the test key that created them."""
    total: int = api.send("GET", json=UNSENT).json["total"]
    return total


@pytest.mark.parametrize(
    ("response", "more", "status", "is_created"),
    [
        pytest.param({"status": 500}, {}, 500, False, id="error"),
        pytest.param({"status": 500}, AFTER, 500, True, id="error after the commit"),
        pytest.param({"status": 200}, {}, 200, True, id="success"),
        pytest.param({}, {}, 201, True, id="nothing said"),
        pytest.param({"fixedDelayMilliseconds": 1}, {}, 201, True, id="a delay alone"),
        pytest.param({"fault": "EMPTY_RESPONSE"}, {}, 201, False, id="fault"),
        pytest.param({"fault": "EMPTY_RESPONSE"}, AFTER, 201, True, id="fault, commit"),
        pytest.param({"fault": "NOT_JSON"}, {}, 502, False, id="gateway page"),
        pytest.param({"fault": "NOT_JSON", "status": 200}, AFTER, 200, True, id="page, 200"),
        pytest.param({"status": 302}, {"offContract": True}, 302, False, id="redirect"),
        pytest.param({"status": 201, "body": "x"}, {"offContract": True}, 201, False, id="body"),
        pytest.param(
            {"status": 201, "body": "x"}, {"offContract": True, "phase": "after_commit"}, 201, True,
            id="body after the commit",
        ),
    ],
)  # fmt: skip
def test_what_a_stub_leaves_out_the_contract_fills_in(
    engine: Engine, response: dict[str, Any], more: dict[str, Any], status: int, is_created: bool
) -> None:
    api = engine_api(engine)
    api.script(stub(response, **more))
    assert api.send().outcome == (status, "stub")
    assert created(api) == is_created


def test_the_body_of_a_scripted_error_is_its_envelope(engine: Engine) -> None:
    api = engine_api(engine)
    for status in (400, 401, 403, 404, 409, 422, 429, 500):
        api.script(stub({"status": status}, times=1))
        answer = check(api.send(key=None, body=b"nothing of it is judged"))
        assert answer.outcome == (status, "stub")
        assert answer.header("www-authenticate") == ("Bearer" if status == 401 else None)
        assert (answer.header("retry-after") is None) is (status != 429)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"key": None}, id="no credential"),
        pytest.param({"body": b"{"}, id="broken body"),
        pytest.param({"json": {}}, id="incomplete body"),
        pytest.param({"key": "sk_test_no_permissions"}, id="no permission"),
        pytest.param({"url": CREATE.replace("acct_1", "acct_live_main")}, id="account out of sight"),
    ],
)
def test_a_scripted_success_that_cannot_be_carried_out_is_the_contracts_example(
    engine: Engine, contract: Contract, change: dict[str, Any]
) -> None:
    api = engine_api(engine)
    api.script(stub({"status": 201}))
    answer = check(api.send(**change))
    envelope = contract.operations["createApiKey"].envelope(201)
    assert envelope is not None
    assert answer.outcome == (201, "stub")
    assert answer.json == next(iter(envelope.examples.values()))
    assert created(api) == 0


def test_an_error_after_a_commit_that_cannot_be_is_still_that_error(engine: Engine) -> None:
    api = engine_api(engine)
    api.script(stub({"status": 500}, phase="after_commit"))
    assert check(api.send(json={})).outcome == (500, "stub")
    assert created(api) == 0


def test_a_stub_answers_where_there_is_no_operation(engine: Engine) -> None:
    api = engine_api(engine)
    api.script({"request": {"urlPath": "/health"}, "response": {"status": 200}})
    api.script({"request": {"urlPath": "/page"}, "response": {"status": 200, "body": "<p>"}})
    assert api.send("GET", "/health", json=UNSENT).outcome == (200, "stub")
    assert api.send("GET", "/page", json=UNSENT).body == b"<p>"


def test_stubs_are_matched_without_the_namespace_of_the_path(engine: Engine) -> None:
    api = engine_api(engine)
    api.engine.namespaces.get("a").configure({})
    api.script(stub({"status": 500}))
    assert api.send(url=f"/~a{CREATE}").status == 201
    assert api.send(url=f"/~default{CREATE}").status == 500


# Preferences


def test_a_dynamic_answer_is_made_from_the_schema_and_the_given_seed(engine: Engine) -> None:
    api = engine_api(engine)

    def dynamic(prefer: str) -> bytes:
        answer = check(api.send(headers={"Prefer": prefer}))
        assert answer.reason == "preferred"
        return answer.body

    first = dynamic("dynamic=true, seed=one")
    assert dynamic("dynamic=true, seed=one") == first
    assert dynamic("dynamic=true, seed=two") != first
    assert created(api) == 0


def test_the_applied_preference_never_holds_a_text_of_the_request(engine: Engine) -> None:
    api = engine_api(engine)
    answer = api.send(headers={"Prefer": "code=401, example=expired_credential, seed=abc, dynamic=false"})
    assert answer.header("preference-applied") == "code=401, example"
    answer = api.send(headers={"Prefer": "dynamic=true, seed=abc"})
    assert answer.header("preference-applied") == "dynamic=true"


# Values


def test_details_begin_with_the_reason() -> None:
    refusal = Refusal(422, "invalid_request", {"violations": []})
    assert list(to_details(refusal).items()) == [("reason", "invalid_request"), ("violations", [])]


def test_each_mode_has_its_own_view_of_accounts() -> None:
    settings = Settings(clock=FROZEN, allow_live=True)
    api = engine_api(build_engine(settings))
    live, main = (CREATE.replace("acct_1", name) for name in ("acct_live_main", "acct_test_main"))
    keys = {KEY: (404, 201), "sk_live_x": (201, 404), make_jwt({"livemode": True}): (201, 404)}
    for key, expected in keys.items():
        assert (api.send(url=live, key=key).status, api.send(url=main, key=key).status) == expected
