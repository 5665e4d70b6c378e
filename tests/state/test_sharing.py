"""Two servers on one Redis, compared with one process: ten thousand mixed calls get the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mockserver.seeds import Seed
from mockserver.serving.building import Sources, assemble
from mockserver.stores.redis import RedisStore
from tests.desk import Desk
from tests.doors import BODY, SETTINGS, UNSENT
from tests.stores.servers import RedisServer

CALLS = 10_000
NAMES = ("t1", "t2", "t3")


@pytest.fixture
def desks(sources: Sources, redis_server: RedisServer) -> Iterator[tuple[Desk, Desk, Desk]]:
    """One server by itself, and two that share a store."""
    stores = [RedisStore(redis_server.url) for _ in range(2)]
    parts = sources.contract, sources.rules, sources.fixtures, SETTINGS
    alone, first, second = (Desk(assemble(*parts, store=store)) for store in (None, *stores))
    yield alone, first, second
    for store in stores:
        store.close()


def choose(number: int, *choices: Any) -> Any:
    """One of several, the same in each run."""
    return choices[Seed("choice", str(number)).below(len(choices))]


def take(desk: Desk, number: int, ids: dict[str, list[str]]) -> tuple[Any, ...]:
    """One call, or now and then one of the control API; what came of it."""
    name = choose(number, *NAMES)
    base = f"/~{name}/v1/api-keys/"
    draw = Seed("what", str(number)).below(1000)
    if draw < 5:
        outcomes = [{"status": 500, "times": 2}, {"status": 429}]
        queue = {"operation": "createApiKey", "outcomes": outcomes}
        return desk.ask("POST", "/queue", queue, namespace=name)
    if draw < 8:
        return desk.ask("PUT", "/clock", {"advanceSeconds": draw}, namespace=name)
    if draw < 10:
        return desk.ask("PATCH", "/settings", {"rateLimit": choose(number, "40/60s", None)}, namespace=name)
    if draw < 11:
        return desk.ask("POST", "/reset", namespace=name)
    body = {**BODY, "name": f"key {number % 50}"}
    if draw < 500:
        headers = {"Idempotency-Key": f"k{number % 300}"} if draw % 2 else {}
        answer = desk.api.send(url=f"{base}?account_id=acct_1", json=body, headers=headers)
    elif draw < 600:
        answer = desk.api.send(url=f"{base}?account_id=acct_1", json={"name": number})
    elif draw < 800:
        answer = desk.api.send("GET", f"{base}?account_id=acct_1&limit={1 + draw % 7}", json=UNSENT)
    elif draw < 900 and ids.get(name):
        id = ids[name][draw % len(ids[name])]
        answer = desk.api.send("DELETE", f"{base}{id}", json=UNSENT)
    else:
        answer = desk.api.send("GET", f"{base}?account_id=acct_error_{choose(number, 409, 429)}", json=UNSENT)
    if answer.reason == "created":
        ids.setdefault(name, []).append(answer.json["data"]["id"])
    return answer.status, answer.body, answer.header("mockserver-call-id"), answer.headers


def test_two_servers_on_one_redis_behave_as_one(desks: tuple[Desk, Desk, Desk]) -> None:
    alone, first, second = desks
    seen: dict[str, list[str]] = {}
    again: dict[str, list[str]] = {}
    for number in range(CALLS):
        expected = take(alone, number, seen)
        found = take(choose(number + CALLS, first, second), number, again)
        assert found == expected, number
    for name in NAMES:
        for route in ("/coverage", "/mappings", "/scenarios", "/clock"):
            assert second.get(route, namespace=name) == alone.get(route, namespace=name)
        calls = [desk.get("/calls", namespace=name) for desk in (alone, first)]
        for listing in calls:
            for call in listing["calls"]:
                del call["receivedAt"], call["durationMs"]
                call.pop("retry", None)
        assert calls[0]["total"] == calls[1]["total"] > 100
        assert [call["number"] for call in calls[1]["calls"]] == list(range(1, calls[1]["total"] + 1))
        for one, other in zip(calls[0]["calls"], calls[1]["calls"], strict=True):
            one["warnings"] = other["warnings"] = None
            assert one == other
