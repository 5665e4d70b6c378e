"""What every store does. Each test runs on each of them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mockserver.stores.base import NEW, LogPart, Store, Version
from tests.stores.conftest import OpenStore


def put(store: Store, name: str, after: Version, *records: bytes) -> Version:
    """Append records that nothing stands against."""
    for record in records:
        version = store.append(name, after, record)
        assert isinstance(version, Version)
        after = version
    return after


def test_a_namespace_that_nobody_has_written_is_empty(store: Store) -> None:
    assert store.read("t1", NEW) == LogPart(NEW, ())
    assert list(store.list()) == []


def test_records_are_read_in_the_order_in_which_they_were_appended(open_store: OpenStore) -> None:
    version = put(open_store(), "t1", NEW, b"one", b"two", b"\x00\xff\r\n")
    reading = open_store().read("t1", NEW)
    assert reading.version == version
    assert version.number == 3
    assert list(reading.records) == [b"one", b"two", b"\x00\xff\r\n"]


def test_a_reader_gets_what_came_after_its_version(open_store: OpenStore) -> None:
    first = put(open_store(), "t1", NEW, b"one")
    newest = put(open_store(), "t1", first, b"two", b"three")
    reading = open_store().read("t1", first)
    assert (reading.version, list(reading.records), reading.is_whole) == (newest, [b"two", b"three"], False)
    assert not open_store().read("t1", newest).records


def test_an_append_behind_an_old_version_gives_what_came_between_and_changes_nothing(
    open_store: OpenStore,
) -> None:
    first = put(open_store(), "t1", NEW, b"one")
    newest = put(open_store(), "t1", first, b"two")
    reading = open_store().append("t1", first, b"late")
    assert isinstance(reading, LogPart)
    assert (reading.version, list(reading.records), reading.is_whole) == (newest, [b"two"], False)
    assert open_store().read("t1", first).version == newest


def test_the_second_first_append_is_too_late(open_store: OpenStore) -> None:
    version = put(open_store(), "t1", NEW, b"one")
    reading = open_store().append("t1", NEW, b"also one")
    assert isinstance(reading, LogPart)
    assert (reading.version, list(reading.records)) == (version, [b"one"])


def test_namespaces_have_logs_of_their_own(store: Store) -> None:
    put(store, "t1", NEW, b"one")
    other = put(store, "t2", NEW, b"two")
    assert list(store.read("t2", NEW).records) == [b"two"]
    put(store, "t2", other, b"three")
    assert [(found.name, found.version.number, found.records) for found in store.list()] == [
        ("t1", 1, 1),
        ("t2", 2, 2),
    ]
    assert all(found.size > 0 for found in store.list())


def test_a_snapshot_stands_for_the_records_before_it(open_store: OpenStore) -> None:
    store = open_store()
    second = put(store, "t1", NEW, b"one", b"two")
    newest = put(store, "t1", second, b"three")
    store.snapshot("t1", second, b"one and two")
    reading = open_store().read("t1", NEW)
    assert (reading.is_whole, reading.snapshot, list(reading.records)) == (True, b"one and two", [b"three"])
    assert list(open_store().read("t1", second).records) == [b"three"]
    assert store.list()[0].records == 1
    assert put(store, "t1", newest, b"four").number == 4


def test_a_version_from_before_a_snapshot_begins_anew(open_store: OpenStore) -> None:
    store = open_store()
    first = put(store, "t1", NEW, b"one")
    third = put(store, "t1", first, b"two", b"three")
    store.snapshot("t1", third, b"all")
    for reading in (store.read("t1", first), open_store().append("t1", first, b"late")):
        assert isinstance(reading, LogPart)
        assert (reading.is_whole, reading.snapshot, list(reading.records)) == (True, b"all", [])
        assert reading.version == third


def test_an_older_snapshot_does_not_replace_a_newer_one(store: Store) -> None:
    first = put(store, "t1", NEW, b"one")
    second = put(store, "t1", first, b"two")
    store.snapshot("t1", second, b"both")
    store.snapshot("t1", first, b"one only")
    assert store.read("t1", NEW).snapshot == b"both"


def test_a_snapshot_of_another_life_is_nobodys(store: Store) -> None:
    old = put(store, "t1", NEW, b"one")
    store.remove("t1")
    put(store, "t1", NEW, b"anew")
    store.snapshot("t1", old, b"old")
    store.snapshot("t2", old, b"old")
    assert list(store.read("t1", NEW).records) == [b"anew"]
    assert [found.name for found in store.list()] == ["t1"]


def test_a_removed_namespace_is_empty_and_an_old_version_of_it_worth_nothing(open_store: OpenStore) -> None:
    old = put(open_store(), "t1", NEW, b"one")
    open_store().remove("t1")
    for reading in (open_store().read("t1", old), open_store().append("t1", old, b"late")):
        assert isinstance(reading, LogPart)
        assert (reading.version, list(reading.records), reading.is_whole) == (NEW, [], True)
    # As many records as before, and still another log.
    new = put(open_store(), "t1", NEW, b"anew")
    reading = open_store().read("t1", old)
    assert (reading.version, list(reading.records), reading.is_whole) == (new, [b"anew"], True)
    open_store().remove("t3")


def test_many_records_are_read_whole(open_store: OpenStore) -> None:
    records = [b"%d" % number for number in range(2_500)]
    version = put(open_store(), "t1", NEW, *records)
    reading = open_store().read("t1", NEW)
    assert (list(reading.records), reading.version) == (records, version)


def test_appends_at_the_same_time_lose_nothing_and_leave_no_gap(open_store: OpenStore) -> None:
    writers, each = 4, 25
    stores = [open_store() for _ in range(writers)]
    start = threading.Barrier(writers)

    def write(writer: int) -> None:
        version = NEW
        start.wait()
        for number in range(each):
            while True:
                done = stores[writer].append("t1", version, b"%d %d" % (writer, number))
                if isinstance(done, Version):
                    version = done
                    break
                version = done.version

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    reading = open_store().read("t1", NEW)
    assert reading.version.number == writers * each
    for writer in range(writers):
        mine = [record for record in reading.records if record.startswith(b"%d " % writer)]
        assert mine == [b"%d %d" % (writer, number) for number in range(each)]


def test_who_watches_hears_of_what_others_append(open_store: OpenStore) -> None:
    watching, writing = open_store(), open_store()
    heard = threading.Event()
    watching.watch(heard.set)
    # Redis tells of the beginning as well, as something may have come before it.
    version = put(writing, "t1", NEW, b"one")
    assert heard.wait(20)
    heard.clear()
    put(writing, "t1", version, b"two")
    assert heard.wait(20)
    watching.close()


def test_a_closed_store_opens_when_it_is_used_again(store: Store) -> None:
    version = put(store, "t1", NEW, b"one")
    store.check()
    store.close()
    store.close()
    assert list(store.read("t1", NEW).records) == [b"one"]
    put(store, "t1", version, b"two")
    store.check()


def test_what_was_appended_is_there_for_the_next_process(open_store: OpenStore) -> None:
    first = open_store()
    put(first, "t1", NEW, b"one")
    first.close()
    assert list(open_store().read("t1", NEW).records) == [b"one"]


def test_a_process_is_alive_while_it_uses_the_store(open_store: OpenStore) -> None:
    one, other = open_store(), open_store()
    heard = threading.Event()
    one.watch(heard.set)
    put(other, "t1", NEW, b"one")
    assert heard.wait(20)
    assert one.is_alive(one.owner)
    assert other.is_alive(one.owner)
    for owner in ("", "nobody", "4194305-1", "99999999999999999999-1"):
        assert not one.is_alive(owner)


@pytest.mark.parametrize("name", ["a", "a" * 40, "~shelf", "0-9"])
def test_any_name_will_do(store: Store, name: str) -> None:
    put(store, name, NEW, b"one")
    assert [found.name for found in store.list()] == [name]
