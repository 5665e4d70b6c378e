"""Which namespace a request names, and that none sees another."""

from __future__ import annotations

import re

import pytest

from tests.doors import (
    BODY,
    CREATE,
    KEY,
    Api,
    make_jwt,
)
from tests.judge import check


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
