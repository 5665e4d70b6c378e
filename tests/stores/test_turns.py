"""Turns: one namespace that has to wait for its store keeps no other waiting."""

from __future__ import annotations

import asyncio
import threading

import pytest

from mockserver.exceptions import TakesLong
from mockserver.stores.turns import Turns, is_at_once


def test_state_in_memory_is_used_in_the_loops_own_thread() -> None:
    turns = Turns(is_shared=False, is_remote=False)
    done: list[int] = []
    turns.defer(lambda: done.append(threading.get_ident()))
    assert asyncio.run(turns.run("t1", threading.get_ident)) == threading.get_ident()
    assert done == [threading.get_ident()]
    assert not turns.at_once(is_at_once), "nothing takes long"


def test_work_with_a_shared_store_is_done_in_another_thread() -> None:
    for is_remote in (False, True):
        turns = Turns(is_shared=True, is_remote=is_remote)
        assert asyncio.run(turns.run("t1", threading.get_ident)) != threading.get_ident()


def test_what_is_done_at_once_knows_it_and_nothing_after_it_does() -> None:
    turns = Turns(is_shared=True, is_remote=False)
    assert turns.at_once(lambda: (is_at_once(), threading.get_ident())) == (True, threading.get_ident())
    with pytest.raises(TakesLong):
        turns.at_once(take_long)
    assert not is_at_once()
    assert asyncio.run(turns.run("t1", is_at_once)) is False


def take_long() -> None:
    """Work that must not be done at once."""
    if is_at_once():
        raise TakesLong("much to read")


def test_deferred_work_is_done_at_once_unless_it_takes_long() -> None:
    turns = Turns(is_shared=True, is_remote=False)
    threads: list[int] = []

    def work() -> None:
        take_long()
        threads.append(threading.get_ident())

    assert turns.defer(lambda: threads.append(threading.get_ident())) is None
    assert threads == [threading.get_ident()]
    deferred = turns.defer(work)
    assert deferred is not None
    deferred.result(20)
    assert threads[1] != threading.get_ident()


def test_a_namespace_that_waits_keeps_no_other_waiting() -> None:
    turns = Turns(is_shared=True, is_remote=True)
    go_on = threading.Event()
    order: list[str] = []

    def wait() -> str:
        assert go_on.wait(20)
        order.append("t1, first")
        return "waited"

    def note(text: str) -> str:
        order.append(text)
        return text

    async def ask() -> list[str]:
        first = asyncio.create_task(turns.run("t1", wait))
        second = asyncio.create_task(turns.run("t1", lambda: note("t1, second")))
        for name in [f"t{number}" for number in range(2, 100)]:
            await turns.run(name, lambda: note("other"))
        assert order == ["other"] * 98
        go_on.set()
        return [await first, await second]

    assert asyncio.run(ask()) == ["waited", "t1, second"]
    assert order[98:] == ["t1, first", "t1, second"]


def test_what_work_raises_is_raised_where_it_is_awaited() -> None:
    turns = Turns(is_shared=True, is_remote=True)

    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(turns.run("t1", fail))


def test_deferred_work_is_done_in_another_thread() -> None:
    turns = Turns(is_shared=True, is_remote=True)
    done = threading.Event()
    turns.defer(done.set)
    assert done.wait(20)


def test_turns_outlive_a_loop() -> None:
    turns = Turns(is_shared=True, is_remote=True)
    for number in range(3):
        assert asyncio.run(turns.run("t1", lambda number=number: number)) == number  # type: ignore[misc]
