"""Namespaces: those of one server, and the snapshots that they share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from mockserver.budget import Account, ByteBudget
from mockserver.exceptions import UnknownItem
from mockserver.journal.journal import ForgottenCounts
from mockserver.scripting.stubs import Stub
from mockserver.seeds import Seed
from mockserver.settings import DEFAULT_NAMESPACE, Settings
from mockserver.state.fixtures import Fixtures
from mockserver.state.namespace import Namespace, Snapshot
from mockserver.synthesis.ids import UuidSeries
from mockserver.types import JsonObject

MAX_NAMESPACES = 10_000
MAX_SNAPSHOTS = 1_000
WHICH_ARE_KEPT = (
    f"the newest {MAX_SNAPSHOTS} are kept, fewer where they are larger than --memory-limit allows"
)
# What a namespace takes with nothing in it, measured.
_NAMESPACE_OVERHEAD = 12_000
# What a snapshot takes beside its rows.
_SNAPSHOT_OVERHEAD = 5_000


class Namespaces:
    """The namespaces of one server. They appear on first use; the least recently used idle one makes room.

    `past` is what calls touched in those that were reset or forgotten.
    """

    # Whether what is forgotten is gone for good.
    _is_lost = True

    def __init__(
        self,
        settings: Settings,
        fixtures: Fixtures,
        *,
        limit: int = MAX_NAMESPACES,
        on_reset: Callable[[str], None] = lambda name: None,
    ) -> None:
        self._on_reset = on_reset
        self._settings = settings
        self._fixtures = fixtures
        # Empty ones may take half of the memory that there is.
        self._limit = max(1, min(limit, settings.memory_limit // 2 // _NAMESPACE_OVERHEAD))
        self._lock = threading.Lock()
        self._budget = ByteBudget(settings.memory_limit)
        self.past = ForgottenCounts()
        self._known: dict[str, Namespace] = {}
        self._snapshots: dict[str, Snapshot] = {}
        self._snapshot_ids = UuidSeries(Seed("snapshot", settings.seed))
        self._snapshot_number = 0
        # Of the snapshots. Nothing else changes under this lock.
        self._keeping = threading.Lock()
        self._account = Account(self._budget, self._keeping, self._forget_snapshots)
        # The one that was asked for last.
        self._last = self.default = self.get(DEFAULT_NAMESPACE)

    def __iter__(self) -> Iterator[Namespace]:
        return iter(sorted(self._known.values(), key=lambda namespace: namespace.name))

    def __len__(self) -> int:
        return len(self._known)

    @property
    def loaded(self) -> tuple[Namespace, ...]:
        """Those that are in memory now."""
        return tuple(self._known.values())

    def get(self, name: str) -> Namespace:
        """The namespace of a name, made now if there is none."""
        if self._known:
            if name == DEFAULT_NAMESPACE:
                return self.default
            last = self._last
            if last.name == name:
                return last
        with self._lock:
            known = self._known
            namespace = known.pop(name, None)
            if namespace is None:
                namespace = self._make(name)
                self._make_room()
                self._budget.pin(_NAMESPACE_OVERHEAD)
            # Last in the order of the dict is most recently used.
            known[name] = self._last = namespace
            return namespace

    def _make(self, name: str) -> Namespace:
        return Namespace(name, self._settings, self._fixtures, self._budget, self._on_reset, self.past)

    def open(self) -> None:
        """Make ready what state is kept in. In memory there is nothing to do."""

    def close(self) -> None:
        """Let go of what state is kept in."""

    def _make_room(self) -> None:
        while len(self._known) >= self._limit and self._forget_idle():
            pass

    def _forget_idle(self) -> bool:
        """Forget the least recently used of those that are idle; False where there is none."""
        for name, namespace in self._known.items():
            if namespace.is_idle and name != DEFAULT_NAMESPACE:
                self._forget(name)
                return True
        return False

    def _forget(self, name: str) -> None:
        gone = self._known.pop(name)
        if gone is self._last:
            self._last = self.default
        gone.close(is_forgotten=self._is_lost)
        self._budget.pin(-_NAMESPACE_OVERHEAD)
        self._on_reset(name)

    def delete(self, name: str) -> None:
        """Forget a namespace; the default one is reset. Raises UnknownItem."""
        with self._lock:
            namespace = self._known.get(name)
            if namespace is None:
                raise UnknownItem(f"there is no namespace {name!r}")
            if name != DEFAULT_NAMESPACE:
                namespace.journal.end_waits()
                self._forget(name)
        # Not inside: the holder of a namespace's lock may be waiting for the one above.
        with namespace.lock:
            namespace.reset()

    def reset_all(self) -> None:
        """Reset the default namespace and forget the others."""
        for namespace in tuple(self):
            self.delete(namespace.name)

    def renew(self, fixtures: Fixtures, read: Callable[[JsonObject], Stub]) -> None:
        """Go on with fixtures that were read anew, in every namespace; see `Namespace.renew`."""
        self._fixtures = fixtures
        for namespace in self.loaded:
            namespace.renew(fixtures, read)

    # Snapshots. They belong to the server, as one namespace can be made from another's.

    def keep(self, namespace: Namespace) -> str:
        """Keep what a namespace holds now; returns the id. Beyond the bound the oldest is forgotten."""
        snapshot = namespace.snapshot()
        with self._keeping:
            self._snapshot_number += 1
            id = self._snapshot_ids.number(self._snapshot_number)
            self._snapshots[id] = snapshot
            self._account.charge(_SNAPSHOT_OVERHEAD + snapshot.bytes)
            if len(self._snapshots) > MAX_SNAPSHOTS:
                self._forget_snapshot()
        self._budget.relieve_if_used_up()
        return id

    def _forget_snapshots(self, size: int) -> None:
        while self._account.bytes > size and len(self._snapshots) > min(size, 1):
            self._forget_snapshot()

    def _forget_snapshot(self) -> None:
        gone = self._snapshots.pop(next(iter(self._snapshots)))
        self._account.charge(-_SNAPSHOT_OVERHEAD - gone.bytes)

    def find_snapshot(self, id: str) -> Snapshot:
        """The snapshot of an id. Raises UnknownItem."""
        try:
            return self._snapshots[id]
        except KeyError:
            raise UnknownItem(f"there is no snapshot {id!r}; {WHICH_ARE_KEPT}") from None

    def create(self, name: str, snapshot: Snapshot) -> None:
        """Make a namespace that holds what a snapshot held, and no calls; one of that name is made anew."""
        namespace = self.get(name)
        with namespace.lock:
            namespace.reset()
            namespace.restore(snapshot)
