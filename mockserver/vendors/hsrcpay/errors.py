"""Errors: HSRCPAY's envelope, and the statuses that a refusal can have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mockserver.contract import Operation
from mockserver.contract.validation import CallWarning
from mockserver.engine.bodies import JSON_TYPE, write_value
from mockserver.engine.errors import to_details
from mockserver.engine.rules import MakeValue
from mockserver.engine.situation import Decision, Refusal, Situation
from mockserver.json_codec import dumps
from mockserver.types import Headers, Json, JsonObject

CHALLENGE: Headers = ((b"www-authenticate", b"Bearer"),)

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


def refuse(situation: Situation, refusal: Refusal) -> Decision | None:
    """A decision to refuse, with a status that the operation documents; None if it documents none.

    On an operation of the contract, an answer that nobody scripted always has a documented status.
    """
    operation = situation.head.operation
    status = refusal.status
    if operation is not None and operation.envelope(status) is None:
        status = next((other for other in _KIN.get(status, ()) if operation.envelope(other)), 0)
        if not status:
            text = f"{operation.id} documents no status for {refusal.reason}; the rule is not applied"
            situation.inspection.warnings.append(CallWarning("undocumented_status", text))
            return None
    return Decision(refusal.reason, status, replace(refusal, status=status), headers=refusal.headers)


def error_envelope(status: int, message: str, details: Mapping[str, Json]) -> JsonObject:
    """The error envelope (reference page, Response Body of the eight errors)."""
    return {
        "message": message,
        "success": False,
        "error": {"code": status, "message": message, "details": details},
    }


def write_error(
    refusal: Refusal, message: str, operation: Operation | None, make: MakeValue
) -> tuple[bytes, Headers]:
    """Body and headers of an error with this message, as the operation documents it."""
    value = error_envelope(refusal.status, message, to_details(refusal))
    envelope = None if operation is None else operation.envelope(refusal.status)
    if envelope is None:
        return dumps(value), (JSON_TYPE,)
    if envelope.media_type is None:
        return b"", ()
    if envelope.schema is not None and not envelope.schema.is_valid(value):
        # A contract with an error body of its own kind: its example, or a value of its schema.
        return write_value(envelope, make(envelope))
    return dumps(value), (JSON_TYPE,)
