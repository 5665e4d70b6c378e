"""A watchdog: it notes when the event loop of a server stood still."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from mockserver.serving.uvicorn_server import ServerThread

# Seconds of processor time that may pass in the thread of the loop before it turns to something else. It is
# that and not the time of day, as other processes may have the machine.
LONGEST = 0.25
_PAUSE = 0.02


class Watchdog:
    """Asks a loop for a sign of life, again and again, in a thread. `found` is what the loop did instead."""

    def __init__(self, loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
        assert thread.ident is not None, "the thread runs"
        self._loop = loop
        self._ident = thread.ident
        self._clock = time.pthread_getcpuclockid(thread.ident)
        self._is_over = threading.Event()
        self.found: list[str] = []
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._is_over.wait(_PAUSE):
            alive = threading.Event()
            # Read by the loop itself: this thread may come to it late.
            signs: list[float] = []
            self._loop.call_soon_threadsafe(_give_sign, signs, alive)
            begin = time.clock_gettime(self._clock)
            stack = ""
            while not alive.wait(_PAUSE) and not self._is_over.is_set():
                if not stack and time.clock_gettime(self._clock) - begin > LONGEST:
                    stack = "".join(traceback.format_stack(sys._current_frames().get(self._ident)))
            if signs and signs[0] - begin > LONGEST:
                self.found.append(stack)

    def stop(self) -> None:
        """Watch no more."""
        self._is_over.set()
        self._thread.join()


def _give_sign(signs: list[float], alive: threading.Event) -> None:
    signs.append(time.thread_time())
    alive.set()


@contextmanager
def watching(server: ServerThread) -> Iterator[Watchdog]:
    """Watch the loop of a server that runs."""
    loop = server._server._loop
    assert loop is not None, "the server has started"
    watchdog = Watchdog(loop, server._thread)
    try:
        yield watchdog
    finally:
        watchdog.stop()
