"""What is written of a call, and read again, is all of it."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver.engine.engine import Engine
from mockserver.journal.call import Call
from mockserver.json_codec import dumps, loads_kept
from mockserver.state.codecs import CallCodec, answers
from mockserver.state.resources import IssuedSecret, StoredAnswer
from tests.doors import UNSENT, Api, engine_api

# What is another on the clock of each process, and what the journal notes for itself.
OWN = {"era", "started", "size"}


@pytest.fixture
def api(engine: Engine) -> Api:
    return engine_api(engine)


def parts(value: Any) -> Any:
    """All that a value is made of, however deep."""
    names = getattr(type(value), "__slots__", None)
    if names and not isinstance(value, str | bytes | tuple):
        return type(value).__name__, {name: parts(getattr(value, name)) for name in names if name not in OWN}
    return value


def again(call: Call) -> Call:
    row = loads_kept(dumps(CallCodec(call.namespace).write(call)))
    return CallCodec(call.namespace).read(row)


def test_a_call_is_read_with_everything_that_it_has(api: Api) -> None:
    api.script(
        {
            "name": "slow down",
            "request": {"urlPath": "/s", "headers": {"X-One": {"matches": "1+"}}},
            "response": {"status": 429, "headers": {"Retry-After": "3"}, "fixedDelayMilliseconds": 1},
        }
    )
    for url in ("/s", "/s", "/nowhere?a=%41&b=1", "/v1/api-keys/?account_id=acct_1&page=0"):
        api.send(url=url, json={"name": 5, "é": "\u0000"}, headers={"X-One": "1"})
    api.send(headers={"Prefer": "variant=unknown"})
    api.send()
    api.send("GET", json=UNSENT, key=None)
    api.send(body=b"\xff\xfe not json")
    calls = list(api.engine.namespaces.default.journal)
    assert len(calls) == 8
    assert any(call.retry for call in calls)
    for call in calls:
        read = again(call)
        stub, read_stub = call.stub, read.stub
        call.stub = read.stub = None
        assert parts(read) == parts(call)
        assert abs(read.started - call.started) < 1
        if stub is not None:
            assert read_stub is not None
            assert read_stub.document == stub.document
            same = [(item.id, item.name, item.phase, item.response.fault) for item in (stub, read_stub)]
            assert same[0] == same[1]


def test_equal_heads_are_read_as_one(api: Api) -> None:
    api.send()
    api.send()
    codec = CallCodec("default")
    first, second = [
        codec.read(loads_kept(dumps(codec.write(call)))) for call in api.engine.namespaces.default.journal
    ]
    assert first.head is second.head


@pytest.mark.parametrize("secret", [None, IssuedSecret(b"sk_test_mock_gone", "createApiKey", b"place")])
def test_an_answer_without_a_secret_is_written_as_it_is(secret: IssuedSecret | None) -> None:
    codec = answers(lambda operation, place: None)
    answer = StoredAnswer(b"request", 200, ((b"a", b"\xff"),), b"\x00 body", 5, secret)
    read = codec.read_value(loads_kept(dumps(codec.write_value(answer))))
    assert isinstance(read, StoredAnswer)
    assert (read.request, read.status, read.headers, read.body, read.millis) == (
        b"request", 200, ((b"a", b"\xff"),), b"\x00 body", 5,
    )  # fmt: skip
