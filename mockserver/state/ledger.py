"""Ledger: the rows of one name, kept in a store that other processes write to as well.

    with ledger.transaction():      reads what others have appended, then notes every change
        ...                         appends the record; Superseded where another process was faster

Superseded takes back all that was done, and the rows are then what the others made of them: do it again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TypeVar

from mockserver.exceptions import MalformedJson, StoreUnavailable, Superseded, TakesLong
from mockserver.json_codec import dumps_own, loads_kept, loads_own
from mockserver.state.rows import Entry, Rows
from mockserver.stores.base import FORMAT, NEW, LogPart, Store, Version
from mockserver.stores.turns import MOMENT_SECONDS, is_at_once

logger = logging.getLogger("mockserver")

# A log is cut when it has grown by so many bytes, and to the size of the last snapshot at least.
CUT_BYTES = 4 * 1024 * 1024
# So much of what others have written is read at once: some dozens of stubs, which take a fifth of a
# millisecond each.
_READ_AT_ONCE = 16 * 1024


Result = TypeVar("Result")


def repeat(work: Callable[[], Result]) -> Result:
    """Do something that is one transaction, again and again while other processes are faster."""
    while True:
        try:
            return work()
        except Superseded:
            continue


def write_record(entries: Iterable[Entry]) -> bytes:
    """`[format, entries]`, and a third member `true` where numbers must be read with all their digits."""
    # One by one, so that others have their turn in between.
    written = [dumps_own(entry) for entry in entries]
    end = b",true]" if any(is_exact for _, is_exact in written) else b"]"
    return b"[%d,[%b]%b" % (FORMAT, b",".join([text for text, _ in written]), end)


def read_record(record: bytes) -> list[Entry]:
    """The entries of a record. Raises ValueError and MalformedJson."""
    found = loads_own(record)
    if not isinstance(found, list) or len(found) not in (2, 3) or not isinstance(found[1], list):
        raise ValueError("it is not a record")
    if found[0] != FORMAT:
        raise ValueError(f"it has format {found[0]}, this version of mockserver reads format {FORMAT}")
    entries: list[Entry] = found[1] if len(found) == 2 else loads_kept(record, around=_LEVELS)[1]
    return entries


# Levels that a record may put around a value.
_LEVELS = 10


class Ledger:
    """Rows under a lock, and how far they are read.

    `empty` makes the rows what they are before anything was written, and `dump` gives entries that make them
    what they are now. `after_load` sees to what the first reading has found, in the transaction that follows;
    `before_append` notes what is not noted yet; `after_change` is told when rows have
    changed otherwise than by the code of a transaction: taken back, or read; `after_commit` when one is over.
    """

    def __init__(
        self,
        name: str,
        store: Store,
        rows: Rows,
        lock: threading.RLock,
        *,
        empty: Callable[[], None],
        dump: Callable[[], Iterator[Entry]],
        after_load: Callable[[], None] = lambda: None,
        before_append: Callable[[], None] = lambda: None,
        after_change: Callable[[], None] = lambda: None,
        after_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._store = store
        self._rows = rows
        self._lock = lock
        self._empty = empty
        self._dump = dump
        self._after_load = after_load
        self._is_seen_to = False
        self._before_append = before_append
        self._after_change = after_change
        self._after_commit = after_commit
        self._version: Version | None = None
        self._is_forgotten = False
        # Whether the last append may have happened although it failed.
        self._is_doubtful = False
        self._depth = 0
        # Bytes of records since the last snapshot, and of that.
        self._grown = 0
        self._cut_at = CUT_BYTES
        self._cutting: threading.Thread | None = None

    def transaction(self, *, reads_first: bool = True) -> Transaction:
        """What is done in it is one record, or nothing. It may stand in another one of the same ledger.

        Without `reads_first` it saves that time: its append tells whether anything was new. So it must
        append something.
        """
        return Transaction(self, reads_first)

    def begin(self, *, reads_first: bool) -> None:
        """Enter a transaction. Raises StoreUnavailable, and TakesLong where that is done at once."""
        if not self._lock.acquire(timeout=MOMENT_SECONDS if is_at_once() else -1):
            raise TakesLong(f"{self._name} is in use")
        try:
            if self._depth == 0:
                if self._is_forgotten:
                    self._is_forgotten, self._version = False, None
                if reads_first or self._version is None or self._is_doubtful:
                    self._catch_up()
                self._rows.begin()
                if not self._is_seen_to:
                    try:
                        self._after_load()
                    except BaseException:
                        self._undo()
                        raise
            self._depth += 1
        except BaseException:
            self._lock.release()
            raise

    def end(self, *, is_undone: bool) -> None:
        """Leave a transaction. Raises Superseded, StoreUnavailable and TakesLong, with everything taken
        back."""
        try:
            self._depth -= 1
            if self._depth == 0:
                if is_undone:
                    self._undo()
                else:
                    self._commit()
        finally:
            self._lock.release()

    def forget(self) -> None:
        """Read everything anew in the next transaction: what the rows begin with has changed."""
        # Without the lock, which a thread may have for long.
        self._is_forgotten = True

    def _commit(self) -> None:
        try:
            self._before_append()
            entries = self._rows.write_record()
            if not entries:
                self._is_seen_to = True
                self._rows.commit()
                return
            record = write_record(entries)
            assert self._version is not None, "it was read at the beginning"
            done = self._store.append(self._name, self._version, record)
        except BaseException as error:
            self._undo()
            self._is_doubtful = isinstance(error, StoreUnavailable)
            raise
        if isinstance(done, LogPart):
            self._undo()
            self._take_in(done)
            raise Superseded(f"another process has written to {self._name}")
        self._version = done
        self._is_seen_to = True
        try:
            self._rows.commit()
        except StoreUnavailable:
            # It is written, and done by half here.
            self._is_forgotten = True
            raise
        self._after_commit()
        self._note_growth(len(record))

    def _undo(self) -> None:
        self._rows.undo()
        self._after_change()

    def _catch_up(self) -> None:
        if self._version is None and is_at_once():
            raise TakesLong(f"{self._name} is still to be read")
        reading = self._store.read(self._name, self._version or NEW)
        if self._version is None or reading.is_whole or reading.records:
            self._take_in(reading)
        self._is_doubtful = False

    def _take_in(self, reading: LogPart) -> None:
        """Make the rows what a reading tells. Raises StoreUnavailable where it cannot be read, and TakesLong,
        with the rows as they were, where there is too much to read it at once."""
        if is_at_once() and sum(map(len, reading.records)) + len(reading.snapshot or b"") > _READ_AT_ONCE:
            raise TakesLong(f"others have written much to {self._name}")
        is_first = self._version is None
        self._version = None
        if reading.is_whole or is_first:
            with self._rows.loading():
                self._empty()
            self._rows.note_start()
            self._grown = 0
            if reading.snapshot is not None:
                self._apply(reading.snapshot)
                self._cut_at = max(CUT_BYTES, len(reading.snapshot))
        for record in reading.records:
            self._apply(record)
            self._grown += len(record)
        self._after_change()
        self._version = reading.version

    def _apply(self, record: bytes) -> None:
        try:
            self._rows.apply(read_record(record))
        except (ValueError, MalformedJson) as error:
            text = f"the store holds a record of {self._name!r} that cannot be read: {error}"
            raise StoreUnavailable(f"{text}; remove it with `mockserver state clear`") from None

    # The log is cut by a thread of its own: writing all rows takes a while, and nobody waits for it.

    def _note_growth(self, size: int) -> None:
        self._grown += size
        if self._grown >= self._cut_at and self._cutting is None:
            assert self._version is not None, "a record was just appended"
            # The rows as they are now; values are never changed in place.
            entries = self._dump()
            self._grown = 0
            self._cutting = threading.Thread(
                target=self._cut, args=(self._version, entries), name="mockserver-snapshot", daemon=True
            )
            self._cutting.start()

    def _cut(self, version: Version, entries: Iterator[Entry]) -> None:
        try:
            snapshot = write_record(entries)
            self._store.snapshot(self._name, version, snapshot)
            self._cut_at = max(CUT_BYTES, len(snapshot))
        except StoreUnavailable as error:
            logger.warning("the log of %s was not cut: %s", self._name, error)
        finally:
            self._cutting = None


class Transaction:
    """A transaction of a ledger, as a context manager."""

    __slots__ = ("_ledger", "_reads_first")

    def __init__(self, ledger: Ledger, reads_first: bool) -> None:
        self._ledger = ledger
        self._reads_first = reads_first

    def __enter__(self) -> None:
        self._ledger.begin(reads_first=self._reads_first)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ledger.end(is_undone=error is not None)
