"""What a SQLite file as a store refuses and survives."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mockserver.exceptions import SettingsError, StoreUnavailable, TakesLong
from mockserver.stores.base import NEW, Version
from mockserver.stores.sqlite import SqliteStore
from mockserver.stores.turns import Turns


def refusal(path: Path) -> str:
    """The sentence with which a file is refused."""
    store = SqliteStore(path)
    with pytest.raises(SettingsError) as caught:
        store.open()
    with pytest.raises(StoreUnavailable):
        store.read("t1", NEW)
    return str(caught.value)


def fill(path: Path, records: int = 300) -> None:
    """A store with records of a kilobyte each, closed."""
    store = SqliteStore(path)
    version: Version = NEW
    for _ in range(records):
        done = store.append("t1", version, bytes(1_000))
        assert isinstance(done, Version)
        version = done
    store.close()


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "needs the folder" in refusal(tmp_path / "no" / "state.db")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "is no file" in refusal(tmp_path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"This is a text of some length. " * 100)
    assert "is no SQLite database" in refusal(path)
    assert path.read_bytes().startswith(b"This is a text")


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE namespaces (name TEXT)")
    connection.close()
    before = path.read_bytes()
    assert "another program's database" in refusal(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("format", [0, 2, 99])
def test_another_format_is_refused_with_both_numbers(tmp_path: Path, format: int) -> None:
    path = tmp_path / "state.db"
    fill(path, 1)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version={format}")
    connection.close()
    assert f"has format {format}, this version of mockserver reads format 1" in refusal(path)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    fill(path)
    os.truncate(path, path.stat().st_size // 2)
    assert "is damaged" in refusal(path)


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.db"
    fill(path, 1)
    # Permissions do not stop everybody who runs tests; SQLite itself does, asked to read only.
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda place, **more: connect(place.replace("mode=rwc", "mode=ro"), **more)
    )
    assert "cannot be written" in refusal(path)


def test_a_full_disk_loses_nothing_and_is_over_when_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = SqliteStore(path)
    version = store.append("t1", NEW, b"one")
    assert isinstance(version, Version)
    with store._using() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreUnavailable, match="full"):
        for _ in range(100):
            done = store.append("t1", version, bytes(100_000))
            assert isinstance(done, Version)
            version = done
    assert store.read("t1", NEW).version == version
    with store._using() as connection:
        connection.execute("PRAGMA max_page_count=100000")
    store.check()
    assert isinstance(store.append("t1", version, bytes(100_000)), Version)
    store.close()


def test_a_file_that_another_process_holds_is_waited_for_and_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = SqliteStore(path)
    version = store.append("t1", NEW, b"one")
    assert isinstance(version, Version)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        store.append("t1", version, b"two")
    assert store.read("t1", version).version == version
    with pytest.raises(StoreUnavailable, match="locked"):
        store.check()
    other.execute("COMMIT")
    store.check()
    assert isinstance(store.append("t1", version, b"two"), Version)
    other.close()
    store.close()


_OPENER = """
import sys
from pathlib import Path
from mockserver.stores.base import NEW, Version
from mockserver.stores.sqlite import SqliteStore
sys.stdin.read()
store = SqliteStore(Path(sys.argv[1]))
version = NEW
for _ in range(20):
    while not isinstance(done := store.append("t1", version, b"x"), Version):
        version = done.version
    version = done
"""


def test_processes_that_make_one_file_at_the_same_moment_share_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    processes = [
        subprocess.Popen([sys.executable, "-c", _OPENER, str(path)], stdin=subprocess.PIPE) for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    assert [process.wait(60) for process in processes] == [0] * 4
    store = SqliteStore(path)
    assert store.read("t1", NEW).version.number == 80
    store.close()


# What is done at once waits for nobody.


def test_while_another_process_writes_nothing_is_done_at_once(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    fill(path, records=1)
    store, turns = SqliteStore(path), Turns(is_shared=True, is_remote=False)
    version = store.read("t1", NEW).version
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(TakesLong):
        turns.at_once(lambda: store.append("t1", version, b"one"))
    assert turns.at_once(lambda: store.read("t1", version)).records == (), "reading needs not wait"
    other.execute("COMMIT")
    done = turns.at_once(lambda: store.append("t1", version, b"two"))
    assert store.read("t1", version) == (done, [b"two"], False, None)
    other.close()
    store.close()


def test_while_another_thread_writes_nothing_is_done_at_once(tmp_path: Path) -> None:
    store, turns = SqliteStore(tmp_path / "state.db"), Turns(is_shared=True, is_remote=False)
    with ThreadPoolExecutor(1) as pool, store._using():
        asked = pool.submit(turns.at_once, lambda: store.read("t1", NEW))
        assert isinstance(asked.exception(20), TakesLong)
    assert turns.at_once(lambda: store.read("t1", NEW)).version == NEW
    store.close()


class FreeInAMoment:
    """A lock that is had by those only who wait for it."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        return blocking and timeout != 0

    def release(self) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


def test_what_is_done_at_once_waits_a_moment_for_another_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or one call in a thread would send all others there."""
    turns, store = Turns(is_shared=True, is_remote=False), SqliteStore(tmp_path / "state.db")
    monkeypatch.setattr(store, "_lock", FreeInAMoment())
    assert turns.at_once(lambda: store.read("t1", NEW)).version == NEW
    store.close()


def test_what_sqlite_finds_wrong_is_no_reason_to_do_it_later(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    fill(path, records=1)
    store, turns = SqliteStore(path), Turns(is_shared=True, is_remote=False)
    store.open()
    other = sqlite3.connect(path)
    other.execute("DROP TABLE namespaces")
    other.close()
    with pytest.raises(StoreUnavailable, match="no such table"):
        turns.at_once(lambda: store.read("t1", NEW))
    store.close()
