"""Stores: where the logs of namespaces are. All are used in one way; see `base.Store`."""

from __future__ import annotations

from pathlib import Path

from mockserver.exceptions import SettingsError
from mockserver.settings import read_store
from mockserver.stores.base import Store
from mockserver.stores.memory import MemoryStore
from mockserver.stores.sqlite import SqliteStore

__all__ = ["MemoryStore", "SqliteStore", "Store", "make_store"]


def make_store(text: str) -> Store:
    """The store of an option: `memory`, `sqlite:PATH`, `redis://…` or `rediss://…`. It is not open yet.

    Raises SettingsError with what would be right.
    """
    try:
        kind, place = read_store(text)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    if kind == "memory":
        return MemoryStore()
    if kind == "sqlite":
        return SqliteStore(Path(place))
    from mockserver.stores.redis import RedisStore

    return RedisStore(place)
