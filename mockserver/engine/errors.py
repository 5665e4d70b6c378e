"""Errors: the parts that the rules of every API are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from mockserver.contract import Envelope
from mockserver.engine.situation import Content, Example, Literal, Refusal, Situation
from mockserver.json_codec import read_index, read_pointer
from mockserver.types import Headers, Json, JsonObject


def error_headers(situation: Situation, status: int) -> Headers:
    """The headers that belong to every error of a status, scripted or not."""
    if status == 401:
        return situation.rules.challenges(situation.head.operation)
    return ((b"retry-after", b"1"),) if status == 429 else ()


def error_content(situation: Situation, status: int, reason: str | None = None) -> Content:
    """The documented error of a status that was asked for without a body: that of a reason, else the usual
    one."""
    if status < 400:
        return Literal(b"")
    operation = situation.head.operation
    envelope = None if operation is None else operation.envelope(status)
    if reason is not None and envelope is not None and reason in envelope.examples:
        return Example(reason)
    reason = reason or situation.rules.default_reason(status)
    return Refusal(status, reason, headers=error_headers(situation, status))


def phrase_of(status: int) -> str:
    """`404` -> `Not Found`."""
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"


def write_gateway_page(status: int) -> bytes:
    """The page with which a gateway says that it could not reach what is behind it."""
    phrase = phrase_of(status)
    return (
        f"<html>\r\n<head><title>{status} {phrase}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {phrase}</h1></center>\r\n"
        "<hr><center>gateway</center>\r\n</body>\r\n</html>\r\n"
    ).encode("ascii")


def to_details(refusal: Refusal) -> JsonObject:
    """The reason of a refusal, and what else is told of it."""
    return {"reason": refusal.reason, **refusal.details}


# Members of a contract's own error body that say what happened, by what belongs into them.
_STATUS_NAMES = ("status", "statusCode", "status_code", "code")
_TEXT_NAMES = ("title", "error", "message", "msg", "detail", "description", "reason")


def fill_error(value: Json, envelope: Envelope, refusal: Refusal, text: str) -> Json:
    """An error body made from a schema, with what happened filled in wherever the schema lets it stand.

    Integers named like a status get it, texts named like a message get `text`, and a list of violations is
    filled where the schema has one in the form of FastAPI (`detail[].loc/msg/type`) or of RFC 9457
    (`errors[].pointer/detail`).
    """
    if not isinstance(value, dict):
        return value
    for name, item in _proposals(value, refusal, text):
        changed = value | {name: item}
        if envelope.schema is None or envelope.schema.is_valid(changed):
            value = changed
    return value


def _proposals(value: JsonObject, refusal: Refusal, text: str) -> Iterator[tuple[str, Json]]:
    for name, item in value.items():
        if name in _STATUS_NAMES and isinstance(item, int) and not isinstance(item, bool):
            yield name, refusal.status
        elif name in _TEXT_NAMES and isinstance(item, str):
            yield name, text
        elif isinstance(item, dict):
            inner = dict(item)
            inner.update(_proposals(item, refusal, text))
            yield name, inner
    violations = refusal.details.get("violations")
    if not violations and refusal.status in (400, 422):
        # A body that cannot be read has no violations, and nor has an error that was asked for.
        violations = [{"in": "body", "pointer": "", "keyword": refusal.reason, "message": text}]
    for name, write in _LISTS.items():
        if violations and isinstance(value.get(name), list):
            yield name, [write(violation) for violation in violations]


def _as_fastapi(violation: Mapping[str, Any]) -> JsonObject:
    way: list[Json] = []
    for token in read_pointer(violation["pointer"]):
        index = read_index(token)
        way.append(token if index is None else index)
    return {"loc": [violation["in"], *way], "msg": violation["message"], "type": violation["keyword"]}


def _as_problem(violation: Mapping[str, Any]) -> JsonObject:
    return {"pointer": f"#{violation['pointer']}", "detail": violation["message"]}


_LISTS: Mapping[str, Callable[[Mapping[str, Any]], JsonObject]] = {
    "detail": _as_fastapi,
    "errors": _as_problem,
}
