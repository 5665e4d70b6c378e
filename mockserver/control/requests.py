"""WireMock's routes onto the journal, in its shapes (WireMock 3, admin API: Requests, Near Misses).

WireMock calls a request matched if a stub answered it; here an operation of the contract will do as well.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from urllib.parse import urlsplit

from mockserver.clocks import format_instant
from mockserver.control.routing import (
    AT_ONCE,
    TURN_SECONDS,
    ControlAnswer,
    ControlCall,
    Listing,
    Question,
    Route,
)
from mockserver.exceptions import BadQuestion, UnknownItem
from mockserver.http_fields import read_query
from mockserver.journal.call import Call, CountKey, make_subject, write_headers
from mockserver.journal.near_misses import (
    MAX_COMPARED,
    Target,
    find_nearest_calls,
    find_nearest_stubs,
    undecidable,
)
from mockserver.journal.verification import Selection, Sweep, read_target
from mockserver.messages import Request
from mockserver.redaction import redact, redact_bytes, redact_header, redact_json, redact_path, redact_query
from mockserver.request.line import find_other_path
from mockserver.scripting.differences import judge
from mockserver.scripting.operators import read_content_pattern
from mockserver.scripting.reading import Reading, drop_nulls
from mockserver.scripting.subjects import JsonContent, Subject, View
from mockserver.types import Headers, Json, JsonObject

# For so many pairs of request and stub the distance is worked out at once.
_MAX_PAIRS = 20 * MAX_COMPARED


# Shapes


def describe_request(call: Call, origin: str) -> JsonObject:
    """A recorded request as WireMock's LoggedRequest. `origin` is scheme, host and port."""
    return {
        "id": call.id,
        **_describe(call.request, call.subject(), origin),
        "loggedDate": call.received_millis,
        "loggedDateString": format_instant(call.received_millis),
    }


def _describe(request: Request, subject: Subject, origin: str) -> JsonObject:
    server = urlsplit(origin)
    return {
        "url": subject.url,
        "absoluteUrl": origin + subject.url,
        "method": request.method,
        "clientIp": request.client,
        "headers": write_headers(request.headers),
        "cookies": {name: _one_or_all(values) for name, values in subject.cookies.items()},
        "browserProxyRequest": False,
        "bodyAsBase64": b64encode(request.body).decode("ascii"),
        "body": subject.text,
        "protocol": "HTTP/1.1",
        "scheme": server.scheme,
        "host": server.hostname,
        "port": server.port or 80,
        "queryParams": _describe_parameters(subject.query),
        "formParams": _describe_parameters(subject.form),
    }


def _one_or_all(values: Sequence[str]) -> Json:
    return values[0] if len(values) == 1 else list(values)


def _describe_parameters(values: Mapping[str, Sequence[str]]) -> JsonObject:
    return {name: {"key": name, "values": list(items)} for name, items in values.items()}


def describe_event(call: Call, origin: str) -> JsonObject:
    """A call as WireMock's ServeEvent."""
    millis = round(call.duration_millis or 0.0)
    event = {
        "id": call.id,
        "request": describe_request(call, origin),
        "responseDefinition": _describe_definition(call),
        "response": _describe_response(call),
        "wasMatched": was_matched(call),
        "timing": {
            "addedDelay": 0,
            "processTime": millis,
            "responseSendTime": 0,
            "serveTime": millis,
            "totalTime": millis,
        },
        "subEvents": [],
    }
    return event | ({} if call.stub is None else {"stubMapping": redact_json(call.stub.document)})


def _describe_definition(call: Call) -> JsonObject:
    if call.stub is not None:
        definition: JsonObject = redact_json(call.stub.document.get("response", {}))
        return definition
    if was_matched(call):
        response = _describe_response(call)
        return {name: response[name] for name in ("status", "headers", "body")}
    # What WireMock shows where nothing was configured.
    return {"status": 404, "transformers": [], "fromConfiguredStub": False, "transformerParameters": {}}


def _describe_response(call: Call) -> JsonObject:
    body = call.response_body
    response = {
        "status": call.status or 0,
        "headers": write_headers(call.response_headers),
        "bodyAsBase64": b64encode(body).decode("ascii"),
        "body": body.decode("utf-8", "replace"),
    }
    return response | ({} if call.fault is None else {"fault": str(call.fault)})


def was_matched(call: Call) -> bool:
    """Whether a stub or an operation of the contract answered."""
    return call.status is not None and (call.stub is not None or call.operation is not None)


def _may_be_unmatched(key: CountKey) -> bool:
    operation, status, reason = key
    return status is None or (operation is None and reason != "stub")


# Queries


def list_requests(call: ControlCall) -> Listing:
    """`GET /requests`: the newest first; `since`, `limit`, `unmatched`, `matchingStub`."""
    journal, limit, since = call.namespace.journal, call.integer("limit"), call.since()
    stub_id = call.option("matchingStub")
    if call.flag("unmatched"):
        journal.require_kept(_may_be_unmatched)
        found = [item for item in reversed(journal) if not was_matched(item)]
        total = len(found)
    elif stub_id is not None:
        journal.require_kept(lambda key: key[2] in ("stub", "client_disconnected"))
        found = [item for item in reversed(journal) if item.stub is not None and item.stub.id == stub_id]
        total = len(found)
    else:
        found, total = list(reversed(journal)), journal.total
    if since is not None:
        found = [item for item in found if item.received_millis > since]
    more: JsonObject = {"meta": {"total": total}, "requestJournalDisabled": False}
    return Listing(
        call.namespace,
        found[:limit],
        lambda item: describe_event(item, call.origin),
        lambda events: ControlAnswer(200, {"requests": events, **more}),
    )


def find_call(call: ControlCall) -> Call:
    """The call that the path names. Raises UnknownItem."""
    id = call.parameters["id"]
    found = call.namespace.journal.find(id)
    if found is None:
        raise UnknownItem(f"there is no call {redact(id)!r} in the namespace {call.namespace.name!r}")
    return found


def get_request(call: ControlCall) -> ControlAnswer:
    """`GET /requests/{id}`: one call, in WireMock's shape."""
    return ControlAnswer(200, describe_event(find_call(call), call.origin))


def _read_pattern(call: ControlCall) -> Target:
    """The body: a request pattern, in which also `operation` may stand. Raises BadQuestion."""
    return read_target(call.object(), "", call.engine.contract.operations)


def count_requests(call: ControlCall) -> ControlAnswer | Listing | Question:
    """`POST /requests/count`: how many fit a pattern. Raises Unanswerable if evicted calls could count."""
    target, journal = _read_pattern(call), call.namespace.journal

    def tell(count: int) -> ControlAnswer:
        return ControlAnswer(200, {"count": count, "requestJournalDisabled": False})

    if target.is_counted:
        return tell(journal.count_keys(lambda key: target.fits_operation(key[0])))
    return _select(call, target, lambda calls: tell(len(calls)))


def find_requests(call: ControlCall) -> ControlAnswer | Listing | Question:
    """`POST /requests/find`: the oldest first. Raises Unanswerable if evicted calls could be among them."""
    return _select(call, _read_pattern(call), lambda calls: _list(calls, call))


def _select(
    call: ControlCall,
    target: Target,
    tell: Callable[[list[Call]], ControlAnswer | Listing],
    *,
    needs_all: bool = True,
) -> ControlAnswer | Listing | Question:
    """What `tell` makes of the calls that are meant; where there are many, they are looked at in turns. With
    `needs_all` it raises Unanswerable if evicted calls could be among them."""
    journal = call.namespace.journal

    def require_kept() -> None:
        if needs_all:
            journal.require_kept(lambda key: target.fits_operation(key[0]))

    require_kept()
    if len(journal) <= AT_ONCE:
        return tell(target.select(journal))
    found = Selection(target.judge)
    sweep = Sweep(journal, [found])

    def ask() -> ControlAnswer | Listing:
        sweep.go_on()
        require_kept()
        if found.undecided:
            raise undecidable(found.undecided)
        return tell(found.calls)

    return Question(call.namespace, ask, ask, 0.0, partial(sweep.go_on, TURN_SECONDS))


def _list(calls: Iterable[Call], call: ControlCall) -> Listing:
    return Listing(
        call.namespace,
        list(calls),
        lambda item: describe_request(item, call.origin),
        lambda requests: ControlAnswer(200, {"requests": requests, "requestJournalDisabled": False}),
    )


def list_unmatched(call: ControlCall) -> Listing:
    """`GET /requests/unmatched`: the newest first."""
    journal = call.namespace.journal
    journal.require_kept(_may_be_unmatched)
    return _list((item for item in reversed(journal) if not was_matched(item)), call)


# Removal


def remove_all(call: ControlCall) -> ControlAnswer:
    """`DELETE /requests` and `POST /requests/reset`: forget all calls, and nothing else."""
    call.namespace.forget_calls()
    return ControlAnswer(200, {})


def remove_request(call: ControlCall) -> ControlAnswer:
    """`DELETE /requests/{id}`: forget one call."""
    call.namespace.journal.remove([find_call(call)])
    return ControlAnswer(200, {})


def remove_requests(call: ControlCall) -> ControlAnswer | Listing | Question:
    """`POST /requests/remove`: those that fit a request pattern."""
    return _select(call, _read_pattern(call), lambda calls: _remove(call, calls), needs_all=False)


def remove_by_metadata(call: ControlCall) -> Listing:
    """`POST /requests/remove-by-metadata`: those answered by stubs whose metadata fits a content pattern."""
    reading = Reading(redact)
    pattern = read_content_pattern(drop_nulls(call.object()), "", reading)
    if pattern is None:
        raise BadQuestion(reading.problems)

    def fits(item: Call) -> bool:
        metadata = item.stub.document.get("metadata") if item.stub is not None else None
        content = JsonContent(metadata, View())
        return metadata is not None and judge(pattern.differences(content, "body", "")) is True

    return _remove(call, [item for item in call.namespace.journal if fits(item)])


def _remove(call: ControlCall, calls: list[Call]) -> Listing:
    call.namespace.journal.remove(calls)
    return Listing(
        call.namespace,
        calls,
        lambda item: describe_event(item, call.origin),
        lambda events: ControlAnswer(200, {"serveEvents": events}),
    )


# Near misses


def near_misses_of_unmatched(call: ControlCall) -> ControlAnswer:
    """`GET /requests/unmatched/near-misses`: the nearest stubs for each unmatched request, newest first."""
    namespace, pairs = call.namespace, 0
    found: list[JsonObject] = []
    for item in reversed(namespace.journal):
        if was_matched(item):
            continue
        pairs += min(len(namespace.stubs), MAX_COMPARED)
        if found and pairs > _MAX_PAIRS:
            break
        request = describe_request(item, call.origin)
        found += _near_stubs(call, item.subject(), item.operation, request)
    return ControlAnswer(200, {"nearMisses": found})


def near_misses_of_request(call: ControlCall) -> ControlAnswer:
    """`POST /near-misses/request`: the stubs nearest to a LoggedRequest."""
    request = _read_request(call.object())
    found = call.engine.contract.paths.find(request.path)
    item, parameters = found if found is not None else (None, {})
    operation = None if item is None else item.find(request.method, read_query(request.query))
    other_path = find_other_path(call.engine.contract, request.path)
    now_millis = call.namespace.clock.now_millis()
    subject = make_subject(request, parameters, other_path, is_kept=True, now_millis=now_millis)
    shown = _describe(request, subject, call.origin)
    near_misses = _near_stubs(call, subject, operation.id if operation is not None else None, shown)
    return ControlAnswer(200, {"nearMisses": near_misses})


def _near_stubs(
    call: ControlCall, subject: Subject, operation: str | None, request: JsonObject
) -> list[JsonObject]:
    return [
        {
            "request": request,
            "stubMapping": redact_json(near.stub.document),
            "matchResult": {"distance": near.distance},
        }
        for near in find_nearest_stubs(call.namespace.stubs, subject, operation)
    ]


def near_misses_of_pattern(call: ControlCall) -> ControlAnswer:
    """`POST /near-misses/request-pattern`: the calls nearest to a request pattern."""
    target = _read_pattern(call)
    pattern = target.matcher.to_json() if target.matcher is not None else {"operation": target.operation}
    near_misses = [
        {
            "request": describe_request(near.call, call.origin),
            "requestPattern": pattern,
            "matchResult": {"distance": near.distance},
        }
        for near in find_nearest_calls(call.namespace.journal, target)
    ]
    return ControlAnswer(200, {"nearMisses": near_misses})


def _read_request(document: JsonObject) -> Request:
    """A request from WireMock's LoggedRequest, redacted. Raises BadQuestion."""
    reading = Reading(redact)
    for name in ("url", "method"):
        if document.get(name) is None:
            reading.refuse(f"/{name}", f"{name!r} is missing")
    texts = {
        name: reading.text(document, name, "")
        for name in ("url", "method", "body", "bodyAsBase64")
        if document.get(name) is not None
    }
    headers = _read_headers(document, reading)
    body = (texts.get("body") or "").encode("utf-8", "replace")
    if (encoded := texts.get("bodyAsBase64")) is not None and not body:
        try:
            body = b64decode(encoded, validate=True)
        except ValueError:
            reading.refuse("/bodyAsBase64", "'bodyAsBase64' is not base64")
    if reading.problems:
        raise BadQuestion(reading.problems)
    path, _, query = (texts["url"] or "").partition("?")
    method = redact(texts["method"] or "")
    return Request(method, redact_path(path), redact_query(query), headers, redact_bytes(body))


def _read_headers(document: JsonObject, reading: Reading) -> Headers:
    """The members `headers` and `cookies` of a LoggedRequest, redacted."""
    headers: list[tuple[bytes, bytes]] = []
    for member in ("headers", "cookies"):
        values = document.get(member)
        # PHP writes an object without members as [].
        if values is None or values == []:
            continue
        if not isinstance(values, dict):
            reading.refuse(f"/{member}", f"{member!r} must be an object")
            continue
        for name, value in values.items():
            for text in value if isinstance(value, list) else [value]:
                key, line = (name.lower(), str(text)) if member == "headers" else ("cookie", f"{name}={text}")
                raw = key.encode("latin-1", "replace")
                headers.append((raw, redact_header(raw, line.encode("latin-1", "replace"))))
    return tuple(headers)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/requests", list_requests, "Lists the calls in WireMock's shape, newest first.",
          query=("since", "limit", "unmatched", "matchingStub"), answers={200: "ServeEvents"}),
    Route("DELETE", "/requests", remove_all, "Forgets all calls, and nothing else."),
    Route("POST", "/requests/reset", remove_all, "Forgets all calls, and nothing else."),
    Route("POST", "/requests/count", count_requests, "Counts the calls that fit a pattern.",
          body="RequestPattern", answers={200: "RequestCount"}),
    Route("POST", "/requests/find", find_requests, "Lists the requests that fit a pattern, oldest first.",
          body="RequestPattern", answers={200: "LoggedRequests"}),
    Route("POST", "/requests/remove", remove_requests, "Forgets the calls that fit a pattern.",
          body="RequestPattern", answers={200: "RemovedEvents"}),
    Route("POST", "/requests/remove-by-metadata", remove_by_metadata,
          "Forgets the calls that were answered by stubs whose metadata fits a content pattern.",
          body="ContentPattern", answers={200: "RemovedEvents"}),
    Route("GET", "/requests/unmatched", list_unmatched,
          "Lists the requests that no stub and no operation answered, newest first.",
          answers={200: "LoggedRequests"}),
    Route("GET", "/requests/unmatched/near-misses", near_misses_of_unmatched,
          "Lists the stubs nearest to each unmatched request, newest first.", answers={200: "NearMisses"}),
    Route("GET", "/requests/{id}", get_request, "Gives one call in WireMock's shape.",
          answers={200: "ServeEvent"}),
    Route("DELETE", "/requests/{id}", remove_request, "Forgets one call."),
    Route("POST", "/near-misses/request", near_misses_of_request, "Lists the stubs nearest to a request.",
          body="AskedRequest", answers={200: "NearMisses"}),
    Route("POST", "/near-misses/request-pattern", near_misses_of_pattern,
          "Lists the calls nearest to a pattern.", body="RequestPattern", answers={200: "NearMisses"}),
)  # fmt: skip
