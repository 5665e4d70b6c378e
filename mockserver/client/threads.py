"""Threads for coroutines: what blocks runs in one, whichever event loop waits for it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

T = TypeVar("T")


def is_event_loop_running() -> bool:
    """Whether an event loop, asyncio's or trio's, runs in this thread."""
    if asyncio._get_running_loop() is not None:
        return True
    trio = sys.modules.get("trio")
    return trio is not None and bool(trio.lowlevel.in_trio_run())


async def run_in_thread(work: Callable[[], T]) -> T:
    """What `work` gives, without blocking the event loop, asyncio's or trio's.

    A coroutine that is cancelled leaves the thread to itself.
    """
    # A limiter of its own: waits are cheap, and one must not wait for the end of others.
    return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=anyio.CapacityLimiter(1))
