"""Equalities: what a request must have, word for word, to fit a pattern. An index can look that up.

Values are compared as redaction shows them, so that the index keeps no secret.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from mockserver.json_codec import exact
from mockserver.redaction import holds_hidden, redact, redact_header
from mockserver.scripting.content_patterns import (
    AllOfPattern,
    AnyValue,
    ContentPattern,
    EqualPattern,
    JsonEqualityPattern,
    JsonPathPattern,
)
from mockserver.scripting.request_parts import BodyPart, Part, ValuesPart
from mockserver.scripting.subjects import JsonContent, Subject
from mockserver.types import UNSET, Headers, Json, UnsetType, is_number


class Name(NamedTuple):
    """What is looked up: a "header" or "query" parameter by name, a member of a "json" body by the names that
    lead to it, or its "text"."""

    kind: str
    path: tuple[str, ...]


class Equality(NamedTuple):
    """A name and the value that must stand there, both as redaction shows them."""

    name: Name
    value: object


def find_equalities(parts: Iterable[Part]) -> tuple[Equality, ...]:
    """What a request must have to fit all parts, one equality for each name, sorted by name."""
    found = {equality.name: equality for part in parts for equality in _read_part(part)}
    return tuple(found[name] for name in sorted(found))


def _read_part(part: Part) -> Iterator[Equality]:
    if isinstance(part, ValuesPart):
        is_plain = part.name == part.shown_name
        if is_plain and part.place in ("header", "query") and isinstance(part.pattern, AnyValue):
            for pattern in _all_of(part.pattern.pattern):
                if isinstance(pattern, EqualPattern) and pattern.is_exact:
                    yield Equality(Name(part.place, (part.name,)), pattern.document["equalTo"])
    elif isinstance(part, BodyPart):
        for pattern in _all_of(part.pattern):
            yield from _read_body(pattern)


def _all_of(pattern: ContentPattern) -> Iterator[ContentPattern]:
    if isinstance(pattern, AllOfPattern):
        for inner in pattern.patterns:
            yield from _all_of(inner)
    else:
        yield pattern


def _read_body(pattern: ContentPattern) -> Iterator[Equality]:
    if isinstance(pattern, JsonPathPattern):
        names, inner = pattern.path.names, pattern.inner
        if names is not None and isinstance(inner, EqualPattern) and inner.is_exact:
            text = inner.document["equalTo"]
            # What has members is not looked up, nor what stands under a name that is a secret.
            if not text.startswith(("{", "[")) and not any(redact(name) != name for name in names):
                yield Equality(Name("text", names), text)
    elif isinstance(pattern, JsonEqualityPattern):
        yield from _read_json(pattern, pattern.kept.expected, ())


def _read_json(pattern: JsonEqualityPattern, value: Json, names: tuple[str, ...]) -> Iterator[Equality]:
    if isinstance(value, dict):
        for name, item in value.items():
            if holds_hidden(name):
                continue
            yield from _read_json(pattern, item, (*names, name))
    elif names and not isinstance(value, list) and value not in pattern.kept.placeholders:
        yield Equality(Name("json", names), _comparable(value))


def count_repeated(headers: Headers, query: Mapping[str, Sequence[str]]) -> dict[Name, int]:
    """How many values a request has under each name that comes more than once. `headers` have names in lower
    case; `query` is decoded."""
    found = {Name("query", (name,)): len(values) for name, values in query.items() if len(values) > 1}
    names = [name for name, _ in headers]
    if len(set(names)) < len(names):
        for name, count in Counter(names).items():
            if count > 1:
                found[Name("header", (name.decode("latin-1"),))] = count
    return found


def find_values(name: Name, subject: Subject) -> Sequence[object]:
    """What a request has under a name; empty for nothing."""
    if name.kind == "header":
        header = name.path[0].encode("latin-1", "replace")
        values = subject.headers.get(name.path[0], ())
        return [redact_header(header, text.encode("latin-1", "replace")).decode("latin-1") for text in values]
    if name.kind == "query":
        return [redact(text) for text in subject.query.get(name.path[0], ())]
    value = _member(subject.json, name.path)
    if value is UNSET or isinstance(value, dict | list):
        return ()
    if name.kind == "text":
        return (redact(JsonContent(value, subject.view).text),)
    return (_comparable(redact(value) if isinstance(value, str) else value),)


def _member(value: Json | UnsetType, names: Iterable[str]) -> Json | UnsetType:
    for name in names:
        if not isinstance(value, dict) or name not in value:
            return UNSET
        value = value[name]
    return value


def _comparable(value: Json) -> object:
    """A hashable value, equal for equal JSON values: 1 is 1.0, and no true."""
    if is_number(value):
        return exact(value)
    return (type(value), value)
