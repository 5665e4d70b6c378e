"""The answer of an operation that is carried out."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.doors import (
    BODY,
    KEY,
    UNSENT,
    Api,
)
from tests.judge import check


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
