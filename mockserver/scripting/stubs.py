"""The stub: a matcher, an answer, how often. And the book in which a namespace keeps its stubs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter

from mockserver.exceptions import Problem, StubError
from mockserver.faults import Delay, Dribble, Fault, Phase
from mockserver.json_codec import measure
from mockserver.leftovers import let_go
from mockserver.scripting.bodies import ResponseTemplate
from mockserver.scripting.differences import Difference
from mockserver.scripting.equalities import Name
from mockserver.scripting.matchers import RequestMatcher
from mockserver.scripting.scenarios import Scenarios, ScenarioStep
from mockserver.scripting.stub_index import BucketKey, StubIndex
from mockserver.scripting.subjects import Subject
from mockserver.scripting.webhooks import WebhookDefinition
from mockserver.types import Headers, JsonObject, MakeTable, make_plain_table

DEFAULT_PRIORITY = 5
MAX_STUBS = 10_000
# What a stub takes beside its texts, measured.
_STUB_OVERHEAD = 2_000


@dataclass(frozen=True, slots=True)
class ResponseDefinition:
    """What shall be said. `status` and `body` may be None: then the contract fills them in, unless a
    `template` writes them. `closes` ends the connection; `head_length` is the Content-Length of an answer to
    HEAD."""

    status: int | None = None
    status_message: str | None = None
    headers: Headers = field(default=(), repr=False)
    body: bytes | None = field(default=None, repr=False)
    delay: Delay | None = None
    dribble: Dribble | None = None
    fault: Fault | None = None
    template: ResponseTemplate | None = None
    closes: bool = False
    head_length: int | None = None


@dataclass(frozen=True, slots=True)
class Stub:
    """One scripted answer.

    `operation` limits it to an operation of the contract; `reason` says which of the errors of its status is
    meant, None for the usual one; `times` is how many calls it answers, None for
    all; `document` is its WireMock JSON, with `id` and `uuid`; `size` is about how many bytes it takes.
    """

    id: str
    name: str | None
    matcher: RequestMatcher
    response: ResponseDefinition
    priority: int
    scenario: ScenarioStep | None
    operation: str | None
    times: int | None
    phase: Phase
    hold: bool
    off_contract: bool
    reason: str | None
    webhooks: tuple[WebhookDefinition, ...]
    document: JsonObject = field(compare=False, repr=False)
    size: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "size", _STUB_OVERHEAD + 2 * measure(self.document) + len(self.response.body or b"")
        )


class StubEntry:
    """A stub in a book, with its place in the order, and about how many bytes it takes there. It never
    changes."""

    __slots__ = ("number", "order", "size", "stub")

    def __init__(self, stub: Stub, number: int, *, is_shared: bool = False) -> None:
        """A stub that `is_shared` by all namespaces takes no more in any of them."""
        self.stub = stub
        self.number = number
        self.size = 0 if is_shared else stub.size
        # Lowest priority number first; among equals those with `times`, oldest first; then newest first.
        self.order = (stub.priority, 0, number) if stub.times is not None else (stub.priority, 1, -number)

    def __lt__(self, other: StubEntry) -> bool:
        return self.order < other.order


class StubTrial:
    """A request, and what the matchers of stubs say of it: each is asked once."""

    __slots__ = ("_verdicts", "subject")

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._verdicts: dict[RequestMatcher, bool | Difference] = {}

    def judge(self, matcher: RequestMatcher) -> bool | Difference:
        """Whether the request fits; a difference where this would cost too much to find out."""
        verdict = self._verdicts.get(matcher)
        if verdict is None:
            first = next(matcher.differences(self.subject), None)
            verdict = first is None or (first if first.doubt is not None else False)
            self._verdicts[matcher] = verdict
        return verdict


class StubBook:
    """The stubs of one namespace, in the order in which they are asked.

    Not thread-safe by itself: the namespace's lock makes finding and using one step. `table` makes the tables
    of stubs, of how often they may still answer, and of scenarios; `admit` raises StubError where there is no
    room for new ones once so many bytes of old ones have gone. A book that `is_given` is what all namespaces
    begin with.
    """

    def __init__(
        self,
        table: MakeTable = make_plain_table,
        admit: Callable[[list[Stub], int], None] | None = None,
        *,
        is_given: bool = False,
    ) -> None:
        self._admit = admit
        self._is_given = is_given
        self._entries: OrderedDict[str, StubEntry] = table("stubs")
        self._uses: OrderedDict[str, int] = table("uses")
        # Made when it is asked for; None where the table was changed by others than the book.
        self._index: StubIndex[StubEntry] | None = StubIndex()
        # Whether the index is that of another book, as it holds the same.
        self._is_index_shared = False
        # Counts the changes of what stubs there are.
        self.revision = 0
        self.next_number = 1
        self.scenarios = Scenarios(table("scenarios"))

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Stub]:
        """Newest first, as WireMock lists them; those of this moment, whoever changes the book meanwhile."""
        return (entry.stub for entry in reversed(list(self._entries.values())))

    @property
    def steps(self) -> list[ScenarioStep]:
        """The scenario steps of all stubs."""
        return [entry.stub.scenario for entry in self._entries.values() if entry.stub.scenario is not None]

    def find_by_id(self, id: str) -> Stub | None:
        """The stub with an id."""
        entry = self._entries.get(id)
        return entry.stub if entry else None

    def remaining(self, id: str) -> int | None:
        """How many calls a stub may still answer; None for one without `times` (or that is not there)."""
        return self._uses.get(id)

    def _require_bytes(self, new: list[Stub]) -> None:
        """Raises StubError where there is no room for new stubs in the place of those that have their ids."""
        if self._admit is not None:
            old = {stub.id for stub in new}
            self._admit(new, sum(self._entries[id].size for id in old if id in self._entries))

    def add(self, stubs: Iterable[Stub]) -> None:
        """Put in stubs, all or none; one whose id is known takes the place of the old one.

        Raises StubError when there would be more than 10,000, or more bytes than there is room for.
        """
        new = list(stubs)
        self._require_bytes(new)
        self._require_places(len({stub.id for stub in new if stub.id not in self._entries}))
        for stub in new:
            self.append(stub)

    def _require_places(self, more: int) -> None:
        """Raises StubError when there would be more than 10,000 with so many more."""
        count = len(self._entries) + more
        if count > MAX_STUBS:
            text = f"{count} stubs would be more than {MAX_STUBS} in one namespace"
            raise StubError([Problem(text, "")])

    def append(self, stub: Stub) -> None:
        """Put in a stub as the newest one, whether or not there is room for it."""
        self.remove(stub.id)
        self._put(StubEntry(stub, self.next_number, is_shared=self._is_given))
        self.next_number += 1

    def _put(self, entry: StubEntry) -> None:
        stub = entry.stub
        self.revision += 1
        self._entries[stub.id] = entry
        if stub.times is not None:
            self._uses[stub.id] = stub.times
        if self._is_index_shared:
            self.forget_index()
        if self._index is not None:
            self._index.add(entry)

    def replace(self, stubs: list[Stub]) -> None:
        """New versions of stubs, each in the place of the old one in the order. Raises StubError where there
        is no room for them."""
        self._require_bytes(stubs)
        for stub in stubs:
            self._replace(stub)

    def _replace(self, stub: Stub) -> None:
        old = self._entries[stub.id]
        self._unlist(old)
        self._uses.pop(stub.id, None)
        self._put(StubEntry(stub, old.number))

    def renew(self, stub: Stub) -> None:
        """A stub that was read anew, and says the same: it goes on where it is."""
        uses = self._uses.get(stub.id)
        self._replace(stub)
        if uses is not None:
            self._uses[stub.id] = uses

    def delete(self, ids: Iterable[str]) -> None:
        """Take stubs out for good: a scenario that no stub names any more starts anew when one does."""
        gone = [entry for id in ids if (entry := self._entries.get(id)) is not None]
        # Where more go than stay, an index of those that stay is sooner made than mended.
        is_made_anew = 2 * len(gone) > len(self._entries)
        if is_made_anew:
            self.forget_index()
        for entry in gone:
            self.remove(entry.stub.id)
        if is_made_anew:
            self._index = StubIndex(self._entries.values())
        let_go(gone)
        named = {step.name for step in self.steps}
        for name in [name for name in self.scenarios.states if name not in named]:
            del self.scenarios.states[name]

    def remove(self, id: str) -> bool:
        """Take a stub out; whether it was there."""
        entry = self._entries.pop(id, None)
        if entry is None:
            return False
        self.revision += 1
        self._uses.pop(id, None)
        self._unlist(entry)
        return True

    def _unlist(self, entry: StubEntry) -> None:
        if self._is_index_shared:
            self.forget_index()
        if self._index is not None:
            self._index.remove(entry)

    def forget_index(self) -> None:
        """The table of stubs was changed by others than the book."""
        self.revision += 1
        self._index = None
        self._is_index_shared = False

    def make_index(self) -> Iterator[None]:
        """Make the index, a stub at a time."""
        index: StubIndex[StubEntry] = StubIndex()
        yield from index.fill(self._entries.values())
        self._index = index

    def begin_as(self, other: StubBook) -> None:
        """Hold what another book holds that never changes, and nothing else, with its index."""
        self.take_over(other)
        self._index, self._is_index_shared = other._index, True

    def clear(self) -> None:
        """Take out all stubs and forget the states of their scenarios."""
        gone = list(self._entries.values())
        self.revision += 1
        self._entries.clear()
        self._uses.clear()
        self._index = StubIndex()
        self._is_index_shared = False
        self.next_number = 1
        self.scenarios.reset()
        let_go(gone)

    def candidates(self, keys: Iterable[BucketKey], subject: Callable[[], Subject]) -> list[Stub]:
        """The stubs that may answer a request, in order; what they match has still to be asked.

        `keys` are the request's (`list_bucket_keys`), `subject` gives the request itself.
        """
        if self._index is None:
            self._index = StubIndex(self._entries.values())
        return [entry.stub for entry in self._index.find(keys, subject)]

    def count_candidates(self, keys: Iterable[BucketKey], repeated: Mapping[Name, int]) -> int:
        """How many stubs `candidates` gives at most; all, where the index has still to be made. `repeated` is
        where the request has several values (`count_repeated`)."""
        return len(self) if self._index is None else self._index.count(keys, repeated)

    def accepts(self, stub: Stub, trial: StubTrial, operation: str | None) -> bool | Difference:
        """Whether a stub answers a request now: operation, scenario state, and the matcher.

        A difference says that this would cost too much to find out; the stub does not answer then.
        """
        if stub.operation is not None and stub.operation != operation:
            return False
        if stub.scenario is not None and not self.scenarios.allows(stub.scenario):
            return False
        return trial.judge(stub.matcher)

    def use(self, stub: Stub) -> None:
        """A stub answers a call: count it, drop it when used up, move its scenario."""
        left = self._uses.get(stub.id)
        if left is not None:
            if left > 1:
                self._uses[stub.id] = left - 1
            else:
                self.remove(stub.id)
        if stub.scenario is not None:
            self.scenarios.move(stub.scenario)

    def copy(self) -> StubBook:
        """An independent book with the same stubs, uses left and scenario states."""
        book = StubBook()
        book.take_over(self)
        return book

    def take_over(self, other: StubBook) -> None:
        """Hold what another book holds, and nothing else."""
        self.clear()
        self._entries.update(other._entries)
        self._uses.update(other._uses)
        self.scenarios.states.update(other.scenarios.states)
        self.next_number = other.next_number
        self.forget_index()

    def go_on_as(self, copy: StubBook, named: Collection[str] | None) -> None:
        """Hold the stubs of a copy of this book that was changed, while this one kept those that it had.
        Stubs that are the same in both go on as they are here, and so do the scenarios, or those that are
        `named`.

        Raises StubError when there would be more than 10,000, or more bytes than there is room for.
        """
        entries = self._entries
        self._require_places(len(copy) - len(self))
        if self._admit is not None:
            self._admit([], _count_bytes(self) - _count_bytes(copy))
        copy._uses.update(
            {id: left for id, left in self._uses.items() if copy._entries.get(id) is entries[id]}
        )
        copy.scenarios.states = {
            name: state for name, state in self.scenarios.states.items() if named is None or name in named
        }
        self.take_over(copy)
        self._index = copy._index


def _count_bytes(book: StubBook) -> int:
    return sum(map(attrgetter("size"), book._entries.values()))
