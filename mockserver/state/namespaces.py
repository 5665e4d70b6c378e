"""Namespaces: those of one server, and the snapshots that they share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from mockserver.exceptions import UnknownItem
from mockserver.journal.journal import ByteBudget, ForgottenCounts
from mockserver.scripting.stubs import Stub
from mockserver.seeds import Seed
from mockserver.settings import DEFAULT_NAMESPACE, Settings
from mockserver.state.fixtures import Fixtures
from mockserver.state.namespace import Namespace, Snapshot
from mockserver.synthesis.ids import UuidSeries
from mockserver.types import JsonObject

MAX_NAMESPACES = 10_000
MAX_SNAPSHOTS = 1_000
# How many things all snapshots may hold together: most hold a handful, few a million.
MAX_KEPT = 2_000_000


class Namespaces:
    """The namespaces of one server. They appear on first use; the least recently used idle one makes room.

    `past` is what calls touched in those that were reset or forgotten.
    """

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
        self._limit = limit
        self._lock = threading.Lock()
        self._budget = ByteBudget()
        self.past = ForgottenCounts()
        self._known: dict[str, Namespace] = {}
        self._snapshots: dict[str, Snapshot] = {}
        self._snapshot_ids = UuidSeries(Seed("snapshot", settings.seed))
        self._snapshot_number = 0
        self._kept = 0
        self.default = self.get(DEFAULT_NAMESPACE)

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
        if name == DEFAULT_NAMESPACE and self._known:
            return self.default
        with self._lock:
            known = self._known
            namespace = known.pop(name, None)
            if namespace is None:
                namespace = self._make(name)
                self._make_room()
            # Last in the order of the dict is most recently used.
            known[name] = namespace
            return namespace

    def _make(self, name: str) -> Namespace:
        return Namespace(name, self._settings, self._fixtures, self._budget, self._on_reset, self.past)

    def open(self) -> None:
        """Make ready what state is kept in. In memory there is nothing to do."""

    def close(self) -> None:
        """Let go of what state is kept in."""

    def _make_room(self) -> None:
        while len(self._known) >= self._limit:
            for name, namespace in self._known.items():
                if namespace.is_idle and name != DEFAULT_NAMESPACE:
                    self._forget(name)
                    break
            else:
                return

    def _forget(self, name: str) -> None:
        self._known.pop(name).journal.close()
        self._on_reset(name)

    def delete(self, name: str) -> None:
        """Forget a namespace; the default one is reset. Raises UnknownItem."""
        with self._lock:
            namespace = self._known.get(name)
            if namespace is None:
                raise UnknownItem(f"there is no namespace {name!r}")
            # One that somebody listens to is only reset: the next call would make it anew, unheard.
            if name != DEFAULT_NAMESPACE and not namespace.journal.listeners:
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
        for namespace in self:
            with namespace.transaction():
                namespace.renew(fixtures, read)

    # Snapshots. They belong to the server, as one namespace can be made from another's.

    def keep(self, namespace: Namespace) -> str:
        """Keep what a namespace holds now; returns the id. Beyond the bound the oldest is forgotten."""
        snapshot = namespace.snapshot()
        with self._lock:
            self._snapshot_number += 1
            id = self._snapshot_ids.number(self._snapshot_number)
            self._snapshots[id] = snapshot
            self._kept += snapshot.size
            while len(self._snapshots) > (MAX_SNAPSHOTS if self._kept <= MAX_KEPT else 1):
                self._kept -= self._snapshots.pop(next(iter(self._snapshots))).size
        return id

    def find_snapshot(self, id: str) -> Snapshot:
        """The snapshot of an id. Raises UnknownItem."""
        try:
            return self._snapshots[id]
        except KeyError:
            text = f"there is no snapshot {id!r}; the newest {MAX_SNAPSHOTS} are kept while the server runs"
            raise UnknownItem(text) from None

    def create(self, name: str, snapshot: Snapshot) -> None:
        """Make a namespace that holds what a snapshot held, and no calls; one of that name is made anew."""
        namespace = self.get(name)
        with namespace.lock:
            namespace.reset()
            namespace.restore(snapshot)
