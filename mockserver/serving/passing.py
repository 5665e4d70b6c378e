"""Waiting for the real API in threads, so that no call of it stops the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

Result = TypeVar("Result")


async def in_thread(work: Callable[[], Result]) -> Result:
    """Do some work that waits, in a thread that does not keep the process from ending."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(set_it: Callable[[], object]) -> None:
        if not future.done():
            set_it()

    # What is shown meanwhile has the fingerprints of this server.
    context = copy_context()

    def run() -> None:
        try:
            result = context.run(work)
        except BaseException as error:
            failure = error
            act = lambda: settle(lambda: future.set_exception(failure))  # noqa: E731
        else:
            act = lambda: settle(lambda: future.set_result(result))  # noqa: E731
        try:
            loop.call_soon_threadsafe(act)
        except RuntimeError:
            # The loop is closed: nobody waits any more.
            return

    threading.Thread(target=run, name="mockserver-upstream", daemon=True).start()
    return await future
