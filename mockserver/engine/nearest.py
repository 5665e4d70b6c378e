"""The nearest: what a request that nobody took may have meant."""

from __future__ import annotations

from difflib import SequenceMatcher

from mockserver.contract.validation import CallWarning
from mockserver.engine.situation import Situation
from mockserver.journal.near_misses import NearStub, find_near_stub
from mockserver.json_codec import dumps
from mockserver.types import JsonObject

_MAX_TEXT = 300


def find_nearest(situation: Situation) -> JsonObject | None:
    """The stub that comes nearest, with its first difference, or the operation with its whole path.

    `{"stub": {"id", "name"}, "difference": {"in", "pointer", "operator", "expected", "actual"}}` or
    `{"operation", "method", "path"}`; None where there is neither. A stub is told of in a warning as well, as
    the operation is already.
    """
    found, distance = situation.head.line.nearest, 1.0
    if found is not None:
        asked = f"{situation.head.method} {situation.head.line.path}"[:_MAX_TEXT]
        distance = 1.0 - SequenceMatcher(None, asked, f"{found['method']} {found['path']}").ratio()
    stubs = situation.namespace.stubs
    if not len(stubs):
        return found
    near = find_near_stub(stubs, situation.shown_subject(is_whole=False), within=distance)
    if near is None:
        return found
    situation.inspection.warnings.append(CallWarning("near_miss", _tell(near)))
    difference = near.differences[0].to_json() if near.differences else None
    return {"stub": {"id": near.stub.id, "name": near.stub.name}, "difference": difference}


def _tell(near: NearStub) -> str:
    text = f"no stub answered; the nearest is {near.stub.name or near.stub.id}"
    if not near.differences:
        return text
    difference = near.differences[0]
    place = f"{difference.place} {difference.pointer[1:]}".rstrip()
    expected = dumps(difference.expected).decode("utf-8")[:_MAX_TEXT]
    actual = "nothing" if difference.actual is None else dumps(difference.actual).decode("utf-8")[:_MAX_TEXT]
    return f"{text}: {place} must be {difference.operator} {expected}, and is {actual}"
