"""Errors as decisions: the status that an operation can refuse with, and what belongs to every error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus

from mockserver.contract.validation import CallWarning
from mockserver.engine.situation import Content, Decision, Literal, Refusal, Situation
from mockserver.types import Headers, JsonObject

CHALLENGE: Headers = ((b"www-authenticate", b"Bearer"),)


def refuse(situation: Situation, refusal: Refusal) -> Decision | None:
    """A decision to refuse, with a status that the operation documents; None if it documents none."""
    operation = situation.head.operation
    status = refusal.status
    if operation is not None and operation.envelope(status) is None:
        status = next((other for other in _KIN.get(status, ()) if operation.envelope(other)), 0)
        if not status:
            text = f"{operation.id} documents no status for {refusal.reason}; the rule is not applied"
            situation.inspection.warnings.append(CallWarning("undocumented_status", text))
            return None
    return Decision(refusal.reason, status, replace(refusal, status=status), headers=refusal.headers)


# Where a contract does not document a status, its nearest kin is answered instead.
_KIN: Mapping[int, tuple[int, ...]] = {
    400: (422,),
    401: (403,),
    403: (401,),
    404: (400, 422),
    409: (422, 400),
    422: (400,),
    429: (503,),
}


def error_headers(status: int) -> Headers:
    """The headers that belong to an error whoever asked for it."""
    if status == 401:
        return CHALLENGE
    return ((b"retry-after", b"1"),) if status == 429 else ()


def error_content(situation: Situation, status: int) -> Content:
    """The documented error of a status that was asked for without a body."""
    if status < 400:
        return Literal(b"")
    return Refusal(status, situation.namespace.fixtures.default_reason(status), headers=error_headers(status))


def write_gateway_page(status: int) -> bytes:
    """The page with which a gateway says that it could not reach what is behind it."""
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
    return (
        f"<html>\r\n<head><title>{status} {phrase}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {phrase}</h1></center>\r\n"
        "<hr><center>gateway</center>\r\n</body>\r\n</html>\r\n"
    ).encode("ascii")


def to_details(refusal: Refusal) -> JsonObject:
    """`error.details` of a refusal."""
    return {"reason": refusal.reason, **refusal.details}
