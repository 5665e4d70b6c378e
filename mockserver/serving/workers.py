"""Workers: several processes that answer on one socket, and one that watches over them.

The contract is read once and the process forked; each worker opens the store for itself. The watching process
takes the signals. A worker that ends unasked is replaced.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from mockserver.exceptions import MockFailure, SettingsError
from mockserver.settings import Settings

logger = logging.getLogger("mockserver")

# A worker that is asked to end gets so many seconds.
SECONDS_TO_END = 5.0
# After so many workers in a row that end before they serve, there is no use in another.
MOST_STILLBORN = 5
# What a worker does: it calls what it is given once it serves, and returns when it is asked to end.
Work = Callable[[Callable[[], None]], None]


@contextlib.contextmanager
def share_state(settings: Settings) -> Iterator[Settings]:
    """Settings with a store that processes can share: in place of memory a file for as long as they serve."""
    if settings.store != "memory":
        yield settings
        return
    folder = Path(tempfile.mkdtemp(prefix="mockserver-"))
    try:
        yield replace(settings, store=f"sqlite:{folder / 'state.db'}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Workers:
    """`count` processes that do some work."""

    def __init__(self, count: int, work: Work) -> None:
        if not hasattr(os, "fork"):
            raise SettingsError("--workers needs a system that can fork; start one server without it")
        self._count = count
        self._work = work
        self._living: set[int] = set()
        self._serving: set[int] = set()
        self._stillborn = 0
        self._is_ending = False
        # Workers tell their number once they serve. They end when the other pipe does: with this process.
        self._told, self._tell = os.pipe()
        self._end_of_life, self._life = os.pipe()

    def run(self, on_started: Callable[[], None]) -> None:
        """Work until SIGINT, SIGTERM or SIGHUP. `on_started` is called once all workers serve.

        Raises MockFailure where workers end before they serve.
        """
        asked, wake = os.pipe()
        os.set_blocking(wake, False)
        is_started = False
        with _on_signals(lambda number: _write(wake, b"!")):
            try:
                for _ in range(self._count):
                    self._start_one(close=(asked, wake))
                while not self._is_ending:
                    ready, _, _ = select.select([asked, self._told], [], [], 0.1)
                    if self._told in ready:
                        self._note_started()
                    if asked in ready:
                        self._is_ending = True
                    else:
                        self._replace_dead(close=(asked, wake))
                    if not is_started and len(self._serving) >= self._count:
                        is_started = True
                        on_started()
            finally:
                self._is_ending = True
                self._end_all()
                for pipe in (asked, wake, self._told, self._tell, self._end_of_life, self._life):
                    os.close(pipe)

    def _start_one(self, *, close: tuple[int, ...]) -> None:
        number = os.fork()
        if number:
            self._living.add(number)
            return
        self._be_one(close)  # pragma: no cover - coverage does not follow a fork

    def _be_one(self, close: tuple[int, ...]) -> NoReturn:  # pragma: no cover - see above
        """The worker. Nothing that follows the fork in the other process may happen in it."""
        status = 1
        try:
            for pipe in (*close, self._told, self._life):
                os.close(pipe)
            for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(name) is not signal.SIG_IGN:
                    signal.signal(name, signal.SIG_DFL)
            threading.Thread(target=self._end_with_the_other, name="mockserver-life", daemon=True).start()
            self._work(lambda: _write(self._tell, b"%10d" % os.getpid()))
            status = 0
        except BaseException:
            logger.exception("a worker failed")
        finally:
            for handler in logger.handlers:
                handler.flush()
            os._exit(status)

    def _end_with_the_other(self) -> None:  # pragma: no cover - see above
        os.read(self._end_of_life, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def _note_started(self) -> None:
        told = os.read(self._told, 10 * self._count)
        self._serving |= {int(told[start : start + 10]) for start in range(0, len(told), 10)}
        self._stillborn = 0

    def _replace_dead(self, *, close: tuple[int, ...]) -> None:
        for number, status in self._reap():
            if number not in self._serving:
                self._stillborn += 1
            self._serving.discard(number)
            if self._stillborn >= MOST_STILLBORN:
                raise MockFailure("the workers end before they serve; what they log says why")
            how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit {status >> 8}"
            logger.warning("worker %d ended (%s); another takes its place", number, how)
            self._start_one(close=close)

    def _reap(self) -> list[tuple[int, int]]:
        """The workers that have ended since, each with how."""
        ended = []
        for number in tuple(self._living):
            found, status = os.waitpid(number, os.WNOHANG)
            if found:
                self._living.discard(number)
                ended.append((number, status))
        return ended

    def _end_all(self) -> None:
        """Ask all to end, and make them where they do not."""
        deadline = time.monotonic() + SECONDS_TO_END
        for number in self._living:
            _kill(number, signal.SIGTERM)
        while self._living and time.monotonic() < deadline:
            self._reap()
            time.sleep(0.01)
        for number in self._living:
            _kill(number, signal.SIGKILL)
            os.waitpid(number, 0)


def _kill(number: int, how: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(number, how)


def _write(pipe: int, text: bytes) -> None:
    with contextlib.suppress(OSError):
        os.write(pipe, text)


@contextlib.contextmanager
def _on_signals(act: Callable[[int], None]) -> Iterator[None]:
    """Have `act` called for each signal that asks to end. One that is ignored, as by nohup, stays so."""
    names = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    names = [name for name in names if signal.getsignal(name) is not signal.SIG_IGN]
    before = {name: signal.signal(name, lambda number, frame: act(number)) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
