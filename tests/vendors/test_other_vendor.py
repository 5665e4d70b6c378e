"""Rules of another vendor need nothing of the package but its seams."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mockserver.exceptions import SettingsError
from mockserver.serving.building import build_engine
from mockserver.settings import Settings
from tests.doors import FROZEN, UNSENT, Answer, Api, engine_api

RULES = "tests.vendors.acme_rules:AcmeRules"
OPERATION = {
    "security": [{"acmeKey": []}],
    "responses": {"200": {"description": ""}, "401": {"description": ""}, "403": {"description": ""}},
}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Acme", "version": "1"},
    "components": {"securitySchemes": {"acmeKey": {"type": "apiKey", "in": "header", "name": "Acme-Key"}}},
    "paths": {
        "/things": {"get": {"operationId": "list", **OPERATION}, "post": {"operationId": "add", **OPERATION}}
    },
}


@pytest.fixture
def api(tmp_path: Path) -> Api:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(DOCUMENT), "utf-8")
    return engine_api(build_engine(Settings(contract=path, rules=RULES, clock=FROZEN)))


def send(api: Api, method: str, key: str | None) -> Answer:
    headers = {} if key is None else {"Acme-Key": key}
    return api.send(method, "/things", key=None, json=UNSENT, headers=headers)


def test_another_form_of_keys_says_who_calls_and_names_the_namespace(api: Api) -> None:
    assert send(api, "GET", "acme-reader-_ns-t1_x").status == 200
    (call,) = api.calls("t1")
    assert call["credential"]["kind"] == "reader"
    assert "ns-t1_x" not in json.dumps(call)


def test_another_envelope_tells_errors(api: Api) -> None:
    answer = send(api, "GET", None)
    assert (answer.status, answer.json) == (401, {"fault": "missing_credential"})
    assert answer.headers["content-type"] == ["application/vnd.acme+json"]


def test_another_check_says_what_a_credential_may_do(api: Api) -> None:
    assert send(api, "POST", "acme-reader-x").outcome == (403, "read_only")
    assert send(api, "POST", "acme-writer-x").outcome == (200, "answered")


def test_keys_are_hidden_wherever_they_stand(api: Api) -> None:
    api.send("GET", "/things?note=acme-writer-secret99", key=None, json=UNSENT)
    assert "secret99" not in json.dumps(api.calls())


@pytest.mark.parametrize("text", ["tests.vendors.acme_rules:None_", "tests.no_module:Rules"])
def test_rules_that_cannot_be_imported_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="cannot be imported"):
        build_engine(Settings(rules=text))


def test_rules_are_named_by_module_and_name() -> None:
    with pytest.raises(SettingsError, match="module:name"):
        Settings(rules="acme")
