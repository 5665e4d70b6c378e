"""Routes about the server as a whole: health, the contract, what it assumes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from mockserver.contract import Assumption, Operation
from mockserver.control.metrics import MEDIA_TYPE, write_metrics
from mockserver.control.routing import (
    TURN_SECONDS,
    BadRequest,
    ControlAnswer,
    ControlCall,
    Listing,
    Question,
    Route,
)
from mockserver.coverage import (
    report_assumptions,
    report_coverage,
    write_html,
    write_markdown,
    write_text,
)
from mockserver.engine.catalogue import Catalogue, ErrorEntry, list_faults
from mockserver.exceptions import StoreUnavailable
from mockserver.journal.call import CountKey, Facet
from mockserver.synthesis.requests import example_body, example_head, find_unmakeable
from mockserver.types import Json, JsonObject
from mockserver.version import VERSION


def health(call: ControlCall) -> ControlAnswer:
    """`GET /health`: that it lives, with its store, and how many requests were refused before they became
    calls, by reason; and how many lines of the log nobody took. 503 while the store does not answer."""
    value: JsonObject = {"status": "healthy", "message": "The mock server is up", "version": VERSION}
    store = call.engine.store
    state: JsonObject = {"kind": store.kind, "ok": True}
    try:
        store.check()
    except StoreUnavailable as error:
        state["ok"] = False
        value |= {"status": "unhealthy", "message": str(error)}
    refused, lost = dict(call.engine.refusals), dict(call.engine.lost_lines)
    value |= {"store": state, "refused": refused, "lostLogLines": lost}
    return ControlAnswer(200 if state["ok"] else 503, value)


def version(call: ControlCall) -> ControlAnswer:
    """`GET /version`: the version of this package."""
    return ControlAnswer(200, {"version": VERSION})


def metrics(call: ControlCall) -> ControlAnswer:
    """`GET /metrics`: the counters of the whole server as Prometheus text."""
    return ControlAnswer(200, text=write_metrics(call.engine), media_type=MEDIA_TYPE)


def reset(call: ControlCall) -> ControlAnswer:
    """`POST /reset`: everything of the namespace as at its start."""
    call.namespace.reset()
    return ControlAnswer(200, {})


def contract(call: ControlCall) -> ControlAnswer:
    """`GET /contract`: the contract as one OpenAPI document without outside references.

    Its first server is this one, so that a client which imports it calls the sandbox.
    """
    contract = call.engine.contract
    here = {"url": f"{call.origin}{call.path_prefix}{contract.prefix}", "description": "This mock server."}
    return ControlAnswer(200, {**contract.document, "servers": [here, *contract.document.get("servers", ())]})


def problems(call: ControlCall) -> ControlAnswer:
    """`GET /problems`: what is wrong with the contract without making it unusable."""
    contract = call.engine.contract
    found = [
        {"message": problem.message, "pointer": problem.pointer, "file": problem.file}
        for problem in (*contract.warnings, *find_unmakeable(contract))
    ]
    return ControlAnswer(200, {"problems": found})


def operations(call: ControlCall) -> Listing:
    """`GET /operations`: every operation, with a request that succeeds in this namespace."""
    contract = call.engine.contract

    def write(operation: Operation) -> Json:
        return {
            "id": operation.id,
            "method": operation.method,
            "path": contract.prefix + operation.path,
            "summary": operation.summary,
            "permission": operation.permission,
            "statuses": list(operation.statuses),
            "example": _example(call, operation),
        }

    return Listing(
        call.namespace,
        list(contract.operations.values()),
        write,
        lambda found: ControlAnswer(200, {"operations": found}),
        # A value of a large schema takes some milliseconds to make.
        at_once=4,
    )


def _example(call: ControlCall, operation: Operation) -> JsonObject:
    """A request that succeeds, with a credential of this namespace."""
    contract, rules = call.engine.contract, call.engine.rules
    credentials = rules.show_credential(operation, call.namespace.name)
    head = example_head(contract, operation, rules.example_arguments(operation), credentials)
    media = None if operation.body is None else operation.body.media
    return {
        "method": operation.method,
        "url": call.path_prefix + head.url,
        "headers": ({} if media is None else {"Content-Type": media.name}) | head.headers,
        "cookies": head.cookies,
        "body": example_body(contract, operation),
    }


def assumptions(call: ControlCall) -> ControlAnswer:
    """`GET /assumptions`: what of the contract is inferred or invented, with its source.

    With `run=true` only what the calls touched, and under `untold` how many rules there are of which no
    counter can tell; `all=true` asks for the calls of all namespaces.
    """
    contract = call.engine.contract
    call.flag("all")
    answer: JsonObject = {}
    assumptions: Sequence[Assumption] = contract.assumptions
    if call.flag("run"):
        assumptions, answer["untold"] = report_assumptions(contract, *count_calls(call))
    found = [
        {"what": item.what, "provenance": item.provenance, "source": item.source} for item in assumptions
    ]
    return ControlAnswer(200, {"assumptions": found, **answer})


def coverage(call: ControlCall) -> Question:
    """`GET /coverage`: what of the contract the calls touched, and what not.

    `all=true` counts the calls of all namespaces since the server started, those that were reset or forgotten
    too. `format` is json, text, markdown or html.
    """
    wanted = call.option("format") or "json"
    if wanted != "json" and wanted not in _COVERAGE_TEXTS:
        raise BadRequest(f"format={wanted!r} must be json, text, markdown or html")
    engine = call.engine
    steps = report_coverage(
        engine.contract, engine.rules.credential_kinds, engine.variants, *count_calls(call)
    )
    found: list[JsonObject] = []

    def prepare() -> bool:
        deadline = time.monotonic() + TURN_SECONDS
        for report in steps:
            if report is not None:
                found.append(report)
            elif time.monotonic() > deadline:
                return False
        return True

    def answer() -> ControlAnswer:
        (document,) = found
        if wanted == "json":
            return ControlAnswer(200, document)
        write, media_type = _COVERAGE_TEXTS[wanted]
        return ControlAnswer(200, text=write(document), media_type=media_type)

    return Question(call.namespace, answer, answer, 0.0, prepare)


_COVERAGE_TEXTS: Mapping[str, tuple[Callable[[JsonObject], str], str]] = {
    "text": (write_text, "text/plain"),
    "markdown": (write_markdown, "text/markdown"),
    "html": (write_html, "text/html"),
}


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


def errors(call: ControlCall) -> Listing:
    """`GET /errors`: every documented error and every fault, and how to provoke it."""
    engine = call.engine
    operation = call.operation()
    catalogue = Catalogue(engine.contract, engine.rules, engine.fixtures.stubs)
    faults = list_faults(operation or next(iter(engine.contract.operations)))

    def write(make: Callable[[], ErrorEntry]) -> Json:
        return make().to_json()

    return Listing(
        call.namespace,
        catalogue.find_errors(call.origin, operation=operation),
        write,
        lambda found: ControlAnswer(200, {"errors": found, "faults": faults}),
        # The body of one may take some hundredths of a second to make.
        at_once=1,
    )


def credential(call: ControlCall) -> ControlAnswer:
    """`GET /credential`: a credential that the API lets in and that names this namespace.

    `scheme` is a security scheme of the contract; without it the first counts. The text is what stands behind
    the scheme's name in Authorization, or the key itself.
    """
    text = call.engine.rules.write_credential(call.namespace.name, call.option("scheme"))
    return ControlAnswer(200, {"credential": text})


ROUTES: tuple[Route, ...] = (
    Route("GET", "/credential", credential,
          "Gives a credential that the API lets in, and that names this namespace.",
          query=("scheme",), answers={200: "Credential"}),
    Route("GET", "/health", health,
          "Says whether server and store work, and counts what was refused before it was a call, by reason.",
          answers={200: "Health", 503: "Health"}, is_locked=False, is_public=True),
    Route("GET", "/version", version, "Gives the version of the server.", answers={200: "Version"}),
    Route("GET", "/metrics", metrics, "Gives the counters of the whole server as Prometheus text.",
          answers={200: "text/plain"}, is_locked=False),
    Route("POST", "/reset", reset, "Restores everything of the namespace as it was at its start."),
    Route("GET", "/contract", contract,
          "Gives the contract as one OpenAPI document; also at `/openapi.json` of the root.",
          answers={200: "OpenAPI"}),
    Route("GET", "/problems", problems, "Lists what is wrong with the contract without making it unusable.",
          answers={200: "Problems"}),
    Route("GET", "/operations", operations,
          "Lists the operations, each with a request that succeeds in this namespace.",
          answers={200: "Operations"}),
    # Both may take the locks of other namespaces: under one of their own, two could wait for each other.
    Route("GET", "/assumptions", assumptions, "Lists what of the contract is inferred or invented.",
          query=("run", "all"), answers={200: "Assumptions"}, is_locked=False),
    Route("GET", "/coverage", coverage, "Reports what of the contract the calls touched, and what not.",
          query=("all", "format"), answers={200: ("Coverage", "text/plain", "text/markdown", "text/html")},
          is_locked=False),
    Route("GET", "/errors", errors, "Lists every documented error and every fault, and how to provoke each.",
          query=("operation",), answers={200: "ErrorCatalogue"}),
)  # fmt: skip
