"""The deviations that a contract may allow. Whether it does is tried by the book, on samples."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from mockserver.json_codec import dumps, dumps_pretty
from mockserver.types import Json, JsonObject
from mockserver.variants.answers import CONTENT_TYPE, Alter, Answer, replace_header
from mockserver.variants.places import REMOVED, Path, Place, change_at

# What is added to an open object. No contract that anybody wrote names it.
UNKNOWN_MEMBER = "mockserver_unknown"
UNKNOWN_VALUE: JsonObject = {"nested": [1, None, "text"]}
# One more than the integers that a double holds exactly (RFC 8259, section 6).
BIG_NUMBER = 2**53 + 1
LONG_LENGTH = 2_000
NON_ASCII = "Zoë 東京 🔑"
# Members whose text stands for something, so that another text would be another thing.
_IDENTITIES = frozenset({"code", "cursor", "href", "id", "key", "secret", "token", "uri", "url"})
_IDENTITY_ENDS = ("_id", "_key", "_secret", "_token", "_uri", "_url", "Id", "Key", "Secret", "Token", "Url")

Accepts = Callable[[Alter], bool]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A deviation that may be one. It is named by its kind, the member that it is about, and an ending."""

    kind: str
    deviation: str
    alter: Alter
    member: tuple[str, ...] = ()
    ending: str = ""
    has_full_name: bool = False
    needs_gzip: bool = False


def list_status_candidates(statuses: Sequence[int], status: int) -> Iterator[Candidate]:
    """The same answer under each other success that the operation documents."""
    if 200 <= status < 300:
        for other in statuses:
            if other != status:
                yield Candidate(f"status-{other}", f"status {other} in place of {status}", with_status(other))


def with_status(status: int) -> Alter:
    """The same answer under another status."""
    return lambda answer: answer._replace(status=status)


def list_value_candidates(places: Sequence[Place], accepts: Accepts) -> Iterator[Candidate]:
    """Other values. `accepts` says whether the contract takes a change; asked where many places change."""
    yield from _list_extra_members(places)
    members = [place for place in places if place.is_member]
    for place in members:
        yield _at(place, "null", "is null", lambda old: None)
    for place in members:
        yield _at(place, "absent", "is absent", lambda old: REMOVED)
    for place in members:
        if isinstance(place.sample, dict | list) or (isinstance(place.sample, str) and is_text(place)):
            yield _at(place, "empty", "is empty", _empty)
    for place in members:
        for value in _list_listed(place):
            yield _at(place, "other", f"is {_show(value)}", _always(value), ending=_show(value))
    texts = [place for place in places if isinstance(place.sample, str) and is_text(place)]
    yield from _everywhere(
        "long-strings",
        f"texts have {LONG_LENGTH} characters, or as many as allowed",
        texts,
        _lengthen,
        accepts,
    )
    yield from _everywhere("non-ascii", "texts hold characters beyond ASCII", texts, _foreign, accepts)
    numbers = [place for place in places if _is_number(place.sample)]
    yield from _everywhere(
        "big-numbers", "numbers are larger than a double holds exactly, or as large as allowed",
        numbers, _enlarge, accepts,
    )  # fmt: skip


def _list_extra_members(places: Sequence[Place]) -> Iterator[Candidate]:
    for place in places:
        if isinstance(place.sample, dict):
            where = place.pointer or "the body"
            yield Candidate(
                "extra-members",
                f"{where} has a member that the contract does not name",
                on_value(place.path, _add_member),
                place.names,
                has_full_name=True,
            )


def _add_member(value: Json) -> Json:
    return {**value, UNKNOWN_MEMBER: UNKNOWN_VALUE} if isinstance(value, dict) else value


def _empty(value: Json) -> Json:
    return type(value)() if isinstance(value, dict | list | str) and value else value


def _list_listed(place: Place) -> list[Json]:
    """The values that the contract lists for a place, but for the sample's."""
    values = [value for values in place.keywords("enum") for value in values]
    return [value for value in values if value != place.sample and value is not None]


def _show(value: Json) -> str:
    return value if isinstance(value, str) else dumps(value).decode("utf-8")


def is_text(place: Place) -> bool:
    """Whether a place holds text for people, which may be any other."""
    if "string" not in place.types or not place.names:
        return False
    if any(place.keywords(keyword) for keyword in ("const", "enum", "format", "pattern")):
        return False
    name = place.names[-1]
    return name.lower() not in _IDENTITIES and not name.endswith(_IDENTITY_ENDS)


def _limit(place: Place) -> int:
    return min([LONG_LENGTH, *(int(limit) for limit in place.keywords("maxLength"))])


def _lengthen(place: Place) -> Callable[[Json], Json]:
    limit = _limit(place)

    def change(value: Json) -> Json:
        if not isinstance(value, str) or len(value) >= limit:
            return value
        return (value + " long" * (limit // 5 + 1))[:limit]

    return change


def _foreign(place: Place) -> Callable[[Json], Json]:
    limit = _limit(place)
    return lambda value: f"{NON_ASCII} {value}"[:limit] if isinstance(value, str) else value


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _enlarge(place: Place) -> Callable[[Json], Json]:
    most: Any = min([BIG_NUMBER, *place.keywords("maximum")])
    return lambda value: most if _is_number(value) and value < most else value


def _everywhere(
    kind: str,
    deviation: str,
    places: Sequence[Place],
    make: Callable[[Place], Callable[[Json], Json]],
    accepts: Accepts,
) -> Iterator[Candidate]:
    """One change at every place that takes it."""
    alters = [on_value(place.path, make(place)) for place in places]
    alters = [alter for alter in alters if accepts(alter)]
    if alters:
        yield Candidate(
            kind, deviation, lambda answer: reduce(lambda so_far, alter: alter(so_far), alters, answer)
        )


def _at(place: Place, kind: str, what: str, change: Callable[[Json], Json], ending: str = "") -> Candidate:
    return Candidate(kind, f"{place.pointer} {what}", on_value(place.path, change), place.names, ending)


def _always(value: Json) -> Callable[[Json], Json]:
    return lambda old: value


def on_value(path: Path, change: Callable[[Json], Json]) -> Alter:
    """A change of what stands at a path of a JSON body."""

    def alter(answer: Answer) -> Answer:
        value = change_at(answer.value, path, change) if answer.is_json else answer.value
        return answer if value is answer.value else answer.with_value(value)

    return alter


def list_written_candidates() -> Iterator[Candidate]:
    """The same JSON value, written in another way (RFC 8259 leaves all of them to the writer)."""
    yield Candidate("member-order", "the members of every object stand in reverse", on_value((), _reverse))
    yield Candidate("pretty-printed", "the JSON has white space", _written(dumps_pretty))
    yield Candidate(
        "escaped-unicode", r"strings hold \u escapes, ASCII letters too", _written(_write_escaped)
    )


def _written(write: Callable[[Json], bytes]) -> Alter:
    return lambda answer: answer._replace(write=write) if answer.is_json else answer


def _reverse(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _reverse(value[name]) for name in reversed(value)}
    return [_reverse(item) for item in value] if isinstance(value, list) else value


_FOREIGN = re.compile(r"[^\x00-\x7f]+")
# Letters that stand in strings alone: none is in true, false, null, in a number or in an escape.
_STRINGS_ALONE = [(letter, f"\\u{ord(letter):04x}") for letter in "ghimopvyKMOSTV"]


def _write_escaped(value: Json) -> bytes:
    text = dumps(value).decode("utf-8")
    for letter, escaped in _STRINGS_ALONE:
        text = text.replace(letter, escaped)
    return _FOREIGN.sub(_escape, text).encode("ascii")


def _escape(match: re.Match[str]) -> str:
    """UTF-16 code units as escapes (RFC 8259, section 7)."""
    units = match.group().encode("utf-16-be")
    return "".join(f"\\u{units[index]:02x}{units[index + 1]:02x}" for index in range(0, len(units), 2))


def list_framing_candidates(status: int) -> Iterator[Candidate]:
    """The same body in another frame: what HTTP leaves to a server."""
    yield Candidate(
        "chunked",
        "Transfer-Encoding: chunked, no Content-Length",
        lambda answer: answer._replace(is_chunked=bool(answer.value)),
    )
    yield Candidate(
        "gzip",
        "Content-Encoding: gzip",
        lambda answer: answer._replace(is_compressed=bool(answer.value)),
        needs_gzip=True,
    )
    yield Candidate("charset-parameter", "Content-Type has a charset parameter", _add_charset)
    yield Candidate(
        "header-case",
        "header names are in capitals",
        lambda answer: answer._replace(has_upper_case_headers=True),
    )
    if status == 429:
        # The one header of an error that a contract documents and HTTP does not demand (RFC 6585, section 4).
        yield Candidate("no-retry-after", "there is no Retry-After", _without(b"retry-after"))


def _add_charset(answer: Answer) -> Answer:
    value = dict(answer.headers).get(CONTENT_TYPE)
    if value is None or b"charset" in value:
        return answer
    return answer._replace(headers=replace_header(answer.headers, CONTENT_TYPE, value + b"; charset=utf-8"))


def _without(name: bytes) -> Alter:
    return lambda answer: answer._replace(headers=replace_header(answer.headers, name, None))
