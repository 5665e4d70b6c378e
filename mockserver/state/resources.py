"""What earlier calls of a namespace left behind: items, issued credentials, counts, idempotent answers.

Everything here is bounded, in number here and in bytes by the budget of the server (`MEASURES`). Values put
in are never changed in place, only replaced, so a snapshot is a shallow copy.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, NamedTuple

from mockserver.budget import find_share
from mockserver.json_codec import measure
from mockserver.settings import RateLimit
from mockserver.state.rows import Measure, SizedTable
from mockserver.types import Headers, JsonObject

# The newest so many of each kind are remembered in a namespace.
MAX_ITEMS = 10_000
MAX_COUNTED_REQUESTS = 200_000
IDEMPOTENCY_MILLIS = 24 * 3_600_000


class Use(NamedTuple):
    """When a credential was last accepted (milliseconds of the namespace's clock), and from which address."""

    millis: int
    client: str | None


@dataclass(slots=True, repr=False)
class Item:
    """Something that a call created, or that the fixtures brought.

    `value` holds no secret. `owner` is what it belongs to, such as an account; `tenant` is whose data it is,
    None means the owner's at large. `credential` is the digest of the secret that belongs to it now, if any,
    and `holder` whose data that secret sees.
    """

    value: JsonObject
    owner: str | None
    tenant: bytes | None
    credential: bytes | None = None
    holder: bytes | None = None
    last_use: Use | None = None
    is_deleted: bool = False
    # About how many bytes it takes; 0 until somebody asks.
    size: int = field(default=0, init=False, compare=False)


class IssuedSecret(NamedTuple):
    """A secret that an answer gave, and how to make it again: the behaviour of `operation` derives it from
    the namespace's seed at `place`."""

    text: bytes
    operation: str
    place: bytes

    def __repr__(self) -> str:
        return f"<IssuedSecret of {self.operation}>"


@dataclass(slots=True)
class StoredAnswer:
    """The answer that an idempotency key stands for. `request` is the digest of what was asked; `secret` is
    what the body must not be written down with."""

    request: bytes
    status: int
    headers: Headers
    body: bytes
    millis: int
    secret: IssuedSecret | None = None

    def __repr__(self) -> str:
        # The body may hold the secret that it answered with.
        return f"<StoredAnswer {self.status}>"


class Bucket(NamedTuple):
    """A token bucket as it was at a time in milliseconds.

    A call costs `cost` units, and a millisecond brings as many as the limit allows calls: whole numbers, so
    that no rounding makes a client wait longer than it was told.
    """

    limit: RateLimit
    level: int
    millis: int

    @property
    def cost(self) -> int:
        """What one call takes out."""
        return self.limit.seconds * 1000

    def at(self, now_millis: int) -> Bucket:
        """The bucket at another time. A clock that was put back brings nothing and takes nothing."""
        gained = max(0, now_millis - self.millis) * self.limit.calls
        return Bucket(self.limit, min(self.limit.calls * self.cost, self.level + gained), now_millis)

    @property
    def calls_left(self) -> int:
        """Whole calls that can be made at once."""
        return self.level // self.cost

    @property
    def wait_seconds(self) -> int:
        """Whole seconds until there is one call more than now; 0 in a full bucket."""
        if self.level >= self.limit.calls * self.cost:
            return 0
        missing = (self.calls_left + 1) * self.cost - self.level
        return -(-missing // (self.limit.calls * 1000))


def make_sized_table(name: str) -> SizedTable[Any, Any]:
    """A table of its name that is in no account."""
    return SizedTable(MEASURES.get(name, 0))


class Resources:
    """The memory of one namespace, apart from stubs and journal.

    `given` holds the items of the fixtures, which never make room, and `items` those that calls created.
    """

    def __init__(self, table: Callable[[str], Any] = make_sized_table) -> None:
        self.given: OrderedDict[str, Item] = table("given")
        # Ordered, as the oldest makes room: taking the first item of a plain dict gets slower each time.
        self.items: SizedTable[str, Item] = table("items")
        # The ids of items by the digests of the secrets that they have or had.
        self.credentials: SizedTable[bytes, str] = table("credentials")
        self.repetitions: SizedTable[bytes, int] = table("repetitions")
        self.answers: SizedTable[bytes, StoredAnswer] = table("answers")
        # Keys whose answer was made and has not arrived, with the call that it was made for.
        self.in_flight: OrderedDict[bytes, str] = table("in_flight")
        self.buckets: SizedTable[bytes, Bucket] = table("buckets")
        self.successes: OrderedDict[str, int] = table("successes")
        self.turns: OrderedDict[tuple[str, int], int] = table("turns")

    def copy(self) -> Resources:
        """An independent copy; for snapshots. Nothing is in flight in it: no call will ever land there."""
        copy = Resources()
        copy.take_over(self)
        return copy

    def take_over(self, other: Resources) -> None:
        """Hold what another one holds and nothing else, but for what is in flight."""
        self.clear()
        for name in _COPIED:
            getattr(self, name).update(getattr(other, name))

    def clear(self) -> None:
        """Forget everything."""
        for name in (*_COPIED, "in_flight"):
            getattr(self, name).clear()

    def forget_oldest(self, size: int) -> None:
        """Forget the oldest of what there is most of, until all takes at most `size` bytes.

        The newest of each kind stays, unless that is 0.
        """
        kept = min(size, 1)
        tables: list[SizedTable[Any, Any]] = [getattr(self, name) for name in MEASURES]
        while (excess := sum([table.bytes for table in tables]) - size) > 0:
            sizes = [table.bytes for table in tables if len(table) > kept]
            if not sizes:
                break
            share = find_share(sizes, sum(sizes) - excess)
            for table in tables:
                gone = table.forget_oldest(share, kept) if table.bytes > share else []
                if table is self.items:
                    self.credentials.discard(item.credential for _, item in gone)
                elif table is self.answers:
                    for key, _ in gone:
                        self.in_flight.pop(key, None)

    # Items and their credentials

    def find_item(self, id: str) -> Item | None:
        """The item of an id."""
        return self.items.get(id) or self.given.get(id)

    def put_item(self, id: str, item: Item) -> None:
        """Put an item in, or another value in its place.

        Beyond the bound the oldest is forgotten together with its secret.
        """
        if id in self.given:
            self.given[id] = item
            return
        self.items[id] = item
        if len(self.items) > MAX_ITEMS:
            self._forget_item()

    def _forget_item(self) -> None:
        _, gone = self.items.popitem(last=False)
        if gone.credential is not None:
            self.credentials.pop(gone.credential, None)

    def issue(self, id: str, item: Item) -> None:
        """Put in an item whose secret is a credential from now on, in place of the one that it had before."""
        assert item.credential is not None, "what is issued has a secret"
        self.put_item(id, item)
        self.credentials[item.credential] = id
        if len(self.credentials) > 2 * MAX_ITEMS:
            self.credentials.popitem(last=False)

    def note_use(self, item_id: str, now_millis: int, client: str | None) -> None:
        """The credential of an item was accepted."""
        item = self.find_item(item_id)
        if item is not None:
            used = replace(item, last_use=Use(now_millis, client))
            used.size = item.size
            self.put_item(item_id, used)

    def visible_items(self, owner: str, tenant: bytes | None) -> Iterator[tuple[str, Item]]:
        """The items of an account that a tenant sees, oldest first, deleted ones left out."""
        for id, item in chain(self.given.items(), self.items.items()):
            if item.owner == owner and not item.is_deleted and sees(tenant, item):
                yield id, item

    # Counts

    def count_request(self, request: bytes, operation: str) -> int:
        """Count a request (its digest) that is carried out; how often it was before."""
        before = self.count_repetition(request)
        self.successes[operation] = self.successes.get(operation, 0) + 1
        return before

    def count_repetition(self, request: bytes) -> int:
        """Count a request (its digest) from which values are derived; how often it came before."""
        before = self.repetitions.get(request, 0)
        if not before and len(self.repetitions) >= MAX_COUNTED_REQUESTS:
            self.repetitions.popitem(last=False)
        self.repetitions[request] = before + 1
        return before

    def take_turn(self, operation: str, status: int) -> int:
        """How many answers of an operation with a status were varied before; counts one more."""
        turn = self.turns.get((operation, status), 0)
        self.turns[operation, status] = turn + 1
        return turn

    # Idempotency

    def find_answer(self, key: bytes, now_millis: int) -> StoredAnswer | None:
        """The answer kept for an idempotency key, for 24 hours of the namespace's clock."""
        answer = self.answers.get(key)
        is_old = answer is not None and now_millis - answer.millis >= IDEMPOTENCY_MILLIS
        if is_old and key not in self.in_flight:
            del self.answers[key]
            return None
        return answer

    def keep_answer(self, key: bytes, answer: StoredAnswer, call_id: str | None) -> None:
        """Keep what a call committed under an idempotency key; that is in flight from now on, unless the call
        is None."""
        self.answers[key] = answer
        if call_id is not None:
            self.in_flight[key] = call_id
        if len(self.answers) > MAX_ITEMS:
            self._forget_answer()

    def _forget_answer(self) -> None:
        oldest, _ = self.answers.popitem(last=False)
        self.in_flight.pop(oldest, None)

    def land_answer(self, key: bytes, call_id: str) -> None:
        """The call that the answer was made for is over, however it ended."""
        if self.in_flight.get(key) == call_id:
            del self.in_flight[key]

    # Rate limits

    def bucket(self, key: bytes, limit: RateLimit, now_millis: int) -> Bucket:
        """The bucket of a key as it is now. One of another limit counts as none, and none as a full one."""
        bucket = self.buckets.get(key)
        if bucket is None or bucket.limit != limit:
            return Bucket(limit, limit.calls * limit.seconds * 1000, now_millis)
        return bucket.at(now_millis)

    def take_token(self, key: bytes, limit: RateLimit, now_millis: int) -> int:
        """Take one call out of a bucket. Returns 0, or the whole seconds until there is one again."""
        bucket = self.bucket(key, limit, now_millis)
        wait_seconds = 0 if bucket.calls_left else bucket.wait_seconds
        if not wait_seconds:
            bucket = bucket._replace(level=bucket.level - bucket.cost)
        # The oldest makes room: a forgotten bucket is a full one, which refuses nobody.
        if len(self.buckets) >= MAX_ITEMS and key not in self.buckets:
            self.buckets.popitem(last=False)
        self.buckets[key] = bucket
        return wait_seconds


def measure_item(item: Item) -> int:
    """About how many bytes an item takes."""
    if not item.size:
        item.size = 500 + measure(item.value)
    return item.size


def measure_answer(answer: StoredAnswer) -> int:
    """About how many bytes a kept answer takes."""
    return 800 + len(answer.body)


# What makes room: by table, about how many bytes a row takes.
MEASURES: Mapping[str, Measure] = {
    "items": measure_item,
    "credentials": 250,
    "repetitions": 200,
    "answers": measure_answer,
    "buckets": 300,
}
# All tables but that of what is in flight.
_COPIED = (
    "given", "items", "credentials", "repetitions", "successes", "turns", "answers", "buckets",
)  # fmt: skip


def sees(tenant: bytes | None, item: Item) -> bool:
    """Whether a tenant sees an item: what is its own, and what is its owner's at large."""
    return tenant is None or item.tenant is None or item.tenant == tenant
