"""Logs in one SQLite file, by the standard library. Several processes of one machine may share it.

The file is in WAL mode with `synchronous=NORMAL`: what was appended survives the end of every process at any
moment. A power cut may take the last appends with it, whole ones, newest first (https://sqlite.org/pragma.html).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from mockserver.exceptions import SettingsError, StoreUnavailable, TakesLong
from mockserver.stores.base import FORMAT, NEW, LogPart, NamespaceLog, Version, Watcher, new_life
from mockserver.stores.turns import MOMENT_SECONDS, is_at_once

# "HSMS": what the file is, for `file` and for us.
_APPLICATION = 0x48534D53
# A record's key: its namespace's number in front, its own behind. In a log's order, and in one tree.
_SHIFT = 1 << 40
# How long an append waits for those of other processes, and how often news are looked for.
BUSY_SECONDS = 1.0
_POLL_SECONDS = 0.02
_WAIT = f"PRAGMA busy_timeout={BUSY_SECONDS * 1000:.0f}"
_HURRY = f"PRAGMA busy_timeout={MOMENT_SECONDS * 1000:.0f}"
_TABLES = """
CREATE TABLE namespaces (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    life TEXT NOT NULL,
    newest INTEGER NOT NULL DEFAULT 0,
    cut INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE records (id INTEGER PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE snapshots (namespace INTEGER PRIMARY KEY, rows BLOB NOT NULL);
CREATE TABLE checks (id INTEGER PRIMARY KEY, number INTEGER NOT NULL);
"""


class SqliteStore:
    """A store in a file; see `Store`. `path` is made where it is not there yet, its folder is not."""

    kind = "sqlite"
    is_shared = True
    is_remote = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._watchers: list[Watcher] = []
        self._is_doubtful = False

    @property
    def owner(self) -> str:
        """As Store says: the number of the process, and when it began, as numbers are used again."""
        return f"{os.getpid()}-{_began(os.getpid())}"

    def is_alive(self, owner: str) -> bool:
        """As Store says."""
        number, _, began = owner.partition("-")
        if not number.isdecimal():
            return False
        try:
            os.kill(int(number), 0)
        except (ProcessLookupError, OverflowError):
            return False
        except PermissionError:
            # Another user's.
            return True
        return _began(int(number)) == began

    def open(self) -> None:
        """As Store says."""
        with self._lock:
            if self._connection is None:
                self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        if not self.path.parent.is_dir():
            raise SettingsError(f"the store {self.path} needs the folder {self.path.parent}; make that first")
        if self.path.exists() and not self.path.is_file():
            raise SettingsError(f"the store {self.path} is no file; name a file, or a new one")
        uri = f"file:{quote(str(self.path.resolve()))}?mode=rwc"
        connection = None
        try:
            connection = sqlite3.connect(
                uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._prepare(connection)
        except SettingsError:
            _close(connection)
            raise
        except sqlite3.Error as error:
            _close(connection)
            raise SettingsError(self._explain(error)) from None
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Have the tables in it. Raises SettingsError for a file that is not ours, or of another format."""
        if _is_empty(connection):
            # Another process may be at it: only one of them can change the mode, and then make the tables.
            _persist(lambda: connection.execute("PRAGMA journal_mode=WAL"))
            with _writing(connection):
                if _is_empty(connection):
                    connection.execute(f"PRAGMA application_id={_APPLICATION}")
                    connection.execute(f"PRAGMA user_version={FORMAT}")
                    for statement in _TABLES.split(";")[:-1]:
                        connection.execute(statement)
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        if application != _APPLICATION:
            raise SettingsError(f"{self.path} is another program's database; name another file")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != FORMAT:
            raise SettingsError(
                f"{self.path} has format {version}, this version of mockserver reads format {FORMAT}; "
                "use the version that wrote it, or name another file"
            )
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise SettingsError(f"{self.path} is damaged ({found.splitlines()[0]}); name another file")
        connection.execute("PRAGMA synchronous=NORMAL")
        with _writing(connection):
            _write_check(connection)

    def _explain(self, error: sqlite3.Error) -> str:
        text = str(error)
        if "not a database" in text:
            return f"{self.path} is no SQLite database; name another file"
        if "malformed" in text:
            return f"{self.path} is damaged ({text}); name another file"
        if "readonly" in text or "unable to open" in text:
            return f"{self.path} cannot be written ({text}); allow it, or name another file"
        return f"the store {self.path} cannot be opened: {text}"

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone. Raises StoreUnavailable for what SQLite reports, and
        TakesLong where something is done at once while others write."""
        hurries = is_at_once()
        if not self._lock.acquire(timeout=MOMENT_SECONDS if hurries else -1):
            raise TakesLong(f"{self.path} is in use")
        try:
            self.open()
            assert self._connection is not None, "it was just opened"
            self._connection.execute(_HURRY if hurries else _WAIT)
            yield self._connection
        except SettingsError as error:
            raise StoreUnavailable(str(error)) from None
        except sqlite3.Error as error:
            if hurries and _is_busy(error):
                raise TakesLong(f"{self.path} is in use") from None
            self._is_doubtful = True
            raise StoreUnavailable(f"the store {self.path} does not answer: {error}") from None
        finally:
            self._lock.release()

    def read(self, namespace: str, after: Version) -> LogPart:
        """As Store says."""
        with self._using() as connection:
            found = _find(connection, namespace)
            if found is not None and found[1:3] == after:
                return LogPart(after, ())
            # Both at one moment: a snapshot may take the records away in between.
            connection.execute("BEGIN")
            try:
                return self._read(connection, namespace, after)
            finally:
                connection.execute("COMMIT")

    def _read(self, connection: sqlite3.Connection, namespace: str, after: Version) -> LogPart:
        found = _find(connection, namespace)
        if found is None:
            return LogPart(NEW, (), is_whole=after != NEW)
        id, life, newest, cut = found
        is_whole = after.life != life or not cut <= after.number <= newest
        first = cut if is_whole else after.number
        bounds = id * _SHIFT + first, id * _SHIFT + newest
        rows = connection.execute("SELECT record FROM records WHERE id > ? AND id <= ? ORDER BY id", bounds)
        records = [record for (record,) in rows]
        snapshot = None
        if is_whole:
            row = connection.execute("SELECT rows FROM snapshots WHERE namespace = ?", (id,)).fetchone()
            snapshot = None if row is None else row[0]
        return LogPart(Version(life, newest), records, is_whole, snapshot)

    def append(self, namespace: str, after: Version, record: bytes) -> Version | LogPart:
        """As Store says."""
        with self._using() as connection, _writing(connection):
            if after == NEW:
                version = Version(new_life(), 0)
                connection.execute(
                    "INSERT OR IGNORE INTO namespaces (name, life) VALUES (?, ?)", (namespace, version.life)
                )
                # Where it was there already, it has another life.
                after = version
            done = connection.execute(
                "UPDATE namespaces SET newest = newest + 1 WHERE name = ? AND life = ? AND newest = ?",
                (namespace, *after),
            )
            if not done.rowcount:
                return self._read(connection, namespace, after)
            connection.execute(
                "INSERT INTO records SELECT id * ? + newest, ? FROM namespaces WHERE name = ?",
                (_SHIFT, record, namespace),
            )
        return Version(after.life, after.number + 1)

    def snapshot(self, namespace: str, version: Version, rows: bytes) -> None:
        """As Store says."""
        with self._using() as connection, _writing(connection):
            found = _find(connection, namespace)
            if found is None or found[1] != version.life or found[3] >= version.number:
                return
            id = found[0]
            connection.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?)", (id, rows))
            connection.execute("UPDATE namespaces SET cut = ? WHERE id = ?", (version.number, id))
            connection.execute(
                "DELETE FROM records WHERE id > ? AND id <= ?", (id * _SHIFT, id * _SHIFT + version.number)
            )

    def remove(self, namespace: str) -> None:
        """As Store says."""
        with self._using() as connection, _writing(connection):
            found = _find(connection, namespace)
            if found is not None:
                id = found[0]
                bounds = (id * _SHIFT, (id + 1) * _SHIFT)
                connection.execute("DELETE FROM records WHERE id > ? AND id < ?", bounds)
                connection.execute("DELETE FROM snapshots WHERE namespace = ?", (id,))
                connection.execute("DELETE FROM namespaces WHERE id = ?", (id,))

    def list(self) -> Sequence[NamespaceLog]:
        """As Store says."""
        with self._using() as connection:
            found = []
            for id, name, life, newest, cut in connection.execute(
                "SELECT id, name, life, newest, cut FROM namespaces ORDER BY name"
            ).fetchall():
                (size,) = connection.execute(
                    "SELECT coalesce(sum(length(record)), 0) FROM records WHERE id > ? AND id <= ?",
                    (id * _SHIFT, id * _SHIFT + newest),
                ).fetchone()
                row = connection.execute(
                    "SELECT length(rows) FROM snapshots WHERE namespace = ?", (id,)
                ).fetchone()
                whole = size + (row[0] if row else 0)
                found.append(NamespaceLog(name, Version(life, newest), newest - cut, whole))
            return found

    def watch(self, on_change: Callable[[], None]) -> None:
        """As Store says."""
        seen = self._data_version()

        def wait(watcher: Watcher) -> bool:
            nonlocal seen
            watcher.pause(_POLL_SECONDS)
            was, seen = seen, self._data_version()
            return was != seen

        self._watchers.append(Watcher(wait, on_change))

    def _data_version(self) -> int:
        """A number that changes when another connection has written (https://sqlite.org/pragma.html)."""
        with self._using() as connection:
            version: int = connection.execute("PRAGMA data_version").fetchone()[0]
            return version

    def check(self) -> None:
        """As Store says. It writes only if it did not work before."""
        with self._using() as connection:
            _find(connection, "")
            if self._is_doubtful:
                with _writing(connection):
                    _write_check(connection)
                self._is_doubtful = False

    def close(self) -> None:
        """As Store says."""
        while self._watchers:
            self._watchers.pop().end()
        with self._lock:
            connection, self._connection = self._connection, None
            _close(connection)


def _find(connection: sqlite3.Connection, name: str) -> tuple[int, str, int, int] | None:
    """Number, life, newest record and cut of a namespace."""
    query = "SELECT id, life, newest, cut FROM namespaces WHERE name = ?"
    found: tuple[int, str, int, int] | None = connection.execute(query, (name,)).fetchone()
    return found


def _is_busy(error: sqlite3.Error) -> bool:
    """Whether another process has the file at the moment (https://sqlite.org/rescode.html#busy)."""
    # The lowest byte is the primary code. What sqlite3 itself finds wrong has none.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _write_check(connection: sqlite3.Connection) -> None:
    """Write something of no meaning."""
    connection.execute(
        "INSERT INTO checks VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET number = (number + 1) % 1000"
    )


@contextlib.contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction that writes: whole, or not at all."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            # SQLite has done so already where the disk is full.
            connection.execute("ROLLBACK")
        raise


def _began(number: int) -> str:
    """When a process began, in ticks since the machine did; nothing where the system does not tell."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text("latin-1").rpartition(")")[2].split()
    except OSError:
        return ""
    # The 22nd field, counted from before the name in parentheses (proc(5)).
    return fields[19]


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None and (
        connection.execute("PRAGMA application_id").fetchone() == (0,)
    )


def _persist(act: Callable[[], object]) -> None:
    """Do what SQLite refuses while another process is at the same thing, some times if need be."""
    for _ in range(round(BUSY_SECONDS / _POLL_SECONDS)):
        with contextlib.suppress(sqlite3.OperationalError):
            act()
            return
        time.sleep(_POLL_SECONDS)
    act()


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        connection.close()
