"""What earlier calls of a namespace left behind: items, issued credentials, counts, idempotent answers.

Everything here is bounded. Values put in are never changed in place, only replaced, so a snapshot is a
shallow copy.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from mockserver.credentials import Grants
from mockserver.settings import RateLimit
from mockserver.types import Headers, JsonObject

# The newest so many of each kind are remembered in a namespace.
MAX_ITEMS = 10_000
MAX_COUNTED_REQUESTS = 1_000_000
IDEMPOTENCY_MILLIS = 24 * 3_600_000


class Item(NamedTuple):
    """Something that a call created. `tenant` is whose data it is; None means the account's at large."""

    value: JsonObject
    account_id: str
    tenant: bytes | None
    is_deleted: bool = False


class IssuedCredential(NamedTuple):
    """A key that the sandbox issued, found by the digest of its text, which is not kept."""

    item_id: str
    grants: Grants
    account_id: str
    tenant: bytes | None
    expires_millis: int | None
    is_deleted: bool


class StoredAnswer(NamedTuple):
    """The answer that an idempotency key stands for. `request` is the digest of what was asked."""

    request: bytes
    status: int
    headers: Headers
    body: bytes
    millis: int
    call_id: str
    in_flight: bool


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket: how many calls are left, in calls, as of a time in milliseconds."""

    level: float
    millis: int


class Resources:
    """The memory of one namespace, apart from stubs and journal."""

    def __init__(self) -> None:
        # Ordered, as the oldest makes room: taking the first item of a plain dict gets slower each time.
        self.items: OrderedDict[str, Item] = OrderedDict()
        self.credentials: OrderedDict[bytes, IssuedCredential] = OrderedDict()
        self.repetitions: OrderedDict[bytes, int] = OrderedDict()
        self.answers: OrderedDict[bytes, StoredAnswer] = OrderedDict()
        self.buckets: OrderedDict[bytes, Bucket] = OrderedDict()
        self.successes: dict[str, int] = {}
        self.forgotten = 0

    def copy(self) -> Resources:
        """An independent copy; for snapshots."""
        copy = Resources()
        for name in ("items", "credentials", "repetitions", "successes", "answers", "buckets"):
            getattr(copy, name).update(getattr(self, name))
        copy.forgotten = self.forgotten
        return copy

    # Items and their credentials

    def add_item(self, id: str, item: Item) -> None:
        """Put in what a call created, forgetting the oldest beyond the bound together with its credential."""
        self.items[id] = item
        if len(self.items) > MAX_ITEMS:
            self.items.popitem(last=False)
            self.forgotten += 1

    def add_credential(self, digest: bytes, credential: IssuedCredential) -> None:
        """Let a key that was just issued in. The one that it replaces is put out by `end_credentials`."""
        self.credentials[digest] = credential
        if len(self.credentials) > 2 * MAX_ITEMS:
            self.credentials.popitem(last=False)

    def end_credentials(self, item_id: str) -> None:
        """The keys of an item no longer work."""
        for digest, credential in self.credentials.items():
            if credential.item_id == item_id:
                self.credentials[digest] = credential._replace(is_deleted=True)

    def visible_items(self, account_id: str, tenant: bytes | None) -> Iterator[tuple[str, Item]]:
        """The items of an account that a tenant sees, oldest first, deleted ones left out."""
        for id, item in self.items.items():
            if item.account_id == account_id and not item.is_deleted and sees(tenant, item):
                yield id, item

    # Counts

    def repetition(self, request: bytes) -> int:
        """How often a request (its digest) was carried out before."""
        return self.repetitions.get(request, 0)

    def count_success(self, request: bytes, operation: str) -> None:
        """A request was carried out."""
        if len(self.repetitions) >= MAX_COUNTED_REQUESTS and request not in self.repetitions:
            self.repetitions.popitem(last=False)
        self.repetitions[request] = self.repetitions.get(request, 0) + 1
        self.successes[operation] = self.successes.get(operation, 0) + 1

    # Idempotency

    def find_answer(self, key: bytes, now_millis: int) -> StoredAnswer | None:
        """The answer kept for an idempotency key, for 24 hours of the namespace's clock."""
        answer = self.answers.get(key)
        if answer is not None and now_millis - answer.millis >= IDEMPOTENCY_MILLIS and not answer.in_flight:
            del self.answers[key]
            return None
        return answer

    def keep_answer(self, key: bytes, answer: StoredAnswer) -> None:
        """Keep what was committed under an idempotency key."""
        self.answers[key] = answer
        if len(self.answers) > MAX_ITEMS:
            self.answers.popitem(last=False)

    def land_answer(self, key: bytes, call_id: str) -> None:
        """The call that the answer was made for is over, however it ended."""
        answer = self.answers.get(key)
        if answer is not None and answer.in_flight and answer.call_id == call_id:
            self.answers[key] = answer._replace(in_flight=False)

    # Rate limits

    def take_token(self, key: bytes, limit: RateLimit, now_millis: int) -> float:
        """Take one call out of a bucket. Returns 0.0, or the seconds until there is one again."""
        bucket = self.buckets.get(key) or Bucket(float(limit.calls), now_millis)
        passed = max(0, now_millis - bucket.millis) / 1000
        level = min(float(limit.calls), bucket.level + passed * limit.calls / limit.seconds)
        # A full bucket is the same as none, so those can be dropped when there are too many.
        if len(self.buckets) >= MAX_ITEMS and key not in self.buckets:
            self.buckets.popitem(last=False)
        if level >= 1.0 - 1e-9:
            self.buckets[key] = Bucket(level - 1.0, now_millis)
            return 0.0
        self.buckets[key] = replace(bucket, level=level, millis=now_millis)
        return (1.0 - level) * limit.seconds / limit.calls

    def tokens_left(self, key: bytes, limit: RateLimit, now_millis: int) -> int:
        """Whole calls left in a bucket."""
        bucket = self.buckets.get(key)
        if bucket is None:
            return limit.calls
        passed = max(0, now_millis - bucket.millis) / 1000
        return int(min(float(limit.calls), bucket.level + passed * limit.calls / limit.seconds))


def sees(tenant: bytes | None, item: Item) -> bool:
    """Whether a tenant sees an item: what is its own, and what is the account's at large."""
    return tenant is None or item.tenant is None or item.tenant == tenant
