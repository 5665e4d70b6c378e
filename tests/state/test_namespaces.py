"""Namespaces: how a request names one, what each has for itself, and how many there may be."""

from __future__ import annotations

import pytest

from mockserver.engine.engine import Engine
from mockserver.exceptions import UnknownItem
from mockserver.serving.building import Sources
from mockserver.state.fixtures import Fixtures
from mockserver.state.namespaces import Namespaces
from mockserver.state.waiting import Waiting
from tests.doors import BODY, SETTINGS, UNSENT, Api, engine_api, make_jwt

LIST = "/v1/api-keys/?account_id=acct_1"


@pytest.fixture
def api(engine: Engine) -> Api:
    return engine_api(engine)


def small(fixtures: Fixtures, limit: int) -> Namespaces:
    return Namespaces(SETTINGS, fixtures, limit=limit)


def names(namespaces: Namespaces) -> list[str]:
    return [namespace.name for namespace in namespaces]


# How a request names one.


@pytest.mark.parametrize(
    ("url", "key", "name"),
    [
        (LIST, "sk_test_local", "default"),
        (LIST, "sk_test_ns-t1_abc", "t1"),
        (LIST, make_jwt({"ns": "t1"}), "t1"),
        (f"/~t1{LIST}", "sk_test_local", "t1"),
        (f"/~t1{LIST}", make_jwt({"sub": "user"}), "t1"),
        (f"/~t1{LIST}", None, "t1"),
        (f"/~t1{LIST}", "sk_test_ns-t2_abc", "t1"),
        (f"/~{'a' * 40}{LIST}", None, "a" * 40),
        (f"/~{'a' * 41}{LIST}", None, "default"),
        (f"/~T1{LIST}", None, "default"),
        (LIST, make_jwt({"ns": "No name"}), "default"),
        (LIST, "sk_test_ns-No_name_abc", "default"),
    ],
)
def test_a_request_names_its_namespace(api: Api, url: str, key: str | None, name: str) -> None:
    api.send("GET", url, key=key, json=UNSENT)
    (call,) = api.calls(name)
    assert call["namespace"] == name
    assert [space.name for space in api.engine.namespaces if space.journal.total] == [name]


def test_the_path_wins_over_the_credential_with_a_warning(api: Api) -> None:
    api.send("GET", f"/~t1{LIST}", key="sk_test_ns-t2_abc", json=UNSENT)
    (call,) = api.calls("t1")
    assert [warning["code"] for warning in call["warnings"]] == ["namespace_conflict"]


def test_a_path_is_recorded_without_its_namespace(api: Api) -> None:
    api.send("GET", f"/~t1{LIST}", json=UNSENT)
    assert api.calls("t1")[0]["request"]["path"] == "/v1/api-keys/"


# What each has for itself.


def test_namespaces_never_see_each_other(api: Api) -> None:
    first, second = (api.engine.namespaces.get(name) for name in ("t1", "t2"))
    key = api.send(url=f"/~t1{LIST}").key
    api.script({"request": {}, "response": {"status": 500}})
    first.configure({"success_status": "200"})
    first.clock.advance(3_600_000)
    assert api.send(url=f"/~t1{LIST}", json={**BODY, "name": "another"}).status == 200
    answer = api.send(url=f"/~t2{LIST}")
    assert answer.status == 201
    assert answer.json["data"]["key"] != key
    assert [space.journal.total for space in (first, second)] == [2, 1]
    assert api.send("GET", f"/~t2{LIST}", key=key, json=UNSENT).status == 401
    assert api.send("GET", f"/~t2{LIST}", json=UNSENT).json["total"] == 1
    assert second.clock.now_millis() == first.clock.now_millis() - 3_600_000


def test_an_issued_key_leads_to_the_namespace_that_issued_it(api: Api) -> None:
    body = {**BODY, "permissions": {"account:api:key": ["read", "create", "list"]}}
    key = api.send(url=f"/~t1{LIST}", json=body).key
    api.send("GET", LIST, key=key, json=UNSENT)
    assert [call["operation"] for call in api.calls("t1")] == ["createApiKey", "listApiKeys"]


# How many there may be.


def test_the_least_recently_used_makes_room(sources: Sources) -> None:
    namespaces = small(sources.fixtures, 3)
    for name in ("a", "b", "a", "c"):
        namespaces.get(name)
    assert names(namespaces) == ["a", "c", "default"]


def test_one_that_somebody_waits_for_stays(sources: Sources) -> None:
    namespaces = small(sources.fixtures, 3)
    namespaces.get("a").journal.listeners.add(lambda call: None)
    namespaces.get("b").waiting.add(Waiting(None))
    namespaces.get("c")
    namespaces.get("d")
    assert names(namespaces) == ["a", "b", "d", "default"]


def test_a_name_that_comes_again_begins_anew(sources: Sources) -> None:
    namespaces = small(sources.fixtures, 2)
    first = namespaces.get("a")
    namespaces.get("b")
    assert namespaces.get("a") is not first


def test_one_can_be_deleted_and_the_default_one_is_reset(sources: Sources) -> None:
    namespaces = small(sources.fixtures, 9)
    namespaces.get("a")
    namespaces.default.next_call()
    for name in ("a", "default"):
        namespaces.delete(name)
    assert names(namespaces) == ["default"]
    assert namespaces.default.next_call()[0] == 1
    with pytest.raises(UnknownItem, match="there is no namespace 'a'"):
        namespaces.delete("a")
