"""Waiting for the real API in threads, so that no call of it stops the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from typing import TypeVar

Result = TypeVar("Result")


async def in_thread(work: Callable[[], Result]) -> Result:
    """Do some work that waits, in a thread that does not keep the process from ending."""
    future: Future[Result] = Future()
    # From here on it cannot be cancelled: a wait that is given up leaves the thread to itself.
    future.set_running_or_notify_cancel()
    # What is shown meanwhile has the fingerprints of this server.
    context = copy_context()

    def run() -> None:
        try:
            result = context.run(work)
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name="mockserver-upstream", daemon=True).start()
    return await asyncio.wrap_future(future)
