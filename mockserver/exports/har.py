"""Recorded calls as an HTTP archive: HAR 1.2 (W3C Web Performance, draft)."""

from __future__ import annotations

from base64 import b64encode
from http import HTTPStatus

from mockserver.clocks import format_instant
from mockserver.exports.replay import write_url
from mockserver.faults import Fault
from mockserver.http_fields import read_query
from mockserver.journal.call import Call
from mockserver.types import Headers, Json, JsonObject
from mockserver.version import VERSION

# The client never saw a status line of these.
_SILENT = frozenset({
    Fault.EMPTY_RESPONSE, Fault.CONNECTION_RESET_BY_PEER, Fault.RANDOM_DATA_THEN_CLOSE, Fault.HANG,
})  # fmt: skip


def wrap_har(entries: list[Json]) -> JsonObject:
    """An HTTP archive (HAR 1.2, W3C Web Performance draft) of what `write_har_entry` gives."""
    creator = {"name": "mockserver", "version": VERSION}
    return {"log": {"version": "1.2", "creator": creator, "entries": entries}}


def write_har_entry(call: Call, origin: str) -> JsonObject:
    """One call as an entry of an archive. `origin` is scheme, host and port."""
    millis = round(call.duration_millis or 0.0, 3)
    return {
        "startedDateTime": format_instant(call.received_millis),
        "time": millis,
        "request": _write_request(call, origin),
        "response": _write_response(call),
        "cache": {},
        "timings": {"send": 0, "wait": millis, "receive": 0},
        "comment": call.reason,
        # Members of one's own begin with an underscore.
        "_call": {
            "id": call.id,
            "number": call.number,
            "namespace": call.namespace,
            "operation": call.operation,
            "reason": call.reason,
            "state": call.state,
            "fault": call.fault,
        },
    }


def _write_request(call: Call, origin: str) -> JsonObject:
    request = call.request
    cookies = [
        pair.strip().partition("=")
        for name, value in request.headers
        if name == b"cookie"
        for pair in value.decode("latin-1").split(";")
    ]
    written: JsonObject = {
        "method": request.method,
        "url": write_url(call, origin),
        "httpVersion": "HTTP/1.1",
        "cookies": [{"name": name, "value": value} for name, _, value in cookies],
        "headers": _write_headers(request.headers),
        "queryString": [
            {"name": name, "value": value}
            for name, values in read_query(request.query).items()
            for value in values
        ],
        "headersSize": -1,
        "bodySize": -1 if call.body_truncated else len(request.body),
    }
    if request.body:
        text = request.body.decode("utf-8", "replace")
        written["postData"] = {"mimeType": _media_type(request.headers), "params": [], "text": text}
    return written


def _write_response(call: Call) -> JsonObject:
    is_silent = call.status is None or call.fault in _SILENT
    status = 0 if is_silent or call.status is None else call.status
    headers: Headers = () if is_silent else call.response_headers
    body = b"" if is_silent else call.response_body
    location = next((value.decode("latin-1") for name, value in headers if name == b"location"), "")
    content: JsonObject = {"size": len(body), "mimeType": _media_type(headers)}
    try:
        content["text"] = body.decode("utf-8")
    except UnicodeDecodeError:
        content |= {"text": b64encode(body).decode("ascii"), "encoding": "base64"}
    return {
        "status": status,
        "statusText": HTTPStatus(status).phrase if status in _KNOWN_STATUSES else "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _write_headers(headers),
        "content": content,
        "redirectURL": location,
        "headersSize": -1,
        "bodySize": -1 if call.response_truncated else len(body),
    }


_KNOWN_STATUSES = frozenset(HTTPStatus)


def _write_headers(headers: Headers) -> list[JsonObject]:
    return [{"name": name.decode("latin-1"), "value": value.decode("latin-1")} for name, value in headers]


def _media_type(headers: Headers) -> str:
    found = next((value for name, value in headers if name == b"content-type"), b"application/octet-stream")
    return found.decode("latin-1")
