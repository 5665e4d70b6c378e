"""Heads: what they tell, which are remembered, and for how long."""

from __future__ import annotations

from dataclasses import astuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockserver.request.head import Head, HeadReader
from mockserver.request.line import LineFacts
from mockserver.serving.building import Sources
from mockserver.types import Headers
from tests.doors import CREATE

KEY = b"sk_test_4eC39HqLyjWDarjtT1zdp7dc"
PLAIN: Headers = ((b"host", b"localhost"), (b"authorization", b"Bearer " + KEY))
PATH, _, QUERY = CREATE.partition("?")


@pytest.fixture
def reader(sources: Sources) -> HeadReader:
    return HeadReader(sources.contract, sources.rules)


def read(reader: HeadReader, headers: Headers = PLAIN, path: str = PATH, query: str = QUERY) -> Head:
    return reader.read("POST", path, query, headers)


def test_line_and_headers_are_known_together(reader: HeadReader) -> None:
    head = read(reader, (*PLAIN, (b"idempotency-key", b"k")), f"/~t1{PATH}")
    assert head.operation is not None
    assert (head.operation.id, head.arguments) == ("createApiKey", {"account_id": "acct_1"})
    assert (head.namespace, head.idempotency_key, head.preferences) == ("t1", "k", None)
    assert (head.violations, head.warnings) == ([], [])
    assert (head.shown.path, head.shown.operation) == (PATH, "createApiKey")


def test_what_is_shown_of_a_head_holds_no_secret(reader: HeadReader) -> None:
    secret = KEY.decode()
    head = read(reader, (*PLAIN, (b"x-key", KEY)), f"{PATH}{secret}", f"k={secret}")
    shown = head.shown.with_body(b"", None)
    texts = (str(astuple(shown)), repr(head), repr(head.shown), str(head.shown.path_parameters))
    assert not [text for text in texts if secret in text]
    assert head.headers[-1] == (b"x-key", KEY)


def test_a_larger_head_takes_more(reader: HeadReader) -> None:
    small, large = read(reader), read(reader, (*PLAIN, (b"x-note", b"n" * 100)))
    assert large.shown.size - small.shown.size > 106


# What is remembered.


def remembered(reader: HeadReader, headers: Headers = PLAIN, path: str = PATH, query: str = QUERY) -> Head:
    head = read(reader, headers, path, query)
    for _ in range(2):
        reader.remember(head, b"raw")
    reader.remember_credential(head)
    return head


def test_a_head_is_found_until_its_namespace_is_forgotten(reader: HeadReader) -> None:
    head = remembered(reader)
    assert reader.find(b"raw") is head
    assert reader.find(b"raw ") is None
    reader.forget("other")
    assert reader.find(b"raw") is head
    reader.forget("default")
    assert reader.find(b"raw") is None
    assert KEY.decode() not in repr(vars(reader.memory)) + repr(head)


def test_a_head_that_comes_once_is_not_remembered(reader: HeadReader) -> None:
    for number in range(2):
        reader.remember(read(reader), b"raw %d" % number)
        assert reader.find(b"raw %d" % number) is None
    reader.remember(read(reader), b"raw 0")
    assert reader.find(b"raw 0") is not None


@pytest.mark.parametrize(
    ("path", "key", "namespace"),
    [
        (PATH, KEY, "default"),
        (f"/~t1{PATH}", KEY, "t1"),
        (PATH, b"sk_test_ns-t1_x", "t1"),
        (f"/~t2{PATH}", b"sk_test_ns-t1_x", "t2"),
    ],
)
def test_the_credential_is_forgotten_with_the_namespace_of_the_call(
    reader: HeadReader, path: str, key: bytes, namespace: str
) -> None:
    headers: Headers = (PLAIN[0], (b"authorization", b"Bearer " + key))
    head = remembered(reader, headers, path)
    assert head.namespace == namespace
    assert read(reader, (*headers, (b"x-new", b"1")), path).credential is head.credential
    reader.forget(namespace)
    assert key.decode() not in repr(vars(reader.memory))
    assert read(reader, headers, path).credential is not head.credential


def test_a_new_header_is_all_that_is_new(reader: HeadReader) -> None:
    first = remembered(reader)
    second = read(reader, (*PLAIN, (b"x-request-id", b"1")))
    assert second is not first
    assert (second.line, second.credential) == (first.line, first.credential)
    assert second.line is first.line
    assert second.shown.headers == (*first.shown.headers, (b"x-request-id", b"1"))


def test_a_head_that_was_read_before_something_was_forgotten_is_not_remembered_after(
    reader: HeadReader,
) -> None:
    head = read(reader)
    reader.forget("default")
    for _ in range(2):
        reader.remember(head, b"raw")
    reader.remember_credential(head)
    assert reader.find(b"raw") is None
    assert KEY.decode() not in repr(vars(reader.memory))


@pytest.mark.parametrize(
    "header",
    [
        (b"authorization", b"Bearer sk_live_4eC39HqLyjWDarjtT1zdp7dc"),
        (b"authorization", b"Bearer nothing"),
        (b"x-api-key", KEY),
        (b"cookie", b"session=opaque"),
    ],
)
def test_headers_that_may_not_stay_in_memory_do_not(reader: HeadReader, header: tuple[bytes, bytes]) -> None:
    remembered(reader, (PLAIN[0], header))
    assert reader.find(b"raw") is None
    assert repr(header[1]) not in repr(vars(reader.memory))


@pytest.mark.parametrize(
    ("path", "query"), [(PATH, f"k={KEY.decode()}"), ("/v1/sk%5ftest%5fvery_secret", "")]
)
def test_a_head_with_a_secret_in_its_url_is_not_remembered(reader: HeadReader, path: str, query: str) -> None:
    remembered(reader, PLAIN, path, query)
    assert reader.find(b"raw") is None
    assert query not in repr(vars(reader.memory)) or not query


LINES = st.tuples(
    st.sampled_from(("GET", "POST", "DELETE", "PATCH", "get")),
    st.sampled_from(
        ("/v1/api-keys", "/v1/api-keys/", "/v1/api-keys/a%2Fb", "/~t1/v1/api-keys/", "/~T/", "*")
    ),
    st.sampled_from(
        ("", "account_id=a", "account_id=a&account_id=b", "limit=x", "limit=5&managed=true", "q=%zz")
    ),
)
KEYS = st.sampled_from((b"Bearer " + KEY, b"Bearer sk_test_ns-t1_x", b"basic eA==", b"nothing", b""))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(LINES, KEYS), max_size=8), st.integers(0, 8))
def test_what_is_remembered_is_what_is_read(
    sources: Sources, requests: list[tuple[tuple[str, str, str], bytes]], forgotten: int
) -> None:
    reader = HeadReader(sources.contract, sources.rules)
    for number, (line, key) in enumerate((*requests, *requests)):
        headers: Headers = ((b"host", b"localhost"), (b"authorization", key))
        whole = (*line, headers)
        found = reader.find(whole)
        head = reader.read(*whole) if found is None else found
        reader.remember(head, whole)
        reader.remember_credential(head)
        fresh = HeadReader(sources.contract, sources.rules).read(*whole)
        for name in set(LineFacts.__slots__):
            assert getattr(head.line, name) == getattr(fresh.line, name), name
        assert head.credential == fresh.credential
        for name in ("arguments", "namespace", "violations", "warnings", "is_cacheable"):
            assert getattr(head, name) == getattr(fresh, name), name
        assert head.shown.headers == fresh.shown.headers
        if number == forgotten:
            reader.forget(head.namespace)
