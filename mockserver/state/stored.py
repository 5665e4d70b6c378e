"""Namespaces whose rows are kept in a store: they last, and are shared with other processes.

Everything is as in memory but for how it is changed. Tables note their changes; what is no table (clock,
settings …) is compared with the table of facts at the end of each transaction; calls are recorded, and whole
namespaces reset, by events that happen once the transaction is committed, here and where its record is read.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from mockserver.budget import Account, ByteBudget, LateAccount
from mockserver.clocks import Clock
from mockserver.exceptions import InvalidInput, StoreUnavailable, UnknownItem
from mockserver.journal.call import Call, CountKey, Facet, State
from mockserver.journal.journal import ForgottenCounts, Journal
from mockserver.json_codec import measure
from mockserver.scripting.delays import write_settings
from mockserver.scripting.documents import read_settings
from mockserver.scripting.stubs import Stub
from mockserver.settings import DEFAULT_NAMESPACE, OPTIONS, Settings
from mockserver.state import codecs
from mockserver.state.codecs import CallCodec, ReadStub
from mockserver.state.fixtures import Fixtures
from mockserver.state.ledger import Ledger, repeat
from mockserver.state.namespace import Namespace, VariantChoice
from mockserver.state.namespaces import MAX_SNAPSHOTS, WHICH_ARE_KEPT, Namespaces
from mockserver.state.rows import Codec, Entry, Rows
from mockserver.state.waiting import Waiting
from mockserver.stores.base import Store
from mockserver.types import UNSET, Json, JsonObject

logger = logging.getLogger("mockserver")

# The name under which snapshots are kept. It is no name of a namespace.
SHELF = "~snapshots"
# What no snapshot holds, as it belongs to calls.
_OF_CALLS = ("in_flight", "held", "failed_writes", "asked_to_wait")
# Derives again the secret that an operation issued: operation, namespace, a seed's place.
Reveal = Callable[[str, Namespace, bytes], bytes | None]


class RowsSnapshot(NamedTuple):
    """A namespace at one moment, as entries."""

    entries: list[Entry]


class RecordedJournal(Journal):
    """A journal whose calls are events of transactions. `forgotten` is what calls touched before resets; each
    process that reads the log counts the same."""

    def __init__(self, name: str, rows: Rows, limit: int, budget: ByteBudget, lock: Any) -> None:
        self.forgotten = ForgottenCounts()
        super().__init__(limit, budget, lock, self.forgotten)
        self._rows = rows
        self._name = name
        self._codec = CallCodec(name)
        rows.on_event("call", self._record_row)
        rows.on_event("finish", self._finish)
        rows.on_event("remove", self._remove)
        rows.on_event("clear", super().clear)
        rows.on_event("counters", self._set_counters)

    def record(self, call: Call) -> None:
        """As Journal does, once the transaction is committed."""
        self._rows.stage(lambda: ["call", self._codec.write(call)], lambda: self._record(call))

    def _record(self, call: Call) -> None:
        self.last_number = call.number
        super().record(call)

    def _record_row(self, row: Json) -> None:
        self._record(self._codec.read(row))

    def finish(self, call: Call, state: State, reason: str | None = None) -> None:
        """As Journal does; of a call that is recorded, once the transaction is committed."""
        if call.era < 0:
            super().finish(call, state, reason)
            return
        duration_millis = (time.perf_counter() - call.started) * 1000
        new = call.reason if reason is None else reason

        def act() -> None:
            self._finish(call.number, call.id, state, duration_millis, new)
            # This may be another object than what was read from the store.
            call.state, call.duration_millis = state, duration_millis

        self._rows.stage(lambda: ["finish", call.number, call.id, state, duration_millis, new], act)

    def find_number(self, number: int) -> Call | None:
        """The kept call of a number."""
        for call in reversed(self):
            if call.number <= number:
                return call if call.number == number else None
        return None

    def _finish(self, number: int, id: str, state: State, duration_millis: float, reason: str) -> None:
        call = self.find_number(number)
        if call is not None and call.id == id:
            super().finish(call, state, reason)
            call.duration_millis = duration_millis

    def remove(self, calls: Iterable[Call]) -> None:
        """As Journal does, once the transaction is committed."""
        numbers = [call.number for call in calls]
        self._rows.stage(lambda: ["remove", numbers], lambda: self._remove(numbers))

    def _remove(self, numbers: list[int]) -> None:
        gone = frozenset(numbers)
        super().remove([call for call in self if call.number in gone])

    def clear(self) -> None:
        """As Journal does; in a transaction, once it is committed."""
        if self._rows.is_recording:
            self._rows.stage(lambda: ["clear"], super().clear)
        else:
            super().clear()

    def begin_anew(self) -> None:
        """Nothing is read yet, and nothing forgotten."""
        self._past = None
        super().clear()
        self._past = self.forgotten = ForgottenCounts()

    def dump(self) -> Iterator[Entry]:
        """Entries that make the calls and counts of this moment from nothing."""
        counts: Counter[CountKey] = Counter()
        touched: Counter[Facet] = Counter()
        self.forgotten.add_to(counts, touched)
        counters: JsonObject = {
            "forgotten": [[*key, count] for key, count in counts.items()],
            "forgotten_touched": [[list(facet), count] for facet, count in touched.items()],
            "last_number": self.last_number,
            "counts": [[*key, count] for key, count in self.counts.items()],
            "evicted_counts": [[*key, count] for key, count in self.evicted_counts.items()],
            "touched": [[list(map(list, facets)), count] for facets, count in self._touched.items()],
            "warned": self.warned,
            "evicted": self.evicted,
            "last_evicted": self.last_evicted,
            "evicted_warned": self._evicted_warned,
            "last_evicted_millis": self._last_evicted_millis,
        }
        return _write_calls(list(self), CallCodec(self._name), counters)

    def _set_counters(self, counters: JsonObject) -> None:
        self.forgotten.take_in(
            {(row[0], row[1], row[2]): row[3] for row in counters["forgotten"]},
            Counter({Facet(*facet): count for facet, count in counters["forgotten_touched"]}),
        )
        self.last_number = counters["last_number"]
        self.counts = {(row[0], row[1], row[2]): row[3] for row in counters["counts"]}
        self.evicted_counts = {(row[0], row[1], row[2]): row[3] for row in counters["evicted_counts"]}
        self._touched = {codecs.read_facets(facets): count for facets, count in counters["touched"]}
        self.warned = counters["warned"]
        self.evicted = counters["evicted"]
        self.last_evicted = counters["last_evicted"]
        self._evicted_warned = counters["evicted_warned"]
        self._last_evicted_millis = counters["last_evicted_millis"]


def _write_calls(calls: list[Call], codec: CallCodec, counters: JsonObject) -> Iterator[Entry]:
    yield ["clear"]
    for call in calls:
        yield ["call", codec.write(call)]
    yield ["counters", counters]


class StoredNamespace(Namespace):
    """A namespace whose rows are kept in a store."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        fixtures: Fixtures,
        budget: ByteBudget,
        on_reset: Callable[[str], None],
        past: ForgottenCounts | None,
        *,
        store: Store,
        read_stub: ReadStub,
        reveal: Reveal,
    ) -> None:
        self._rows = Rows()
        self._codecs: dict[str, Codec[Any, Any]] = {
            "given": codecs.ITEMS,
            "items": codecs.ITEMS,
            "credentials": codecs.BY_DIGEST,
            "repetitions": codecs.BY_DIGEST,
            "answers": codecs.answers(lambda operation, place: reveal(operation, self, place)),
            "in_flight": codecs.owned(self._write_owner, self._read_owner),
            "buckets": codecs.BUCKETS,
            "successes": codecs.PLAIN,
            "turns": codecs.TURNS,
            "stubs": codecs.stubs(read_stub),
            "uses": codecs.PLAIN,
            "scenarios": codecs.PLAIN,
            "failed_writes": codecs.BY_DIGEST,
            "asked_to_wait": codecs.asked_to_wait(self._find_call),
            "held": codecs.PLAIN,
            "facts": codecs.PLAIN,
        }
        self._store = store
        # Which other process makes a call whose answer is on its way, by the id of the call.
        self._owners: dict[str, str] = {}
        # Answers that wait, by the number of their call: the stub that holds each, if one does, and the
        # process in which it waits. Those of this process are here as well.
        self._held: OrderedDict[int, list[str | None]] = self._make_table("held")
        self._holding: dict[int, Waiting] = {}
        self._facts: OrderedDict[str, Json] = self._make_table("facts")
        self._written_settings: tuple[Settings | None, JsonObject] = (None, {})
        self._rows.on_event("reset", self._reset_now)
        self._rows.on_event("restore", self._restore_now)
        with self._rows.loading():
            super().__init__(name, settings, fixtures, budget, on_reset, past)
        self._ledger = Ledger(
            name, store, self._rows, self.lock,
            empty=self._begin_anew, dump=self._dump, after_load=self._end_dead,
            before_append=self._note_facts, after_change=self._take_changes, after_commit=self._let_go,
        )  # fmt: skip

    def _make_table(self, name: str) -> OrderedDict[Any, Any]:
        return self._rows.table(name, self._codecs[name], *self._measure_of(name))

    def _make_account(self, budget: ByteBudget) -> Account:
        self._late = LateAccount(budget, self.lock, self._forget_oldest)
        return self._late

    def _make_journal(self, limit: int, budget: ByteBudget, past: ForgottenCounts | None) -> Journal:
        self._recorded = RecordedJournal(self.name, self._rows, limit, budget, self.lock)
        return self._recorded

    def _find_call(self, number: int) -> Call | None:
        return self._recorded.find_number(number)

    def transaction(self, *, reads_first: bool = True) -> AbstractContextManager[object]:
        """As Namespace says."""
        return self._ledger.transaction(reads_first=reads_first)

    def next_call(self) -> tuple[int, str]:
        """As Namespace says. The number is taken once the call is recorded."""
        self._late.settle()
        number = self.journal.last_number + 1
        return number, self._call_ids.number(number)

    # Facts: what is no table.

    def _read_facts(self) -> JsonObject:
        if self._written_settings[0] is not self.settings:
            changed = {
                name: getattr(self.settings, name)
                for name in OPTIONS
                if getattr(self.settings, name) != getattr(self._initial, name)
            }
            self._written_settings = (self.settings, changed)
        clock, choice = self.clock, self.variant
        return {
            "settings": self._written_settings[1],
            "clock": [clock.mode, clock.value],
            "delay": None if self.global_delay is None else write_settings(self.global_delay),
            "variant": None if choice is None else list(choice),
            "next_stub": self.stubs.next_number,
            "stub_ids": self.last_stub_number,
        }

    def _note_facts(self) -> None:
        for name, value in self._read_facts().items():
            if self._facts.get(name, UNSET) != value:
                self._facts[name] = value

    def _take_facts(self) -> None:
        facts = self._facts
        if self._read_facts() == facts:
            return
        choice = facts["variant"]
        self.variant = None if choice is None else VariantChoice(*choice)
        try:
            settings = self._initial.with_changes(facts["settings"])
        except InvalidInput:
            # Options of another version of this package.
            settings = self._initial
        self._apply(settings)
        self.clock = Clock(*facts["clock"])
        self.global_delay = None if facts["delay"] is None else read_settings(facts["delay"])
        self.stubs.next_number = facts["next_stub"]
        self.last_stub_number = facts["stub_ids"]

    # What the ledger asks for.

    @property
    def forgotten(self) -> ForgottenCounts:
        """What calls touched before resets."""
        return self._recorded.forgotten

    def _let_go_of_rows(self) -> None:
        """They are changed in transactions only, so they stay until nobody has the namespace any more."""

    def renew(self, fixtures: Fixtures, read: ReadStub) -> None:
        """As Namespace says. What was written is read again, on top of the new fixtures; a stub that does not
        fit the contract is left out until one comes that it fits."""
        self.fixtures = fixtures
        self._ledger.forget()

    def _begin_anew(self) -> None:
        self._recorded.begin_anew()
        self._empty()
        self._recorded.begin_anew()

    def _empty(self) -> None:
        super().reset_stubs()
        self.forget_calls()
        self.resources.clear()
        self._add_given()
        self._held.clear()
        self.global_delay = None
        self.last_stub_number = 0
        self.variant = None
        self._apply(self._initial)
        self._note_facts()

    def _dump(self) -> Iterator[Entry]:
        rows, calls = self._rows.dump_changes(), self._recorded.dump()

        def write() -> Iterator[Entry]:
            # Calls first: rows speak of them.
            yield from calls
            yield from rows

        return write()

    def _take_changes(self) -> None:
        """Others have changed the rows, or changes were taken back."""
        self.stubs.forget_index()
        self._take_facts()
        self._let_go()

    def _write_owner(self, call_id: str) -> list[str]:
        return [call_id, self._owners.get(call_id, self._store.owner)]

    def _read_owner(self, row: Json) -> str:
        call_id, owner = row
        if len(self._owners) > 2 * len(self.resources.in_flight) + 100:
            kept = frozenset(self.resources.in_flight.values())
            self._owners = {id: name for id, name in self._owners.items() if id in kept}
        self._owners[call_id] = owner
        return str(call_id)

    def _end_dead(self) -> None:
        """What waited in a process that is no more has not arrived, and nothing of it is in flight."""
        alive: dict[str, bool] = {}

        def is_dead(owner: str) -> bool:
            if owner not in alive:
                alive[owner] = self._store.is_alive(owner)
            return not alive[owner]

        for number, (_, owner) in tuple(self._held.items()):
            if is_dead(owner or ""):
                del self._held[number]
                call = self._recorded.find_number(number)
                if call is not None and call.state == "in_flight":
                    self._recorded.finish(call, "disconnected")
        for key, call_id in tuple(self.resources.in_flight.items()):
            if is_dead(self._owners.get(call_id, self._store.owner)):
                del self.resources.in_flight[key]

    def _let_go(self) -> None:
        """Release what waits here and is held no more."""
        for number, waiting in tuple(self._holding.items()):
            stub_id = self._held.get(number, (None,))[0]
            if stub_id is None and not waiting.is_released:
                waiting.release()
            if number not in self._held:
                del self._holding[number]

    # Waits

    def add_waiting(self, waiting: Waiting, number: int) -> None:
        """As Namespace says, once the transaction is committed."""
        self._held[number] = [waiting.stub_id, self._store.owner]

        def act() -> None:
            self._holding[number] = waiting
            self.waiting.add(waiting)

        self._rows.stage(None, act)

    def remove_waiting(self, waiting: Waiting, number: int) -> None:
        """As Namespace says."""
        if self._holding.get(number) is waiting:
            self._held.pop(number, None)
        self._rows.stage(None, lambda: self.waiting.discard(waiting))

    def release(self, stub_id: str) -> int:
        """As Namespace says, in whichever process they wait."""
        held = [(number, owner) for number, (id, owner) in self._held.items() if id == stub_id]
        for number, owner in held:
            # It still waits if it is delayed as well, and is held no more.
            self._held[number] = [None, owner]
        return len(held)

    # All at once

    def reset(self) -> None:
        """As Namespace says, once the transaction is committed."""
        self._rows.stage(lambda: ["reset"], self._reset_now)

    def _reset_now(self) -> None:
        self._holding.clear()
        self._empty()
        self.end_waits()
        self._on_reset(self.name)

    def snapshot(self) -> Any:
        """What the namespace holds now, journal apart, as RowsSnapshot."""
        return RowsSnapshot([entry for entry in self._rows.dump(_OF_CALLS) if entry[:2] != _STUB_IDS])

    def restore(self, snapshot: Any) -> None:
        """Hold what a snapshot held, once the transaction is committed. The journal goes on."""
        entries = snapshot.entries
        self._rows.stage(lambda: ["restore", entries], lambda: self._restore_now(entries))

    def _restore_now(self, entries: list[Entry]) -> None:
        number = self._facts["stub_ids"]
        self._rows.apply(entries)
        self.resources.in_flight.clear()
        self._facts["stub_ids"] = number
        self._take_changes()


_STUB_IDS = ["facts", "stub_ids"]


class _AllForgotten(ForgottenCounts):
    """What all namespaces have forgotten: those that there are, by their logs; others, by this process."""

    __slots__ = ("_namespaces",)

    def __init__(self, namespaces: StoredNamespaces) -> None:
        super().__init__()
        self._namespaces = namespaces

    def add_to(self, counts: Counter[CountKey], touched: Counter[Facet]) -> None:
        """As ForgottenCounts does."""
        super().add_to(counts, touched)
        for namespace in self._namespaces.loaded:
            if isinstance(namespace, StoredNamespace):
                namespace.forgotten.add_to(counts, touched)


class StoredNamespaces(Namespaces):
    """Namespaces of one store. Dropping one that is idle takes it out of memory, and not out of the store."""

    # Its calls are in the store, and counted when they are read again.
    _is_lost = False

    def __init__(
        self,
        settings: Settings,
        fixtures: Fixtures,
        *,
        store: Store,
        read_stub: ReadStub,
        reveal: Reveal,
        on_reset: Callable[[str], None] = lambda name: None,
    ) -> None:
        self._store = store
        self._read_stub = read_stub
        self._reveal = reveal
        self._is_watching = False
        self._is_over = False
        super().__init__(settings, fixtures, on_reset=on_reset)
        self.past = _AllForgotten(self)
        self._shelf = Rows()
        self._kept_bytes = 0
        self._kept_rows: OrderedDict[str, list[Entry]] = self._shelf.table(
            "snapshots", codecs.PLAIN, measure, self._charge_kept
        )
        self._kept_numbers: OrderedDict[str, int] = self._shelf.table("numbers", codecs.PLAIN)
        self._ledger = Ledger(
            SHELF, store, self._shelf, threading.RLock(), empty=self._clear_shelf, dump=self._shelf.dump
        )

    def _clear_shelf(self) -> None:
        self._kept_rows.clear()
        self._kept_numbers.clear()

    def open(self) -> None:
        """Open the store, and hear of what other processes write from now on. Raises SettingsError."""
        self._is_over = False
        if not self._is_watching:
            self._store.open()
            self._store.watch(self.catch_up)
            self._is_watching = True

    def close(self) -> None:
        """Let go of the store, also in threads that read much of it. What comes after opens it again."""
        self._is_over = True
        self._is_watching = False
        self._store.close()

    def catch_up(self) -> None:
        """Read what others have written to the namespaces in which somebody waits."""
        for namespace in self.loaded:
            if not namespace.is_idle:
                try:
                    with namespace.transaction():
                        pass
                except StoreUnavailable as error:
                    logger.warning("%s", error)
                    return

    def _make(self, name: str) -> Namespace:
        return StoredNamespace(
            name, self._settings, self._fixtures, self._budget, self._on_reset, self.past,
            store=self._store, read_stub=self._read_stub_if_needed, reveal=self._reveal,
        )  # fmt: skip

    def _read_stub_if_needed(self, document: JsonObject) -> Stub:
        """A process that ends waits for its threads, and thousands of stubs take seconds."""
        if self._is_over:
            raise StoreUnavailable("the server has ended while it read stubs from its store")
        return self._read_stub(document)

    def __iter__(self) -> Iterator[Namespace]:
        names = {found.name for found in self._store.list()} - {SHELF} | set(self._known)
        return iter([self.get(name) for name in sorted(names)])

    def delete(self, name: str) -> None:
        """As Namespaces says."""
        if name not in self._known and name not in {found.name for found in self._store.list()} - {SHELF}:
            raise UnknownItem(f"there is no namespace {name!r}")
        namespace = self.get(name)
        # This lets go what waits in it, in every process.
        repeat(lambda: _reset(namespace))
        if name != DEFAULT_NAMESPACE:
            namespace.journal.end_waits()
            self._store.remove(name)
            self._take_in_forgotten(namespace)
            with self._lock:
                if name in self._known:
                    self._forget(name)

    def _take_in_forgotten(self, namespace: Namespace) -> None:
        """A namespace is removed, and its log with it."""
        counts: Counter[CountKey] = Counter()
        touched: Counter[Facet] = Counter()
        if isinstance(namespace, StoredNamespace):
            namespace.forgotten.add_to(counts, touched)
        self.past.take_in(counts, touched)

    def keep(self, namespace: Namespace) -> str:
        """As Namespaces says."""
        snapshot: Any = namespace.snapshot()
        return repeat(lambda: self._keep(snapshot.entries))

    def _keep(self, entries: list[Entry]) -> str:
        with self._ledger.transaction():
            number = self._kept_numbers.get("snapshot", 0) + 1
            self._kept_numbers["snapshot"] = number
            id = self._snapshot_ids.number(number)
            kept = self._kept_rows
            kept[id] = entries
            # They are written to the store whole, so they have a share that does not change.
            most = self._budget.limit // 4
            while len(kept) > (MAX_SNAPSHOTS if self._kept_bytes <= most else 1):
                kept.popitem(last=False)
            return id

    def _charge_kept(self, size: int) -> None:
        self._kept_bytes += size
        self._budget.pin(size)

    def find_snapshot(self, id: str) -> Any:
        """As Namespaces says."""
        with self._ledger.transaction():
            entries = self._kept_rows.get(id)
        if entries is None:
            raise UnknownItem(f"there is no snapshot {id!r}; {WHICH_ARE_KEPT}")
        return RowsSnapshot(entries)

    def create(self, name: str, snapshot: Any) -> None:
        """As Namespaces says."""
        namespace = self.get(name)
        repeat(lambda: _reset(namespace))

        def restore() -> None:
            with namespace.transaction():
                namespace.restore(snapshot)

        repeat(restore)


def _reset(namespace: Namespace) -> None:
    with namespace.transaction():
        namespace.reset()


def make_namespaces(
    settings: Settings,
    fixtures: Fixtures,
    *,
    store: Store,
    read_stub: ReadStub,
    reveal: Reveal,
    on_reset: Callable[[str], None],
) -> Namespaces:
    """The namespaces of a server. What nobody else can read is not written."""
    if not store.is_shared:
        return Namespaces(settings, fixtures, on_reset=on_reset)
    return StoredNamespaces(
        settings, fixtures, store=store, read_stub=read_stub, reveal=reveal, on_reset=on_reset
    )
