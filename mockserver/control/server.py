"""Routes about the server as a whole: health, the contract, what it assumes."""

from __future__ import annotations

from mockserver.control.exchange import ControlAnswer, ControlCall, Route


def health(call: ControlCall) -> ControlAnswer:
    """`GET /health` (WireMock's shape)."""
    return ControlAnswer(
        200, {"status": "healthy", "message": "The mock server is up", "version": _version()}
    )


def version(call: ControlCall) -> ControlAnswer:
    """`GET /version` (WireMock's route)."""
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


ROUTES: tuple[Route, ...] = (
    Route("GET", "/health", health),
    Route("GET", "/version", version),
    Route("POST", "/reset", reset),
    Route("GET", "/contract", contract),
    Route("GET", "/assumptions", assumptions),
)
