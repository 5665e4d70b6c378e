"""Routes onto the journal: the calls, and questions about them."""

from __future__ import annotations

from mockserver.control.exchange import BadRequest, ControlAnswer, ControlCall, Route
from mockserver.exceptions import UnknownItem
from mockserver.journal import Call, CallFilter


def list_calls(call: ControlCall) -> ControlAnswer:
    """`GET /calls`: the newest that fit, oldest first, with exact totals."""
    limit = call.integer("limit")
    operation = call.option("operation")
    if operation is not None and operation not in call.engine.contract.operations:
        known = ", ".join(call.engine.contract.operations)
        raise BadRequest(f"operation={operation!r} is not in the contract; known: {known}")
    question = CallFilter(operation, call.integer("status"), call.since(), call.flag("warnings"))
    journal = call.namespace.journal
    total, evicted = journal.count(question)
    calls = journal.select(question)
    if limit is not None:
        calls = calls[len(calls) - limit :] if limit < len(calls) else calls
    return ControlAnswer(
        200, {"calls": [item.to_json() for item in calls], "total": total, "evicted": evicted}
    )


def find_call(call: ControlCall) -> Call:
    """The call that the path names. Raises UnknownItem."""
    id = call.parameters["id"]
    found = call.namespace.journal.find(id)
    if found is None:
        raise UnknownItem(f"there is no call {id!r} in the namespace {call.namespace.name!r}")
    return found


def get_call(call: ControlCall) -> ControlAnswer:
    """`GET /calls/{id}`."""
    return ControlAnswer(200, find_call(call).to_json())


ROUTES: tuple[Route, ...] = (
    Route("GET", "/calls", list_calls),
    Route("GET", "/calls/{id}", get_call),
)
