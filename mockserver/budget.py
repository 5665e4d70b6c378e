"""One budget of bytes for everything that a server remembers, over all its namespaces. The oldest makes room.

Calls, items, kept answers, counted requests and snapshots make room; stubs never do: they are refused where
they would take more than their part.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

DEFAULT_LIMIT = 96 * 1024 * 1024
# So often one transaction forgets a part of the oldest: each row that goes has to be written down.
SETTLED_AT_ONCE = 4


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
            goal = self.limit - self.limit // 16
            holders = sorted(self._holders, key=lambda holder: holder.bytes)
            rest = goal - self.pinned
            held = 0
            for index, holder in enumerate(holders):
                share = max(1, rest // (len(holders) - index))
                if holder.bytes > share:
                    held = sum(large.shrink(share) for large in holders[index:])
                    break
                rest -= holder.bytes
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


class Account:
    """A holder whose things are elsewhere, under `lock`. `forget_oldest` forgets one of them or a few, and
    says whether one was left that it may; with True it may forget the newest as well."""

    def __init__(
        self,
        budget: ByteBudget,
        lock: threading.Lock | threading.RLock,
        forget_oldest: Callable[[bool], bool],
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
            budget.uses += 1
            self.last_used = budget.uses

    def shrink(self, size: int) -> int:
        """As Holder says."""
        if not self._lock.acquire(blocking=False):
            return size
        try:
            self.cut(size)
            return self.bytes
        finally:
            self._lock.release()

    def cut(self, size: int) -> None:
        """The same, by who holds the lock."""
        while self.bytes > size and self._forget_oldest(size == 0):
            pass

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
        """Make a part of the room that was asked for, or the rest of it."""
        if self._wanted is None:
            return
        size, left = max(1, self._wanted), SETTLED_AT_ONCE
        while self.bytes > size and left and self._forget_oldest(False):
            left -= 1
        if left or self.bytes <= size:
            self._wanted = None
