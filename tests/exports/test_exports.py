"""Exports: lines and tests that really run and do the same again, and an archive that others can read."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

import pytest
from haralyzer import HarParser

from mockserver.client.local import MockServer
from mockserver.clocks import read_instant
from mockserver.control.calls import describe_server
from mockserver.exports import Server, wrap_har, write_har_entry
from mockserver.exports.curl import write_curl
from mockserver.exports.pytest_test import write_pytest
from mockserver.journal.call import Call
from mockserver.messages import build_request
from mockserver.vendors.hsrcpay import HsrcpayRules
from mockserver.vendors.hsrcpay.credentials import read_token
from tests.doors import BODY, CREATE, UNSENT, Api, engine_api, make_jwt, record_incomplete

LIST = "/v1/api-keys/?account_id=acct_1"
CURL = shutil.which("curl")


@pytest.fixture(scope="module")
def running() -> Iterator[MockServer]:
    with MockServer() as server:
        yield server


@pytest.fixture
def sandbox(running: MockServer) -> MockServer:
    """A server that nobody has called yet."""
    running._app.engine.namespaces.reset_all()
    return running


@pytest.fixture
def api(sandbox: MockServer) -> Api:
    return engine_api(sandbox._app.engine)


def server_of(sandbox: MockServer) -> Server:
    engine = sandbox._app.engine
    return describe_server(engine.contract, engine.rules, sandbox.origin)


def write_har(calls: Iterable[Call], sandbox: MockServer) -> Any:
    """All of them as one archive, as `GET /har` writes them in parts."""
    return wrap_har([write_har_entry(call, sandbox.origin) for call in calls])


def last_call(api: Api, namespace: str = "default") -> Call:
    return next(reversed(api.engine.namespaces.get(namespace).journal))


def meaning(call: Call, *, with_credential: bool = True) -> Any:
    """What must be equal when a call is made again."""
    request = call.request
    kept = ("content-type", "x-trace", "x-empty", "prefer", "idempotency-key", "accept")
    headers = sorted(
        (name.decode(), value.decode())
        for name, value in request.headers
        if name.decode() in kept and value != b"*/*"
    )
    credential = (call.credential.kind, call.credential.mode) if with_credential else None
    return (
        request.method,
        request.path,
        request.query,
        request.body,
        headers,
        call.namespace,
        credential,
        call.status,
    )


REQUESTS: dict[str, dict[str, Any]] = {
    "create": {},
    "list": {"method": "GET", "url": LIST, "json": UNSENT},
    "quotes": {"json": {**BODY, "name": 'it\'s "quoted" $HOME `id` \\ \n ünï'}},
    "headers": {"headers": {"X-Trace": "it's; 7", "X-Empty": "", "Accept": "application/json"}},
    "no json": {"body": b"@file", "headers": {"Content-Type": "text/plain"}},
    "binary": {"body": b"\x00\xff\x01", "headers": {"Content-Type": "application/octet-stream"}},
    "brackets": {"method": "GET", "url": "/v1/[a-c]/{x,y}?k[]=1", "json": UNSENT},
    "dots": {"method": "GET", "url": "/v1/../x/./y", "json": UNSENT},
    "encoded": {"method": "GET", "url": "/v1/a%20b%2Fc?q=%C3%BC+x", "json": UNSENT},
    "put": {"method": "PUT", "url": "/v1/api-keys/"},
    "head": {"method": "HEAD", "url": LIST, "json": UNSENT},
    "options": {"method": "OPTIONS", "url": "/v1/nowhere", "json": UNSENT},
    "post without body": {"json": UNSENT},
    "get with body": {"method": "GET", "url": LIST},
    "other namespace": {"url": f"/~t1{CREATE}"},
    "namespace by key": {"key": "sk_test_ns-t2_abc"},
    "no credential": {"key": None},
    "publishable": {"key": "pk_test_abc"},
    "live": {"key": "sk_live_nobody_has_this"},
    "malformed": {"key": "nonsense"},
    "preferred error": {"headers": {"Prefer": "code=429"}},
}


@pytest.mark.skipif(CURL is None, reason="there is no curl here")
@pytest.mark.parametrize("case", REQUESTS)
def test_a_line_for_curl_makes_the_same_call(sandbox: MockServer, api: Api, case: str) -> None:
    api.send(**REQUESTS[case])
    first = max((call for space in api.engine.namespaces for call in space.journal), key=lambda c: c.started)
    line = write_curl(first, server_of(sandbox))
    assert "\n" not in line.replace("\\n", "")
    subprocess.run(["sh", "-c", f"{line} -s -o /dev/null"], check=True, timeout=20, capture_output=True)
    again = last_call(api, first.namespace)
    assert again.number == first.number + 1
    assert meaning(again) == meaning(first)


@pytest.mark.parametrize("case", sorted(REQUESTS.keys() - {"malformed"}))
def test_a_pytest_test_makes_the_same_call(sandbox: MockServer, api: Api, case: str) -> None:
    api.send(**REQUESTS[case])
    first = max((call for space in api.engine.namespaces for call in space.journal), key=lambda c: c.started)
    run_test(write_pytest(first, server_of(sandbox)), sandbox, first)
    again = last_call(api, "t9")
    expected, actual = meaning(first), meaning(again)
    assert actual[:5] == expected[:5]
    assert actual[6:] == expected[6:]


def run_test(text: str, sandbox: MockServer, call: Call) -> None:
    """Run an exported test with a sandbox for its fixture."""
    module = ModuleType("exported")
    exec(compile(text, "exported", "exec"), module.__dict__)
    getattr(module, f"test_call_{call.number}")(sandbox.namespace("t9"))


def test_an_exported_test_fails_if_the_status_is_another(sandbox: MockServer, api: Api) -> None:
    api.send()
    text = write_pytest(last_call(api), server_of(sandbox)).replace("201", "200")
    with pytest.raises(AssertionError):
        run_test(text, sandbox, last_call(api))


@pytest.mark.parametrize(
    "response",
    [
        {"status": 429},
        {"status": 500},
        {"fault": "NOT_JSON"},
        {"fault": "EMPTY_RESPONSE"},
        {"fault": "CONNECTION_RESET_BY_PEER"},
        {"fault": "MALFORMED_RESPONSE_CHUNK"},
        {"fault": "TRUNCATED_BODY"},
        {"fault": "WRONG_CONTENT_LENGTH"},
        {"fault": "RANDOM_DATA_THEN_CLOSE"},
    ],
)
@pytest.mark.parametrize("phase", ["before", "after_commit"])
def test_what_a_stub_answered_is_scripted_again(
    sandbox: MockServer, api: Api, response: Any, phase: str
) -> None:
    own = {"operation": "createApiKey", "phase": phase}
    api.script({"request": {}, "response": response, "metadata": {"mockserver": own}})
    api.send()
    first = last_call(api)
    run_test(write_pytest(first, server_of(sandbox)), sandbox, first)
    again = last_call(api, "t9")
    assert (again.status, again.fault, again.phase) == (first.status, first.fault, first.phase)


def test_a_call_without_an_answer_is_exported_as_well(sandbox: MockServer, api: Api) -> None:
    record_incomplete(api.engine, build_request("POST", CREATE, body=b"{}"))
    call = last_call(api)
    run_test(write_pytest(call, server_of(sandbox)), sandbox, call)
    assert write_curl(call, server_of(sandbox)).endswith("--data-raw '{}'")


# Credentials.


@pytest.mark.parametrize(
    ("token", "stand_in"),
    [
        ("sk_test_abc", "sk_test_"),
        ("sk_test_ns-t1_abc", "sk_test_ns-t1_"),
        ("sk_live_abc", "sk_live_"),
        ("pk_test_abc", "pk_test_"),
        ("pk_live_abc", "pk_live_"),
    ],
)
def test_a_stand_in_is_of_the_same_kind_mode_and_namespace(
    rules: HsrcpayRules, token: str, stand_in: str
) -> None:
    credential = read_token(token)
    (shown,) = rules.show_credential(None, credential.namespace or "default", credential)
    made = shown.value.removeprefix("Bearer ")
    assert made == f"{stand_in}{credential.fingerprint}"
    again = read_token(made)
    assert (again.kind, again.mode, again.namespace) == (
        credential.kind,
        credential.mode,
        credential.namespace,
    )


def test_another_secret_has_another_stand_in(rules: HsrcpayRules) -> None:
    first, second = (
        rules.show_credential(None, "default", read_token(f"sk_test_{name}")) for name in ("one", "two")
    )
    assert first != second


def test_issued_keys_and_jwts_are_read_from_the_environment(sandbox: MockServer, api: Api) -> None:
    key = api.send().key
    for token in (key, make_jwt({"sub": "user"})):
        api.send("GET", LIST, json=UNSENT, key=token)
        call = last_call(api)
        assert '-H "Authorization: Bearer $MOCKSERVER_CREDENTIAL"' in write_curl(call, server_of(sandbox))
        assert 'os.environ.get("MOCKSERVER_CREDENTIAL", mockserver.secret_key)' in write_pytest(
            call, server_of(sandbox)
        )


def test_exports_show_no_secret(sandbox: MockServer, api: Api) -> None:
    secret = "sk_test_never_to_be_seen"
    key = api.send(key=secret, headers={"Cookie": "session=opaque", "X-Key": secret}).key
    api.send("GET", f"{LIST}&key={key}", json=UNSENT, key=key, headers={"Referer": f"/{key}"})
    calls = list(api.engine.namespaces.default.journal)
    shown = [str(write_har(calls, sandbox))]
    shown += [write_curl(call, server_of(sandbox)) for call in calls]
    shown += [write_pytest(call, server_of(sandbox)) for call in calls]
    for secret_text in (secret, key, "opaque"):
        assert not any(secret_text in text for text in shown)


def test_a_shell_reads_the_line_as_it_was_meant(sandbox: MockServer, api: Api) -> None:
    api.send(json={**BODY, "name": "'; rm -rf /; echo '"})
    words = shlex.split(write_curl(last_call(api), server_of(sandbox)))
    assert words[:3] == ["curl", "-X", "POST"]
    assert words[-2] == "--data-raw"
    assert words[-1].encode() == last_call(api).request.body


# The archive.

# HAR 1.2: the members that every object must have.
REQUIRED = {
    "log": {"version", "creator", "entries"},
    "creator": {"name", "version"},
    "entry": {"startedDateTime", "time", "request", "response", "cache", "timings"},
    "request": {
        "method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize",
    },
    "response": {
        "status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL",
        "headersSize", "bodySize",
    },
    "content": {"size", "mimeType"},
    "timings": {"send", "wait", "receive"},
    "postData": {"mimeType", "text"},
}  # fmt: skip


def archive(sandbox: MockServer, api: Api) -> Any:
    return write_har(api.engine.namespaces.default.journal, sandbox)


def test_an_archive_has_all_that_its_format_demands(sandbox: MockServer, api: Api) -> None:
    api.send()
    api.send("GET", "/nowhere", json=UNSENT, headers={"Cookie": "a=1; b=2"})
    log = archive(sandbox, api)["log"]
    assert log["version"] == "1.2"
    pairs = [("log", log), ("creator", log["creator"])]
    for entry in log["entries"]:
        pairs += [("entry", entry), ("timings", entry["timings"])]
        pairs += [("request", entry["request"]), ("response", entry["response"])]
        pairs += [("content", entry["response"]["content"])]
        pairs += [("postData", entry["request"]["postData"])] if "postData" in entry["request"] else []
        assert entry["time"] == sum(entry["timings"].values())
    for name, value in pairs:
        own = {key for key in value if not key.startswith("_")}
        assert own >= REQUIRED[name], name
        assert own - REQUIRED[name] <= {"postData", "comment", "text", "params"}, name


def test_an_independent_parser_reads_the_archive(sandbox: MockServer, api: Api) -> None:
    api.send()
    api.send("GET", f"{LIST}&limit=1", json=UNSENT)
    parser = HarParser(archive(sandbox, api))
    assert (parser.version, parser.creator["name"]) == ("1.2", "mockserver")
    (page,) = parser.pages
    first, second = page.entries
    assert (first.request.method, first.request.url) == ("POST", f"{sandbox.origin}{CREATE}")
    assert (first.response.status, first.response.mimeType) == (201, "application/json")
    assert second.request.queryString == [
        {"name": "account_id", "value": "acct_1"},
        {"name": "limit", "value": "1"},
    ]
    assert parser.match_request_type(first, "POST")
    assert parser.match_status_code(second, "200")
    assert parser.match_headers(first, "request", "content-type", "application/json")
    assert page.post_requests == [first]


def test_an_entry_says_what_was_sent_and_answered(sandbox: MockServer, api: Api) -> None:
    answer = api.send("POST", f"/~t1{CREATE}&tag=%C3%BC", json=BODY)
    (entry,) = write_har(api.engine.namespaces.get("t1").journal, sandbox)["log"]["entries"]
    call = last_call(api, "t1")
    assert read_instant(entry["startedDateTime"]) == call.received_millis
    assert entry["request"]["url"] == f"{sandbox.origin}/~t1{CREATE}&tag=%C3%BC"
    assert entry["request"]["queryString"] == [
        {"name": "account_id", "value": "acct_1"},
        {"name": "tag", "value": "ü"},
    ]
    assert entry["request"]["postData"]["text"].encode() == call.request.body
    assert entry["response"]["statusText"] == "Created"
    assert entry["comment"] == "created"
    assert entry["_call"]["id"] == answer.header("mockserver-call-id")


@pytest.mark.parametrize(
    ("fault", "status"), [("EMPTY_RESPONSE", 0), ("TRUNCATED_BODY", 201), ("NOT_JSON", 502)]
)
def test_an_answer_without_a_status_line_has_status_0(
    sandbox: MockServer, api: Api, fault: str, status: int
) -> None:
    api.script({"request": {}, "response": {"fault": fault}})
    api.send()
    (entry,) = archive(sandbox, api)["log"]["entries"]
    assert entry["response"]["status"] == status
    assert entry["_call"]["fault"] == fault


def test_a_body_that_is_no_text_is_base64(sandbox: MockServer, api: Api) -> None:
    response = {"status": 200, "base64Body": "/wA="}
    api.script({"request": {"urlPath": "/binary"}, "response": response})
    api.send("GET", "/binary", json=UNSENT)
    (entry,) = archive(sandbox, api)["log"]["entries"]
    content = entry["response"]["content"]
    assert (content["text"], content["encoding"], content["size"]) == ("/wA=", "base64", 2)
