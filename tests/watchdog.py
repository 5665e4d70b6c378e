"""A watchdog: it notes when the event loop of a server stood still."""

from __future__ import annotations

import asyncio
import gc
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
        # Seconds that the thread spent on garbage: most of it is not the server's but the tests'.
        self._collected = self._collection_began = 0.0
        gc.callbacks.append(self._note_collection)
        self.found: list[str] = []
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._is_over.wait(_PAUSE):
            alive = threading.Event()
            # Read by the loop itself: this thread may come to it late.
            signs: list[float] = []
            self._loop.call_soon_threadsafe(self._give_sign, signs, alive)
            begin = time.clock_gettime(self._clock) - self._collected
            stack = ""
            while not alive.wait(_PAUSE) and not self._is_over.is_set():
                if not stack and time.clock_gettime(self._clock) - self._collected - begin > LONGEST:
                    stack = "".join(traceback.format_stack(sys._current_frames().get(self._ident)))
            if signs and signs[0] - begin > LONGEST:
                self.found.append(stack)

    def _give_sign(self, signs: list[float], alive: threading.Event) -> None:
        signs.append(time.thread_time() - self._collected)
        alive.set()

    def _note_collection(self, phase: str, _: dict[str, int]) -> None:
        if threading.get_ident() != self._ident:
            return
        if phase == "start":
            self._collection_began = time.thread_time()
        else:
            self._collected += time.thread_time() - self._collection_began

    def stop(self) -> None:
        """Watch no more."""
        self._is_over.set()
        self._thread.join()
        if self._note_collection in gc.callbacks:
            gc.callbacks.remove(self._note_collection)


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
