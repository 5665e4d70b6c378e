"""Leftovers: what nobody needs any more, and letting go of which takes long."""

from __future__ import annotations

import threading
import time
from typing import Any

# So many objects are let go at once: each may take some microseconds, with all that it holds.
_AT_ONCE = 500
_AT_A_TIME = 100


def let_go(items: list[Any]) -> None:
    """Empty a list: a long one some items at a time, in a thread, so that others have their turn in between.

    Nobody else may use the list any more.
    """
    if len(items) <= _AT_ONCE:
        items.clear()
    else:
        threading.Thread(target=_empty, args=(items,), name="mockserver-leftovers", daemon=True).start()


def _empty(items: list[Any]) -> None:
    while items:
        # Others first, those too who have just started this thread.
        time.sleep(0)
        del items[-_AT_A_TIME:]
