"""Leak watch: an issued key that turns up where it does not belong.

A key that the sandbox issued is known by its form. It belongs into the Authorization header of calls to the
namespace that issued it, and nowhere else: URLs end in logs, metadata in databases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from mockserver.json_codec import Way, write_pointer
from mockserver.redaction import digest_secret, display, redact, redact_pointer
from mockserver.security.credential import Credential
from mockserver.settings import DEFAULT_NAMESPACE
from mockserver.types import UNSET, Headers, Json, UnsetType

# More places than this are not listed, nor is more of a pointer told.
MAX_PLACES = 10
_MAX_POINTER = 200


class LeakWatch:
    """Looks for keys of the form that the sandbox issues: they begin with `mark`; None watches nothing."""

    def __init__(self, mark: str | None) -> None:
        self._mark = mark
        self._bytes = b"" if mark is None else mark.encode("ascii")
        self._key = re.compile(rf"{re.escape(mark or '')}[A-Za-z0-9_-]+")

    def find_in_headers(self, headers: Headers) -> tuple[str, ...]:
        """Each issued key that stands in another header than Authorization, told as a warning."""
        if self._mark is None or b"\n".join([value for _, value in headers]).find(self._bytes) < 0:
            return ()
        texts = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
        places = ((f"in the header {name}", text) for name, text in texts if name != "authorization")
        return tuple(self._tell(places))

    def find(
        self, path: str, query: Mapping[str, Sequence[str]], body: bytes, value: Json | UnsetType
    ) -> Iterator[str]:
        """Each issued key that stands in the URL or the body, told as a warning.

        `query` is decoded; `value` is the body as JSON, UNSET if it is none.
        """
        mark = self._mark
        if mark is None:
            return
        yield from self._tell([("in the path", path)])
        for name, values in query.items():
            yield from self._tell(
                (f"in the query parameter {redact(name)}", text) for text in (name, *values)
            )
        if self._bytes in body or b"\\" in body:
            texts = [(None, body.decode("utf-8", "replace"))] if value is UNSET else _walk(value, None)
            # A body can have many texts, each under a long pointer: one is written only where there is a key.
            yield from self._tell((_place(way), text) for way, text in texts if mark in text)

    def _tell(self, places: Iterable[tuple[str, str]]) -> Iterator[str]:
        found = (
            f"the issued key {display(key, digest_secret(key))} stands {place}; "
            "it belongs in Authorization alone"
            for place, text in places
            for key in self._key.findall(text)
        )
        return islice(found, MAX_PLACES)


def find_foreign_key(credential: Credential, namespace: str) -> Iterator[str]:
    """A key that is used outside the namespace that issued it, told as a warning."""
    home = credential.namespace or DEFAULT_NAMESPACE
    if home != namespace:
        key = credential.display
        yield f"the issued key {key} belongs to the namespace {home!r}, this call to {namespace!r}"


def _place(way: Way) -> str:
    pointer = redact_pointer(write_pointer(way))
    shown = pointer if len(pointer) <= _MAX_POINTER else f"{pointer[:_MAX_POINTER]}…"
    return f"in the body at {shown}" if shown else "in the body"


def _walk(value: Json, way: Way) -> Iterator[tuple[Way, str]]:
    """Every text in a JSON value, names of members included, with the way to it."""
    if isinstance(value, str):
        yield way, value
    elif isinstance(value, dict):
        for name, item in value.items():
            below = (way, name)
            yield below, name
            yield from _walk(item, below)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, (way, index))
