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
            begin = time.clock_gettime(self._clock)
            self._loop.call_soon_threadsafe(alive.set)
            is_noted = False
            while not alive.wait(_PAUSE) and not self._is_over.is_set():
                if not is_noted and time.clock_gettime(self._clock) - begin > LONGEST:
                    is_noted = True
                    frame = sys._current_frames().get(self._ident)
                    self.found.append("".join(traceback.format_stack(frame)))

    def stop(self) -> None:
        """Watch no more."""
        self._is_over.set()
        self._thread.join()


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
