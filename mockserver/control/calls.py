"""Routes onto the journal: the calls, what they export to, and questions about them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

from mockserver.contract import Contract
from mockserver.control.requests import describe_request, find_call
from mockserver.control.routing import (
    AT_ONCE,
    MAX_WAIT_SECONDS,
    TURN_SECONDS,
    BadRequest,
    ControlAnswer,
    ControlCall,
    Listing,
    Question,
    Route,
    Stream,
)
from mockserver.engine.rules import Rules
from mockserver.exceptions import BadQuestion
from mockserver.exports import FORMATS, Server, wrap_har, write_har_entry
from mockserver.exports.pact import can_be_agreed, write_interaction, write_pact
from mockserver.journal.call import Call
from mockserver.journal.filters import FILTERS, CallFilter, read_filter
from mockserver.journal.near_misses import find_nearest_stubs
from mockserver.journal.verification import (
    Failure,
    Selection,
    Sweep,
    VerificationReader,
    Verifier,
    count_bounds,
    read_count,
    read_target,
    unanswerable,
)
from mockserver.redaction import redact, redact_json
from mockserver.scripting.documents import write_stub
from mockserver.scripting.reading import Reading, drop_nulls
from mockserver.security.credential import Sent
from mockserver.security.schemes import Shown
from mockserver.types import JsonObject


def list_calls(call: ControlCall) -> Listing:
    """`GET /calls`: the newest that fit, oldest first, with exact totals."""
    question, limit = _read_filter(call)
    total, evicted = call.namespace.journal.count(question)

    return Listing(
        call.namespace,
        _select(call, question, limit),
        Call.to_json,
        lambda calls: ControlAnswer(200, {"calls": calls, "total": total, "evicted": evicted}),
    )


def _read_filter(call: ControlCall, beside: tuple[str, ...] = ()) -> tuple[CallFilter, int | None]:
    """Which calls a query asks for, and how many of them. Raises BadRequest."""
    limit = call.integer("limit")
    call.operation()
    texts = {name: values[-1] for name, values in call.query.items()}
    try:
        return read_filter(texts, ("limit", *beside)), limit
    except ValueError as error:
        raise BadRequest(str(error)) from None


def _select(call: ControlCall, question: CallFilter, limit: int | None) -> list[Call]:
    calls = call.namespace.journal.select(question)
    return calls if limit is None else calls[max(0, len(calls) - limit) :]


def get_call(call: ControlCall) -> ControlAnswer:
    """`GET /calls/{id}`: one call; `?format=` curl, pytest or har gives what makes the same request again."""
    found, name = find_call(call), call.option("format") or "json"
    if name == "json":
        return ControlAnswer(200, found.to_json())
    if name not in FORMATS:
        raise BadRequest(f"format={name[:100]!r} must be one of json, {', '.join(FORMATS)}")
    server = describe_server(call.engine.contract, call.engine.rules, call.origin)
    text = FORMATS[name].write(found, server)
    return ControlAnswer(200, text=f"{text.rstrip()}\n", media_type=FORMATS[name].media_type)


def describe_server(contract: Contract, rules: Rules, origin: str) -> Server:
    """A server, to those who write calls that can be made again."""
    operations = contract.operations

    def show_credential(recorded: Call, namespace: str) -> tuple[Shown, ...]:
        return rules.show_credential(operations.get(recorded.operation or ""), namespace, recorded.credential)

    def is_usual(recorded: Call) -> bool:
        operation = operations.get(recorded.operation or "")
        shown = rules.show_credential(operation, recorded.namespace)
        headers = tuple((item.name.lower().encode("latin-1"), item.value.encode("latin-1")) for item in shown)
        usual, credential = rules.read_credential(Sent(headers, {}), operation), recorded.credential
        return (usual.kind, usual.mode, usual.is_issued) == (
            credential.kind,
            credential.mode,
            credential.is_issued,
        )

    return Server(origin, contract.prefix, show_credential, is_usual, rules.show_credential)


def get_near_misses(call: ControlCall) -> ControlAnswer:
    """`GET /calls/{id}/near-misses`: the stubs nearest to a call, the nearest first."""
    found = find_call(call)
    near_misses = [
        {
            "stub": redact_json(write_stub(near.stub)),
            "distance": near.distance,
            "differences": [difference.to_json() for difference in near.differences],
        }
        for near in find_nearest_stubs(call.namespace.stubs, found.subject(), found.operation)
    ]
    return ControlAnswer(200, {"nearMisses": near_misses})


def get_har(call: ControlCall) -> Listing:
    """`GET /har`: the calls as HAR 1.2; takes the filters of `GET /calls`."""
    question, limit = _read_filter(call)
    return Listing(
        call.namespace,
        _select(call, question, limit),
        lambda item: write_har_entry(item, call.origin),
        lambda entries: ControlAnswer(200, wrap_har(entries)),
    )


def get_pact(call: ControlCall) -> Listing:
    """`GET /pact`: the calls as a pact of version 4; takes the filters of `GET /calls`."""
    consumer, provider = call.option("consumer") or "consumer", call.option("provider") or "provider"
    question, limit = _read_filter(call, beside=("consumer", "provider"))
    contract = call.engine.contract
    server = describe_server(contract, call.engine.rules, call.origin)
    calls = [each for each in _select(call, question, limit) if can_be_agreed(each)]
    return Listing(
        call.namespace,
        calls,
        lambda item: write_interaction(item, contract, server),
        lambda interactions: ControlAnswer(200, write_pact(interactions, consumer, provider)),
    )


def get_events(call: ControlCall) -> Stream:
    """`GET /events`: each call from now on as a server-sent event."""
    return Stream(call.namespace, call.namespace.journal.last_number)


def verify(call: ControlCall) -> ControlAnswer | Listing | Question:
    """`POST /verify`: whether the journal holds what is expected, now or before a time is up."""
    reader = VerificationReader(call.body, call.engine.contract.operations)
    seconds, journal = _read_seconds(call.object(), reader.reading), call.namespace.journal
    verifier = cache(lambda: Verifier(reader.finish(), journal))

    def report(failures: list[Failure]) -> Listing:
        return Listing(
            call.namespace,
            failures,
            Failure.to_json,
            lambda shown: ControlAnswer(200, {"ok": not failures, "failures": shown}),
            at_once=4,
        )

    def ask() -> Listing | None:
        failures = verifier().ask()
        return None if failures is None else report(failures)

    def conclude() -> Listing:
        return report(verifier().conclude())

    def prepare() -> bool:
        return reader.go_on(TURN_SECONDS) and (reader.is_refused or verifier().prepare(TURN_SECONDS))

    if reader.count * (1 + len(journal)) > AT_ONCE:
        return Question(call.namespace, ask, conclude, seconds, prepare)
    return _wait(call, ask, conclude, seconds)


def wait_for_count(call: ControlCall) -> ControlAnswer | Listing | Question:
    """`POST /requests/wait-for-count`: the calls that fit a pattern, once there are so many; else 408."""
    body = drop_nulls(call.object())
    reading = Reading(redact)
    for name in body:
        if name not in _WAITING:
            reading.refuse_unknown(f"/{name}", name, _WAITING, "member here")
    for name in ("pattern", "count"):
        if name not in body:
            reading.refuse(f"/{name}", f"{name!r} is missing")
    count = read_count(body["count"], "/count", reading) if "count" in body else None
    seconds = _read_seconds(body, reading)
    if "pattern" not in body:
        raise BadQuestion(reading.problems)
    target = read_target(body["pattern"], "/pattern", call.engine.contract.operations, reading)
    journal = call.namespace.journal
    tally = Selection(target.judge)
    sweep = Sweep(journal, [tally])

    def describe(status: int, number: int) -> Listing:
        return Listing(
            call.namespace,
            [item for item in tally.calls if item.number > journal.last_evicted],
            lambda item: describe_request(item, call.origin),
            lambda requests: ControlAnswer(status, {"count": number, "requests": requests}),
        )

    def ask() -> Listing | None:
        sweep.go_on()
        least, _ = count_bounds(target, tally, journal)
        return describe(200, least) if least >= (count or 0) else None

    def conclude() -> Listing:
        least, most = count_bounds(target, tally, journal)
        if most > least:
            raise unanswerable([tally], journal)
        return describe(408, least)

    if len(journal) > AT_ONCE:
        return Question(call.namespace, ask, conclude, seconds, partial(sweep.go_on, TURN_SECONDS))
    return _wait(call, ask, conclude, seconds)


_WAITING = ("pattern", "count", "timeoutMillis")


def _read_seconds(body: JsonObject, reading: Reading) -> float:
    """`timeoutMillis` in seconds; 0 where it is not given, or refused."""
    millis = body.get("timeoutMillis")
    if millis is None:
        return 0.0
    limit = round(MAX_WAIT_SECONDS * 1000)
    if isinstance(millis, bool) or not isinstance(millis, int | float) or not 0 <= millis <= limit:
        text = f"'timeoutMillis' must be a number of milliseconds from 0 to {limit}"
        reading.refuse("/timeoutMillis", text)
        return 0.0
    return millis / 1000


def _wait(
    call: ControlCall,
    ask: Callable[[], ControlAnswer | Listing | None],
    conclude: Callable[[], ControlAnswer | Listing],
    seconds: float,
) -> ControlAnswer | Listing | Question:
    """The answer, if it is known or nobody wants to wait for it; else the question."""
    answer = ask()
    if answer is not None:
        return answer
    return Question(call.namespace, ask, conclude, seconds) if seconds else conclude()


_FILTERS = (*FILTERS, "limit")


ROUTES: tuple[Route, ...] = (
    Route("GET", "/calls", list_calls, "Lists the newest calls that fit, oldest first, with exact totals.",
          query=_FILTERS, answers={200: "Calls"}),
    Route("GET", "/calls/{id}", get_call,
          "Gives one call; `format` (curl, pytest, har) gives what makes the same request again.",
          query=("format",), answers={200: ("Call", "Har", "text/plain", "text/x-python")}),
    Route("GET", "/calls/{id}/near-misses", get_near_misses,
          "Lists the stubs nearest to a call, with every difference that kept them from answering it.",
          answers={200: "NearStubs"}),
    Route("GET", "/har", get_har, "Gives the calls as HAR 1.2.", query=_FILTERS, answers={200: "Har"}),
    Route("GET", "/pact", get_pact, "Gives the calls as a pact of version 4, by the names of its two sides.",
          query=("consumer", "provider", *_FILTERS), answers={200: "Pact"}),
    Route("GET", "/events", get_events,
          "Sends each call from now on as a server-sent event; `Last-Event-ID` asks for those since.",
          answers={200: "text/event-stream"}),
    Route("POST", "/verify", verify,
          "Says whether the journal holds what is expected, now or before a time is up.",
          body="Verification", answers={200: "Verified"}),
    Route("POST", "/requests/wait-for-count", wait_for_count,
          "Waits for so many calls that fit a pattern; 408 when the time is up.",
          body="WaitForCount", answers={200: "Waited", 408: "Waited"}),
)  # fmt: skip
