"""The journal: every call, with what was known of it. Facts are kept at the call, formatted when read.

Bounded by number and by bytes. Counts survive eviction; a question that only evicted calls could answer
gets `Unanswerable`, never a wrong number.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from mockserver.budget import ByteBudget
from mockserver.exceptions import Unanswerable
from mockserver.journal.call import Call, CountKey, Facet, State
from mockserver.journal.filters import CallFilter, Evicted
from mockserver.leftovers import let_go
from mockserver.request.head import ShownHead

# So many sets of facets are counted apart; of any other, each facet is counted by itself.
_MAX_TOUCHED = 1_000


class ForgottenCounts:
    """What calls touched that no journal counts any more, as their namespace was reset or forgotten."""

    __slots__ = ("_counts", "_lock", "_touched")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[CountKey] = Counter()
        self._touched: Counter[Facet] = Counter()

    def take_in(self, counts: dict[CountKey, int], touched: Counter[Facet]) -> None:
        """A journal forgets."""
        with self._lock:
            self._counts.update(counts)
            self._touched.update(touched)

    def add_to(self, counts: Counter[CountKey], touched: Counter[Facet]) -> None:
        """Add what was forgotten to counters."""
        with self._lock:
            counts.update(self._counts)
            touched.update(self._touched)


class Journal:
    """The calls of one namespace, under the namespace's lock.

    `limit` is how many are kept; `option` the setting that raises it. `evicted` calls are gone, the last of
    them had the number `last_evicted`; their counts remain. `revision` changes when calls are taken out or
    forgotten: what somebody counted before holds no longer; `era` only when all are forgotten and numbers
    start again. `listeners` are told of each call, `endings` that nobody shall wait for more of them.
    `touched` counts facets as `counts` counts calls; `past` takes both in when they are forgotten.
    """

    option = "--journal-limit"

    def __init__(
        self,
        limit: int,
        budget: ByteBudget,
        lock: threading.RLock | None = None,
        past: ForgottenCounts | None = None,
    ) -> None:
        self._past = past
        self._limit = limit
        self._budget = budget
        self._lock = threading.RLock() if lock is None else lock
        self._calls: deque[Call] = deque()
        self._head: ShownHead | None = None
        self.bytes = 0
        self.last_used = 0
        self.era = 0
        self.revision = 0
        self.last_number = 0
        self.counts: dict[CountKey, int] = {}
        # By what calls touched together: few calls touch what no other did.
        self._touched: dict[tuple[Facet, ...], int] = {}
        self.warned = 0
        self.evicted = 0
        self.last_evicted = 0
        self.evicted_counts: dict[CountKey, int] = {}
        self._evicted_warned = 0
        self._last_evicted_millis = 0
        self.listeners: set[Callable[[Call], None]] = set()
        self.endings: set[Callable[[], None]] = set()
        budget.join(self)

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        """The calls that are kept, oldest first."""
        return iter(self._calls)

    def __reversed__(self) -> Iterator[Call]:
        """The calls that are kept, newest first."""
        return reversed(self._calls)

    @property
    def touched(self) -> Counter[Facet]:
        """How many calls touched each facet, evicted ones included."""
        touched: Counter[Facet] = Counter()
        for facets, count in self._touched.items():
            for facet in facets:
                touched[facet] += count
        return touched

    @property
    def total(self) -> int:
        """All calls since the last reset, evicted ones included."""
        return sum(self.counts.values())

    def record(self, call: Call) -> None:
        """Keep a call, evicting the oldest beyond the bounds, and tell who listens."""
        calls = self._calls
        calls.append(call)
        call.era = self.era
        head = call.head
        key = (head.operation, call.status, call.reason)
        self.counts[key] = self.counts.get(key, 0) + 1
        facets, touched = call.facets, self._touched
        count = touched.get(facets, 0)
        if count or len(touched) < _MAX_TOUCHED:
            touched[facets] = count + 1
        else:
            for facet in facets:
                touched[facet,] = touched.get((facet,), 0) + 1
        if call.warnings:
            self.warned += 1
        if head is not self._head:
            # A head that comes again is one object, which is kept once.
            self._head = head
            call.size += head.size
        budget = self._budget
        self.bytes += call.size
        budget.used += call.size
        budget.uses = self.last_used = budget.uses + 1
        if len(calls) > self._limit:
            self._evict()
        budget.relieve_if_used_up()
        if self.listeners:
            for listener in tuple(self.listeners):
                listener(call)

    def _evict(self) -> Call:
        """Take out the oldest call; it."""
        call = self._calls.popleft()
        self.bytes -= call.size
        self._budget.used -= call.size
        self.evicted += 1
        self.last_evicted = call.number
        key = call.key
        self.evicted_counts[key] = self.evicted_counts.get(key, 0) + 1
        if call.warnings:
            self._evicted_warned += 1
        if call.received_millis > self._last_evicted_millis:
            self._last_evicted_millis = call.received_millis
        return call

    def shrink(self, size: int) -> int:
        """Evict the oldest calls, as `budget.Holder` says."""
        if not self._lock.acquire(blocking=False):
            return size
        gone: list[Call] = []
        try:
            while self.bytes > size and len(self._calls) > (size > 0):
                gone.append(self._evict())
            return self.bytes
        finally:
            self._lock.release()
            let_go(gone)

    def finish(self, call: Call, state: State, reason: str | None = None) -> None:
        """A call is over: `answered`, `faulted` or `disconnected`. `reason` takes the place of the call's."""
        call.state = state
        call.duration_millis = (time.perf_counter() - call.started) * 1000
        if reason is None or reason == call.reason:
            return
        old = call.key
        call.reason = reason
        if call.era != self.era:
            return
        _move_one(self.counts, old, call.key)
        if call.number <= self.last_evicted:
            _move_one(self.evicted_counts, old, call.key)

    def find(self, id: str) -> Call | None:
        """The call with an id."""
        return next((call for call in self._calls if call.id == id), None)

    def after(self, number: int) -> list[Call]:
        """The kept calls that came after the one of that number, oldest first."""
        found: list[Call] = []
        for call in reversed(self._calls):
            if call.number <= number:
                break
            found.append(call)
        found.reverse()
        return found

    def select(self, question: CallFilter) -> list[Call]:
        """The kept calls that a question is about, oldest first."""
        return [call for call in self._calls if question.fits(call)]

    def count(self, question: CallFilter) -> tuple[int, int]:
        """How many calls ever fitted, and how many of those are evicted.

        Raises Unanswerable when that cannot be known any more.
        """
        if question.is_counted:
            return self.count_keys(question.fits_key), self.count_evicted(question.fits_key)
        if question.wanted == {"warnings": True}:
            return self.warned, self._evicted_warned
        if not question.excludes(Evicted(self._last_evicted_millis, self._evicted_warned)):
            self.require_kept(question.fits_key)
        return len(self.select(question)), 0

    def count_keys(self, fits: Callable[[CountKey], bool]) -> int:
        """How many calls there ever were whose key fits, evicted ones included."""
        return sum(count for key, count in self.counts.items() if fits(key))

    def count_evicted(self, fits: Callable[[CountKey], bool]) -> int:
        """How many calls are evicted whose key fits."""
        return sum(count for key, count in self.evicted_counts.items() if fits(key))

    def require_kept(self, fits: Callable[[CountKey], bool]) -> None:
        """Raises Unanswerable if a call is evicted whose key fits."""
        if self.evicted and self.count_evicted(fits):
            raise self.unanswerable()

    def unanswerable(self) -> Unanswerable:
        """The error for a question that eviction made unanswerable."""
        gone = "1 call was" if self.evicted == 1 else f"{self.evicted} calls were"
        return Unanswerable(
            f"{gone} evicted from the journal and could change the answer; raise {self.option} (now "
            f"{self._limit}) or --memory-limit (now {self._budget.limit:,} bytes for all namespaces), or "
            "reset more often"
        )

    def remove(self, calls: Iterable[Call]) -> None:
        """Take calls out, as if they had never come."""
        gone = {call.number for call in calls}
        kept: deque[Call] = deque()
        touched = self.touched
        for call in self._calls:
            if call.number not in gone:
                kept.append(call)
                continue
            call.era = -1
            _take_one(self.counts, call.key)
            for facet in call.facets:
                touched[facet] -= 1
            self.warned -= bool(call.warnings)
            self.bytes -= call.size
            self._budget.used -= call.size
        self._calls = kept
        self._touched = {(facet,): count for facet, count in touched.items() if count}
        self.revision += 1

    def clear(self) -> None:
        """Forget all calls and counts; numbers start from 1 again."""
        if self._past is not None:
            self._past.take_in(self.counts, self.touched)
        self._budget.used -= self.bytes
        self.bytes = 0
        self._calls.clear()
        self.counts.clear()
        self._touched.clear()
        self.evicted_counts.clear()
        self.last_number = self.last_evicted = self.warned = self.evicted = 0
        self._evicted_warned = self._last_evicted_millis = 0
        self.era += 1
        self.revision += 1

    def end_waits(self) -> None:
        """The namespace is deleted: those who listen are told, in whatever thread this is."""
        for end in tuple(self.endings):
            end()

    def close(self, *, is_forgotten: bool = True) -> None:
        """The namespace is forgotten, or without `is_forgotten` only put away: calls that come too late count
        nowhere."""
        self._budget.leave(self)
        self._budget = ByteBudget()
        if self._past is not None and is_forgotten:
            self._past.take_in(self.counts, self.touched)
        self._past = None
        if self._lock.acquire(blocking=False):
            try:
                self._calls.clear()
                self.bytes = 0
            finally:
                self._lock.release()


Key = TypeVar("Key")


def _take_one(counts: dict[Key, int], key: Key) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


def _move_one(counts: dict[CountKey, int], old: CountKey, new: CountKey) -> None:
    _take_one(counts, old)
    counts[new] = counts.get(new, 0) + 1
