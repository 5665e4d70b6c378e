"""Headers: what they tell is read once for equal headers, and forgotten with the namespaces."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mockserver.redaction import redact_bytes, redact_header
from mockserver.request.headers import MAX_REMEMBERED, HeaderReader, accepts_json
from mockserver.security.tokens import TokenAuthority
from mockserver.types import Headers

KEY = b"sk_test_4eC39HqLyjWDarjtT1zdp7dc"
PLAIN: Headers = ((b"host", b"localhost"), (b"authorization", b"Bearer " + KEY))


def reader() -> HeaderReader:
    return HeaderReader(TokenAuthority("seed"))


def test_equal_headers_are_read_once() -> None:
    own = reader()
    facts = own.read(PLAIN)
    assert own.read(tuple(PLAIN)) is facts
    assert own.read(((b"host", b"other"), PLAIN[1])) is not facts
    own.forget()
    assert own.read(PLAIN) is not facts


def test_a_credential_is_read_once_whatever_stands_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    own = reader()
    credential = own.read(PLAIN).credential
    again = own.read((*PLAIN, (b"x-request-id", b"1")))
    assert again.credential is credential
    assert again.recorded == (*own.read(PLAIN).recorded, (b"x-request-id", b"1"))


@pytest.mark.parametrize(
    "value", [b"Bearer sk_live_4eC39HqLyjWDarjtT1zdp7dc", b"Bearer nothing", b"Basic eA=="]
)
def test_what_is_live_or_malformed_is_not_remembered(value: bytes) -> None:
    own = reader()
    headers: Headers = ((b"host", b"localhost"), (b"authorization", value))
    assert own.read(headers) is not own.read(headers)
    assert not own.read(headers).may_rest
    assert value not in repr(vars(own)).encode()


@pytest.mark.parametrize(
    "header", [(b"x-api-key", KEY), (b"cookie", b"session=opaque"), (KEY, b"1"), (b"referer", b"/?k=" + KEY)]
)
def test_what_holds_a_secret_elsewhere_is_not_remembered(header: tuple[bytes, bytes]) -> None:
    own = reader()
    headers: Headers = (PLAIN[0], header)
    assert own.read(headers) is not own.read(headers)
    assert not own.read(headers).may_rest
    assert repr(header) not in repr(vars(own))


def test_so_much_is_remembered_and_no_more() -> None:
    own = reader()
    for number in range(3 * MAX_REMEMBERED):
        key = b"Bearer sk_test_%d" % number
        headers: Headers = ((b"authorization", key), (b"x-request-id", b"%d" % number))
        assert own.read(headers).may_rest
        assert all(
            len(remembered) <= MAX_REMEMBERED
            for remembered in vars(own).values()
            if remembered is not own._tokens
        )


NAMES = st.sampled_from((b"x", b"authorization", b"cookie", b"sk_test_a_name", b"x-request-id"))
VALUES: Any = st.sampled_from(
    (
        b"",
        b"v",
        b"Bearer " + KEY,
        KEY,
        b"a=b; c=" + KEY,
        b"sk%5ftest%5fabcdefgh",
        b"sk_",
        b"test_abcdefgh",
        b"eyJ",
    )
)


@settings(deadline=None)
@given(st.lists(st.tuples(NAMES, VALUES), max_size=5))
@example([(b"x", b"sk_"), (b"test_abcdefgh", b"")])
def test_what_is_recorded_is_each_header_redacted(headers: list[tuple[bytes, bytes]]) -> None:
    expected = tuple((redact_bytes(name), redact_header(name, value)) for name, value in headers)
    own = reader()
    assert own.read(tuple(headers)).recorded == expected
    assert own.read((*headers, (b"x-last", b"1"))).recorded == (*expected, (b"x-last", b"1"))


@pytest.mark.parametrize(
    ("accept", "is_json"),
    [
        ("*/*", True),
        ("application/json", True),
        ("", True),
        ("text/html", False),
        ("text/html, application/*;q=0.1", True),
        ("application/json;q=0, */*", False),
        ("application/json;q=x", True),
    ],
)
def test_an_accept_header_lets_json_through_or_not(accept: str, is_json: bool) -> None:
    assert accepts_json(accept) is is_json
