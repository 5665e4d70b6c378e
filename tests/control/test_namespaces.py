"""Routes onto the namespaces: which there are, forgetting one, resetting one."""

from __future__ import annotations

import threading
from typing import Any

from tests.desk import Desk
from tests.doors import UNSENT

LIST = "/v1/api-keys/?account_id=acct_1"
CREATE = "/v1/api-keys/?account_id=acct_1"


def described(desk: Desk) -> dict[str, Any]:
    return {item.pop("name"): item for item in desk.get("/namespaces")["namespaces"]}


def test_namespaces_are_listed_by_name_with_what_they_hold(desk: Desk) -> None:
    desk.api.send("POST", f"/~b{CREATE}")
    desk.api.send("GET", f"/~a{LIST}", json=UNSENT)
    desk.api.send(key="sk_test_ns-b_x")
    stubs = len(desk.engine.namespaces.default.stubs)
    assert list(described(desk)) == ["a", "b", "default"]
    assert described(desk)["b"] == {"calls": 2, "evicted": 0, "stubs": stubs, "issuedKeys": 2}
    assert described(desk)["default"]["calls"] == 0


def test_a_namespace_can_be_forgotten(desk: Desk) -> None:
    desk.api.send("POST", f"/~t1{CREATE}")
    assert desk.ask("DELETE", "/namespaces/t1") == (200, {})
    assert list(described(desk)) == ["default"]
    assert desk.get("/calls", namespace="t1")["total"] == 0


def test_the_default_namespace_is_reset_instead(desk: Desk) -> None:
    desk.api.send()
    assert desk.ask("DELETE", "/namespaces/default") == (200, {})
    assert described(desk)["default"]["calls"] == 0


def test_those_who_wait_in_a_namespace_that_is_forgotten_are_told(desk: Desk) -> None:
    desk.api.send("POST", f"/~t1{CREATE}")
    told: list[str] = []
    desk.engine.namespaces.get("t1").journal.endings.add(lambda: told.append("t1"))
    assert desk.ask("DELETE", "/namespaces/t1") == (200, {})
    assert told == ["t1"]
    assert "t1" not in described(desk)


def test_an_unknown_namespace_is_not_found(desk: Desk) -> None:
    assert desk.refused("DELETE", "/namespaces/nix") == (404, ["there is no namespace 'nix'"])
    assert "nix" not in described(desk)


def test_one_namespace_is_reset_without_touching_others(desk: Desk) -> None:
    for name in ("t1", "t2"):
        desk.api.send("POST", f"/~{name}{CREATE}")
    assert desk.ask("POST", "/reset", namespace="t1")[0] == 200
    assert {name: item["calls"] for name, item in described(desk).items()} == {
        "default": 0,
        "t1": 0,
        "t2": 1,
    }
    assert described(desk)["t2"]["issuedKeys"] == 1


def test_namespaces_that_delete_each_other_do_not_wait_for_each_other(desk: Desk) -> None:
    def delete(name: str, other: str) -> None:
        for _ in range(200):
            desk.ask("DELETE", f"/namespaces/{other}", namespace=name)

    threads = [
        threading.Thread(target=delete, args=pair, daemon=True) for pair in (("t1", "t2"), ("t2", "t1"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
