"""Headers: what they tell is read once for equal headers, and forgotten with the namespaces."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mockserver.redaction import hide, redact_bytes, redact_header
from mockserver.request.headers import MAX_REMEMBERED, HeaderFacts, HeaderReader
from mockserver.request.leaks import LeakWatch
from mockserver.types import Headers
from mockserver.vendors.hsrcpay.keys import ISSUED_MARK

KEY = b"sk_test_4eC39HqLyjWDarjtT1zdp7dc"
PLAIN: Headers = ((b"host", b"localhost"), (b"authorization", b"Bearer " + KEY))


def reader() -> HeaderReader:
    return HeaderReader(frozenset(), LeakWatch(ISSUED_MARK))


def remembered(own: HeaderReader, headers: Headers) -> HeaderFacts:
    facts = own.read(headers)
    own.remember(headers, facts)
    return facts


def test_equal_headers_are_read_once() -> None:
    own = reader()
    facts = remembered(own, PLAIN)
    assert own.read(tuple(PLAIN)) is facts
    assert own.read(((b"host", b"other"), PLAIN[1])) is not facts
    own.forget()
    assert own.read(PLAIN) is not facts


def test_nothing_is_remembered_until_somebody_says_that_its_credential_may() -> None:
    own = reader()
    assert own.read(PLAIN) is not own.read(PLAIN)
    assert KEY not in repr(vars(own)).encode()


@pytest.mark.parametrize(
    "header", [(b"x-api-key", KEY), (b"cookie", b"session=opaque"), (KEY, b"1"), (b"referer", b"/?k=" + KEY)]
)
def test_what_holds_a_secret_elsewhere_is_not_remembered(header: tuple[bytes, bytes]) -> None:
    own = reader()
    headers: Headers = (PLAIN[0], header)
    assert remembered(own, headers) is not own.read(headers)
    assert not own.read(headers).may_rest
    assert repr(header) not in repr(vars(own))


def test_so_much_is_remembered_and_no_more() -> None:
    own = reader()
    for number in range(3 * MAX_REMEMBERED):
        key = b"Bearer sk_test_%d" % number
        headers: Headers = ((b"authorization", key), (b"x-request-id", b"%d" % number))
        assert remembered(own, headers).may_rest
        assert len(own._remembered) <= MAX_REMEMBERED


def test_the_value_of_a_header_that_holds_a_credential_is_hidden_whole() -> None:
    own = HeaderReader(frozenset({b"x-api-key"}), LeakWatch(None))
    (shown,) = own.read(((b"x-api-key", b"desk_1"),)).recorded
    assert shown == (b"x-api-key", hide("desk_1").encode())


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
