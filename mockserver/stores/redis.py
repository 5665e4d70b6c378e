"""Logs in Redis 6.2 or later, for several machines: a stream for each namespace, one script for the append.

    {mockserver:t1}:head   hash: life, newest, cut, format
    {mockserver:t1}:log    stream: one entry a record, its id <number>-0
    {mockserver:t1}:rows   the last snapshot
    mockserver:names       set of names        mockserver:news   channel: the name that changed
    mockserver:alive:…     one for each process that watches, until it has not said so for some seconds

The braces keep the keys of a namespace on one node of a cluster. What is read is bytes and numbers, checked
here, and JSON, read by `state/`: nothing is unpickled.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from mockserver.exceptions import SettingsError, StoreUnavailable
from mockserver.stores.base import FORMAT, NEW, LogPart, NamespaceLog, Version, Watcher, new_life
from mockserver.suggestions import suggest

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError:
    redis = None  # type: ignore[assignment]

PREFIX = "mockserver"
CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0
# Records are read in pages, so that one answer stays small.
_PAGE = 1_000
_OLDEST = (6, 2)
# A process that has not said so for longer is not alive.
_ALIVE_SECONDS = 15
# What a URL may say of TLS, beside `prefix`.
_URL_OPTIONS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs")

_APPEND = """
local life, newest = unpack(redis.call('HMGET', KEYS[1], 'life', 'newest'))
if not life and ARGV[1] == '' then
  life, newest = ARGV[4], '0'
  redis.call('DEL', KEYS[2], KEYS[3])
  redis.call('HSET', KEYS[1], 'life', life, 'newest', '0', 'cut', '0', 'format', ARGV[5])
elseif life ~= ARGV[1] or newest ~= ARGV[2] then
  return false
end
local number = string.format('%d', newest + 1)
redis.call('XADD', KEYS[2], number .. '-0', 'record', ARGV[3])
redis.call('HSET', KEYS[1], 'newest', number)
redis.call('PUBLISH', ARGV[6], ARGV[7])
return {life, number}
"""
# The head with a page of records, and the snapshot where the reader has to begin anew.
_READ = """
local head = redis.call('HMGET', KEYS[1], 'life', 'newest', 'cut', 'format')
if not head[1] then return {} end
local first, rows = ARGV[2], false
if head[1] ~= ARGV[1] or tonumber(first) < tonumber(head[3]) or tonumber(first) > tonumber(head[2]) then
  first, rows = head[3], redis.call('GET', KEYS[3]) or ''
end
local found = redis.call('XRANGE', KEYS[2], '(' .. first .. '-0', '+', 'COUNT', ARGV[3])
return {head[1], head[2], head[3], head[4] or '', first, rows, found}
"""
_SNAPSHOT = """
local life, cut = unpack(redis.call('HMGET', KEYS[1], 'life', 'cut'))
if life ~= ARGV[1] or tonumber(cut) >= tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[3], ARGV[3])
redis.call('HSET', KEYS[1], 'cut', ARGV[2])
redis.call('XTRIM', KEYS[2], 'MINID', string.format('%d', ARGV[2] + 1) .. '-0')
return 1
"""


class RedisStore:
    """A store on a Redis server; see `Store`.

    `url` is `redis://[:password@]host[:port][/database]` or `rediss://…`; `?prefix=name` keeps several stores
    in one database. Raises SettingsError where the extra is not installed, or for a URL that says nothing.
    """

    kind = "redis"
    is_shared = True
    is_remote = True

    def __init__(self, url: str) -> None:
        if redis is None:
            raise SettingsError("a Redis store needs the extra: pip install 'hsrcpay-mockserver[redis]'")
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        self._prefix = options.pop("prefix", PREFIX)
        unknown = next((name for name in options if name not in _URL_OPTIONS), None)
        if unknown is not None:
            known = ("prefix", *_URL_OPTIONS)
            raise SettingsError(f"{unknown!r} is no option of a Redis URL; {suggest(unknown, known)}")
        try:
            self._place = f"{parts.scheme}://{parts.hostname or 'localhost'}:{parts.port or 6379}"
            self._client: Any = redis.Redis.from_url(
                urlunsplit(parts._replace(query=urlencode(options))),
                socket_connect_timeout=CONNECT_SECONDS,
                socket_timeout=ANSWER_SECONDS,
                # An append that may have happened must not be sent again.
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            raise SettingsError(f"the store's URL cannot be used: {error}") from None
        self._append = self._client.register_script(_APPEND)
        self._read = self._client.register_script(_READ)
        self._snapshot = self._client.register_script(_SNAPSHOT)
        self.owner = new_life()
        self._names: set[str] = set()
        self._is_open = False
        self._watchers: list[Watcher] = []
        self._lock = threading.Lock()

    def open(self) -> None:
        """As Store says. A server that cannot be reached now may be reached later, so that is no error."""
        with suppress(StoreUnavailable):
            self._open()

    def _open(self) -> None:
        if self._is_open:
            return
        with self._asking():
            version = str(self._client.info("server").get("redis_version", "0"))
        numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
        if numbers < _OLDEST:
            raise SettingsError(f"{self._place} is Redis {version}; use Redis 6.2 or later")
        for stored in self._names_stored()[:1]:
            # As all others: one program writes them.
            with self._asking():
                found = self._client.hget(self._keys(stored)[0], "format")
            if found is not None and found != b"%d" % FORMAT:
                raise SettingsError(_other_format(self._place, found))
        self._is_open = True

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Raises StoreUnavailable for what the server does not answer, or answers with an error."""
        try:
            yield
        except (redis.RedisError, OSError) as error:
            raise StoreUnavailable(f"the store {self._place} does not answer: {error}") from None

    def _keys(self, namespace: str) -> list[str]:
        name = f"{{{self._prefix}:{namespace}}}"
        return [f"{name}:head", f"{name}:log", f"{name}:rows"]

    def read(self, namespace: str, after: Version) -> LogPart:
        """As Store says."""
        self._ensure_open()
        records: list[bytes] = []
        snapshot: bytes | None = None
        is_whole, first = False, after.number
        life = after.life
        while True:
            with self._asking():
                found = self._read(self._keys(namespace), [life, first, _PAGE])
            if not found:
                return LogPart(NEW, (), is_whole=after != NEW)
            try:
                now, newest, cut, form, start, rows, page = found
                if form != b"%d" % FORMAT:
                    raise StoreUnavailable(_other_format(self._place, form))
                version = Version(now.decode("ascii"), int(newest))
                int(cut)
                if rows is not None:
                    records, snapshot, is_whole = [], rows or None, True
                    life, first = version.life, int(start)
                for id, fields in page:
                    first += 1
                    if id != b"%d-0" % first or fields[0] != b"record":
                        raise ValueError(f"record {first} is missing")
                    records.append(fields[1])
            except (ValueError, TypeError, IndexError, AttributeError) as error:
                text = f"the store {self._place} holds what cannot be read under the namespace {namespace!r}"
                raise StoreUnavailable(f"{text}: {error}") from None
            if first >= version.number:
                return LogPart(Version(version.life, first), records, is_whole, snapshot)
            if not page:
                text = f"the store {self._place} has lost records of the namespace {namespace!r}"
                raise StoreUnavailable(f"{text}; remove it with `mockserver state clear`")

    def _ensure_open(self) -> None:
        try:
            self._open()
        except SettingsError as error:
            raise StoreUnavailable(str(error)) from None

    def append(self, namespace: str, after: Version, record: bytes) -> Version | LogPart:
        """As Store says."""
        self._ensure_open()
        if namespace not in self._names:
            with self._asking():
                self._client.sadd(f"{self._prefix}:names", namespace)
            self._names.add(namespace)
        arguments: list[Any] = [
            after.life,
            after.number,
            record,
            new_life(),
            FORMAT,
            f"{self._prefix}:news",
            namespace,
        ]
        with self._asking():
            done = self._append(self._keys(namespace), arguments)
        if done is None:
            reading = self.read(namespace, after)
            if reading.version == after and not reading.is_whole:
                raise StoreUnavailable(f"the store {self._place} refuses what it has to take")
            return reading
        return Version(done[0].decode("ascii"), int(done[1]))

    def snapshot(self, namespace: str, version: Version, rows: bytes) -> None:
        """As Store says."""
        with self._asking():
            self._snapshot(self._keys(namespace), [version.life, version.number, rows])

    def remove(self, namespace: str) -> None:
        """As Store says."""
        with self._asking():
            self._client.delete(*self._keys(namespace))
            self._client.srem(f"{self._prefix}:names", namespace)
            self._names.discard(namespace)
            self._client.publish(f"{self._prefix}:news", namespace)

    def _names_stored(self) -> list[str]:
        with self._asking():
            found = self._client.smembers(f"{self._prefix}:names")
        return sorted(name.decode("utf-8", "replace") for name in found)

    def list(self) -> Sequence[NamespaceLog]:
        """As Store says."""
        self._ensure_open()
        found = []
        for name in self._names_stored():
            head, log, rows = self._keys(name)
            with self._asking():
                life, newest = self._client.hmget(head, "life", "newest")
                if life is None or not (newest or b"").isdigit():
                    continue
                size = sum(self._client.memory_usage(key, samples=0) or 0 for key in (head, log, rows))
                version = Version(life.decode("ascii", "replace"), int(newest))
                found.append(NamespaceLog(name, version, self._client.xlen(log), size))
        return found

    def is_alive(self, owner: str) -> bool:
        """As Store says. Who watches says so every few seconds."""
        if owner == self.owner:
            return True
        with self._asking():
            return bool(self._client.exists(f"{self._prefix}:alive:{owner}"))

    def watch(self, on_change: Callable[[], None]) -> None:
        """As Store says."""
        subscription: Any = None
        said = 0.0

        def wait(watcher: Watcher) -> bool:
            nonlocal subscription, said
            try:
                with self._asking():
                    if time.monotonic() > said + _ALIVE_SECONDS / 3:
                        self._client.set(f"{self._prefix}:alive:{self.owner}", "", ex=_ALIVE_SECONDS)
                        said = time.monotonic()
                    if subscription is None:
                        subscription = self._client.pubsub(ignore_subscribe_messages=True)
                        subscription.subscribe(f"{self._prefix}:news")
                        # What came before nobody was told of.
                        return True
                    message = subscription.get_message(timeout=0.2)
                    is_news = message is not None and message["type"] == "message"
                    while message is not None:
                        # One look is enough for all that came together.
                        message = subscription.get_message(timeout=0.0)
                    return is_news
            except StoreUnavailable:
                if subscription is not None:
                    with suppress(redis.RedisError, OSError):
                        subscription.close()
                    subscription = None
                raise

        self._watchers.append(Watcher(wait, on_change))

    def check(self) -> None:
        """As Store says."""
        self._ensure_open()
        with self._asking():
            self._client.ping()
            self._client.scard(f"{self._prefix}:names")

    def close(self) -> None:
        """As Store says."""
        while self._watchers:
            self._watchers.pop().end()
        with suppress(redis.RedisError, OSError):
            self._client.close()


def _other_format(place: str, found: Any) -> str:
    shown = found.decode("ascii", "replace")[:20] if isinstance(found, bytes) else found
    return (
        f"{place} has format {shown}, this version of mockserver reads format {FORMAT}; use the version that "
        "wrote it, or another ?prefix="
    )
