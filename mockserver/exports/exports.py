"""Exports: a recorded call as a line for curl or as a pytest test, and the journal as HAR 1.2.

What is recorded is redacted, so a stand-in takes the credential's place: of the same kind and mode, in the
same namespace, and another one for another secret. Of issued keys and JWTs there can be none: they are read
from the environment.
"""

from __future__ import annotations

import shlex
from base64 import b64encode
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from urllib.parse import urlsplit

from mockserver.clocks import format_instant
from mockserver.faults import Fault
from mockserver.journal.call import Call
from mockserver.json_codec import dumps
from mockserver.request.line import read_query
from mockserver.security.credential import Credential
from mockserver.settings import DEFAULT_NAMESPACE
from mockserver.types import Headers, Json, JsonObject
from mockserver.version import VERSION

VARIABLE = "MOCKSERVER_CREDENTIAL"

# What a client writes by itself, and what is written here by other means.
_OWN_HEADERS = frozenset({
    b"accept-encoding", b"authorization", b"connection", b"content-length", b"expect", b"host",
    b"proxy-authorization", b"transfer-encoding", b"user-agent",
})  # fmt: skip


def make_stand_in(credential: Credential, namespace: str) -> str | None:
    """A token that is judged as the recorded one was; None where there was none or only its owner has it."""
    if credential.kind == "none" or needs_secret(credential):
        return None
    if credential.kind == "malformed":
        return "malformed"
    prefix = "sk" if credential.kind == "secret" else "pk"
    name = "" if namespace == DEFAULT_NAMESPACE else f"ns-{namespace}_"
    return f"{prefix}_{credential.mode}_{name}{credential.fingerprint}"


def needs_secret(credential: Credential) -> bool:
    """Whether nothing can stand in for a credential."""
    return credential.kind == "jwt" or credential.is_issued


def _url(call: Call, origin: str) -> str:
    """Where the call went, its namespace in the path."""
    head = call.head
    base = origin if call.namespace == DEFAULT_NAMESPACE else f"{origin}/~{call.namespace}"
    return f"{base}{head.path}{'?' if head.query else ''}{head.query}"


def _kept_headers(call: Call) -> Iterator[tuple[str, str]]:
    """The headers that make the request what it is, as a person would write their names."""
    for name, value in call.head.headers:
        if name not in _OWN_HEADERS and (name, value) != (b"accept", b"*/*"):
            yield name.decode("latin-1").title(), value.decode("latin-1")


# curl


def write_curl(call: Call, origin: str) -> str:
    """One line for a POSIX shell that makes the same request again. `origin` is scheme, host and port."""
    request, url = call.request, _url(call, origin)
    parts = ["curl", *_curl_method(request.method, has_body=bool(request.body))]
    if not request.path.startswith("/"):
        parts += ["--request-target", shlex.quote(url.removeprefix(origin))]
        url = origin
    if any(mark in url for mark in "[]{}"):
        parts.append("--globoff")
    if "/." in urlsplit(url).path:
        parts.append("--path-as-is")
    parts.append(shlex.quote(url))
    if needs_secret(call.credential):
        parts.append(f'-H "Authorization: Bearer ${VARIABLE}"')
    elif stand_in := make_stand_in(call.credential, call.namespace):
        parts += ["-H", shlex.quote(f"Authorization: Bearer {stand_in}")]
    headers = list(_kept_headers(call))
    for name, value in headers:
        # curl takes a header without a value away, unless a semicolon ends its name.
        parts += ["-H", shlex.quote(f"{name}: {value}" if value else f"{name};")]
    if not request.body:
        return " ".join(parts)
    if not any(name == "Content-Type" for name, _ in headers):
        parts += ["-H", "Content-Type:"]
    text = _shell_text(request.body)
    if text is not None:
        return " ".join([*parts, "--data-raw", shlex.quote(text)])
    body = b64encode(request.body).decode("ascii")
    return " ".join(["echo", body, "| base64 -d |", *parts, "--data-binary @-"])


def _curl_method(method: str, *, has_body: bool) -> list[str]:
    if method == "HEAD":
        return ["--head"]
    return [] if method == "GET" and not has_body else ["-X", shlex.quote(method)]


def _shell_text(body: bytes) -> str | None:
    """A body as an argument of a command; None if it cannot be one."""
    try:
        return None if b"\x00" in body else body.decode("utf-8")
    except UnicodeDecodeError:
        return None


# pytest

# Faults that a client sees as a broken connection, not as an answer.
_BREAKING = frozenset(Fault) - {Fault.NOT_JSON}


def write_pytest(call: Call, prefix: str) -> str:
    """A test that makes the same request to the fixture `mockserver` and expects the same status.

    `prefix` is the path of the contract's server URL. What a stub answered is scripted again.
    """
    credential = call.credential
    is_broken = call.fault in _BREAKING
    imports = ["http.client"]
    imports += ["os"] if needs_secret(credential) else []
    lines = ["", "", f"def test_call_{call.number}(mockserver):"]
    if call.stub is not None and call.operation is not None:
        lines.append(f"    mockserver.queue({_quote(call.operation)}, [{_write_outcome(call)}])")
    timeout = 1 if call.fault == Fault.HANG else 10
    lines += [
        "    base = urlsplit(mockserver.base_url)",
        f"    connection = http.client.HTTPConnection(base.netloc, timeout={timeout})",
        "    connection.request(",
        f"        {_quote(call.head.method)},",
        f"        {_write_target(call, prefix)},",
    ]
    if call.body:
        lines.append(f"        body={call.body!r},")
    headers = [f"            {_quote(name)}: {_quote(value)}," for name, value in _joined_headers(call)]
    token = _write_token(credential)
    if token is not None:
        headers.insert(0, f'            "Authorization": {token},')
    if headers:
        lines += ["        headers={", *headers, "        },"]
    lines.append("    )")
    if is_broken:
        imports.append("pytest")
        lines += [
            "    with pytest.raises((http.client.HTTPException, OSError)):",
            "        connection.getresponse().read()",
            "    connection.close()",
        ]
    else:
        lines += ["    response = connection.getresponse()", "    connection.close()"]
        if call.status is not None:
            lines += ["", f"    assert response.status == {call.status}"]
    head = [f"import {name}" for name in imports if name != "pytest"]
    head.append("from urllib.parse import urlsplit")
    head += ["", "import pytest"] if "pytest" in imports else []
    return "\n".join([*head, *lines, ""])


def _joined_headers(call: Call) -> Iterable[tuple[str, str]]:
    """The kept headers, each name once (RFC 9110, section 5.3)."""
    joined: dict[str, str] = {}
    for name, value in _kept_headers(call):
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined.items()


def _quote(text: str) -> str:
    """A text as Python writes it."""
    return dumps(text).decode("utf-8")


def _write_outcome(call: Call) -> str:
    """The entry of `mockserver.queue` that answers as the stub did."""
    answer = {"status": call.status} if call.fault is None else {"fault": call.fault}
    phase = {} if call.phase in (None, "before") else {"phase": call.phase}
    # JSON of texts and numbers is Python as well.
    return dumps(answer | phase).decode("ascii")


def _write_target(call: Call, prefix: str) -> str:
    request = call.request
    target = f"{request.path}{'?' if request.query else ''}{request.query}"
    if prefix and request.path.startswith(f"{prefix}/"):
        return f"base.path + {_quote(target.removeprefix(prefix))}"
    return f"base.path.removesuffix({_quote(prefix)}) + {_quote(target)}"


def _write_token(credential: Credential) -> str | None:
    if needs_secret(credential):
        return f'"Bearer " + os.environ.get("{VARIABLE}", mockserver.secret_key)'
    if credential.kind == "secret" and credential.mode == "test":
        return '"Bearer " + mockserver.secret_key'
    # The path of the fixture's base URL names the namespace.
    stand_in = make_stand_in(credential, DEFAULT_NAMESPACE)
    return None if stand_in is None else _quote(f"Bearer {stand_in}")


# HAR

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
        "url": _url(call, origin),
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
