"""The nearest: what a request that nobody took may have meant."""

from __future__ import annotations

from typing import Any

from mockserver.journal.near_misses import MAX_TRIED
from tests.desk import Desk
from tests.doors import UNSENT


def add(desk: Desk, request: Any, **more: Any) -> str:
    status, stub = desk.ask("POST", "/mappings", {"request": request, "response": {"status": 200}, **more})
    assert status == 201, stub
    return str(stub["id"])


def ask(desk: Desk, method: str, url: str, **headers: str) -> Any:
    answer = desk.api.send(method, url, json=UNSENT, headers=headers)
    assert answer.outcome == (404, "no_such_operation")
    return answer.json["error"]["details"].get("nearest")


def test_a_404_names_the_nearest_stub_with_its_first_difference(desk: Desk) -> None:
    id = add(
        desk,
        {"method": "GET", "urlPath": "/orders", "headers": {"X-Tenant": {"equalTo": "t1"}}},
        name="orders",
    )
    add(desk, {"method": "DELETE", "urlPath": "/elsewhere/entirely"})
    nearest = ask(desk, "GET", "/orders", **{"X-Tenant": "t2"})
    assert nearest == {
        "stub": {"id": id, "name": "orders"},
        "difference": {
            "in": "header", "pointer": "/x-tenant", "operator": "equalTo", "expected": "t1", "actual": "t2",
        },
    }  # fmt: skip
    call = desk.get("/calls")["calls"][-1]
    text = 'no stub answered; the nearest is orders: header x-tenant must be equalTo "t1", and is "t2"'
    assert text in [warning["message"] for warning in call["warnings"]]
    assert ask(desk, "POST", "/orders", **{"X-Tenant": "t1"})["difference"]["in"] == "method"
    assert ask(desk, "GET", "/ordres", **{"X-Tenant": "t1"})["difference"]["in"] == "path"


def test_a_404_names_the_nearest_operation_with_its_whole_path(desk: Desk) -> None:
    create = {"operation": "createApiKey", "method": "POST", "path": "/v1/api-keys/"}
    assert ask(desk, "POST", "/api-keys/") == create
    add(desk, {"method": "GET", "urlPath": "/something/else/altogether"})
    assert ask(desk, "POST", "/api-keys/?account_id=acct_1") == create
    [warning] = desk.get("/calls")["calls"][-1]["warnings"]
    assert warning["message"].endswith("the nearest is createApiKey (POST /v1/api-keys/)")


def test_no_secret_is_told_of(desk: Desk) -> None:
    key = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
    add(desk, {"urlPath": "/hook", "headers": {"Authorization": {"matches": "Basic .*"}}})
    nearest = ask(desk, "GET", "/hook", Authorization=f"Bearer {key}")
    assert nearest["difference"]["pointer"] == "/authorization"
    assert key not in str(nearest)
    assert key not in str(desk.get("/calls"))


def test_a_stub_in_another_state_or_used_up_is_told_of_by_that(desk: Desk) -> None:
    scenario = {"scenarioName": "s", "requiredScenarioState": "later"}
    add(desk, {"urlPath": "/only/later"}, **scenario)
    assert ask(desk, "GET", "/only/later")["difference"] == {
        "in": "scenario", "pointer": "/s", "operator": "equalTo", "expected": "later", "actual": "Started",
    }  # fmt: skip


def test_only_so_many_stubs_are_compared(desk: Desk) -> None:
    add(desk, {"urlPath": "/orders/1", "method": "GET"})
    for index in range(MAX_TRIED):
        add(desk, {"urlPath": f"/zzzzzzzzzzzzzzz/{index}", "method": "PATCH"})
    nearest = ask(desk, "POST", "/orders/1")
    assert nearest is None or "operation" in nearest


def test_of_a_long_body_no_more_is_compared_than_the_journal_keeps(desk: Desk) -> None:
    id = add(desk, {"method": "POST", "urlPath": "/orders", "bodyPatterns": [{"equalTo": "y"}]})
    answer = desk.api.send("POST", "/orders", json={"a": "x" * 200_000})
    nearest = answer.json["error"]["details"]["nearest"]
    assert nearest["stub"]["id"] == id
    assert len(answer.body) < 80_000
