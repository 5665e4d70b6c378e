"""Fixtures of the stores: each kind, with nothing in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mockserver.stores.base import Store
from mockserver.stores.memory import MemoryStore
from mockserver.stores.redis import RedisStore
from mockserver.stores.sqlite import SqliteStore

OpenStore = Callable[[], Store]


@pytest.fixture(params=["memory", "sqlite", "redis"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenStore]:
    """Opens the same store each time, as each of several processes does."""
    opened: list[Store] = []
    shared = MemoryStore(is_shared=True)
    url = request.getfixturevalue("redis_server").url if request.param == "redis" else ""

    def open_one() -> Store:
        store: Store = shared
        if request.param == "sqlite":
            store = SqliteStore(tmp_path / "state.db")
        elif request.param == "redis":
            store = RedisStore(url)
        store.open()
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: OpenStore) -> Store:
    return open_store()
