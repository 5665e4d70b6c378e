"""The watchdog notes a loop that stands still, and only that."""

from __future__ import annotations

import threading
import time

from mockserver.serving.uvicorn_server import ServerThread
from tests.doors import SETTINGS
from tests.watchdog import LONGEST, watching


def work(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_a_loop_that_stands_still_is_noted_with_what_it_does() -> None:
    with ServerThread(SETTINGS) as server, watching(server) as watchdog:
        loop = server._server._loop
        assert loop is not None
        for _ in range(20):
            loop.call_soon_threadsafe(work, 0.01)
        is_done = threading.Event()
        loop.call_soon_threadsafe(work, 3 * LONGEST)
        loop.call_soon_threadsafe(is_done.set)
        assert is_done.wait(60)
        # What the watchdog asked for meanwhile comes behind that.
        is_asked = threading.Event()
        loop.call_soon_threadsafe(is_asked.set)
        assert is_asked.wait(60)
        watchdog.stop()
        (found,) = watchdog.found
        assert "work" in found
