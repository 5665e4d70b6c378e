"""Turns: how an event loop waits for a store without keeping others waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar
from weakref import WeakValueDictionary

Result = TypeVar("Result")

# So many namespaces may wait for their store at the same time.
_THREADS = 64


class Turns:
    """Runs work that uses a store: at once, or where that is remote in a thread.

    What belongs to one namespace takes turns, so that one that has to wait holds one thread and not all.
    """

    def __init__(self, *, is_remote: bool) -> None:
        self.is_remote = is_remote
        self._pool = ThreadPoolExecutor(_THREADS, "mockserver-turn") if is_remote else None
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

    def defer(self, work: Callable[[], object]) -> None:
        """Do some work that nobody waits for."""
        if self._pool is None:
            work()
        else:
            self._pool.submit(copy_context().run, work)
