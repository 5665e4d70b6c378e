"""Namespace: all that a test can change, apart from every other test."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

from mockserver.budget import Account, ByteBudget
from mockserver.clocks import Clock, Mode, read_clock
from mockserver.exceptions import Problem, StubError
from mockserver.faults import Delay
from mockserver.journal.audits import RetryWatch
from mockserver.journal.journal import ForgottenCounts, Journal
from mockserver.scripting.stubs import Stub, StubBook
from mockserver.scripting.webhooks import Webhook
from mockserver.seeds import Seed
from mockserver.settings import RateLimit, Settings
from mockserver.state.fixtures import Fixtures
from mockserver.state.resources import MEASURES, Resources
from mockserver.state.rows import Measure, SizedTable
from mockserver.state.waiting import Waiting
from mockserver.synthesis.ids import UuidSeries
from mockserver.types import JsonObject, make_plain_table

# So many deliveries are remembered.
MAX_WEBHOOKS = 1_000
MAX_WEBHOOK_BYTES = 4 * 1024 * 1024


class VariantChoice(NamedTuple):
    """Which answers are varied: those that have a variant of this name, of one operation and status only
    where they are given."""

    name: str
    operation: str | None = None
    status: int | None = None

    def fits(self, operation: str, status: int) -> bool:
        """Whether an answer is meant."""
        return self.operation in (None, operation) and self.status in (None, status)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A namespace at one moment: all that a test can change but the journal."""

    stubs: StubBook
    resources: Resources
    clock_mode: Mode
    clock_value: int
    settings: Settings
    global_delay: Delay | None
    variant: VariantChoice | None
    # About how many it takes. It shares most of them with the namespace as long as nothing changes there.
    bytes: int


class Namespace:
    """The sandbox of one name: stubs, journal, resources, clock, settings.

    `lock` makes one call, or one control operation, a single step. It is held for microseconds and never
    while an answer travels. `fixtures` are what the sandbox knows beforehand.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        fixtures: Fixtures,
        budget: ByteBudget,
        on_reset: Callable[[str], None] = lambda name: None,
        past: ForgottenCounts | None = None,
    ) -> None:
        self.name = name
        self._on_reset = on_reset
        self.lock = threading.RLock()
        self._initial = settings
        self.fixtures = fixtures
        self._budget = budget
        self._pinned = 0
        self._account = self._make_account(budget)
        self.stubs = StubBook(self._make_table, self._admit)
        self.journal = self._make_journal(settings.journal_limit, budget, past)
        self.retries = RetryWatch(self._make_table)
        self.resources = Resources(self._make_table)
        self._add_given()
        self.waiting: set[Waiting] = set()
        # Of this process; the newest of them.
        self.webhooks: deque[Webhook] = deque(maxlen=MAX_WEBHOOKS)
        self.global_delay: Delay | None = None
        self.last_stub_number = 0
        self.variant: VariantChoice | None = None
        self._apply(settings)
        self.stubs.begin_as(fixtures.book)

    def _make_table(self, name: str) -> OrderedDict[Any, Any]:
        """The table of a name. In memory nobody asks what changes in it but how large it is."""
        measure, charge = self._measure_of(name)
        return SizedTable(measure, charge) if measure else make_plain_table(name)

    def _measure_of(self, name: str) -> tuple[Measure, Callable[[int], None]]:
        """How many bytes a row of the table of a name takes, and who is told of them; 0 where nobody asks."""
        if name == "stubs":
            return attrgetter("size"), self._pin
        measure = MEASURES.get(name, 0)
        return measure, self._account.charge if measure else self._pin

    def _pin(self, size: int) -> None:
        self._pinned += size
        self._budget.pin(size)

    def _admit(self, stubs: list[Stub], freed: int) -> None:
        """Stubs never make room, so they leave some. Raises StubError."""
        size = sum(stub.size for stub in stubs if not self.fixtures.brings(stub)) - freed
        if size > 0 and not self._budget.can_pin(size):
            limit = self._budget.limit
            text = f"the stubs of all namespaces would take more than three quarters of {limit:,} bytes"
            raise StubError([Problem(f"{text}; delete some, or raise --memory-limit", "")])

    def _make_account(self, budget: ByteBudget) -> Account:
        return Account(budget, self.lock, self._forget_oldest)

    def _forget_oldest(self, size: int) -> None:
        self.resources.forget_oldest(size)

    def close(self, *, is_forgotten: bool = True) -> None:
        """It is forgotten, or without `is_forgotten` only put away: what it holds counts no more."""
        self.journal.close(is_forgotten=is_forgotten)
        self._account.close()
        self._budget.pin(-self._pinned)
        self._budget = ByteBudget()
        self._let_go_of_rows()

    def _let_go_of_rows(self) -> None:
        """Nobody reads them any more, and the garbage collector comes late."""
        if self.lock.acquire(blocking=False):
            try:
                self.resources.clear()
            finally:
                self.lock.release()

    def _make_journal(self, limit: int, budget: ByteBudget, past: ForgottenCounts | None) -> Journal:
        return Journal(limit, budget, self.lock, past)

    def transaction(self, *, reads_first: bool = True) -> AbstractContextManager[object]:
        """What a call or a control operation does is done in one, as a single step.

        Where state is shared with other processes it raises Superseded or StoreUnavailable at its end, with
        everything taken back; the first asks to do it again. Without `reads_first` it may begin with rows
        that others have changed since, so it has to change something.
        """
        return self.lock

    def _apply(self, settings: Settings) -> None:
        """Make settings the ones in force. What the path of a call reads of them is read here, once."""
        self.settings = settings
        self.clock: Clock = read_clock(settings.clock)
        self.rate: RateLimit | None = settings.rate
        wanted = settings.success_status
        self.success_status: int | str | None = int(wanted) if wanted and wanted.isdecimal() else wanted
        self._note_variation()
        self.seed = Seed(settings.seed, self.name)
        self._call_ids = UuidSeries(self.seed.at("call"))
        self._stub_ids = UuidSeries(self.seed.at("stub"))

    def _note_variation(self) -> None:
        settings = self.settings
        self.is_varied = self.variant is not None or settings.variants != "off" or settings.tolerant_reader

    def choose_variant(self, choice: VariantChoice | None) -> None:
        """Let the answers that are meant be varied from now on; None lets all be plain again."""
        self.variant = choice
        self._note_variation()

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for anything here, so that it may be dropped."""
        return not self.waiting and not self.journal.listeners

    def describe(self) -> JsonObject:
        """How much it holds: calls, stubs, issued keys."""
        return {
            "name": self.name,
            "calls": self.journal.total,
            "evicted": self.journal.evicted,
            "stubs": len(self.stubs),
            "issuedKeys": len(self.resources.credentials),
        }

    def next_call(self) -> tuple[int, str]:
        """Number and id of the next call."""
        journal = self.journal
        journal.last_number = number = journal.last_number + 1
        return number, self._call_ids.number(number)

    def next_stub_id(self) -> str:
        """The id of the next stub that does not bring its own."""
        while True:
            self.last_stub_number += 1
            id = self._stub_ids.number(self.last_stub_number)
            # A stub that was exported before a reset brings such an id back.
            if self.stubs.find_by_id(id) is None:
                return id

    def configure(self, changes: dict[str, Any]) -> None:
        """Change settings of this namespace alone; its clock goes on unless it is one of them.

        Raises SettingsError.
        """
        clock = self.clock
        self._apply(self.settings.with_changes(changes))
        if "clock" not in changes:
            self.clock = clock

    def reset(self) -> None:
        """Everything as it was at the start: stubs of the files, empty journal, no keys, clock, settings."""
        self.reset_stubs()
        self.forget_calls()
        self.resources.clear()
        self._add_given()
        self.global_delay = None
        self.last_stub_number = 0
        self.variant = None
        self._apply(self._initial)
        self.end_waits()
        self.webhooks.clear()
        self._on_reset(self.name)

    def forget_calls(self) -> None:
        """Forget all calls, and what was remembered of them."""
        self.journal.clear()
        self.retries.clear()

    def _add_given(self) -> None:
        """Put in the items of the fixtures."""
        self.resources.given.update(self.fixtures.items)

    def reset_stubs(self) -> None:
        """The stubs of the files and no others, unused; scenarios back at their start."""
        self.stubs.begin_as(self.fixtures.book)

    def renew(self, fixtures: Fixtures, read: Callable[[JsonObject], Stub]) -> None:
        """Go on with fixtures that were read anew, perhaps for another contract; all else stays.

        `read` gives a stub of a caller's for that contract. One that does not fit it stays as it is.
        """
        with self.transaction():
            self._renew_stubs(fixtures, read)
            self._renew_given(fixtures)
            self.fixtures = fixtures

    def _renew_given(self, fixtures: Fixtures) -> None:
        """What calls made of an item stays, unless its file says something else now."""
        given, old, new = self.resources.given, self.fixtures.items, fixtures.items
        for id in old.keys() - new.keys():
            given.pop(id, None)
        given.update({id: item for id, item in new.items() if old.get(id) != item})

    def _renew_stubs(self, fixtures: Fixtures, read: Callable[[JsonObject], Stub]) -> None:
        new = {stub.id for stub in fixtures.stubs}
        self.stubs.delete({stub.id for stub in self.fixtures.stubs} - new)
        for stub in tuple(self.stubs):
            if stub.id not in new:
                with suppress(StubError):
                    self.stubs.renew(read(stub.document))
        for stub in fixtures.stubs:
            known = self.stubs.find_by_id(stub.id)
            if known is not None and known.document == stub.document:
                self.stubs.renew(stub)
            else:
                self.stubs.add([stub])

    def add_waiting(self, waiting: Waiting, number: int) -> None:
        """The answer to the call of a number is on its way."""
        self.waiting.add(waiting)

    def remove_waiting(self, waiting: Waiting, number: int) -> None:
        """It has arrived, or never will."""
        self.waiting.discard(waiting)

    def release(self, stub_id: str) -> int:
        """Let go the answers that a stub holds now; how many there were."""
        held = [waiting for waiting in self.waiting if waiting.stub_id == stub_id and not waiting.is_released]
        for waiting in held:
            waiting.release()
        return len(held)

    def note_webhooks(self, webhooks: Iterable[Webhook]) -> None:
        """Remember deliveries; the oldest that are over make room."""
        kept = self.webhooks
        kept.extend(webhooks)
        size = sum(len(webhook.body) for webhook in kept)
        while size > MAX_WEBHOOK_BYTES and len(kept) > 1:
            size -= len(kept.popleft().body)

    def end_waits(self) -> None:
        """Let go every answer that is held or delayed, and send no webhook that is not sent yet."""
        for webhook in tuple(self.webhooks):
            webhook.cancel()
        for waiting in tuple(self.waiting):
            waiting.end()

    def snapshot(self) -> Snapshot:
        """What the namespace holds now, journal apart."""
        return Snapshot(
            self.stubs.copy(),
            self.resources.copy(),
            self.clock.mode,
            self.clock.value,
            self.settings,
            self.global_delay,
            self.variant,
            self._account.bytes + self._pinned,
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Hold what a snapshot held. The journal goes on."""
        self.variant = snapshot.variant
        self._apply(snapshot.settings)
        self.stubs.take_over(snapshot.stubs)
        self.resources.take_over(snapshot.resources)
        self.clock = Clock(snapshot.clock_mode, snapshot.clock_value)
        self.global_delay = snapshot.global_delay
