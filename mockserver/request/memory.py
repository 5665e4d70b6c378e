"""Memory: what was read last, so that what a client sends again is not read again."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Any

# How many things are kept at least once so many have come; twice as many at most.
SIZE = 512


class Memory:
    """Values by key, each belonging to a namespace or to none; one that is not asked for makes room.

    `generation` changes whenever something is forgotten: what began to be read before that is not remembered.
    """

    def __init__(self, size: int = SIZE) -> None:
        self.generation = 0
        self._size = size
        # The younger half is where values come in and where those go that are asked for; once it is full,
        # it becomes the older, which is dropped.
        self._younger: dict[Hashable, tuple[Any, str | None]] = {}
        self._older: dict[Hashable, tuple[Any, str | None]] = {}
        # Marks of keys that came. They tell nothing of the key, which may hold a credential.
        self._seen: set[int] = set()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._younger.keys() | self._older.keys())

    def __repr__(self) -> str:
        return f"<Memory of {len(self)}>"

    def get(self, key: Hashable) -> Any:
        """The value of a key; None where there is none."""
        entry = self._younger.get(key)
        if entry is not None:
            return entry[0]
        if key not in self._older:
            return None
        with self._lock:
            entry = self._older.pop(key, None)
            if entry is None:
                return None
            self._add(key, entry)
            return entry[0]

    def has_seen(self, key: Hashable) -> bool:
        """Whether this was asked of a key not long ago. What comes once is not worth remembering."""
        # Two keys may share a mark: then one is remembered at once.
        mark = hash(key)
        if mark in self._seen:
            return True
        if len(self._seen) >= self._size:
            self._seen = set()
        self._seen.add(mark)
        return False

    def put(self, key: Hashable, value: Any, namespace: str | None, generation: int) -> None:
        """Remember a value that began to be read in a generation, unless that is over."""
        with self._lock:
            if generation == self.generation:
                self._add(key, (value, namespace))

    def forget(self, namespace: str) -> None:
        """Forget what belongs to a namespace."""
        with self._lock:
            self.generation += 1
            for half in (self._younger, self._older):
                for key in [key for key, entry in half.items() if entry[1] == namespace]:
                    del half[key]

    def _add(self, key: Hashable, entry: tuple[Any, str | None]) -> None:
        if len(self._younger) >= self._size:
            self._older = self._younger
            self._younger = {}
        self._younger[key] = entry
