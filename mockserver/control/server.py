"""Routes about the server as a whole: health, the contract, what it assumes."""

from __future__ import annotations

from mockserver.catalogue import list_errors, list_faults
from mockserver.control.exchange import BadRequest, ControlAnswer, ControlCall, Route
from mockserver.types import JsonObject


def health(call: ControlCall) -> ControlAnswer:
    """`GET /health`: that it lives, with how many requests were refused before they became calls, by
    reason."""
    value: JsonObject = {"status": "healthy", "message": "The mock server is up", "version": _version()}
    return ControlAnswer(200, {**value, "refused": dict(call.engine.refusals)})


def version(call: ControlCall) -> ControlAnswer:
    """`GET /version`: the version of this package."""
    return ControlAnswer(200, {"version": _version()})


def _version() -> str:
    from importlib.metadata import version

    return version("hsrcpay-mockserver")


def reset(call: ControlCall) -> ControlAnswer:
    """`POST /reset`: everything of the namespace as at its start."""
    call.namespace.reset()
    return ControlAnswer(200, {})


def contract(call: ControlCall) -> ControlAnswer:
    """`GET /contract`: the contract as one OpenAPI document without outside references."""
    return ControlAnswer(200, call.engine.contract.document)


def assumptions(call: ControlCall) -> ControlAnswer:
    """`GET /assumptions`: what of the contract is inferred or invented, with its source."""
    found = [
        {"what": item.what, "provenance": item.provenance, "source": item.source}
        for item in call.engine.contract.assumptions
    ]
    return ControlAnswer(200, {"assumptions": found})


def errors(call: ControlCall) -> ControlAnswer:
    """`GET /errors`: every documented error and every fault, and how to provoke it."""
    engine = call.engine
    operation = call.option("operation")
    if operation is not None and operation not in engine.contract.operations:
        known = ", ".join(engine.contract.operations)
        raise BadRequest(f"operation={operation!r} is not in the contract; known: {known}")
    entries = list_errors(engine.contract, engine.fixtures, call.origin, operation=operation)
    first = operation or next(iter(engine.contract.operations))
    return ControlAnswer(
        200, {"errors": [entry.to_json() for entry in entries], "faults": list_faults(first)}
    )


ROUTES: tuple[Route, ...] = (
    Route("GET", "/health", health),
    Route("GET", "/version", version),
    Route("POST", "/reset", reset),
    Route("GET", "/contract", contract),
    Route("GET", "/assumptions", assumptions),
    Route("GET", "/errors", errors),
)
