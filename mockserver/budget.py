"""One budget of bytes for everything that a server remembers, over all its namespaces. The oldest makes room.

Calls, items, kept answers, counted requests and snapshots make room; stubs never do: they are refused where
they would take more than their part.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

DEFAULT_LIMIT = 96 * 1024 * 1024
# So many bytes, and so small a part of the rest, go in one transaction: each row that goes is written down.
SETTLED_AT_ONCE = 64 * 1024
_SETTLED_PART = 64


class Holder(Protocol):
    """What takes part in a budget. `bytes` is what it holds, `last_used` the budget's count when it last
    took in something."""

    bytes: int
    last_used: int

    def shrink(self, size: int) -> int:
        """Forget the oldest until the rest takes at most `size` bytes. The newest stays, unless that is 0.

        Called for any holder from within any other, so it does nothing where somebody else is at work.
        Returns the bytes that are held now; `size`, where somebody else is at work.
        """
        ...


class ByteBudget:
    """The bytes that all holders share. When they are used up, the largest holders shrink, a sixteenth of the
    whole at once; where none has more than one thing, those that were not used for longest.

    So what a call pays for it does not depend on how many holders there are.
    """

    __slots__ = ("_holders", "_lock", "limit", "pinned", "slack", "used", "uses")

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.limit = limit
        # Holders add to these under locks of their own: `relieve` sets right what a race may lose.
        self.used = 0
        self.pinned = 0
        self.uses = 0
        # So far beyond the limit `relieve` is worth its while: not at every call where little makes room now.
        self.slack = 0
        self._lock = threading.Lock()
        self._holders: dict[Holder, None] = {}

    def join(self, holder: Holder) -> None:
        """A holder takes part."""
        with self._lock:
            self._holders[holder] = None

    def leave(self, holder: Holder) -> None:
        """A holder that is forgotten takes no part any more."""
        with self._lock:
            self._holders.pop(holder, None)
            self.used -= holder.bytes

    def pin(self, size: int) -> None:
        """So many bytes more, or fewer, are held that do not make room."""
        self.pinned += size
        self.used += size

    def can_pin(self, size: int) -> bool:
        """Whether they would leave a quarter to what makes room."""
        return self.pinned + size <= self.limit - self.limit // 4

    def relieve_if_used_up(self) -> None:
        """Make room where more is used than there is."""
        if self.used > self.limit + self.slack:
            self.relieve()

    def relieve(self) -> None:
        """Make room. A holder that somebody is using at this moment is left out; it will have its turn."""
        with self._lock:
            rest = self.limit - self.limit // 16 - self.pinned
            holders = list(self._holders)
            # As they are now: others may take in more meanwhile, and have their turn later.
            sizes = [holder.bytes for holder in holders]
            share = max(1, find_share(sizes, rest))
            held = sum(
                holder.shrink(share) if size > share else size
                for holder, size in zip(holders, sizes, strict=True)
            )
            if held > rest:
                holders.sort(key=lambda holder: holder.last_used)
                # The last is the one that asks for room.
                for holder in holders[:-1]:
                    before = holder.bytes
                    holder.shrink(0)
                    held -= before - holder.bytes
                    if held <= rest:
                        break
            self.used = used = self._count()
            self.slack = 0 if used <= self.limit else used + self.limit // 16 - self.limit

    def _count(self) -> int:
        return self.pinned + sum(holder.bytes for holder in self._holders)


def find_share(sizes: list[int], rest: int) -> int:
    """What each of some may hold at most, so that all hold `rest`: the small keep all."""
    share = rest
    for index, size in enumerate(sorted(sizes)):
        share = rest // (len(sizes) - index)
        if size > share:
            break
        rest -= size
    return share


class Account:
    """A holder whose things are elsewhere, under `lock`. `forget_oldest` is what `shrink` says, by who holds
    the lock."""

    __slots__ = ("_budget", "_forget_oldest", "_lock", "bytes", "last_used")

    def __init__(
        self,
        budget: ByteBudget,
        lock: threading.Lock | threading.RLock,
        forget_oldest: Callable[[int], None],
    ) -> None:
        self._budget = budget
        self._lock = lock
        self._forget_oldest = forget_oldest
        self.bytes = 0
        self.last_used = 0
        budget.join(self)

    def charge(self, size: int) -> None:
        """So many bytes more, or fewer, are held."""
        budget = self._budget
        self.bytes += size
        budget.used += size
        if size > 0:
            budget.uses = self.last_used = budget.uses + 1

    def shrink(self, size: int) -> int:
        """As Holder says."""
        if not self._lock.acquire(blocking=False):
            return size
        try:
            self._forget_oldest(size)
            return self.bytes
        finally:
            self._lock.release()

    def close(self) -> None:
        """What it holds is forgotten; what comes too late counts nowhere."""
        self._budget.leave(self)
        self._budget = ByteBudget()


class LateAccount(Account):
    """One whose things may be changed in a transaction of their own only: they make room in the next one,
    which calls `settle`, and in those that follow where it is much."""

    _wanted: int | None = None

    def shrink(self, size: int) -> int:
        """As Holder says, a little later."""
        self._wanted = size
        return self.bytes

    def settle(self) -> None:
        """Make a part of the room that was asked for, or the rest of it. The newest stays."""
        if self._wanted is None:
            return
        wanted = max(1, self._wanted)
        size = max(wanted, self.bytes - self.bytes // _SETTLED_PART - SETTLED_AT_ONCE)
        self._forget_oldest(size)
        if self.bytes <= wanted or self.bytes > size:
            self._wanted = None
