"""What no client may accept in silence: deviations that break the contract, each in one way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from mockserver.json_codec import dumps
from mockserver.types import Json
from mockserver.variants.answers import CONTENT_TYPE, Answer, replace_header, write_bytes
from mockserver.variants.legal import Candidate, on_value, with_status
from mockserver.variants.places import REMOVED, Place

UNKNOWN_WORD = "MOCKSERVER_UNKNOWN"
HTML_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head>"
    b"<body><h1>Sign in to continue</h1></body></html>\n"
)


def list_value_breaks(places: Sequence[Place]) -> Iterator[Candidate]:
    """Bodies that may be against their schema, for the book to try."""
    members = [place for place in places if place.is_member]
    for place in members:
        yield _break(place, "missing", "is missing, which the contract requires", lambda old: REMOVED)
    for place in members:
        yield _break(place, "wrong-type", "has a type that the contract does not allow", _mistype)
    for place in members:
        if isinstance(place.sample, bool):
            yield _break(place, "contradicting", "contradicts the status", _negate)
    for place in members:
        if isinstance(place.sample, str) and (place.keywords("enum") or place.keywords("const")):
            text = f"is {UNKNOWN_WORD}, which the contract does not list"
            yield _break(place, "unknown", text, lambda old: UNKNOWN_WORD)


def _break(place: Place, kind: str, what: str, change: Callable[[Json], Json]) -> Candidate:
    return Candidate(f"breaking-{kind}", f"{place.pointer} {what}", on_value(place.path, change), place.names)


def _negate(value: Json) -> Json:
    return not value if isinstance(value, bool) else value


def _mistype(value: Json) -> Json:
    if isinstance(value, bool):
        return "yes"
    if isinstance(value, str):
        return 12345
    if isinstance(value, int | float):
        return "many"
    if isinstance(value, list):
        return {}
    return [] if isinstance(value, dict) else value


def list_page_break() -> Iterator[Candidate]:
    """What a proxy or a login page in between makes of an answer."""
    yield Candidate("breaking-html-page", "an HTML page with status 200", _to_page)


def _to_page(answer: Answer) -> Answer:
    headers = replace_header(answer.headers, CONTENT_TYPE, b"text/html; charset=utf-8")
    return answer._replace(status=200, headers=headers, value=HTML_PAGE, is_json=False, write=write_bytes)


def list_cut_break() -> Iterator[Candidate]:
    """JSON that ends in its middle, in a whole answer."""
    yield Candidate(
        "breaking-cut-json",
        "the JSON ends after its first half",
        lambda answer: answer._replace(write=_write_half),
    )


def _write_half(value: Json) -> bytes:
    body = dumps(value)
    return body[: len(body) // 2]


def list_status_break(status: int, is_documented: Callable[[int], bool]) -> Iterator[Candidate]:
    """The answer under a status of the same class that the operation does not document, if there is one."""
    first = status // 100 * 100
    others = (*_UNUSUAL.get(first, ()), *range(first + 20, first + 100))
    other = next((other for other in others if not is_documented(other)), None)
    if other is not None:
        text = f"status {other}, which the contract does not document"
        yield Candidate("breaking-undocumented-status", text, with_status(other))


# Statuses that a client could really meet.
_UNUSUAL = {200: (202, 203), 300: (307,), 400: (418, 451), 500: (507, 508)}
