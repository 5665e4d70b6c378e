"""Namespaces in a store: servers that share one behave as one, and a server that starts again as if it never
ended."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mockserver.engine.engine import Engine
from mockserver.exceptions import StoreUnavailable, TakesLong
from mockserver.messages import Request, build_request
from mockserver.scripting.documents import read_stub
from mockserver.scripting.stubs import Stub
from mockserver.serving.building import Sources, assemble, build_engine, renew
from mockserver.state.stored import StoredNamespace
from mockserver.stores import MemoryStore, SqliteStore, Store, make_store
from mockserver.stores.base import NEW, Version
from mockserver.stores.turns import MOMENT_SECONDS, Turns
from mockserver.types import UNSET
from tests.desk import Desk
from tests.doors import BODY, KEY, SETTINGS, UNSENT, Api, engine_api

LIST = "/v1/api-keys/?account_id=acct_1"
OpenDesk = Callable[[], Desk]


@pytest.fixture(params=["memory", "sqlite", "redis"])
def start(request: pytest.FixtureRequest, sources: Sources, tmp_path: Path) -> Iterator[OpenDesk]:
    """Starts one more server on the same store."""
    shared = MemoryStore(is_shared=True)
    url = request.getfixturevalue("redis_server").url if request.param == "redis" else ""
    engines: list[Engine] = []

    def start_one() -> Desk:
        store: Store = shared
        if request.param != "memory":
            store = make_store(url or f"sqlite:{tmp_path / 'state.db'}")
        engine = assemble(sources.contract, sources.rules, sources.fixtures, SETTINGS, store=store)
        engine.namespaces.open()
        engines.append(engine)
        return Desk(engine)

    yield start_one
    for engine in engines:
        engine.namespaces.close()


@pytest.fixture
def pair(start: OpenDesk) -> tuple[Desk, Desk]:
    """Two servers on one store."""
    return start(), start()


def ask(method: str = "POST", url: str = LIST, headers: dict[str, str] | None = None) -> Request:
    """A request whose answer is not delivered yet."""
    sent = {"Authorization": f"Bearer {KEY}", **(headers or {})}
    return build_request(method, url, headers=sent, json=UNSET if method == "GET" else BODY)


def keys(desk: Desk) -> Any:
    return desk.api.send("GET", LIST, json=UNSENT).json["data"]


def test_what_one_creates_the_other_lists_and_accepts(pair: tuple[Desk, Desk]) -> None:
    first, second = pair
    created = first.api.send()
    assert created.status == 201
    assert keys(second) == keys(first)
    assert second.api.send("GET", LIST, json=UNSENT, key=created.key).status == 200
    deleted = second.api.send("DELETE", f"/v1/api-keys/{created.json['data']['id']}", json=UNSENT)
    assert deleted.status == 200
    assert first.api.send("GET", LIST, json=UNSENT, key=created.key).outcome == (401, "revoked_credential")


def test_a_server_that_starts_again_answers_a_replay_byte_for_byte(start: OpenDesk) -> None:
    headers = {"Idempotency-Key": "one"}
    answer = start().api.send(headers=headers)
    again = start().api.send(headers=headers)
    assert again.reason == "replayed"
    assert again.body == answer.body
    assert start().api.send("GET", LIST, json=UNSENT, key=answer.key).status == 200


def test_equal_requests_are_counted_by_both_together(pair: tuple[Desk, Desk]) -> None:
    alone = [pair[0].api.send(url=f"/~alone{LIST}") for _ in range(4)]
    shared = [pair[turn % 2].api.send(url=LIST) for turn in range(4)]
    assert len({answer.key for answer in shared}) == 4
    assert [answer.status for answer in alone] == [answer.status for answer in shared]


def test_numbers_of_calls_have_no_gap(pair: tuple[Desk, Desk]) -> None:
    for turn in range(7):
        pair[turn % 2].api.send()
    for desk in pair:
        calls = desk.get("/calls")["calls"]
        assert [call["number"] for call in calls] == list(range(1, 8))
    assert pair[0].get("/calls") == pair[1].get("/calls")


def test_a_call_is_read_as_it_was_recorded(pair: tuple[Desk, Desk]) -> None:
    first, second = pair
    stub = {"request": {"urlPath": "/s"}, "response": {"status": 429, "headers": {"Retry-After": "3"}}}
    first.ask("POST", "/mappings", {**stub, "name": "slow down"})
    for target in ("/s", "/s", "/nowhere?a=%41&b=1", LIST, f"{LIST}&page=0"):
        first.api.send("POST", target, json={"name": 5, "é": "\u0000"}, headers={"X-One": "1"})
    first.api.send("GET", LIST, json=UNSENT, key=None)
    first.api.send(body=b"\xff\xfe not json")
    for route in ("/calls", "/requests", "/har", "/coverage", "/audits/duplicates"):
        assert second.get(route) == first.get(route)


def test_a_stub_for_three_answers_three_of_both(pair: tuple[Desk, Desk]) -> None:
    pair[0].ask("POST", "/queue", {"operation": "createApiKey", "outcomes": [{"status": 500, "times": 3}]})
    statuses = [pair[turn % 2].api.send().status for turn in range(6)]
    assert statuses == [500, 500, 500, 201, 201, 201]


def test_a_scenario_moves_once_for_each_call(pair: tuple[Desk, Desk]) -> None:
    for number in range(3):
        stub = {
            "scenarioName": "steps",
            "requiredScenarioState": "Started" if number == 0 else str(number),
            "newScenarioState": str(number + 1),
            "request": {"urlPath": "/step"},
            "response": {"status": 200, "body": str(number)},
        }
        pair[number % 2].ask("POST", "/mappings", stub)
    seen = [pair[turn % 2].api.send("GET", "/step", json=UNSENT).body for turn in range(3)]
    assert seen == [b"0", b"1", b"2"]
    assert pair[0].get("/scenarios") == pair[1].get("/scenarios")


def test_stubs_are_listed_and_removed_by_both(pair: tuple[Desk, Desk]) -> None:
    first, second = pair
    _, made = first.ask("POST", "/mappings", {"request": {"urlPath": "/x"}, "response": {"status": 204}})
    assert second.get("/mappings") == first.get("/mappings")
    assert second.api.send("GET", "/x", json=UNSENT).status == 204
    assert second.ask("DELETE", f"/mappings/{made['id']}")[0] == 200
    assert first.api.send("GET", "/x", json=UNSENT).status == 404
    _, other = second.ask("POST", "/mappings", {"request": {"urlPath": "/y"}, "response": {"status": 204}})
    assert other["id"] != made["id"]


def test_rate_limits_count_together(pair: tuple[Desk, Desk]) -> None:
    assert pair[0].ask("PATCH", "/settings", {"rateLimit": "3/60s"})[0] == 200
    statuses = [pair[turn % 2].api.send().status for turn in range(5)]
    assert statuses == [201, 201, 201, 429, 429]


def test_clock_and_settings_are_shared(pair: tuple[Desk, Desk]) -> None:
    first, second = pair
    first.ask("PUT", "/clock", {"mode": "frozen", "now": "2030-01-01T00:00:00Z"})
    assert second.get("/clock") == first.get("/clock")
    second.ask("PUT", "/clock", {"advanceSeconds": 60})
    assert first.get("/clock")["now"] == "2030-01-01T00:01:00.000Z"
    first.ask("POST", "/settings", {"fixedDelay": 5})
    assert second.get("/settings") == first.get("/settings")
    first.ask("PATCH", "/settings", {"successStatus": "200"})
    assert second.api.send().status == 200


def test_a_reset_by_one_is_a_reset_of_both(pair: tuple[Desk, Desk]) -> None:
    first, second = pair
    before = first.api.send(headers={"Idempotency-Key": "k"}).body
    second.ask("PUT", "/clock", {"advanceSeconds": 60})
    assert second.ask("POST", "/reset")[0] == 200
    assert keys(first) == []
    assert first.get("/calls")["total"] == 1
    first.ask("POST", "/reset")
    assert second.api.send(headers={"Idempotency-Key": "k"}).body == before


def test_snapshots_are_shared_and_last(start: OpenDesk) -> None:
    first, second = start(), start()
    created = first.api.send()
    first.ask("POST", "/mappings", {"request": {"urlPath": "/x"}, "response": {"status": 204}})
    status, kept = first.ask("POST", "/snapshots")
    assert status == 201
    second.ask("POST", "/reset")
    assert keys(first) == []
    third = start()
    assert third.ask("POST", f"/snapshots/{kept['id']}/restore")[0] == 200
    assert [key["id"] for key in keys(second)] == [created.json["data"]["id"]]
    assert second.api.send("GET", "/x", json=UNSENT).status == 204
    assert third.ask("PUT", "/namespaces/copy", {"snapshot": kept["id"]})[0] == 201
    assert first.api.send("GET", f"/~copy{LIST}", json=UNSENT).json["total"] == 1
    assert second.ask("POST", "/snapshots")[1]["id"] != kept["id"]
    assert second.ask("POST", "/snapshots/none/restore")[0] == 404


def test_namespaces_are_those_of_the_store(pair: tuple[Desk, Desk]) -> None:
    first, second = pair
    first.api.send(url=f"/~t1{LIST}")
    assert second.get("/namespaces") == first.get("/namespaces")
    assert "t1" in {space["name"] for space in second.get("/namespaces")["namespaces"]}
    assert second.ask("DELETE", "/namespaces/t1")[0] == 200
    assert second.ask("DELETE", "/namespaces/t1")[0] == 404
    assert first.api.send("GET", f"/~t1{LIST}", json=UNSENT).json["total"] == 0
    assert first.get("/calls", namespace="t1")["total"] == 1


def test_an_answer_that_waits_is_released_by_the_other(pair: tuple[Desk, Desk]) -> None:
    first, second = pair
    stub = {
        "request": {"urlPath": "/slow"},
        "response": {"status": 200},
        "metadata": {"mockserver": {"hold": True}},
    }
    _, made = first.ask("POST", "/mappings", stub)
    exchange = first.engine.begin(ask("GET", "/slow"))
    assert exchange.waiting is not None
    released = threading.Event()
    exchange.waiting.on_release(released.set)
    assert second.get("/calls")["calls"][0]["state"] == "in_flight"
    assert not released.is_set()
    assert second.post(f"/mappings/{made['id']}/release", {}) == {"released": 1}
    # Nobody asks the first server for anything: it hears of it by itself.
    assert released.wait(20)
    exchange.finish("answered")
    assert second.get("/calls")["calls"][0]["state"] == "answered"
    assert second.post(f"/mappings/{made['id']}/release", {}) == {"released": 0}


def test_an_idempotency_key_in_flight_with_one_is_a_conflict_with_the_other(pair: tuple[Desk, Desk]) -> None:
    first, second = pair
    first.ask("POST", "/settings", {"fixedDelay": 50})
    headers = {"Idempotency-Key": "k"}
    exchange = first.engine.begin(ask(headers=headers))
    assert second.api.send(headers=headers).outcome == (409, "idempotency_conflict")
    exchange.finish("answered")
    again = second.api.send(headers=headers)
    assert (again.status, again.reason) == (201, "replayed")
    assert again.body == exchange.response.body


def test_who_waits_for_a_count_hears_of_calls_to_the_other(pair: tuple[Desk, Desk]) -> None:
    first, second = pair
    question = {"pattern": {"operation": "createApiKey"}, "count": 3, "timeoutMillis": 20_000}
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(first.ask, "POST", "/requests/wait-for-count", question)
        for _ in range(3):
            second.api.send()
        status, found = waiting.result(30)
    assert (status, found["count"]) == (200, 3)


def test_a_client_that_left_is_noted_after_all(pair: tuple[Desk, Desk]) -> None:
    first, second = pair
    exchange = first.engine.begin(ask())
    exchange.finish("disconnected", "client_disconnected")
    exchange.finish("answered")
    (call,) = second.get("/calls")["calls"]
    assert (call["state"], call["reason"]) == ("disconnected", "client_disconnected")
    assert second.get("/calls?reason=client_disconnected")["total"] == 1
    assert first.get("/calls?reason=created")["total"] == 0


def test_calls_are_forgotten_and_removed_by_both(pair: tuple[Desk, Desk]) -> None:
    first, second = pair
    for _ in range(3):
        first.api.send()
    id = first.get("/calls")["calls"][1]["id"]
    assert second.ask("DELETE", f"/requests/{id}")[0] == 200
    assert [call["number"] for call in first.get("/calls")["calls"]] == [1, 3]
    first.ask("DELETE", "/requests")
    assert second.get("/calls") == {"calls": [], "total": 0, "evicted": 0}
    second.api.send()
    assert first.get("/calls")["calls"][0]["number"] == 1


def test_servers_under_threads_lose_nothing(start: OpenDesk) -> None:
    desks = [start() for _ in range(3)]
    desks[0].ask("POST", "/queue", {"operation": "createApiKey", "outcomes": [{"status": 500, "times": 3}]})

    def send(number: int) -> tuple[int, str | None]:
        answer = desks[number % 3].api.send(json={**BODY, "name": f"key {number % 10}"})
        return answer.status, answer.key if answer.status == 201 else None

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(60)))
    assert [status for status, _ in answers].count(500) == 3
    issued = [key for _, key in answers if key is not None]
    assert len(issued) == len(set(issued)) == 57
    for number, desk in enumerate(desks):
        calls = desk.get("/calls")["calls"]
        assert [call["number"] for call in calls] == list(range(1, 61 + number))
        assert desk.api.send("GET", f"{LIST}&limit=100", json=UNSENT).json["total"] == 57


def test_a_log_is_cut_and_the_state_stays(start: OpenDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockserver.state.ledger.CUT_BYTES", 20_000)
    first = start()
    first.ask("POST", "/mappings", {"request": {"urlPath": "/x"}, "response": {"status": 503}})
    headers = {"Idempotency-Key": "k"}
    answer = first.api.send(headers=headers)
    for number in range(40):
        first.api.send(json={**BODY, "name": f"key {number}"})
        first.api.send("GET", "/x", json=UNSENT)
        for thread in threading.enumerate():
            if thread.name == "mockserver-snapshot":
                thread.join()
    (stored,) = [found for found in first.engine.store.list() if found.name == "default"]
    assert stored.records < 60
    second = start()
    assert second.get("/calls") == first.get("/calls")
    assert second.get("/coverage") == first.get("/coverage")
    assert second.get("/mappings") == first.get("/mappings")
    assert second.api.send(headers=headers).body == answer.body
    assert second.get("/namespaces") == first.get("/namespaces")


def test_a_call_that_is_under_way_when_files_are_read_anew_is_recorded_as_answered(
    start: OpenDesk, sources: Sources
) -> None:
    desk = start()
    desk.ask(
        "POST", "/mappings", {"request": {"urlPath": "/x"}, "response": {"fixedDelayMilliseconds": 60_000}}
    )
    desk.api.send("GET", LIST, json=UNSENT)
    exchange = desk.engine.begin(ask("GET", "/x"))
    renew(desk.engine, sources)
    assert [call["state"] for call in desk.get("/calls")["calls"]] == ["answered", "in_flight"]
    exchange.finish("answered")
    calls = desk.get("/calls")["calls"]
    assert [(call["number"], call["state"]) for call in calls] == [(1, "answered"), (2, "answered")]
    assert calls[1]["durationMs"] is not None
    assert start().get("/calls") == desk.get("/calls")


@pytest.mark.parametrize("cut_bytes", [4_000_000, 1])
def test_files_that_change_between_two_starts_are_followed_whether_the_log_was_cut_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_bytes: int
) -> None:
    settings = SETTINGS.with_changes({"store": f"sqlite:{tmp_path / 'state.db'}", "fixtures": str(tmp_path)})
    (tmp_path / "stubs").mkdir()

    def start(*stubs: tuple[str, str, int | None]) -> Api:
        mappings = [
            {
                "id": id,
                "request": {"urlPath": f"/{id}"},
                "response": {"jsonBody": {"v": text}},
                "metadata": {"mockserver": {"times": times}},
            }
            for id, text, times in stubs
        ]
        (tmp_path / "stubs" / "all.json").write_text(json.dumps({"mappings": mappings}))
        return engine_api(build_engine(settings))

    def ask(api: Api, id: str) -> Any:
        answer = api.send("GET", f"/{id}", json=UNSENT)
        for thread in threading.enumerate():
            if thread.name == "mockserver-snapshot":
                thread.join()
        return answer.json.get("v")

    monkeypatch.setattr("mockserver.state.ledger.CUT_BYTES", cut_bytes)
    first = start(("same", "1", None), ("changed", "1", None), ("gone", "1", None), ("twice", "1", 2))
    assert [ask(first, id) for id in ("same", "changed", "gone", "twice")] == ["1"] * 4
    mine = {"request": {"urlPath": "/mine"}, "response": {"jsonBody": {"v": "m"}}}
    Desk(first.engine).ask("POST", "/mappings", mine)
    assert ask(first, "mine") == "m"
    first.engine.namespaces.close()
    second = start(("same", "1", None), ("changed", "2", None), ("twice", "1", 2), ("new", "2", 1))
    assert [ask(second, id) for id in ("same", "changed", "gone", "mine")] == ["1", "2", None, "m"]
    assert [ask(second, id) for id in ("twice", "twice", "new", "new")] == ["1", None, "2", None]
    second.engine.namespaces.close()


def test_evicted_calls_are_counted_after_a_restart(start: OpenDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockserver.state.ledger.CUT_BYTES", 20_000)
    first = start()
    for namespace in (first.engine.namespaces.default,):
        namespace.journal._limit = 5
    for number in range(30):
        first.api.send(json={**BODY, "name": f"key {number}"})
        for thread in threading.enumerate():
            if thread.name == "mockserver-snapshot":
                thread.join()
    second = start()
    assert second.get("/calls?status=201")["total"] == 30
    assert first.get("/calls?status=201")["total"] == 30


def test_what_a_dead_process_left_on_its_way_is_over(
    sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start() -> Desk:
        store = SqliteStore(tmp_path / "state.db")
        return Desk(assemble(sources.contract, sources.rules, sources.fixtures, SETTINGS, store=store))

    monkeypatch.setattr(SqliteStore, "owner", "4194305-1")
    first = start()
    first.ask("POST", "/settings", {"fixedDelay": 50})
    headers = {"Idempotency-Key": "k"}
    exchange = first.engine.begin(ask(headers=headers))
    monkeypatch.undo()
    second = start()
    again = second.api.send(headers=headers)
    assert again.reason == "replayed"
    assert again.body == exchange.response.body
    states = [call["state"] for call in second.get("/calls")["calls"]]
    assert states == ["disconnected", "answered"]
    for desk in (first, second):
        desk.engine.namespaces.close()


def test_a_namespace_that_makes_room_is_read_again_and_counted_once(start: OpenDesk) -> None:
    desk = start()
    desk.engine.namespaces._limit = 3
    for number in range(6):
        desk.api.send(url=f"/~t{number}{LIST}")
    assert len(desk.engine.namespaces.loaded) == 3
    (operation,) = [
        item for item in desk.get("/coverage?all=true")["operations"] if item["operation"] == "createApiKey"
    ]
    assert {item["status"]: item["hits"] for item in operation["statuses"]}[201] == 6
    assert desk.get("/calls", namespace="t0")["total"] == 1


# What is done at once holds nobody: it raises TakesLong, and is done again elsewhere.

MANY = [{"request": {"urlPath": f"/many/{number}"}, "response": {"status": 200}} for number in range(200)]
TURNS = Turns(is_shared=True, is_remote=False)


def test_what_is_still_to_be_read_is_not_read_at_once(start: OpenDesk) -> None:
    start().api.send()
    desk = start()
    for _ in range(2):
        with pytest.raises(TakesLong, match="still to be read"):
            TURNS.at_once(desk.api.send)
    assert desk.get("/calls")["total"] == 1
    assert TURNS.at_once(desk.api.send).status == 201
    assert [call["number"] for call in desk.get("/calls")["calls"]] == [1, 2]


def test_a_namespace_that_is_in_use_is_waited_for_a_moment_and_no_longer(
    start: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = start()
    desk.api.send()
    waits: list[float] = []

    class InUse:
        def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
            waits.append(timeout)
            return False

    namespace = desk.engine.namespaces.default
    assert isinstance(namespace, StoredNamespace)
    with monkeypatch.context() as changes, pytest.raises(TakesLong, match="in use"):
        changes.setattr(namespace._ledger, "_lock", InUse())
        TURNS.at_once(desk.api.send)
    assert waits == [MOMENT_SECONDS]


def test_little_that_others_wrote_is_read_at_once_and_much_is_not(pair: tuple[Desk, Desk]) -> None:
    first, second = pair
    for desk in pair:
        desk.api.send()
    for _ in range(3):
        assert TURNS.at_once(first.api.send).status == 201
        assert TURNS.at_once(second.api.send).status == 201
    first.post("/mappings/import", {"mappings": MANY})
    with pytest.raises(TakesLong, match="others have written much"):
        TURNS.at_once(lambda: second.api.send("GET", "/many/7", json=UNSENT))
    for number in (7, 8):
        assert second.api.send("GET", f"/many/{number}", json=UNSENT).status == 200
    assert TURNS.at_once(second.api.send).status == 201
    calls = first.get("/calls")["calls"]
    assert [call["number"] for call in calls] == list(range(1, 12)), "each is recorded once"


def test_a_namespace_that_a_thread_uses_is_not_waited_for(start: OpenDesk) -> None:
    desk = start()
    desk.api.send()
    with ThreadPoolExecutor(1) as pool, desk.namespace.lock:
        asked = pool.submit(TURNS.at_once, desk.api.send)
        assert isinstance(asked.exception(20), TakesLong)
    assert TURNS.at_once(desk.api.send).status == 201
    assert desk.get("/calls")["total"] == 2


def test_after_new_fixtures_all_is_read_again_and_not_at_once(start: OpenDesk, sources: Sources) -> None:
    desk = start()
    desk.api.send()
    with ThreadPoolExecutor(1) as pool, desk.namespace.lock:
        pool.submit(renew, desk.engine, sources).result(20)
    with pytest.raises(TakesLong):
        TURNS.at_once(desk.api.send)
    assert desk.api.send().status == 201
    assert desk.get("/calls")["total"] == 2


@pytest.mark.parametrize("begins_again", [False, True], ids=["restore", "beginning"])
def test_a_server_that_ends_reads_no_more_stubs_and_all_of_them_once_it_is_back(
    start: OpenDesk, monkeypatch: pytest.MonkeyPatch, begins_again: bool
) -> None:
    desk = start()
    desk.post("/mappings/import", {"mappings": MANY})
    listed = desk.get("/mappings")
    _, kept = desk.ask("POST", "/snapshots")
    work = ("GET", "/mappings")
    if begins_again:
        desk = start()
    else:
        desk.ask("DELETE", "/mappings")
        work = ("POST", f"/snapshots/{kept['id']}/restore")
    count = 0

    def read(*arguments: Any, **more: Any) -> Stub:
        nonlocal count
        count += 1
        if count == 3:
            desk.engine.namespaces.close()
        return read_stub(*arguments, **more)

    monkeypatch.setattr("mockserver.engine.engine.read_stub", read)
    status, answer = desk.ask(*work)
    assert (status, count) == (503, 3)
    assert "the server has ended" in answer["errors"][0]["title"]
    desk.engine.namespaces.open()
    assert desk.get("/mappings") == listed == start().get("/mappings")


# What a store that does not answer means.


class Unreliable:
    """A store that can be made to fail, before or after it has done what it was asked for."""

    kind, owner, is_shared, is_remote = "memory", "one", True, False

    def __init__(self) -> None:
        self.inner = MemoryStore(is_shared=True)
        self.fails: str | None = None

    def __getattr__(self, name: str) -> Any:
        act = getattr(self.inner, name)

        def ask(*arguments: Any) -> Any:
            if self.fails == "before":
                raise StoreUnavailable("away")
            done = act(*arguments)
            if self.fails == "after" and name == "append":
                raise StoreUnavailable("lost")
            return done

        return ask


@pytest.fixture
def unreliable(sources: Sources) -> tuple[Unreliable, Desk]:
    store: Any = Unreliable()
    return store, Desk(assemble(sources.contract, sources.rules, sources.fixtures, SETTINGS, store=store))


def test_while_the_store_is_away_nothing_happens(unreliable: tuple[Unreliable, Desk]) -> None:
    store, desk = unreliable
    first = desk.api.send()
    desk.ask("POST", "/queue", {"operation": "createApiKey", "outcomes": [500]})
    store.fails = "before"
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="away"):
            desk.api.send()
    assert desk.ask("GET", "/calls")[0] == 503
    status, health = desk.ask("GET", "/health")
    assert (status, health["status"], health["message"]) == (503, "unhealthy", "away")
    assert health["store"] == {"kind": "memory", "ok": False}
    store.fails = None
    assert desk.get("/health")["store"] == {"kind": "memory", "ok": True}
    assert [desk.api.send().status for _ in range(2)] == [500, 201]
    assert len(keys(desk)) == 2
    assert keys(desk)[0]["id"] == first.json["data"]["id"]


def test_an_append_of_which_nobody_knows_is_read_and_not_done_twice(
    unreliable: tuple[Unreliable, Desk],
) -> None:
    store, desk = unreliable
    store.fails = "after"
    with pytest.raises(StoreUnavailable):
        desk.api.send()
    store.fails = None
    assert [call["number"] for call in desk.get("/calls")["calls"]] == [1]
    assert desk.api.send().status == 201
    assert len(keys(desk)) == 2


def test_an_end_that_cannot_be_recorded_is_said_and_no_more(
    unreliable: tuple[Unreliable, Desk], caplog: pytest.LogCaptureFixture
) -> None:
    store, desk = unreliable
    desk.ask("POST", "/settings", {"fixedDelay": 5})
    exchange = desk.engine.begin(ask())
    store.fails = "before"
    exchange.finish("answered")
    assert "is not recorded: away" in caplog.text


@pytest.mark.parametrize(
    "record",
    [b"", b"\x80\x04N.", b"[]", b"[1]", b"[1,{}]", b"[2,[]]", b'[1,[["nothing","a",1]]]',
     b'[1,[["call",[1]]]]', b'[1,[["items","a",[1]]]]', b'[1,["items"]]',
     b'[1,[["buckets","zz",[1,2,3,4]]]]'],
    ids=range(11),
)  # fmt: skip
def test_a_record_that_cannot_be_read_is_an_error_until_it_is_removed(
    unreliable: tuple[Unreliable, Desk], record: bytes
) -> None:
    store, desk = unreliable
    assert isinstance(store.inner.append("t1", NEW, record), Version)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="a record of 't1' that cannot be read"):
            desk.api.send(url=f"/~t1{LIST}")
    assert desk.api.send().status == 201
    store.inner.remove("t1")
    assert desk.api.send(url=f"/~t1{LIST}").status == 201


# What is written.


def test_no_secret_is_written(sources: Sources, tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    desk = Desk(
        assemble(sources.contract, sources.rules, sources.fixtures, SETTINGS, store=SqliteStore(path))
    )
    created = desk.api.send(key="sk_test_local_secret_of_a_caller", headers={"Idempotency-Key": "k"})
    desk.api.send("GET", LIST, json=UNSENT, key=created.key)
    desk.api.send("GET", f"{LIST}&note=sk_test_in_the_query_12345678", json=UNSENT)
    desk.ask("POST", "/snapshots")
    desk.engine.namespaces.close()
    written = b"".join(part.read_bytes() for part in tmp_path.iterdir())
    assert b"acct_1" in written
    for secret in (
        created.key,
        "sk_test_local_secret_of_a_caller",
        "sk_test_in_the_query_12345678",
        "k-123456",
    ):
        assert secret is not None
        assert secret.encode() not in written


def test_an_answer_of_another_seed_is_forgotten(sources: Sources) -> None:
    store = MemoryStore(is_shared=True)
    first = Desk(assemble(sources.contract, sources.rules, sources.fixtures, SETTINGS, store=store))
    answer = first.api.send(headers={"Idempotency-Key": "k"})
    other = SETTINGS.with_changes({"seed": "another"})
    second = Desk(assemble(sources.contract, sources.rules, sources.fixtures, other, store=store))
    again = second.api.send(headers={"Idempotency-Key": "k"})
    assert (again.status, again.reason) == (201, "created")
    assert again.key != answer.key


def test_a_call_appends_one_record(start: OpenDesk) -> None:
    desk = start()
    desk.api.send(headers={"Idempotency-Key": "k"})
    (stored,) = [found for found in desk.engine.store.list() if found.name == "default"]
    assert stored.version.number == 1
    keys(desk)
    desk.get("/calls")
    assert desk.engine.store.list()[0].version.number == 2
    assert isinstance(desk.engine.namespaces.default, StoredNamespace)


def test_numbers_are_kept_as_they_were_written(pair: tuple[Desk, Desk]) -> None:
    first, second = pair
    numbers = (b"1234567890123456.78", b"10.50", b"123456789012345678901")
    text = b'{"name":"n","permissions":{},"metadata":{"a":%b,"b":%b,"c":%b}}' % numbers
    created = first.api.send(body=text, headers={"Content-Type": "application/json"})
    assert created.status == 201
    for desk in pair:
        listed = desk.api.send("GET", LIST, json=UNSENT).body
        assert all(number in listed for number in numbers)
    stub = b'{"request":{"urlPath":"/n"},"response":{"status":200,"jsonBody":{"n":10.50}}}'
    second.control.begin("POST", "/mappings", "", stub)
    answers = [desk.api.send("GET", "/n", json=UNSENT).body for desk in pair]
    assert answers == [b'{"n":10.50}'] * 2
    assert first.get("/calls") == second.get("/calls")


def test_a_request_that_did_not_arrive_whole_is_recorded_for_both(pair: tuple[Desk, Desk]) -> None:
    first, second = pair
    request = ask()
    first.engine.record_incomplete(first.engine.read_head(request), b"{", None)
    (call,) = second.get("/calls")["calls"]
    assert (call["state"], call["reason"]) == ("disconnected", "incomplete_request")


def test_a_log_that_cannot_be_cut_is_only_longer(
    unreliable: tuple[Unreliable, Desk], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("mockserver.state.ledger.CUT_BYTES", 1)
    store, desk = unreliable

    def fail(*arguments: object) -> None:
        raise StoreUnavailable("no room")

    monkeypatch.setattr(store.inner, "snapshot", fail)
    desk.engine.namespaces.default._ledger._cut_at = 1  # type: ignore[attr-defined]
    assert desk.api.send().status == 201
    for thread in threading.enumerate():
        if thread.name == "mockserver-snapshot":
            thread.join()
    assert "the log of default was not cut: no room" in caplog.text
    assert desk.api.send().status == 201


def test_who_waits_while_the_store_is_away_is_not_told_and_goes_on(
    unreliable: tuple[Unreliable, Desk], caplog: pytest.LogCaptureFixture
) -> None:
    store, desk = unreliable
    desk.api.send()
    desk.engine.namespaces.default.journal.listeners.add(lambda call: None)
    store.fails = "before"
    namespaces: Any = desk.engine.namespaces
    namespaces.catch_up()
    assert "away" in caplog.text
    store.fails = None
    namespaces.catch_up()


def test_what_another_version_wrote_and_this_one_cannot_serve_is_left_out(
    unreliable: tuple[Unreliable, Desk],
) -> None:
    store, desk = unreliable
    record = b'[1,[["stubs","s",[{"request":{"nothing":1}},1]],["facts","settings",{"nothing":1}]]]'
    assert isinstance(store.inner.append("t1", NEW, record), Version)
    assert desk.api.send(url=f"/~t1{LIST}").status == 201
    assert all(stub["id"] != "s" for stub in desk.get("/mappings", namespace="t1")["mappings"])


def test_a_first_look_that_fails_is_taken_again(
    unreliable: tuple[Unreliable, Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, desk = unreliable
    desk.ask("POST", "/settings", {"fixedDelay": 50})
    desk.engine.begin(ask())
    other = Desk(
        assemble(
            desk.engine.contract, desk.engine.rules, desk.engine.fixtures, SETTINGS, store=desk.engine.store
        )
    )

    def fail(owner: str) -> bool:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(store, "is_alive", fail)
        with pytest.raises(StoreUnavailable):
            other.api.send()
    monkeypatch.setattr(store, "is_alive", lambda owner: True)
    assert other.api.send().status == 201
    assert [call["number"] for call in other.get("/calls")["calls"]] == [1, 2]


def test_coverage_of_what_was_reset_is_counted_alike_by_all(start: OpenDesk) -> None:
    first, second = start(), start()
    first.api.send()
    first.ask("POST", "/reset")
    first.api.send(url=f"/~t1{LIST}")
    second.api.send()
    expected = first.get("/coverage?all=true")
    assert second.get("/coverage?all=true") == expected
    assert start().get("/coverage?all=true") == expected
    (operation,) = [item for item in expected["operations"] if item["operation"] == "createApiKey"]
    assert {item["status"]: item["hits"] for item in operation["statuses"]}[201] == 3
    first.ask("DELETE", "/namespaces/t1")
    assert first.get("/coverage?all=true") == expected
