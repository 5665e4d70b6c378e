"""What a Redis server as a store does when it is away, restarted, or holds what others wrote."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from mockserver.exceptions import SettingsError, StoreUnavailable
from mockserver.stores import redis as module
from mockserver.stores.base import NEW, Version
from mockserver.stores.redis import RedisStore
from tests.stores.servers import PASSWORD, RedisServer, run_redis


def put(store: RedisStore, name: str = "t1", after: Version = NEW, record: bytes = b"one") -> Version:
    version = store.append(name, after, record)
    assert isinstance(version, Version)
    return version


def test_a_server_that_is_away_is_said_so_and_comes_back(tmp_path: Path) -> None:
    with run_redis(tmp_path) as server:
        store = RedisStore(server.url)
        store.open()
        version = put(store)
        server.stop()
        for act in (
            store.check,
            store.list,
            lambda: put(store, after=version),
            lambda: store.read("t1", NEW),
        ):
            with pytest.raises(StoreUnavailable, match=rf"redis://127.0.0.1:{server.port} does not answer"):
                act()
        with pytest.raises(StoreUnavailable):
            store.remove("t1")
        with pytest.raises(StoreUnavailable):
            store.snapshot("t1", version, b"rows")
        server.start()
        store.check()
        # It is empty now, so what was read before is worth nothing.
        reading = store.append("t1", version, b"two")
        assert not isinstance(reading, Version)
        assert (reading.version, reading.is_whole) == (NEW, True)
        put(store)
        store.close()


def test_a_store_opens_before_its_server_is_there(tmp_path: Path) -> None:
    with run_redis(tmp_path) as server:
        server.stop()
        store = RedisStore(server.url)
        store.open()
        with pytest.raises(StoreUnavailable):
            store.check()
        server.start()
        put(store)
        store.close()


def test_a_server_that_does_not_answer_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = RedisStore(f"redis://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(StoreUnavailable, match="does not answer"):
            store.check()
        store.close()


def test_the_password_is_in_no_text(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.url.replace(PASSWORD, "wrong-password"))
    with pytest.raises(StoreUnavailable) as caught:
        store.check()
    assert "wrong-password" not in str(caught.value)
    store.close()


@pytest.mark.parametrize("key", ["head", "log", "rows"])
def test_a_key_of_another_type_is_an_error_that_can_be_read(redis_server: RedisServer, key: str) -> None:
    store = RedisStore(redis_server.url)
    version = put(store)
    with redis_server.client() as client:
        client.delete(f"{{mockserver:t1}}:{key}")
        client.sadd(f"{{mockserver:t1}}:{key}", "something else")
    with pytest.raises(StoreUnavailable, match="WRONGTYPE"):
        if key == "rows":
            store.read("t1", NEW)
        else:
            store.append("t1", version, b"two")
    store.remove("t1")
    put(store)
    store.close()


@pytest.mark.parametrize("field", ["life", "newest", "cut", "format"])
@pytest.mark.parametrize("value", [b"\xff\x00", b"", b"-1", b"1e400", b"cos\nsystem\n(S'ls'\ntR."])
def test_bytes_of_others_under_our_keys_are_refused(
    redis_server: RedisServer, field: str, value: bytes
) -> None:
    store = RedisStore(redis_server.url)
    put(store)
    with redis_server.client() as client:
        client.hset("{mockserver:t1}:head", field, value)
    try:
        reading = store.read("t1", NEW)
    except StoreUnavailable:
        pass
    else:
        # A life is any text, and what counts up may have been anywhere.
        assert list(reading.records) in ([b"one"], [])
    store.close()


def test_records_of_others_are_refused(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.url)
    put(store)
    with redis_server.client() as client:
        client.xadd("{mockserver:t1}:log", {"something": "else"}, id="7-7")
        client.hset("{mockserver:t1}:head", "newest", 2)
    with pytest.raises(StoreUnavailable, match="cannot be read under the namespace 't1'"):
        store.read("t1", NEW)
    store.close()


def test_lost_records_are_missed(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.url)
    put(store)
    with redis_server.client() as client:
        client.delete("{mockserver:t1}:log")
    with pytest.raises(StoreUnavailable, match="has lost records"):
        store.read("t1", NEW)
    store.close()


def test_another_format_is_refused(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.url)
    put(store)
    with redis_server.client() as client:
        client.hset("{mockserver:t1}:head", "format", 2)
    with pytest.raises(StoreUnavailable, match="has format 2, this version of mockserver reads format 1"):
        store.read("t1", NEW)
    with pytest.raises(SettingsError, match="has format 2"):
        RedisStore(redis_server.url).open()
    store.close()


def test_an_old_server_is_refused(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_OLDEST", (99, 0))
    store = RedisStore(redis_server.url)
    with pytest.raises(SettingsError, match=r"use Redis 6\.2 or later"):
        store.open()
    with pytest.raises(StoreUnavailable, match=r"use Redis 6\.2 or later"):
        store.check()
    store.close()


def test_databases_and_prefixes_are_apart(redis_server: RedisServer) -> None:
    urls = (redis_server.url, f"{redis_server.url}?prefix=team", redis_server.url.replace("/0", "/1"))
    stores = [RedisStore(url) for url in urls]
    for number, store in enumerate(stores):
        put(store, f"t{number}")
    assert [[found.name for found in store.list()] for store in stores] == [["t0"], ["t1"], ["t2"]]
    for store in stores:
        store.close()


def test_the_keys_of_a_namespace_share_a_hash_tag(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.url)
    store.snapshot("t1", put(store), b"rows")
    with redis_server.client() as client:
        keys = {key.decode() for key in client.scan_iter()}
    assert keys - {"mockserver:names"} <= {f"{{mockserver:t1}}:{part}" for part in ("head", "log", "rows")}
    assert "{mockserver:t1}:rows" in keys
    store.close()


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "redis", None)
    with pytest.raises(SettingsError, match=r"pip install 'hsrcpay-mockserver\[redis\]'"):
        RedisStore("redis://127.0.0.1")


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("redis://127.0.0.1:port", "cannot be used"),
        ("redis://127.0.0.1/0?prefx=1", "did you mean 'prefix'"),
    ],
)
def test_a_url_that_says_nothing_is_refused(url: str, text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        RedisStore(url)
