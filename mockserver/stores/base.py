"""What a store is: an ordered log of records for each namespace, which several processes may append to.

    process A: append("t1", version 7, record) -> version 8
    process B: append("t1", version 7, record) -> LogPart: the record that made version 8
    process B takes that in, decides again, and appends its own after 8

A store knows names, numbers and bytes. What the records mean is for `state/` to know.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from mockserver.exceptions import StoreUnavailable

# The format of records, snapshots and files. A store that holds another one is refused.
FORMAT = 1


class Version(NamedTuple):
    """How far the log of a namespace is read: the number of the last record.

    `life` tells a namespace from another of the same name that was there before it was removed.
    """

    life: str
    number: int


# Nothing was read yet.
NEW = Version("", 0)


def new_life() -> str:
    """A name for the life of a namespace that is made now."""
    return secrets.token_hex(8)


class LogPart(NamedTuple):
    """What came after a version, up to `version`: records, oldest first.

    Where `is_whole`, the reader forgets what it had: it begins with the snapshot, None for an empty one.
    """

    version: Version
    records: Sequence[bytes]
    is_whole: bool = False
    snapshot: bytes | None = None


class NamespaceLog(NamedTuple):
    """What a store holds of one namespace: records since the last snapshot, and bytes of both together."""

    name: str
    version: Version
    records: int
    size: int


class Store(Protocol):
    """Where the logs of namespaces are. Safe to use from several threads.

    `kind` is the word for it in options and answers. `is_shared` is False where nobody else can read it, so
    that nothing needs to be written. `is_remote` says that its answers may take long enough to stop others.
    Every method but `close` raises StoreUnavailable where the store does not answer in time.
    """

    kind: str
    is_shared: bool
    is_remote: bool

    def open(self) -> None:
        """Make it ready; does nothing if it is.

        Raises SettingsError if it is no store of this package, or one of another format.
        """
        ...

    def read(self, namespace: str, after: Version) -> LogPart:
        """What came after a version of a namespace."""
        ...

    def append(self, namespace: str, after: Version, record: bytes) -> Version | LogPart:
        """Put a record behind a version, if that is the newest: the new version. Else what came after it, and
        nothing is put in."""
        ...

    def snapshot(self, namespace: str, version: Version, rows: bytes) -> None:
        """Let `rows` stand for all records up to a version. Does nothing if a newer snapshot is there."""
        ...

    def remove(self, namespace: str) -> None:
        """Forget a namespace. A reader that still has a version of it begins anew."""
        ...

    def list(self) -> Sequence[NamespaceLog]:
        """Every namespace, by name."""
        ...

    def watch(self, on_change: Callable[[], None]) -> None:
        """Have `on_change` called, in a thread, soon after another process has appended; until `close`."""
        ...

    @property
    def owner(self) -> str:
        """A name of this process for the others."""
        ...

    def is_alive(self, owner: str) -> bool:
        """Whether the process that is named so still uses the store, as far as can be told."""
        ...

    def check(self) -> None:
        """Find out whether it works, by asking."""
        ...

    def close(self) -> None:
        """Let go connections and threads. The next use opens it again."""
        ...


class Watcher:
    """A thread that calls `on_change` each time `wait` returns True. `wait` takes a second at most, or ends
    when `wake` is called."""

    def __init__(
        self,
        wait: Callable[[Watcher], bool],
        on_change: Callable[[], None],
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._wait = wait
        self._on_change = on_change
        self._wake = wake
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mockserver-store", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self.is_over:
            try:
                is_changed = self._wait(self)
            except StoreUnavailable:
                # It may be back soon; until then nobody can be told anything.
                self._is_over.wait(1.0)
                continue
            if is_changed and not self.is_over:
                self._on_change()

    @property
    def is_over(self) -> bool:
        """Whether the watching ends."""
        return self._is_over.is_set()

    def pause(self, seconds: float) -> None:
        """Wait, unless the watching ends before."""
        self._is_over.wait(seconds)

    def end(self) -> None:
        """End the thread."""
        self._is_over.set()
        self._wake()
        if threading.current_thread() is not self._thread:
            self._thread.join()
