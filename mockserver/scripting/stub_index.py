"""The index of a book of stubs: which of them a request can fit at all, found by look-up, not by trying.

First by the request line: path, query, operation. Then, where stubs ask for headers or members of a JSON body
that must be equal to something, by those:

    /v1/keys/  POST   ->   (header x-tenant, json /owner)   ->   (t-17, o-1)   ->   stubs in order
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import product
from math import prod
from operator import attrgetter
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from urllib.parse import unquote

from mockserver.scripting.equalities import Name, find_values
from mockserver.scripting.matchers import RequestMatcher
from mockserver.scripting.subjects import Subject

BucketKey = tuple[str, str, str]
# What is looked up of a request: the names, and what stands under each.
_Names = tuple[Name, ...]
_Values = tuple[object, ...]

# So many combinations of repeated values are looked up; beyond that all stubs with these names are tried.
MAX_COMBINATIONS = 64
# So many names of one stub are looked up.
_MAX_NAMES = 8


class Indexed(Protocol):
    """A stub, as far as the index looks at it."""

    @property
    def matcher(self) -> RequestMatcher: ...

    @property
    def operation(self) -> str | None: ...


class BookEntry(Protocol):
    """A stub in a book; by `order`, entries are in the order in which they are asked."""

    @property
    def stub(self) -> Indexed: ...

    @property
    def order(self) -> tuple[int, int, int]: ...

    def __lt__(self, other: Any, /) -> bool: ...


E = TypeVar("E", bound=BookEntry)
# Quicker than `<`, which is a call for each comparison.
_ORDER = attrgetter("order")


def list_bucket_keys(
    method: str, paths: Iterable[str], query: Mapping[str, Iterable[str]], operation: str | None
) -> tuple[BucketKey, ...]:
    """Where the stubs are that may answer a request. `paths` are the spellings of its path; its query is
    decoded."""
    plain = [unquote(path) if "%" in path else path for path in paths]
    return (
        _ANY,
        *(() if operation is None else (("operation", operation, ""),)),
        *(("path", path, name) for path in plain for name in ("", method)),
        *dict.fromkeys(("query", name, value) for name, values in query.items() for value in values),
    )


def _bucket_key(stub: Indexed) -> BucketKey:
    """The narrowest thing that a request line must have."""
    if stub.matcher.literal_query is not None:
        return ("query", *stub.matcher.literal_query)
    if stub.matcher.literal_path is not None:
        methods = stub.matcher.methods
        return ("path", unquote(stub.matcher.literal_path), methods[0] if len(methods) == 1 else "")
    if stub.operation is not None:
        return ("operation", stub.operation, "")
    return _ANY


_ANY: BucketKey = ("", "", "")


class StubIndex(Generic[E]):
    """Entries of a book by what a request must have to fit them."""

    def __init__(self, entries: Iterable[E] = ()) -> None:
        self._buckets: dict[BucketKey, dict[_Names, _Shape[E]]] = {}
        for _ in self.fill(entries):
            pass

    def fill(self, entries: Iterable[E]) -> Iterator[None]:
        """Add entries, one at a time."""
        # In order, so that each goes to the end of its lists.
        for entry in sorted(entries, key=_ORDER):
            self.add(entry)
            yield

    def add(self, entry: E) -> None:
        names, values = _split(entry.stub.matcher)
        shapes = self._buckets.setdefault(_bucket_key(entry.stub), {})
        shape = shapes.setdefault(names, _Shape([], {}))
        _insert(shape.all, entry)
        if names:
            _insert(shape.by_values.setdefault(values, []), entry)

    def remove(self, entry: E) -> None:
        names, values = _split(entry.stub.matcher)
        key = _bucket_key(entry.stub)
        shapes = self._buckets[key]
        shape = shapes[names]
        _take_out(shape.all, entry)
        if names:
            _take_out(shape.by_values[values], entry)
            if not shape.by_values[values]:
                del shape.by_values[values]
        if not shape.all:
            del shapes[names]
            if not shapes:
                del self._buckets[key]

    def count(self, keys: Iterable[BucketKey], repeated: Mapping[Name, int]) -> int:
        """How many entries a request may fit at most, by its keys; of those that are looked up by a value,
        how many may have the same one. `repeated` says where it has several values."""
        found = (shapes for shapes in map(self._buckets.get, keys) if shapes)
        return sum(
            _count_most(shape, names, repeated) if names else len(shape.all)
            for shapes in found
            for names, shape in shapes.items()
        )

    def find(self, keys: Iterable[BucketKey], subject: Callable[[], Subject]) -> list[E]:
        """The entries that a request may fit, in order. `keys` are its own (`list_bucket_keys`); `subject`
        gives the request itself, where that has to be looked at."""
        buckets = self._buckets
        if buckets.keys().isdisjoint(keys):
            return []
        found: list[list[E]] = []
        for shapes in map(buckets.get, keys):
            for names, shape in shapes.items() if shapes else ():
                found += _look_up(shape, names, subject()) if names else (shape.all,)
        return list(found[0] if len(found) == 1 else merge(*found, key=_ORDER))


class _Shape(NamedTuple, Generic[E]):
    """Stubs that ask for the same names: all of them, and by the values that they ask for."""

    all: list[E]
    by_values: dict[_Values, list[E]]


def _insert(entries: list[E], entry: E) -> None:
    if entries and entry < entries[-1]:
        insort(entries, entry)
    else:
        entries.append(entry)


def _take_out(entries: list[E], entry: E) -> None:
    del entries[bisect_left(entries, entry.order, key=_ORDER)]


def _split(matcher: RequestMatcher) -> tuple[_Names, _Values]:
    equalities = matcher.equalities[:_MAX_NAMES]
    return tuple(item.name for item in equalities), tuple(item.value for item in equalities)


def _count_most(shape: _Shape[E], names: _Names, repeated: Mapping[Name, int]) -> int:
    combinations = prod([repeated.get(name, 1) for name in names]) if repeated else 1
    if combinations > MAX_COMBINATIONS:
        return len(shape.all)
    return len(shape.all) - max(0, len(shape.by_values) - combinations)


def _look_up(shape: _Shape[E], names: _Names, subject: Subject) -> Iterable[list[E]]:
    present: list[Sequence[object]] = []
    combinations = 1
    for name in names:
        values = find_values(name, subject)
        if not values:
            return ()
        present.append(values)
        combinations *= len(values)
    if combinations > MAX_COMBINATIONS:
        return (shape.all,)
    found = (shape.by_values.get(values) for values in product(*present))
    return [entries for entries in found if entries is not None]
