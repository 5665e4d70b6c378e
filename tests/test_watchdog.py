"""The watchdog notes a loop that stands still, and only that."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable

from mockserver.serving.uvicorn_server import ServerThread
from tests.doors import SETTINGS
from tests.watchdog import LONGEST, watching


def work(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def run_and_ask(server: ServerThread, act: Callable[..., object], *arguments: object) -> None:
    """Have the loop do something, and then what the watchdog asked for meanwhile."""
    loop = server._server._loop
    assert loop is not None
    loop.call_soon_threadsafe(act, *arguments)
    for _ in range(2):
        is_done = threading.Event()
        loop.call_soon_threadsafe(is_done.set)
        assert is_done.wait(60)


def test_a_loop_that_stands_still_is_noted_with_what_it_does() -> None:
    with ServerThread(SETTINGS) as server, watching(server) as watchdog:
        loop = server._server._loop
        assert loop is not None
        for _ in range(20):
            loop.call_soon_threadsafe(work, 0.01)
        run_and_ask(server, work, 3 * LONGEST)
        watchdog.stop()
        (found,) = watchdog.found
        assert "work" in found


def test_time_that_is_spent_on_garbage_is_left_out() -> None:
    def collect_for_long(phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            work(3 * LONGEST)

    with ServerThread(SETTINGS) as server, watching(server) as watchdog:
        # Behind the callback of the watchdog: the time passes within the collection.
        gc.callbacks.append(collect_for_long)
        try:
            run_and_ask(server, gc.collect)
        finally:
            gc.callbacks.remove(collect_for_long)
        watchdog.stop()
        assert watchdog.found == []
