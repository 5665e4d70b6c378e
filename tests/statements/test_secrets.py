"""The canary: a marker in every place where a credential can stand, and nowhere that anybody can look."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any
from urllib.parse import quote, unquote

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from mockserver.client.local import wait_for_answer
from mockserver.control import ROUTES, Control, ControlAnswer, Listing, Question
from mockserver.engine import engine as engine_module
from mockserver.engine.engine import Engine
from mockserver.json_codec import dumps
from mockserver.messages import build_request
from mockserver.redaction import redact_bytes
from mockserver.serving.logs import RequestLog
from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings
from tests.doors import BODY, CREATE, UNSENT, Api, engine_api, make_jwt, talk
from tests.escapes import escape_all, percent_all
from tests.events import listening

MANAGED = "/v1/api-keys/key_mock_managed00000000000000001"
NAMESPACE = "t1"


def to_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# The forms of a credential, and where one can stand: what `Api.send` takes.

Send = dict[str, Any]

SHAPES: dict[str, Callable[[str], str]] = {
    "secret test key": "sk_test_{}".format,
    "secret live key": "sk_live_{}".format,
    "publishable test key": "pk_test_{}".format,
    "publishable live key": "pk_live_{}".format,
    "JWT's header": lambda marker: make_jwt({"sub": "x"}, header={"alg": "RS256", "kid": marker}),
    "JWT's payload": lambda marker: make_jwt({"sub": marker, "exp": marker}),
    "live JWT's payload": lambda marker: make_jwt({"sub": marker, "livemode": True}),
    "JWT's signature": lambda marker: make_jwt({"sub": "x"}, signature=marker),
}


def headed(*headers: tuple[str, str]) -> Send:
    return {"headers": list(headers)}


def with_body(text: str) -> Send:
    return {"body": text.encode()}


PLACES: dict[str, Callable[[str], Send]] = {
    "method": lambda text: {"method": text},
    "path": lambda text: {"method": "GET", "url": f"/v1/{text}/x"},
    "path of a namespace": lambda text: {"url": f"/~{NAMESPACE}/v1/{text}"},
    "path parameter": lambda text: {"method": "DELETE", "url": f"/v1/api-keys/{text}", "json": UNSENT},
    "path, percent-encoded": lambda text: {"url": f"/v1/{percent_all(text)}"},
    "query": lambda text: {"url": f"{CREATE}&token={text}"},
    "name in the query": lambda text: {"url": f"{CREATE}&{text}=1"},
    "account": lambda text: {"url": f"/v1/api-keys/?account_id={text}"},
    "number in the query": lambda text: {"method": "GET", "url": f"{CREATE}&page={text}", "json": UNSENT},
    "query, percent-encoded": lambda text: {"url": f"{CREATE}&a=%20{percent_all(text)}"},
    "query, percent-encoded twice": lambda text: {
        "url": f"{CREATE}&a={percent_all(text).replace('%', '%25')}"
    },
    "name of the key": lambda text: {"json": {**BODY, "name": text}},
    "metadata": lambda text: {"json": {**BODY, "metadata": {"a": [f"is {text}."]}}},
    "name in the metadata": lambda text: {"json": {**BODY, "metadata": {text: {text: 1}}}},
    "permission": lambda text: {"json": {**BODY, "permissions": {text: [text]}}},
    "expiry": lambda text: {"json": {**BODY, "expires_at": text}},
    "body": lambda text: {"json": text},
    "member that the contract lacks": lambda text: {"json": {**BODY, text: text}},
    "wrong value": lambda text: {"json": {"name": [text], "permissions": {text: text, "a": [[text]]}}},
    "JSON escapes": lambda text: with_body(json.dumps(BODY)[:-1] + f', "metadata": "{escape_all(text)}"}}'),
    "one JSON escape": lambda text: with_body(
        json.dumps({**BODY, "metadata": {"a": text}}).replace(f'"{text}', rf'"\u{ord(text[0]):04x}{text[1:]}')
    ),
    "name in JSON escapes": lambda text: with_body(f'{{"{escape_all(text)}": 1}}'),
    "JSON in JSON": lambda text: {"json": {**BODY, "name": f'{{"key": "{escape_all(text)}"}}'}},
    "member given twice": lambda text: with_body(f'{{"{text}": "{text}", "{text}": 1}}'),
    "behind a slash in a wrong member": lambda text: {"json": {**BODY, "permissions": {f"a/{text}": 1}}},
    "behind a tilde in a member given twice": lambda text: with_body(f'{{"a~{text}": 1, "a~{text}": 1}}'),
    "JSON in UTF-16": lambda text: {"body": json.dumps({**BODY, "name": text}).encode("utf-16-le")},
    "percent-encoded JSON escapes": lambda text: {
        "json": {**BODY, "name": escape_all(text).replace("\\", "%5c")}
    },
    "broken JSON": lambda text: with_body(f'{{"name": "{text}'),
    "form": lambda text: {
        **with_body(f"a={text}&{text}=1"),
        **headed(("Content-Type", "application/x-www-form-urlencoded")),
    },
    "bytes": lambda text: {
        "body": b"\xff\x00" + text.encode(),
        **headed(("Content-Type", "application/octet-stream")),
    },
    "name of a header": lambda text: headed((text, "x")),
    "X-Api-Key": lambda text: headed(("X-Api-Key", text)),
    "Referer": lambda text: headed(("Referer", f"https://shop.example/?key={text}#x")),
    "User-Agent": lambda text: headed(("User-Agent", f"shop/1 ({text})")),
    "Accept": lambda text: headed(("Accept", text)),
    "Content-Type": lambda text: headed(("Content-Type", text)),
    "Content-Type of JSON": lambda text: headed(("Content-Type", f"application/json; boundary={text}")),
    "Origin": lambda text: headed(("Origin", f"https://{text}")),
    "Idempotency-Key": lambda text: headed(("Idempotency-Key", text)),
    "Prefer": lambda text: headed(("Prefer", text)),
    "Prefer: code": lambda text: headed(("Prefer", f"code={text}")),
    "Prefer: example": lambda text: headed(("Prefer", f'code=201, example="{text}"')),
    "Prefer: seed": lambda text: headed(("Prefer", f"dynamic=true, seed={text}")),
    "Authorization": lambda text: {"key": text},
    "Authorization of another scheme": lambda text: {
        "key": None, **headed(("Authorization", f"Token {text}")),
    },
    "second Authorization": lambda text: headed(("Authorization", f"Bearer {text}")),
    "name of a cookie": lambda text: headed(("Cookie", f"{text}=1; {text}")),
}  # fmt: skip

# Whatever stands here is a secret, whatever its form.
SECRET_PLACES: dict[str, Callable[[str], Send]] = {
    "Bearer": lambda text: {"key": text},
    "Bearer of two words": lambda text: {"key": f"{text} {text}"},
    "Authorization without a scheme": lambda text: {"key": None, **headed(("Authorization", text))},
    "unknown scheme": lambda text: {"key": None, **headed(("Authorization", f"{text} {text}"))},
    "Basic": lambda text: {"key": None, **headed(("Authorization", f"Basic {to_base64(f'me:{text}')}"))},
    "Digest": lambda text: {"key": None, **headed(("Authorization", f'Digest username="{text}", nc=1'))},
    "Proxy-Authorization": lambda text: headed(("Proxy-Authorization", f"Basic {to_base64(text)}")),
    "Cookie": lambda text: headed(("Cookie", f"a=1; session={text}")),
    "JWT of another form": lambda text: {"key": f"eyJ.{text}.x"},
}


def combine(write: Callable[[str], Send], write_shape: Callable[[str], str]) -> Callable[[str], Send]:
    return lambda marker: write(write_shape(marker))


def all_requests() -> Iterator[tuple[str, str, Send]]:
    """Place, marker and request of each canary."""
    combinations = [
        (f"{place} ({shape})", combine(write, write_shape))
        for place, write in PLACES.items()
        for shape, write_shape in SHAPES.items()
        # The name of a header arrives in lower case, which no JWT survives.
        if not (place == "name of a header" and "JWT" in shape)
    ]
    for number, (place, build) in enumerate([*combinations, *SECRET_PLACES.items()]):
        marker = f"CANARY{number:03d}x"
        yield place, marker, build(marker)


Markers = dict[str, str]


def send_all(api: Api) -> Markers:
    """Send a request with a marker for each place; the places by marker, those of issued keys among them."""
    markers = {}
    for place, marker, request in all_requests():
        api.send(**request)
        markers[marker] = place
    for place, answer in {
        "issued key": api.send(),
        "key issued for an Idempotency-Key": api.send(headers={"Idempotency-Key": "i"}, json=BODY),
        "key of a namespace": api.send(url=f"/~{NAMESPACE}{CREATE}"),
        "regenerated key": api.send("POST", f"{MANAGED}/regenerate", json=UNSENT),
    }.items():
        markers[answer.key[-32:]] = place
        # Each of them is used, and leaks.
        api.send(key=answer.key)
        api.send("GET", f"{CREATE}&k={answer.key}", json=UNSENT)
        api.send(json={**BODY, "metadata": {answer.key: [answer.key]}}, headers={"X-Key": answer.key})
    again = api.send(headers={"Idempotency-Key": "i"}, json=BODY)
    assert again.header("idempotent-replayed") == "true"
    assert markers[again.key[-32:]] == "key issued for an Idempotency-Key"
    return markers


# Where markers are looked for, and in which disguise.

_ESCAPE = re.compile(r"\\+u00([0-9a-f]{2})", re.IGNORECASE)


def base64_parts(marker: str) -> list[str]:
    """What base64 makes of a marker at each of the three places at which it can start."""
    data = marker.encode()
    return [
        base64.b64encode(b"\0" * offset + data)[start : (offset + len(data)) * 8 // 6].decode()
        for offset, start in ((0, 0), (1, 2), (2, 3))
    ]


def find_markers(text: str, markers: Markers) -> set[str]:
    """The places whose markers stand in a text: plain, percent-encoded, in JSON's escapes or in base64."""
    plain = text
    for _ in range(4):
        plain = _ESCAPE.sub(lambda match: chr(int(match.group(1), 16)), unquote(plain))
    # Names of headers lose their case.
    plain, encoded = plain.lower(), text.replace("-", "+").replace("_", "/")
    # Which one it is takes a look for each; that there is one takes one for all.
    parts = {marker: base64_parts(marker) for marker in markers}
    if not has_any(plain, map(str.lower, markers)) and not has_any(encoded, chain(*parts.values())):
        return set()
    return {
        place
        for marker, place in markers.items()
        if marker.lower() in plain or any(part in encoded for part in parts[marker])
    }


def has_any(text: str, words: Iterable[str]) -> bool:
    """Whether one of the words stands in a text."""
    return bool(re2.search("|".join(map(re2.escape, words)), text))


@pytest.mark.parametrize(
    "disguise",
    [
        str, str.lower, to_base64, lambda text: to_base64(f"a{text}b"), lambda text: to_base64(f"ab{text}c"),
        percent_all, escape_all, lambda text: percent_all(text).replace("%", "%2525"),
        lambda text: json.dumps(escape_all(text)), lambda text: make_jwt({"sub": text}), repr,
    ],
)  # fmt: skip
def test_no_disguise_hides_a_marker_from_these_tests(disguise: Callable[[str], str]) -> None:
    assert find_markers(f"a {disguise('CANARY001x')} z", {"CANARY001x": "here", "CANARY002x": "there"}) == {
        "here"
    }


def read_control(
    control: Control, method: str, target: str, namespace: str, body: Any = None
) -> tuple[int, str]:
    """Status and text of what a control route gives."""
    path, _, query = target.partition("?")
    content = b"" if body is None else dumps(body)
    answer = control.begin(method, path, query, content, namespace=namespace, origin="http://x")
    if isinstance(answer, Question):
        answer = wait_for_answer(answer)
    elif isinstance(answer, Listing):
        answer = answer.finish()
    assert isinstance(answer, ControlAnswer), target
    return answer.status, answer.text if answer.text is not None else dumps(answer.value).decode()


def read_everything(api: Api, namespace: str) -> Iterator[str]:
    """All that the control API tells of a namespace."""
    control = Control(api.engine)

    def read(target: str) -> str:
        status, text = read_control(control, "GET", target, namespace)
        assert status == 200, text
        return text

    targets = {route.path for route in ROUTES if route.method == "GET" and "{" not in route.path}
    assert {"/calls", "/requests", "/har", "/namespaces", "/mappings", "/audits/duplicates"} < targets
    for target in targets - {"/events"}:
        yield read(target)
    calls = api.engine.namespaces.get(namespace).journal
    assert calls
    for call in calls:
        for target in (f"/calls/{call.id}", f"/requests/{call.id}"):
            yield read(target)
        yield read(f"/calls/{call.id}?format=curl")
        yield read(f"/calls/{call.id}?format=pytest")
    for expected in (
        [{"operation": "createApiKey", "exactly": 0}],
        [{"request": {"urlPath": "/v1/x", "method": "POST", "bodyPatterns": [{"equalToJson": {"a": 1}}]}}],
        [{"request": {"url": "/v1/x", "headers": {"X-Api-Key": {"equalTo": "a"}}}}],
    ):
        status, text = read_control(
            control, "POST", "/verify", namespace, {"expected": expected, "nothingElse": True}
        )
        assert status == 200, text
        yield text


@pytest.mark.parametrize("namespace", ["default", NAMESPACE])
def test_the_control_api_shows_no_marker(api: Api, namespace: str) -> None:
    # Near misses compare each call with it.
    api.script({"request": {"urlPath": "/v1/y", "bodyPatterns": [{"equalToJson": {"b": 1}}]}, "response": {}})
    markers = send_all(api)
    assert find_markers("\n".join(read_everything(api, namespace)), markers) == set()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_verification_of_path_parameters_shows_no_marker(api: Api, shape: str) -> None:
    api.send(**PLACES["path parameter"](SHAPES[shape]("CANARY000x")))
    expected = {"request": {"pathParameters": {"id": {"equalTo": "x"}}}, "exactly": 1}
    status, text = read_control(Control(api.engine), "POST", "/verify", "default", {"expected": [expected]})
    assert (status, json.loads(text)["ok"]) == (200, False)
    assert find_markers(text, {"CANARY000x": "path parameter"}) == set()


def test_the_log_holds_no_marker(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    markers = send_all(api)
    assert "LIVE CREDENTIAL" in caplog.text
    formatter = logging.Formatter()
    texts = [formatter.format(record) for record in caplog.records]
    texts += [repr((record.args, record.exc_info)) for record in caplog.records]
    assert find_markers("\n".join(texts), markers) == set()


@pytest.mark.parametrize("is_json", [False, True])
def test_the_log_of_calls_holds_no_marker(api: Api, is_json: bool) -> None:
    markers = send_all(api)
    stream = io.StringIO()
    log = RequestLog(stream, is_json=is_json)
    count = 0
    for namespace in api.engine.namespaces:
        for call in namespace.journal:
            log(call)
            count += 1
    log.close()
    assert len(stream.getvalue().splitlines()) == count > 300
    assert find_markers(stream.getvalue(), markers) == set()


def test_events_hold_no_marker(server: ServerThread) -> None:
    markers = send_all(engine_api(server.engine))
    count = server.engine.namespaces.default.journal.last_number
    with listening(server, last_id="0") as events:
        found = [events.next() for _ in range(count)]
    assert [event["id"] for event in found if event] == [str(number + 1) for number in range(count)]
    assert find_markers(json.dumps(found), markers) == set()


# Objects, as a traceback or a debugger shows them.


def test_no_repr_shows_a_marker(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    texts: set[str] = set()
    kinds: set[str] = set()

    def watch(owner: Any, name: str) -> None:
        """Have the representations of whatever of ours a function takes and gives."""
        act = getattr(owner, name)

        def run(*arguments: Any, **options: Any) -> Any:
            result = act(*arguments, **options)
            for value in (result, *arguments, *options.values()):
                parts = value if isinstance(value, tuple) else ()
                if slots := getattr(type(value), "__slots__", ()):
                    parts = tuple(getattr(value, name, None) for name in slots)
                ours = [item for item in (value, *parts) if type(item).__module__.startswith("mockserver.")]
                kinds.update(type(item).__name__ for item in ours)
                texts.update(map(repr, ours))
            return result

        monkeypatch.setattr(owner, name, run)

    for owner, names in {
        engine: ("read_head", "answer", "_decide", "_respond", "_record"),
        engine._inspector: ("inspect",),
        engine.heads: ("read",),
        engine.heads.headers: ("read",),
        engine.renderer: ("render",),
        engine_module: ("Call",),
    }.items():
        for name in names:
            watch(owner, name)
    markers = send_all(engine_api(engine))
    assert kinds >= {
        "Call", "Caller", "CarryOut", "Credential", "Decision", "Example", "Exchange", "Head", "HeaderFacts",
        "Inspection", "LineFacts", "Namespace", "Outcome", "ParsedRequest", "Preferences",
        "Refusal", "Request", "Response", "ShownHead", "Situation", "StoredAnswer",
    }, kinds  # fmt: skip
    for namespace in engine.namespaces:
        resources = namespace.resources
        # Items hold what clients named, and the API itself shows it again.
        texts.update(map(repr, (namespace, resources, resources.answers, namespace.journal, namespace.stubs)))
    readers = (engine.heads, engine.heads.headers, engine._inspector, engine.tokens)
    texts.update(map(repr, (engine, *readers, engine.namespaces, engine.fixtures)))
    leaks = [text for text in texts if find_markers(text, markers)]
    assert leaks == []


def test_secrets_of_the_settings_are_in_no_repr() -> None:
    settings = Settings(admin_token="CANARY000x", jwt_secret="CANARY001x")
    markers = {"CANARY000x": "admin token", "CANARY001x": "JWT secret"}
    assert find_markers(repr(settings), markers) == set()


# Scripts.


def scripted(secret: str) -> Any:
    """A stub with a secret wherever it can have one; but in regular expressions, which redaction breaks."""
    return {
        "name": f"for {secret}",
        "request": {
            "headers": {"Authorization": {"equalTo": f"Bearer {secret}"}, "X-Api-Key": {"contains": secret}},
            "queryParameters": {"k": {"equalTo": secret}},
            "cookies": {"session": {"equalTo": secret}},
            "bodyPatterns": [{"equalToJson": {"metadata": secret}, "ignoreExtraElements": True}],
        },
        "response": {"status": 200, "jsonBody": {"key": secret}, "headers": {"X-Key": f"is {secret}"}},
        "metadata": {"for": secret, "mockserver": {"offContract": True}},
    }


@pytest.mark.parametrize("shape", SHAPES)
def test_a_scripted_secret_is_found_in_the_answers_that_were_scripted_alone(
    engine: Engine, shape: str
) -> None:
    engine.namespaces.default.configure({"allow_live": True})
    api = engine_api(engine)
    secret, markers = SHAPES[shape]("CANARY000x"), {"CANARY000x": "stub"}
    status, text = read_control(Control(api.engine), "POST", "/mappings", "default", scripted(secret))
    assert status == 201, text
    headers = {"X-Api-Key": f"a{secret}" if "JWT" in shape else secret, "Cookie": f"session={secret}"}
    answer = api.send(
        url=f"{CREATE}&k={secret}", key=secret, headers=headers, json={**BODY, "metadata": secret}
    )
    assert (answer.reason, answer.json, answer.header("x-key")) == ("stub", {"key": secret}, f"is {secret}")
    # Not quite what it wants, for near misses.
    api.send(key=secret)
    api.send("GET", "/v1/nowhere", key=None, json=UNSENT)
    (stub, *_) = engine.namespaces.default.stubs
    texts = {repr(stub), repr(stub.matcher), repr(stub.response), *read_everything(api, "default")}
    listed = {read_control(Control(api.engine), "GET", "/mappings", "default")[1]}
    unmatched = {read_control(Control(api.engine), "GET", "/mappings/unmatched", "default")[1]}
    assert find_markers("\n".join(texts - listed - unmatched), markers) == set()
    # There it must be, as it can be sent back.
    (document,) = [item for item in json.loads(*listed)["mappings"] if item["id"] == stub.id]
    assert document.pop("response") == scripted(secret)["response"]
    assert find_markers(json.dumps(document), markers) == set()


# What is said when something is wrong.


def wrong_bodies(secret: str) -> Iterable[Any]:
    yield secret
    yield [secret]
    yield {secret: secret}
    known = ("request", "response", "expected", "operation", "outcomes", "clock", "now", "state", "name")
    yield dict.fromkeys(known, secret)
    yield {name: {secret: secret} for name in known}
    yield {name: [{secret: secret}] for name in known}
    yield {"request": {"urlPattern": f"({secret}", "method": secret}, "response": {"status": secret}}
    yield {"mappings": [{"request": {secret: 1}}, secret], "importOptions": {secret: secret}}
    yield {"seed": secret, "rate_limit": secret, "success_status": secret, secret: secret}
    yield {"outcomes": [{"status": secret}, {"reason": secret}, {secret: 1}], "operation": "createApiKey"}


@pytest.mark.parametrize("shape", SHAPES)
def test_no_refusal_of_the_control_api_repeats_a_marker(engine: Engine, shape: str) -> None:
    control = Control(engine)
    secret = SHAPES[shape]("CANARY000x")
    texts = [
        read_control(control, "GET", f"/{secret}", "default"),
        read_control(control, secret, "/calls", "default"),
        read_control(control, "PUT", f"/namespaces/{secret}", "default", {}),
    ]
    for route in ROUTES:
        if route.path == "/events":
            continue
        path = re.sub(r"\{\w+\}", secret, route.path)
        texts.append(read_control(control, route.method, f"{path}?{secret}={secret}", "default"))
        for name in ("limit", "since", "status", "operation", "format", "warnings", "matchedStub", "reason"):
            texts.append(read_control(control, route.method, f"{path}?{name}={secret}", "default"))
        texts += [read_control(control, route.method, path, "default", body) for body in wrong_bodies(secret)]
    refusals = [text for status, text in texts if status >= 400]
    assert len(refusals) > len(ROUTES)
    leaks = [text for text in refusals if find_markers(text, {"CANARY000x": "body"})]
    assert leaks == []


def test_a_failure_of_the_mock_logs_no_marker(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def fail(*arguments: Any) -> Any:
        raise ValueError("cannot read sk_test_CANARY000x")

    monkeypatch.setattr(engine.renderer, "render", fail)
    answer = engine_api(engine).send(key="sk_test_CANARY001x")
    assert answer.outcome == (500, "mock_failure")
    assert "cannot read sk_test_[" in caplog.text
    markers = {"CANARY000x": "exception", "CANARY001x": "credential"}
    shown = caplog.text + answer.body.decode() + repr([record.exc_info for record in caplog.records])
    assert find_markers(shown, markers) == set()


def test_what_is_no_request_leaves_no_marker(server: ServerThread, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    head = b"POST /v1/api-keys/?account_id=a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    parts = [
        b"sk_test_CANARY000x / HTTP/1.1\r\n\r\n",
        b"GET /sk_test_CANARY001x\x01 HTTP/1.1\r\n\r\n",
        b"GET /sk_test_CANARY002x\r\n\r\n",
        head + b"sk_test_CANARY003x\r\n\r\n",
        head + b"Authorization : Bearer sk_test_CANARY004x\r\n\r\n",
        head + b"Content-Length: sk_test_CANARY005x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: sk_test_CANARY006x\r\nConnection: close\r\n\r\n",
        head + b"Transfer-Encoding: chunked\r\n\r\nsk_test_CANARY007x\r\n\r\n",
        head + b"Authorization: Bearer sk_live_CANARY008x\r\nContent-Length: 2000000\r\n\r\n",
        b"GET /%zz?sk_test_CANARY009x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ]
    for data in parts:
        assert talk(server, data).startswith(b"HTTP/1.1 4"), data
    markers = {f"CANARY{number:03d}x": str(parts[number]) for number in range(len(parts))}
    assert b"CANARY009x" in parts[9]
    api = engine_api(server.engine)
    api.send()
    assert find_markers("\n".join([caplog.text, *read_everything(api, "default")]), markers) == set()


# Answers that are only as secret as their request.

PIECES = st.lists(
    st.sampled_from((
        "sk_", "pk_", "test_", "live_", "mock_", "eyJhbGciOiJub25lIn0", ".", "eyJzdWIiOiJ4In0", "abcdefgh",
        "A1b2C3d4E5", '"', "\\", "\\u0073", "%5f", "%73", "é", "/", " ", "x",
    )),
    max_size=6,
).map("".join)  # fmt: skip


@given(name=PIECES, member=PIECES, account=PIECES, escapes=st.booleans())
def test_nothing_is_left_to_hide_in_the_answer_that_is_kept(
    engine_of_all: Engine, name: str, member: str, account: str, escapes: bool
) -> None:
    body = {"name": name, "permissions": {}, "metadata": {member: [name, {name: member}]}}
    data = json.dumps(body, ensure_ascii=False).encode()
    if escapes:
        data = data.replace(b"k_", rb"\u006b_").replace(b"eyJ", rb"\u0065yJ")
    headers = {"Authorization": "Bearer sk_test_x", "Content-Type": "application/json"}
    request = build_request(
        "POST", f"/v1/api-keys/?account_id={quote(account, safe='')}x", headers=headers, body=data
    )
    answer = engine_of_all.handle(request)
    assert answer.status == 201
    call = engine_of_all.namespaces.default.journal.after(0)[-1]
    key = json.loads(answer.body)["data"]["key"].encode()
    assert key in answer.body
    assert key not in call.response_body
    assert redact_bytes(call.response_body) == call.response_body


@pytest.mark.parametrize(
    ("name", "account"),
    [
        (rb"\u002573k_test_ABCDEFGHIJKLMNOP", "a"),
        (rb"\u005cu0073k_test_ABCDEFGHIJKLMNOP", "a"),
        (rb"x", "%25%37%33k_test_ABCDEFGHIJKLMNOP"),
        (rb"x", "%5Cu0073k_test_ABCDEFGHIJKLMNOP"),
    ],
)
def test_an_escape_in_an_escape_hides_nothing_in_the_answer_that_is_kept(
    engine: Engine, name: bytes, account: str
) -> None:
    headers = {"Authorization": "Bearer sk_test_x", "Content-Type": "application/json"}
    body = b'{"name": "%b", "permissions": {}}' % name
    url = f"/v1/api-keys/?account_id={account}"
    assert engine.handle(build_request("POST", url, headers=headers, body=body)).status == 201
    (call,) = engine.namespaces.default.journal
    assert b"ABCDEFGHIJKLMNOP" not in call.response_body
