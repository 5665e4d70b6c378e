"""Rows: what a test can change, as tables of values, changed in transactions that can be undone.

A transaction notes each change of a row. Undoing takes the changes back, the order of the rows included. What
was changed, written as JSON, is the record of the transaction: applied to equal rows it gives equal rows.

    [["buckets", "9f…", [5, 60, 1200, 0]], ["items", "key_1"], ["scenarios"]]
      put in or replaced                    taken out                table emptied
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, starmap
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from mockserver.types import UNSET, Json, UnsetType

Key = TypeVar("Key")
Value = TypeVar("Value")
# One change, or one event, as it stands in a record.
Entry: TypeAlias = list[Json]
# How many bytes a row takes, told by its value; or what each takes.
Measure: TypeAlias = Callable[[Any], int] | int

# Those of the table itself, for what is done at every call or many times at once.
_put, _take, _pop = OrderedDict.__setitem__, OrderedDict.popitem, OrderedDict.pop


class SizedTable(OrderedDict[Key, Value]):
    """A table that knows how many bytes its rows take, and tells `charge` how many come, or go.

    `measure` is how many a row takes: a number where each takes the same.
    """

    # Attributes that are not in slots take twice as long to find in an OrderedDict.
    __slots__ = ("_charge", "_measure", "_row_bytes", "bytes")

    def __init__(self, measure: Measure = 0, charge: Callable[[int], None] = lambda size: None) -> None:
        super().__init__()
        self.bytes = 0
        self._measure = None if isinstance(measure, int) else measure
        self._row_bytes = measure if isinstance(measure, int) else 0
        self._charge = charge

    def _add(self, size: int) -> None:
        self.bytes += size
        self._charge(size)

    def _sum(self, values: Collection[Value]) -> int:
        measure = self._measure
        return self._row_bytes * len(values) if measure is None else sum(map(measure, values))

    def __setitem__(self, key: Key, value: Value) -> None:
        measure = self._measure
        if measure is None:
            if key in self:
                _put(self, key, value)
                return
            size = self._row_bytes
        else:
            size = measure(value) - measure(self[key]) if key in self else measure(value)
        _put(self, key, value)
        self.bytes += size
        self._charge(size)

    def __delitem__(self, key: Key) -> None:
        size = self._sum((self[key],))
        super().__delitem__(key)
        self._add(-size)

    def pop(self, key: Key, default: Any = UNSET) -> Any:
        """Take a row out; its value. Raises KeyError where there is none and no default."""
        if key not in self:
            if default is UNSET:
                raise KeyError(key)
            return default
        value = self[key]
        del self[key]
        return value

    def popitem(self, last: bool = True) -> tuple[Key, Value]:
        """Take out the newest row, or the oldest. Raises KeyError where there is none."""
        if not self:
            raise KeyError("the table is empty")
        key = next(reversed(self)) if last else next(iter(self))
        return key, self.pop(key)

    def forget_oldest(self, size: int, kept: int = 0) -> list[tuple[Key, Value]]:
        """Take out the oldest rows until `kept` are left, or the rest takes at most `size` bytes; them."""
        gone: list[tuple[Key, Value]] = []
        measure, row_bytes, left = self._measure, self._row_bytes, self.bytes
        while left > size and len(self) > kept:
            row = _take(self, False)
            gone.append(row)
            left -= row_bytes if measure is None else measure(row[1])
        self._add(left - self.bytes)
        return gone

    def discard(self, keys: Iterable[Key]) -> None:
        """Take out the rows that there are of some keys."""
        gone = [_pop(self, key) for key in keys if key in self]
        self._add(-self._sum(gone))

    def clear(self) -> None:
        """Take out all rows."""
        super().clear()
        self._add(-self.bytes)

    def update(self, *others: Any, **more: Any) -> None:
        """Put in rows. Into an empty table they go without a step in Python for each."""
        rows = dict(*others, **more)
        if self:
            for key, value in rows.items():
                self[key] = value
            return
        deque(map(super().__setitem__, rows, rows.values()), maxlen=0)
        self._add(self._sum(rows.values()))


class Codec(NamedTuple, Generic[Key, Value]):
    """How the rows of a table are written as JSON and read. `read_value` gives UNSET to leave a row out."""

    write_key: Callable[[Key], Json]
    read_key: Callable[[Json], Key]
    write_value: Callable[[Value], Json]
    read_value: Callable[[Json], Value | UnsetType]


class _Change(NamedTuple):
    """One change of a table. UNSET stands for no row, and as the key for all rows.

    `place` is where a row was that was taken out: the keys behind it, None if it was the first.
    """

    table: Table[Any, Any]
    key: Any
    before: Any
    after: Any
    place: list[Any] | None = None


class Table(SizedTable[Key, Value]):
    """A table of rows, in the order in which they were put in. It is changed in a transaction only."""

    def __init__(
        self,
        rows: Rows,
        name: str,
        codec: Codec[Key, Value],
        measure: Measure,
        charge: Callable[[int], None],
    ) -> None:
        super().__init__(measure, charge)
        self._rows = rows
        self.name = name
        self.codec = codec

    def __setitem__(self, key: Key, value: Value) -> None:
        self._rows.note(self, key, self.get(key, UNSET), value)
        super().__setitem__(key, value)

    def __delitem__(self, key: Key) -> None:
        if key in self:
            self._note_removal(key)
        super().__delitem__(key)

    def forget_oldest(self, size: int, kept: int = 0) -> list[tuple[Key, Value]]:
        """As SizedTable does; each row that goes is a change."""
        gone = super().forget_oldest(size, kept)
        for key, value in gone:
            self._rows.note(self, key, value, UNSET)
        return gone

    def discard(self, keys: Iterable[Key]) -> None:
        """As SizedTable does; each row that goes is a change."""
        for key in keys:
            self.pop(key, None)

    def update(self, *others: Any, **more: Any) -> None:
        """Put in rows, one by one: each is a change."""
        for key, value in dict(*others, **more).items():
            self[key] = value

    def _note_removal(self, key: Key) -> None:
        if not self._rows.is_recording:
            self._rows.check()
            return
        place: list[Key] | None = None
        if key != next(iter(self)):
            place = []
            for other in reversed(self):
                if other == key:
                    break
                place.append(other)
            place.reverse()
        self._rows.note(self, key, self[key], UNSET, place)

    def clear(self) -> None:
        """Take out all rows."""
        if self:
            self._rows.note(self, UNSET, list(self.items()), UNSET)
            super().clear()

    def undo(self, change: _Change) -> None:
        """Take one change back. Those that came after it are taken back already."""
        key, before = change.key, change.before
        if key is UNSET:
            for old_key, value in before:
                super().__setitem__(old_key, value)
        elif before is UNSET:
            super().__delitem__(key)
        else:
            super().__setitem__(key, before)
            if change.after is UNSET:
                if change.place is None:
                    self.move_to_end(key, last=False)
                for other in change.place or ():
                    self.move_to_end(other)


class Rows:
    """The tables of one namespace, and the transaction that changes them.

    An event is a change that no row tells: it is staged, and happens when the transaction is committed.
    """

    def __init__(self) -> None:
        self._tables: dict[str, Table[Any, Any]] = {}
        self._events: dict[str, Callable[..., None]] = {}
        # By table, what stood there before anything was written.
        self._start: dict[str, dict[Any, Any]] = {}
        self._changes: list[_Change] = []
        self._staged: list[tuple[Callable[[], Entry] | None, Callable[[], None]]] = []
        self.is_recording = False
        self._is_loading = False

    def table(
        self,
        name: str,
        codec: Codec[Key, Value],
        measure: Measure = 0,
        charge: Callable[[int], None] = lambda size: None,
    ) -> Table[Key, Value]:
        """A new table, empty. `measure` and `charge` are those of SizedTable."""
        self._tables[name] = table = Table(self, name, codec, measure, charge)
        return table

    def on_event(self, name: str, act: Callable[..., None]) -> None:
        """Have `act` called with the rest of each entry that begins with this name."""
        self._events[name] = act

    # A transaction

    def begin(self) -> None:
        """Note every change from now on."""
        assert not self._changes and not self._staged, "the last transaction has ended"
        self.is_recording = True

    def note(
        self, table: Table[Any, Any], key: Any, before: Any, after: Any, place: list[Any] | None = None
    ) -> None:
        """A row is about to change."""
        if self.is_recording:
            self._changes.append(_Change(table, key, before, after, place))
        else:
            self.check()

    def check(self) -> None:
        """Rows change in a transaction, or while others' records are read."""
        assert self._is_loading, "rows are changed in a transaction only"

    def stage(self, write: Callable[[], Entry] | None, act: Callable[[], None]) -> None:
        """Have something done when the transaction is committed; `write` gives its entry for the record."""
        assert self.is_recording, "events are staged in a transaction only"
        self._staged.append((write, act))

    def write_record(self) -> list[Entry]:
        """The record of the transaction so far: events first, then rows."""
        events = [write() for write, _ in self._staged if write is not None]
        return events + _condense(self._changes)

    def commit(self) -> None:
        """End the transaction: its changes stay, its events happen."""
        staged = self._end()
        with self.loading():
            for _, act in staged:
                act()

    def undo(self) -> None:
        """End the transaction: everything is as it was at its beginning."""
        for change in reversed(self._changes):
            change.table.undo(change)
        self._end()

    def _end(self) -> list[tuple[Callable[[], Entry] | None, Callable[[], None]]]:
        staged, self._staged, self._changes, self.is_recording = self._staged, [], [], False
        return staged

    # Others' records

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Let rows be changed without noting it: they become what a store holds already."""
        was_loading, self._is_loading = self._is_loading, True
        try:
            yield
        finally:
            self._is_loading = was_loading

    def apply(self, entries: Iterable[Entry]) -> None:
        """Make the changes of a record. Raises ValueError for an entry that cannot be read."""
        with self.loading():
            for entry in entries:
                try:
                    self._apply(entry)
                except (LookupError, TypeError, ValueError, AttributeError) as error:
                    raise ValueError(f"{type(error).__name__}: {error}") from error

    def _apply(self, entry: Entry) -> None:
        name = entry[0]
        act = self._events.get(name)
        if act is not None:
            act(*entry[1:])
            return
        table = self._tables[name]
        codec = table.codec
        if len(entry) == 1:
            table.clear()
        elif len(entry) == 2:
            table.pop(codec.read_key(entry[1]), None)
        else:
            value = codec.read_value(entry[2])
            if value is not UNSET:
                table[codec.read_key(entry[1])] = value

    def note_start(self) -> None:
        """Take the rows of this moment for those from which everything begins."""
        self._start = {name: dict(table) for name, table in self._tables.items()}

    def dump(self, leave_out: Iterable[str] = ()) -> Iterator[Entry]:
        """Entries that give the rows of this moment, whatever was there before.

        They are written one by one as they are asked for, and may be asked for in another thread.
        """
        hidden = frozenset(leave_out)
        tables = self._tables.values()
        return _write_rows([(table, dict(table)) for table in tables if table.name not in hidden])

    def dump_changes(self) -> Iterator[Entry]:
        """Entries that give the rows of this moment from those of the start, as `dump` gives them.

        What stands there since the start is left out. So it is what the next start brings.
        """
        tables = [(table, dict(table), self._start.get(name, {})) for name, table in self._tables.items()]
        return chain.from_iterable(starmap(_write_changes, tables))


def _write_rows(tables: list[tuple[Table[Any, Any], dict[Any, Any]]]) -> Iterator[Entry]:
    for table, rows in tables:
        yield [table.name]
        yield from _write_changes(table, rows, {})


def _write_changes(table: Table[Any, Any], rows: dict[Any, Any], start: dict[Any, Any]) -> Iterator[Entry]:
    write_key, write_value = table.codec.write_key, table.codec.write_value
    yield from ([table.name, write_key(key)] for key in start if key not in rows)
    places = {key: place for place, key in enumerate(start)}
    last = -1
    for key, value in rows.items():
        place = places.get(key, len(places))
        has_moved = place < last
        last = max(last, place)
        if has_moved:
            # It was taken out, and put in again later.
            yield [table.name, write_key(key)]
        elif key in start and (start[key] is value or write_value(start[key]) == write_value(value)):
            continue
        yield _write_row(table, key, value)


def _write_row(table: Table[Any, Any], key: Any, value: Any) -> Entry:
    codec = table.codec
    return [table.name, codec.write_key(key), codec.write_value(value)]


def _condense(changes: list[_Change]) -> list[Entry]:
    """The entries of changes: of each row the last one, and nothing of a row that came and went."""
    kept: list[_Change | None] = []
    # Where the entry of a row stands, and whether the row was new with it.
    places: dict[tuple[str, Any], tuple[int, bool]] = {}
    for change in changes:
        name, key = change.table.name, change.key
        if key is UNSET:
            for row in [row for row in places if row[0] == name]:
                del places[row]
            kept = [None if other is not None and other.table is change.table else other for other in kept]
            kept.append(change)
            continue
        index, is_new = places.pop((name, key), (-1, change.before is UNSET))
        if change.after is not UNSET:
            if index < 0:
                index = len(kept)
                kept.append(change)
            else:
                kept[index] = change
            places[name, key] = index, is_new
        else:
            if index >= 0:
                kept[index] = None
            if index < 0 or not is_new:
                kept.append(change)
    return [_write_change(change) for change in kept if change is not None]


def _write_change(change: _Change) -> Entry:
    if change.key is UNSET:
        return [change.table.name]
    if change.after is UNSET:
        return [change.table.name, change.table.codec.write_key(change.key)]
    return _write_row(change.table, change.key, change.after)
