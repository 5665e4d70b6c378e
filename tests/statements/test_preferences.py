"""`Prefer`: one answer, asked for in the request."""

from __future__ import annotations

import pytest

from mockserver.contract import Contract
from tests.doors import (
    BODY,
    Api,
)
from tests.judge import check

ERROR_STATUSES = (400, 401, 403, 404, 409, 422, 429, 500)


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
