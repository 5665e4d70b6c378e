"""Where an operation is found, and what answers where none is."""

from __future__ import annotations

import pytest

from tests.doors import (
    UNSENT,
    Api,
)
from tests.judge import check


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
    assert "createApiKey (POST /v1/api-keys/)" in api.calls()[-1]["warnings"][0]["message"]


def test_an_operation_without_a_credential_is_still_told_apart_from_no_operation(api: Api) -> None:
    assert api.send(key=None).status == 401
    assert api.send(url="/v1/nothing", key=None).status == 404
    assert api.send("PUT", key=None).status == 405
