"""Whatever bytes come in method, path, query, headers and body: a documented answer, and nothing else."""

from __future__ import annotations

import json
import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockserver.engine.engine import Engine
from mockserver.json_codec import dumps
from mockserver.messages import Request
from mockserver.serving.logs import describe_call, format_call
from mockserver.serving.uvicorn_server import ServerThread
from tests.doors import BODY, CREATE, Answer, encode, engine_api, make_jwt, parse, socket_api, talk
from tests.judge import check
from tests.strategies import json_values

# The engine and the server are made once: hypothesis sends them one request after another.
calm = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

NAUGHTY = (
    "", "\x00", "\x7f", "\x1b[31m", "\r\n", "ü", "\xff", "%", "%%", "%zz", "%00", "%ff", "%C0%AF",
    "..", ".", "//",
    "~", "*", "{id}", "{{7*7}}", "${jndi:x}", "<script>", "' OR 1=1 --", "__proto__", "constructor", "NaN",
    "null", "-0", "1e999", "sk_test_x", "sk_live_x", "pk_test_x", "sk_", "Bearer", "Bearer ",
    "bearer sk_test_x", make_jwt({}), "a" * 5000,
)  # fmt: skip
texts = st.sampled_from(NAUGHTY) | st.text(st.characters(max_codepoint=255), max_size=20)
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "TRACE", "get", "", "FOO BAR")
methods = st.sampled_from(METHODS) | texts
paths = st.sampled_from(
    [
        "/v1/api-keys/",
        "/v1/api-keys",
        "/v1/api-keys/x",
        "/v1/api-keys/x/regenerate",
        "/~a/v1/api-keys/",
        "/~",
        "",
        "*",
    ]
) | st.lists(texts, max_size=4).map("/".join)
queries = st.sampled_from(
    ["account_id=acct_1", "account_id=a&account_id=b", "account_id", "account_id="]
) | st.lists(st.builds("{}={}".format, texts | st.just("account_id"), texts), max_size=4).map("&".join)
NAMES = ("authorization", "content-type", "accept", "prefer", "idempotency-key", "cookie", "origin", "x-any")
# Right ones among them, so that a request gets past the first check now and then.
VALUES = (
    "Bearer sk_test_x",
    "application/json",
    "code=429",
    "code=201, example=x",
    'example="',
    "a=b; c",
    "*/*;q=x",
)
headers = st.lists(
    st.tuples(
        st.sampled_from(NAMES).map(str.encode),
        (st.sampled_from(VALUES) | texts).map(lambda text: text.encode("latin-1")),
    ),
    max_size=6,
).map(tuple)
bodies = st.binary(max_size=60) | json_values.map(encode) | st.builds(
    lambda value, cut: encode(BODY | {"metadata": value})[:cut], json_values, st.integers(0, 200)
)  # fmt: skip


def judge(engine: Engine, answer: Answer) -> None:
    """The answer is one that the contract documents, and the journal can tell of the call."""
    call = next(reversed(engine.namespaces.get(_namespace(engine, answer)).journal))
    assert call.id == answer.header("mockserver-call-id")
    assert answer.reason != "mock_failure", answer.body
    if call.operation is None:
        assert answer.status in (401, 404, 405)
        check(answer, None)
    else:
        check(answer, call.operation)
    assert json.loads(dumps(call.to_json()))["id"] == call.id
    for line in (format_call(call, colour=False), format_call(call, colour=True).replace("\x1b[", "")):
        assert len(line.splitlines()) == 1
        assert "\x1b" not in line.replace("0m", "")
    dumps(describe_call(call))


def _namespace(engine: Engine, answer: Answer) -> str:
    """Where the call of an answer was recorded."""
    id = answer.header("mockserver-call-id")
    return next(
        space.name for space in engine.namespaces if any(call.id == id for call in reversed(space.journal))
    )


@calm
@given(methods, paths, queries, headers, bodies)
def test_any_request_gets_a_documented_answer(
    engine: Engine, method: str, path: str, query: str, headers: tuple[tuple[bytes, bytes], ...], body: bytes
) -> None:
    engine.namespaces.reset_all()
    response = engine.handle(Request(method, path, query, headers, body, None))
    grouped = {name.decode(): [value.decode("latin-1")] for name, value in response.headers}
    judge(engine, Answer(response.status, grouped, response.body))


@calm
@given(bodies)
def test_any_body_of_a_sound_request_is_created_or_told_what_is_wrong(engine: Engine, body: bytes) -> None:
    engine.namespaces.reset_all()
    answer = engine_api(engine).send(body=body, headers={"Content-Type": "application/json"})
    assert answer.outcome in ((201, "created"), (400, "malformed_json"), (422, "invalid_request"))
    judge(engine, answer)
    try:
        value = json.loads(body)
        is_json = True
    except ValueError:
        is_json = False
    if answer.status == 422:
        assert is_json
        assert answer.violations
    if answer.status == 201:
        assert answer.json["data"]["name"] == value["name"]


@calm
@given(st.lists(texts, min_size=1, max_size=3).map(" ".join))
def test_any_authorization_is_let_in_or_challenged(engine: Engine, value: str) -> None:
    engine.namespaces.reset_all()
    answer = engine_api(engine).send(key=None, headers={"Authorization": value})
    assert answer.status in (201, 401, 403)
    assert (answer.header("www-authenticate") == "Bearer") is (answer.status == 401)
    judge(engine, answer)


SOUND = (
    b"POST %b HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sk_test_x\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
    % (CREATE.encode(), len(encode(BODY)), encode(BODY))
)


@st.composite
def damaged_requests(draw: st.DrawFn) -> bytes:
    """The bytes of a sound request with a few of them changed, taken out or doubled."""
    data = bytearray(SOUND)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data) - 1))
        match draw(st.sampled_from(("change", "insert", "remove", "double", "word"))):
            case "change":
                data[place] = draw(st.integers(0, 255))
            case "insert":
                data[place:place] = draw(st.binary(min_size=1, max_size=4))
            case "remove":
                del data[place : place + draw(st.integers(1, 30))]
            case "double":
                data[place:place] = data[place : place + draw(st.integers(1, 60))]
            case "word":
                data[place:place] = draw(st.sampled_from(NAUGHTY[:30])).encode("latin-1")
    # Nothing comes after them, so the server need not wait for more.
    return bytes(data)


@settings(calm, max_examples=150)
@given(damaged_requests())
def test_any_bytes_on_a_connection_get_an_answer_or_none_and_the_next_one_is_served(
    server: ServerThread, data: bytes
) -> None:
    received = talk(server, data, shut=True)
    if received:
        answer = parse(received)
        assert answer.reason != "mock_failure"
        assert answer.status < 500 or answer.status in (501, 503, 505)
    assert talk(server, SOUND).startswith(b"HTTP/1.1 201 ")


def test_nothing_of_all_that_is_an_error_in_the_log(
    server: ServerThread, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), socket_api(server) as api:
        for body in (b"{", b"[" * 100_000, b"\xff", b'"\\ud800"', b"1e9999999999999999999", b"1" * 20_000):
            assert check(api.send(body=body, headers={"Content-Type": "application/json"})).status == 400
        for data in (
            b"\x16\x03\x01",
            b"GET\r\n\r\n",
            b"FOO / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"\r\n" * 5,
        ):
            received = talk(server, data, shut=True)
            assert received == b"" or parse(received).outcome == (400, "guard")
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
