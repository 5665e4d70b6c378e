"""Logs in the memory of this process: nothing lasts, and nobody else can read it.

The default keeps no log at all. A shared one, which several servers of one process are given, is what the
other stores are compared with.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mockserver.stores.base import NEW, LogPart, NamespaceLog, Version, Watcher, new_life


@dataclass(slots=True)
class _Log:
    life: str = field(default_factory=new_life)
    newest: int = 0
    cut: int = 0
    snapshot: bytes | None = None
    records: list[bytes] = field(default_factory=list)


class MemoryStore:
    """A store in memory; see `Store`."""

    kind = "memory"
    is_remote = False

    def __init__(self, *, is_shared: bool = False) -> None:
        self.is_shared = is_shared
        self.owner = new_life()
        self._logs: dict[str, _Log] = {}
        self._changed = threading.Condition()
        self._changes = 0
        self._watchers: list[Watcher] = []

    def open(self) -> None:
        """There is nothing to open."""

    def read(self, namespace: str, after: Version) -> LogPart:
        """As Store says."""
        with self._changed:
            log = self._logs.get(namespace)
            if log is None:
                return LogPart(NEW, (), is_whole=after != NEW)
            version = Version(log.life, log.newest)
            if after.life == log.life and after.number >= log.cut:
                return LogPart(version, log.records[after.number - log.cut :])
            return LogPart(version, tuple(log.records), True, log.snapshot)

    def append(self, namespace: str, after: Version, record: bytes) -> Version | LogPart:
        """As Store says."""
        with self._changed:
            log = self._logs.get(namespace)
            if log is None and after == NEW:
                log = self._logs[namespace] = _Log()
                after = Version(log.life, 0)
            if log is None or after != (log.life, log.newest):
                return self.read(namespace, after)
            log.records.append(record)
            log.newest += 1
            self._notify()
            return Version(log.life, log.newest)

    def snapshot(self, namespace: str, version: Version, rows: bytes) -> None:
        """As Store says."""
        with self._changed:
            log = self._logs.get(namespace)
            if log is not None and log.life == version.life and log.cut < version.number:
                del log.records[: version.number - log.cut]
                log.cut, log.snapshot = version.number, rows

    def remove(self, namespace: str) -> None:
        """As Store says."""
        with self._changed:
            self._logs.pop(namespace, None)
            self._notify()

    def list(self) -> Sequence[NamespaceLog]:
        """As Store says."""
        with self._changed:
            return [
                NamespaceLog(
                    name,
                    Version(log.life, log.newest),
                    len(log.records),
                    sum(map(len, log.records)) + len(log.snapshot or b""),
                )
                for name, log in sorted(self._logs.items())
            ]

    def _notify(self) -> None:
        self._changes += 1
        self._changed.notify_all()

    def watch(self, on_change: Callable[[], None]) -> None:
        """As Store says."""
        seen = self._changes

        def wait(watcher: Watcher) -> bool:
            nonlocal seen
            with self._changed:
                self._changed.wait_for(lambda: self._changes != seen or watcher.is_over)
                was, seen = seen, self._changes
                return was != seen

        def wake() -> None:
            with self._changed:
                self._changed.notify_all()

        self._watchers.append(Watcher(wait, on_change, wake))

    def is_alive(self, owner: str) -> bool:
        """As Store says. This process is the only one."""
        return owner == self.owner

    def check(self) -> None:
        """Memory always works."""

    def close(self) -> None:
        """End the watching. What is there stays."""
        while self._watchers:
            self._watchers.pop().end()
