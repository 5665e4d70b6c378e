"""Routes about the server as a whole: health, the contract, what it assumes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mockserver.contract import Assumption
from mockserver.control.routing import BadRequest, ControlAnswer, ControlCall, Route
from mockserver.coverage import (
    report_assumptions,
    report_coverage,
    write_html,
    write_markdown,
    write_text,
)
from mockserver.engine.catalogue import Catalogue, list_faults
from mockserver.exceptions import StoreUnavailable
from mockserver.journal.call import CountKey, Facet
from mockserver.types import JsonObject
from mockserver.version import VERSION


def health(call: ControlCall) -> ControlAnswer:
    """`GET /health`: that it lives, with its store, and how many requests were refused before they became
    calls, by reason. 503 while the store does not answer."""
    value: JsonObject = {"status": "healthy", "message": "The mock server is up", "version": VERSION}
    store = call.engine.store
    state: JsonObject = {"kind": store.kind, "ok": True}
    try:
        store.check()
    except StoreUnavailable as error:
        state = {"kind": store.kind, "ok": False, "problem": str(error)}
        value |= {"status": "unhealthy", "message": "The store does not answer"}
    value |= {"store": state, "refused": dict(call.engine.refusals)}
    return ControlAnswer(200 if state["ok"] else 503, value)


def version(call: ControlCall) -> ControlAnswer:
    """`GET /version`: the version of this package."""
    return ControlAnswer(200, {"version": VERSION})


def reset(call: ControlCall) -> ControlAnswer:
    """`POST /reset`: everything of the namespace as at its start."""
    call.namespace.reset()
    return ControlAnswer(200, {})


def contract(call: ControlCall) -> ControlAnswer:
    """`GET /contract`: the contract as one OpenAPI document without outside references."""
    return ControlAnswer(200, call.engine.contract.document)


def assumptions(call: ControlCall) -> ControlAnswer:
    """`GET /assumptions`: what of the contract is inferred or invented, with its source.

    With `run=true` only what the calls touched, and under `untold` how many rules there are of which no
    counter can tell; `all=true` asks for the calls of all namespaces.
    """
    contract = call.engine.contract
    answer: JsonObject = {}
    assumptions: Sequence[Assumption] = contract.assumptions
    if call.flag("run"):
        assumptions, answer["untold"] = report_assumptions(contract, *count_calls(call))
    found = [
        {"what": item.what, "provenance": item.provenance, "source": item.source} for item in assumptions
    ]
    return ControlAnswer(200, {"assumptions": found, **answer})


def coverage(call: ControlCall) -> ControlAnswer:
    """`GET /coverage`: what of the contract the calls touched, and what not.

    `all=true` counts the calls of all namespaces since the server started, those that were reset or forgotten
    too. `format` is json, text, markdown or html.
    """
    engine = call.engine
    document = report_coverage(
        engine.contract, engine.rules.credential_kinds, engine.variants, *count_calls(call)
    )
    match call.option("format"):
        case None | "json":
            return ControlAnswer(200, document)
        case "text":
            return ControlAnswer(200, text=write_text(document), media_type="text/plain")
        case "markdown":
            return ControlAnswer(200, text=write_markdown(document), media_type="text/markdown")
        case "html":
            return ControlAnswer(200, text=write_html(document), media_type="text/html")
        case other:
            raise BadRequest(f"format={other!r} must be json, text, markdown or html")


def count_calls(call: ControlCall) -> tuple[Counter[CountKey], Counter[Facet]]:
    """The counters of the namespace, or with `all=true` of the whole server."""
    namespaces = call.engine.namespaces
    counts: Counter[CountKey] = Counter()
    touched: Counter[Facet] = Counter()
    is_whole = call.flag("all")
    for namespace in namespaces if is_whole else (call.namespace,):
        with namespace.transaction():
            counts.update(namespace.journal.counts)
            touched.update(namespace.journal.touched)
    if is_whole:
        namespaces.past.add_to(counts, touched)
    return counts, touched


def errors(call: ControlCall) -> ControlAnswer:
    """`GET /errors`: every documented error and every fault, and how to provoke it."""
    engine = call.engine
    operation = call.operation()
    catalogue = Catalogue(engine.contract, engine.rules, engine.fixtures.stubs)
    entries = catalogue.list_errors(call.origin, operation=operation)
    first = operation or next(iter(engine.contract.operations))
    return ControlAnswer(
        200, {"errors": [entry.to_json() for entry in entries], "faults": list_faults(first)}
    )


def credential(call: ControlCall) -> ControlAnswer:
    """`GET /credential`: a credential that the API lets in and that names this namespace.

    `scheme` is a security scheme of the contract; without it the first counts. The text is what stands behind
    the scheme's name in Authorization, or the key itself.
    """
    text = call.engine.rules.write_credential(call.namespace.name, call.option("scheme"))
    return ControlAnswer(200, {"credential": text})


ROUTES: tuple[Route, ...] = (
    Route("GET", "/credential", credential),
    Route("GET", "/health", health, is_locked=False),
    Route("GET", "/version", version),
    Route("POST", "/reset", reset),
    Route("GET", "/contract", contract),
    # Both may take the locks of other namespaces: under one of their own, two could wait for each other.
    Route("GET", "/assumptions", assumptions, is_locked=False),
    Route("GET", "/coverage", coverage, is_locked=False),
    Route("GET", "/errors", errors),
)
