"""Turns: how an event loop uses a store without keeping others waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import ParamSpec, TypeVar
from weakref import WeakValueDictionary

from mockserver.exceptions import TakesLong

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

# So many namespaces may wait for their store at the same time.
_THREADS = 64
# So long is waited in the loop for what others have in use: mostly they need a fraction of it. Without that,
# one call in a thread would send all others there.
MOMENT_SECONDS = 0.002
_IS_AT_ONCE: ContextVar[bool] = ContextVar("is_at_once", default=False)


def is_at_once() -> bool:
    """Whether this is done by `Turns.at_once`: what would hold the thread for long raises TakesLong."""
    return _IS_AT_ONCE.get()


class Turns:
    """Runs work that uses a store: in a thread where that is shared, since what it holds may take long to
    write and to read; in the loop where state is in memory only.

    What belongs to one namespace takes turns, so that one that has to wait holds one thread and not all.
    """

    def __init__(self, *, is_shared: bool, is_remote: bool) -> None:
        self.is_shared = is_shared
        self.is_remote = is_remote
        self._pool = ThreadPoolExecutor(_THREADS, "mockserver-turn") if is_shared else None
        self._locks: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()

    async def run(self, namespace: str, work: Callable[[], Result]) -> Result:
        """Do some work of a namespace; what it returns."""
        if self._pool is None:
            return work()
        loop = asyncio.get_running_loop()
        key = (id(loop), namespace)
        lock = self._locks.get(key)
        if lock is None:
            self._locks[key] = lock = asyncio.Lock()
        async with lock:
            return await loop.run_in_executor(self._pool, copy_context().run, work)

    def at_once(
        self, work: Callable[Arguments, Result], *args: Arguments.args, **more: Arguments.kwargs
    ) -> Result:
        """Do work that is short as a rule here and now, with a store that is not remote; what it returns.

        Raises TakesLong, and nothing has happened then, where others use the namespace at the moment or have
        written much to it: `run` does it then.
        """
        if self._pool is None:
            return work(*args, **more)
        token = _IS_AT_ONCE.set(True)
        try:
            return work(*args, **more)
        finally:
            _IS_AT_ONCE.reset(token)

    def defer(self, work: Callable[[], object]) -> Future[object] | None:
        """Do some work that need not be waited for. What is returned is done once it is; None: it is done."""
        if not self.is_remote:
            try:
                self.at_once(work)
                return None
            except TakesLong:
                pass
        assert self._pool is not None, "only a shared store takes long"
        return self._pool.submit(copy_context().run, work)
