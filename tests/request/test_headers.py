"""Headers: what they tell, how they are shown, and which of them may stay in memory."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mockserver.redaction import hide, redact_bytes, redact_header
from mockserver.request.headers import MAX_REMEMBERED_BYTES, MAX_REMEMBERED_HEADERS, HeaderReader
from mockserver.request.leaks import LeakWatch
from mockserver.request.memory import Memory
from mockserver.types import Headers
from mockserver.vendors.hsrcpay.keys import ISSUED_MARK

KEY = b"sk_test_4eC39HqLyjWDarjtT1zdp7dc"
PLAIN: Headers = ((b"host", b"localhost"), (b"authorization", b"Bearer " + KEY))


def reader() -> HeaderReader:
    return HeaderReader(frozenset(), LeakWatch(ISSUED_MARK), Memory())


def test_headers_tell_what_they_say() -> None:
    accepted = ((b"accept", b"a/b"), (b"accept", b"*/*;q=0.5"))
    facts = reader().read((*PLAIN, (b"content-length", b"0012"), *accepted))
    assert (facts.hosts, facts.length, facts.accept) == ((b"localhost",), 12, "a/b, */*;q=0.5")
    assert facts.authorizations == (b"Bearer " + KEY,)
    assert facts.is_cacheable


@pytest.mark.parametrize(
    "header",
    [
        (b"x-api-key", KEY),
        (b"cookie", b"session=opaque"),
        (KEY, b"1"),
        (b"referer", b"/?k=" + KEY),
        (b"x-long", b"x" * MAX_REMEMBERED_BYTES),
    ],
)
def test_what_holds_a_secret_elsewhere_or_is_long_may_not_stay_in_memory(header: tuple[bytes, bytes]) -> None:
    assert not reader().read((PLAIN[0], header)).is_cacheable


def test_many_headers_may_not_stay_in_memory() -> None:
    many = tuple((b"x-%d" % number, b"") for number in range(MAX_REMEMBERED_HEADERS + 1))
    assert reader().read(many[1:]).is_cacheable
    assert not reader().read(many).is_cacheable


def test_an_authorization_is_shown_as_somebody_who_read_it_before_knows() -> None:
    memory = Memory()
    memory.put((PLAIN[1][1],), b"Bearer sk_test_[0123456789ab]", None, memory.generation)
    facts = HeaderReader(frozenset(), LeakWatch(None), memory).read(PLAIN)
    assert facts.recorded == (PLAIN[0], (b"authorization", b"Bearer sk_test_[0123456789ab]"))
    assert facts.is_cacheable


def test_the_value_of_a_header_that_holds_a_credential_is_hidden_whole() -> None:
    own = HeaderReader(frozenset({b"x-api-key"}), LeakWatch(None), Memory())
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


@given(st.lists(st.tuples(NAMES, VALUES), max_size=5))
@example([(b"x", b"sk_"), (b"test_abcdefgh", b"")])
def test_what_is_recorded_is_each_header_redacted(headers: list[tuple[bytes, bytes]]) -> None:
    expected = tuple((redact_bytes(name), redact_header(name, value)) for name, value in headers)
    own = reader()
    assert own.read(tuple(headers)).recorded == expected
    assert own.read((*headers, (b"x-last", b"1"))).recorded == (*expected, (b"x-last", b"1"))
