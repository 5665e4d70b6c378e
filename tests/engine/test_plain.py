"""Plain rules: an API without rules of its own is judged, and answers, by its contract alone (DESIGN, 10)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from mockserver.contract import load_contract
from mockserver.exceptions import ContractError, UnknownItem
from mockserver.serving.building import build_engine, load_sources
from mockserver.settings import Settings
from tests.desk import Desk
from tests.doors import FROZEN, UNSENT, Answer, Api, engine_api, make_jwt

UNAUTHORIZED = {
    "type": "object",
    "required": ["code"],
    "properties": {"code": {"type": "string", "enum": ["unauthorized"]}},
}
SCHEMES = {
    "keyHeader": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
    "keyQuery": {"type": "apiKey", "in": "query", "name": "api_key"},
    "keyCookie": {"type": "apiKey", "in": "cookie", "name": "sid"},
    "basic": {"type": "http", "scheme": "basic"},
    "digest": {"type": "http", "scheme": "digest"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "hoba": {"type": "http", "scheme": "HOBA"},
    "oauth": {"type": "oauth2", "flows": {}},
    "oidc": {"type": "openIdConnect", "openIdConnectUrl": "https://example.com"},
    "tls": {"type": "mutualTLS"},
}


def media(schema: Any, **more: Any) -> dict[str, Any]:
    return {"description": "", "content": {"application/json": {"schema": schema, **more}}}


def write(folder: Path, paths: dict[str, Any], schemes: dict[str, Any] = SCHEMES, **more: Any) -> Path:
    document = {
        "openapi": "3.1.0",
        "info": {"title": 'The "Desk" API', "version": "1"},
        "paths": paths,
        "components": {"securitySchemes": schemes},
        **more,
    }
    path = folder / "openapi.json"
    path.write_text(json.dumps(document), "utf-8")
    return path


def api_of(folder: Path, paths: dict[str, Any], **more: Any) -> Api:
    return engine_api(build_engine(Settings(contract=write(folder, paths, **more), clock=FROZEN)))


def secured(folder: Path, security: Any) -> Api:
    """An API of one operation, `GET /thing`, with these security requirements."""
    operation = {
        "operationId": "getThing",
        "security": security,
        "responses": {"200": media({"type": "object"}), "401": media(UNAUTHORIZED)},
    }
    return api_of(folder, {"/thing": {"get": operation}})


def get(api: Api, url: str = "/thing", **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.send("GET", url, key=None, json=UNSENT, headers=names)


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


DIGEST = 'Digest username="u", realm="r", nonce="n", uri="/", response="0"'

# Scheme, what lets a request in (URL and headers), what is malformed, and the challenge.
LET_IN: dict[str, tuple[str, dict[str, str], dict[str, str], str]] = {
    "keyHeader": ("/thing", {"X_Api_Key": "k"}, {"X_Api_Key": " "}, 'ApiKey in="header", name="x-api-key"'),
    "keyQuery": ("/thing?api_key=k", {}, {}, 'ApiKey in="query", name="api_key"'),
    "keyCookie": ("/thing", {"Cookie": "a=1; sid=k"}, {"Cookie": "a=1"}, 'ApiKey in="cookie", name="sid"'),
    "basic": (
        "/thing", {"Authorization": basic("u:p")}, {"Authorization": basic("u")},
        'Basic realm="The Desk API", charset="UTF-8"',
    ),
    "digest": (
        "/thing", {"Authorization": DIGEST}, {"Authorization": "Digest x"},
        'Digest realm="The Desk API", qop="auth", algorithm=SHA-256, nonce="mock"',
    ),
    "bearer": ("/thing", {"Authorization": "Bearer tok_12345"}, {"Authorization": "Bearer a b"}, "Bearer"),
    "hoba": ("/thing", {"Authorization": "hoba x.y"}, {"Authorization": "HOBA"}, "Hoba"),
    "oauth": ("/thing", {"Authorization": "bearer desk_1"}, {"Authorization": basic("u:p")}, "Bearer"),
    "oidc": ("/thing", {"Authorization": "Bearer x"}, {"Authorization": "x"}, "Bearer"),
}  # fmt: skip


@pytest.mark.parametrize("scheme", LET_IN)
def test_each_scheme_lets_in_what_has_its_form(tmp_path: Path, scheme: str) -> None:
    url, headers, malformed, challenge = LET_IN[scheme]
    api = secured(tmp_path, [{scheme: []}])
    assert get(api, url, **headers).outcome == (200, "answered")
    assert api.warnings() == []
    missing = get(api)
    assert missing.outcome == (401, "missing_credential")
    assert missing.headers["www-authenticate"] == [challenge]
    assert missing.json == {"code": "unauthorized"}, "the contract's own body"
    if malformed:
        assert get(api, **malformed).status == 401


@pytest.mark.parametrize("scheme", LET_IN)
def test_no_credential_rests_anywhere_in_the_journal(tmp_path: Path, scheme: str) -> None:
    secret = "s3cr3t-value"
    fill = {"k": secret, "tok_12345": secret, "x.y": secret, "desk_1": secret, "x": secret}
    url, headers, _, _ = LET_IN[scheme]
    headers = {
        name: basic(f"u:{secret}")
        if scheme == "basic"
        else " ".join(fill.get(part, part) for part in value.split(" "))
        for name, value in headers.items()
    }
    headers = {name: value.replace("sid=k", f"sid={secret}") for name, value in headers.items()}
    api = secured(tmp_path, [{scheme: []}])
    assert get(api, url.replace("=k", f"={secret}"), **headers).status == 200
    (call,) = api.calls()
    assert secret not in json.dumps(call)
    assert base64.b64encode(f"u:{secret}".encode()).decode() not in json.dumps(call)
    kinds = {"oauth": "oauth2", "oidc": "openIdConnect"}
    assert call["credential"]["kind"] == kinds.get(scheme, "apiKey" if scheme.startswith("key") else scheme)
    assert len(call["credential"]["fingerprint"]) == 12


def test_all_schemes_of_one_requirement_and_any_requirement_of_several(tmp_path: Path) -> None:
    both = secured(tmp_path, [{"bearer": [], "keyHeader": []}])
    assert get(both, Authorization="Bearer t").status == 401
    assert get(both, X_Api_Key="k").status == 401
    assert get(both, Authorization="Bearer t", X_Api_Key="k").status == 200
    either = secured(tmp_path, [{"bearer": []}, {"keyHeader": []}])
    assert [get(either, **sent).status for sent in ({"Authorization": "Bearer t"}, {"X_Api_Key": "k"})] == [
        200,
        200,
    ]
    assert get(either).headers["www-authenticate"] == ["Bearer", 'ApiKey in="header", name="x-api-key"']


@pytest.mark.parametrize("security", [[], [{}], [{"bearer": []}, {}], [{"tls": []}]])
def test_a_requirement_that_asks_for_nothing_lets_everybody_in(tmp_path: Path, security: Any) -> None:
    api = secured(tmp_path, security)
    assert get(api).outcome == (200, "answered")
    assert get(api, Authorization="Bearer t").outcome == (200, "answered")


def test_mutual_tls_is_not_checked_and_says_so_at_load(tmp_path: Path) -> None:
    paths = {"/a": {"get": {"security": [{"tls": []}], "responses": {"200": {"description": ""}}}}}
    warnings = load_sources(Settings(contract=write(tmp_path, paths))).warnings
    assert [warning.pointer for warning in warnings] == ["/components/securitySchemes/tls"]


def test_a_wrong_credential_is_refused_where_no_401_is_documented(tmp_path: Path) -> None:
    operation = {"security": [{"bearer": []}], "responses": {"200": media({"type": "object"})}}
    api = api_of(tmp_path, {"/thing": {"get": {"operationId": "getThing", **operation}}})
    answer = get(api)
    assert (answer.status, answer.headers["content-type"]) == (401, ["application/problem+json"])
    problem = answer.json
    assert {name: problem[name] for name in ("type", "title", "status", "reason")} == {
        "type": "about:blank", "title": "Unauthorized", "status": 401, "reason": "missing_credential",
    }  # fmt: skip
    assert api.warnings() == ["undocumented_status"]


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("/thing", {"X_Api_Key": "mock_ns-t1_key"}),
        ("/~t1/thing", {"X_Api_Key": "k"}),
    ],
)
def test_a_credential_or_the_path_names_the_namespace(
    tmp_path: Path, url: str, headers: dict[str, str]
) -> None:
    api = secured(tmp_path, [{"keyHeader": []}])
    assert get(api, url, **headers).status == 200
    assert len(api.calls("t1")) == 1


@pytest.mark.parametrize("scheme", [name for name in SCHEMES if name != "tls"])
def test_the_sandbox_has_a_credential_for_each_scheme_that_names_its_namespace(
    tmp_path: Path, scheme: str
) -> None:
    api = secured(tmp_path, [{scheme: []}])
    rules = api.engine.rules
    credential = rules.write_credential("t1", scheme)
    assert credential == rules.write_credential("t1"), "the first scheme counts"
    (shown,) = rules.show_credential(api.engine.contract.operations["getThing"], "t1")
    assert credential in shown.value
    url = f"/thing?{shown.name}={shown.value}" if shown.place == "query" else "/thing"
    headers = {"header": {shown.name: shown.value}, "cookie": {"Cookie": f"{shown.name}={shown.value}"}}
    assert api.send("GET", url, key=None, json=UNSENT, headers=headers.get(shown.place)).status == 200
    assert len(api.calls("t1")) == 1


def test_a_jwt_names_its_namespace_by_its_claim(tmp_path: Path) -> None:
    api = secured(tmp_path, [{"bearer": []}])
    assert get(api, Authorization=f"Bearer {make_jwt({'ns': 't1', 'exp': 0})}").status == 200
    assert len(api.calls("t1")) == 1


def test_an_unknown_scheme_has_no_credential(tmp_path: Path) -> None:
    api = secured(tmp_path, [{"bearer": []}])
    with pytest.raises(UnknownItem, match="did you mean 'bearer'"):
        api.engine.rules.write_credential("t1", "bearr")


# What a contract says wrongly of its security


@pytest.mark.parametrize(
    ("schemes", "security", "pointer", "words"),
    [
        ({"a": {"type": "apikey"}}, [], "/components/securitySchemes/a/type", "must be one of apiKey, http"),
        ({"a": {}}, [], "/components/securitySchemes/a/type", "is missing"),
        ({"a": {"type": "apiKey", "name": "k"}}, [], "/components/securitySchemes/a/in", "header, query"),
        ({"a": {"type": "apiKey", "in": "query"}}, [], "/components/securitySchemes/a/name", "must name"),
        ({"a": {"type": "http"}}, [], "/components/securitySchemes/a/scheme", "such as bearer"),
        (
            {"bearer": SCHEMES["bearer"]},
            [{"bearr": []}],
            "/paths/~1a/get/security/0/bearr",
            "did you mean 'bearer'",
        ),
        ({}, [[]], "/paths/~1a/get/security/0", "must be an object"),
        ({}, {}, "/paths/~1a/get/security", "must be an array"),
    ],
)
def test_a_mistake_is_told_with_its_pointer(
    tmp_path: Path, schemes: Any, security: Any, pointer: str, words: str
) -> None:
    paths = {"/a": {"get": {"security": security, "responses": {"200": {"description": ""}}}}}
    with pytest.raises(ContractError) as error:
        load_contract(write(tmp_path, paths, schemes))
    (problem,) = error.value.problems
    assert problem.pointer == pointer
    assert words in problem.message


@pytest.mark.parametrize(
    ("own", "pointer", "words"),
    [
        ({"rules": "hsrcpai"}, "/x-mockserver/rules", "did you mean 'hsrcpay'"),
        ({"rules": 5}, "/x-mockserver", "must be an object"),
        ("hsrcpay", "/x-mockserver", "must be an object"),
    ],
)
def test_rules_that_are_not_known_are_told_with_their_pointer(
    tmp_path: Path, own: Any, pointer: str, words: str
) -> None:
    paths = {"/a": {"get": {"responses": {"200": {"description": ""}}}}}
    with pytest.raises(ContractError) as error:
        load_sources(Settings(contract=write(tmp_path, paths, **{"x-mockserver": own})))
    (problem,) = error.value.problems
    assert problem.pointer == pointer
    assert words in problem.message


# Errors


def orders(folder: Path, **responses: Any) -> Api:
    """An API of one operation, `POST /orders`, that takes an object with an integer `n`."""
    body = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 1}}}
    operation = {
        "operationId": "createOrder",
        "parameters": [{"name": "dry", "in": "query", "schema": {"type": "boolean"}}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {name.removeprefix("_"): value for name, value in responses.items()},
    }
    return api_of(folder, {"/orders": {"post": operation}})


OK = media({"type": "object"})


def post(api: Api, body: bytes = b'{"n": 0}', **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.send(
        "POST", "/orders", key=None, body=body, headers={"Content-Type": "application/json"} | names
    )


def test_a_wrong_request_gets_the_documented_status_of_its_kind(tmp_path: Path) -> None:
    assert post(orders(tmp_path, _201=OK, _400=OK)).outcome == (400, "invalid_request")
    assert post(orders(tmp_path, _201=OK, _422=OK), b"{").outcome == (422, "malformed_json")
    both = orders(tmp_path, _201=OK, _400=OK, _422=OK)
    assert [post(both).status, post(both, b"{").status] == [422, 400]
    assert post(orders(tmp_path, _201=OK, _4XX=OK)).status == 422
    assert post(orders(tmp_path, _201=OK, _default=OK)).status == 422


def test_a_wrong_request_is_a_problem_where_nothing_is_documented(tmp_path: Path) -> None:
    api = orders(tmp_path, _201=OK)
    answer = post(api)
    assert (answer.status, answer.headers["content-type"]) == (422, ["application/problem+json"])
    assert answer.json["violations"] == [
        {"in": "body", "pointer": "/n", "keyword": "minimum", "message": "must be at least 1"}
    ]
    assert api.warnings() == ["undocumented_status"]


def test_an_example_is_answered_as_it_is(tmp_path: Path) -> None:
    mine = media({"type": "object"}, examples={"mine": {"value": {"message": "own text"}}})
    assert post(orders(tmp_path, _201=OK, _422=mine)).json == {"message": "own text"}


def test_a_body_made_from_its_schema_says_what_happened(tmp_path: Path) -> None:
    error = {
        "type": "object",
        "required": ["status", "code", "title", "nested"],
        "properties": {
            "status": {"type": "integer"},
            "code": {"type": "string", "enum": ["bad"]},
            "title": {"type": "string"},
            "nested": {
                "type": "object",
                "required": ["message"],
                "properties": {"message": {"type": "string"}},
            },
        },
    }
    value = post(orders(tmp_path, _201=OK, _422=media(error))).json
    assert (value["status"], value["code"]) == (422, "bad")
    assert value["title"] == value["nested"]["message"]
    assert value["title"].startswith("The request violates the contract.")


def test_violations_are_told_in_the_form_of_fastapi(tmp_path: Path) -> None:
    item = {
        "type": "object",
        "required": ["loc", "msg", "type"],
        "properties": {
            "loc": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
            "msg": {"type": "string"},
            "type": {"type": "string"},
        },
    }
    error = {"type": "object", "properties": {"detail": {"type": "array", "items": item}}}
    assert post(orders(tmp_path, _201=OK, _422=media(error))).json["detail"] == [
        {"loc": ["body", "n"], "msg": "must be at least 1", "type": "minimum"}
    ]


def test_violations_are_told_in_the_form_of_rfc_9457(tmp_path: Path) -> None:
    item = {
        "type": "object",
        "required": ["pointer", "detail"],
        "properties": {"pointer": {"type": "string"}},
    }
    error = {
        "type": "object",
        "required": ["errors"],
        "properties": {"errors": {"type": "array", "items": item}},
    }
    assert post(orders(tmp_path, _201=OK, _422=media(error))).json["errors"] == [
        {"pointer": "#/n", "detail": "must be at least 1"}
    ]


def test_another_media_type_is_415(tmp_path: Path) -> None:
    api = orders(tmp_path, _201=OK)
    assert post(api, b"x", Content_Type="text/plain").outcome == (415, "unsupported_media_type")


def test_what_the_contract_lacks_is_a_problem(tmp_path: Path) -> None:
    api = orders(tmp_path, _201=OK)
    missing = get(api, "/none")
    assert (missing.status, missing.json["reason"]) == (404, "no_such_operation")
    wrong = get(api, "/orders")
    assert (wrong.status, wrong.json["reason"], wrong.header("allow")) == (405, "method_not_allowed", "POST")


def test_a_preference_for_what_is_not_there_is_404(tmp_path: Path) -> None:
    api = orders(tmp_path, _201=OK)
    for prefer in ("code=418", "example=none"):
        assert post(api, Prefer=prefer).outcome == (404, "no_such_response")
    # It is named as the contract writes it.
    assert " createOrder documents no status 418" in post(api, Prefer="code=418").json["detail"]
    assert post(api, b'{"n": 1}', Prefer="code=201").outcome == (201, "preferred")


# Success


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (["201", "200", "404"], 200),
        (["204", "202"], 202),
        (["2XX", "404"], 200),
        (["404", "default"], 200),
        (["302", "404"], 302),
        (["404"], 404),
        (["5XX"], 500),
    ],
)
def test_the_success_is_the_lowest_documented_one_else_the_first_response(
    tmp_path: Path, statuses: list[str], status: int
) -> None:
    responses = {name: {"description": ""} for name in statuses}
    api = api_of(tmp_path, {"/thing": {"get": {"operationId": "getThing", "responses": responses}}})
    assert get(api).status == status


# The catalogue


def test_every_documented_error_has_an_entry_with_an_example_or_without(tmp_path: Path) -> None:
    named = media({"type": "object"}, examples={"one": {"value": {"a": 1}}, "two": {"value": {"a": 2}}})
    api = orders(tmp_path, _201=OK, _404=named, _422=OK, _5XX=OK, _default=OK)
    entries = [entry for entry in Desk(api.engine).get("/errors")["errors"] if entry["operation"]]
    assert [(entry["status"], entry["reason"]) for entry in entries] == [
        (404, "one"), (404, "two"), (422, "invalid_request"), (500, "internal_error"),
        (500, "internal_error"),
    ]  # fmt: skip
    assert [entry["body"] for entry in entries[:2]] == [{"a": 1}, {"a": 2}]
