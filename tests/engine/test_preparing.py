"""Preparing: what is found out about a call before it is one never decides anything."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mockserver.engine.engine import FEW_STUBS, Engine
from mockserver.engine.exchange import Exchange
from mockserver.engine.passing import Passage
from mockserver.messages import Request, build_request
from mockserver.request.head import Head
from mockserver.scripting.differences import Difference
from mockserver.scripting.matchers import RequestMatcher
from mockserver.scripting.subjects import Subject
from mockserver.serving.building import build_engine
from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings
from tests.desk import Desk
from tests.doors import socket_api
from tests.stores.servers import RedisServer

MANY = FEW_STUBS + 10


def contested(number: int) -> dict[str, Any]:
    """A stub for `/x`, and a body that no request has."""
    return {
        "request": {"urlPath": "/x", "bodyPatterns": [{"contains": f"z{number}"}]},
        "response": {"status": 500},
    }


def add(desk: Desk, **stub: Any) -> str:
    mapping = {"request": {"urlPath": "/x"}, "response": {"status": 200}, **stub}
    status, made = desk.ask("POST", "/mappings", mapping)
    assert status == 201
    return str(made["id"])


@pytest.fixture
def crowded(desk: Desk) -> Desk:
    """Many stubs for one URL that fit nothing, and one older that does."""
    add(desk)
    desk.post("/mappings/import", {"mappings": [contested(number) for number in range(MANY)]})
    return desk


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """In which threads matchers were asked."""
    threads: list[str] = []
    real = RequestMatcher.differences

    def differences(matcher: RequestMatcher, subject: Subject) -> Iterator[Difference]:
        threads.append(threading.current_thread().name)
        return real(matcher, subject)

    monkeypatch.setattr(RequestMatcher, "differences", differences)
    yield threads


def read(engine: Engine) -> Head:
    return engine.read_head(build_request("POST", "/x", json={}))


def finish(found: Exchange | Passage) -> tuple[int, str]:
    assert isinstance(found, Exchange)
    found.finish("answered")
    return found.response.status, found.call.reason


def test_what_is_prepared_is_not_asked_again(crowded: Desk, asked: list[str]) -> None:
    engine = crowded.engine
    head = read(engine)
    assert engine.is_contested(head)
    prepared = engine.prepare(head, b"{}", None)
    assert len(asked) == MANY + 1
    assert not len(crowded.journal)
    assert finish(engine.admit(head, b"{}", None, prepared)) == (200, "stub")
    assert len(asked) == MANY + 1


def test_a_stub_that_came_meanwhile_answers(crowded: Desk) -> None:
    engine = crowded.engine
    prepared = engine.prepare(read(engine), b"{}", None)
    add(crowded, response={"status": 202})
    assert finish(engine.admit(read(engine), b"{}", None, prepared)) == (202, "stub")


def test_a_stub_that_went_meanwhile_does_not_answer(crowded: Desk) -> None:
    engine = crowded.engine
    prepared = engine.prepare(read(engine), b"{}", None)
    crowded.ask("DELETE", "/mappings")
    assert finish(engine.admit(read(engine), b"{}", None, prepared))[0] == 404


def test_a_clock_that_was_put_elsewhere_meanwhile_is_asked_anew(desk: Desk) -> None:
    engine = desk.engine
    desk.ask("PUT", "/clock", {"mode": "frozen", "now": "2026-01-01T00:00:00Z"})
    add(desk, request={"urlPath": "/x", "headers": {"X-Time": {"before": "now"}}})
    request = build_request("POST", "/x", headers={"X-Time": "2026-06-01T00:00:00Z"}, json={})
    head = engine.read_head(request)
    prepared = engine.prepare(head, b"{}", None)
    assert finish(engine.admit(head, b"{}", None, prepared))[0] == 404
    desk.ask("PUT", "/clock", {"advanceSeconds": 365 * 86_400})
    assert finish(engine.admit(head, b"{}", None, prepared))[0] == 200


def test_few_stubs_are_asked_at_once(desk: Desk) -> None:
    desk.ask("DELETE", "/mappings")
    many = [{"request": {"urlPath": f"/{number}"}, "response": {"status": 200}} for number in range(MANY)]
    desk.post("/mappings/import", {"mappings": many})
    add(desk)
    desk.api.send(url="/x")
    assert not desk.engine.is_contested(read(desk.engine))


def test_many_are_asked_where_a_header_comes_again_and_again(desk: Desk) -> None:
    desk.ask("DELETE", "/mappings")
    many = [
        {"request": {"urlPath": "/x", "headers": {"X-A": {"equalTo": str(number)}}}} for number in range(MANY)
    ]
    desk.post("/mappings/import", {"mappings": many})

    def is_contested(count: int) -> bool:
        values = tuple((b"x-a", b"%d" % number) for number in range(count))
        head = desk.engine.read_head(Request("GET", "/x", "", values, b"", None))
        return desk.engine.is_contested(head)

    assert [is_contested(count) for count in (1, 2, 64, 65)] == [False, False, False, True]


def test_whoever_holds_the_namespace_is_not_waited_for(crowded: Desk) -> None:
    crowded.ask("DELETE", "/mappings")
    crowded.post("/mappings/import", {"mappings": [{"request": {"urlPath": f"/{n}"}} for n in range(MANY)]})
    with ThreadPoolExecutor(1) as pool, crowded.namespace.lock:
        assert pool.submit(crowded.engine.is_contested, read(crowded.engine)).result(20)


def test_the_loop_asks_no_stub_where_many_may_answer(server: ServerThread, asked: list[str]) -> None:
    desk = Desk(server.engine)
    add(desk)
    desk.post("/mappings/import", {"mappings": [contested(number) for number in range(MANY)]})
    asked.clear()
    with socket_api(server) as api:
        for _ in range(2):
            assert api.send(url="/x", json={}).status == 200
    assert len(asked) == 2 * (MANY + 1)
    assert {name.rpartition("_")[0] for name in asked} == {"mockserver-reading"}


def test_finding_and_using_a_contested_stub_is_one_step(server: ServerThread) -> None:
    desk = Desk(server.engine)
    add(desk, response={"status": 202}, metadata={"mockserver": {"times": 3}})
    desk.post("/mappings/import", {"mappings": [contested(number) for number in range(MANY)]})

    def send(_: int) -> int:
        with socket_api(server) as api:
            return api.send(url="/x", json={}).status

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(send, range(16))) == [202] * 3 + [404] * 13


def test_what_fails_while_it_is_prepared_fails_as_any_other_call(
    server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(server.engine)
    desk.post("/mappings/import", {"mappings": [contested(number) for number in range(MANY)]})

    def fail(matcher: RequestMatcher, subject: Subject) -> Iterator[Difference]:
        raise ZeroDivisionError

    monkeypatch.setattr(RequestMatcher, "differences", fail)
    with socket_api(server) as api:
        assert api.send(url="/x", json={}).outcome == (500, "mock_failure")
    assert desk.last_call.reason == "mock_failure"


def test_with_a_store_elsewhere_stubs_are_asked_in_turn(redis_server: RedisServer, asked: list[str]) -> None:
    engine = build_engine(Settings(store=redis_server.url))
    desk = Desk(engine)
    desk.post("/mappings/import", {"mappings": [contested(number) for number in range(MANY)]})
    asked.clear()
    prepared = engine.prepare(read(engine), b"{}", None)
    assert (prepared.trial, asked) == (None, [])
    assert finish(engine.admit(read(engine), b"{}", None, prepared))[0] == 404
    engine.namespaces.close()
