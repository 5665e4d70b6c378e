"""Heads: read once for equal bytes, and forgotten with the namespaces."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import pytest

from mockserver.request import head as heads
from mockserver.request.head import MAX_REMEMBERED, MAX_REMEMBERED_BYTES, Head, HeadReader
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


def test_equal_heads_are_read_once(reader: HeadReader) -> None:
    head = read(reader)
    assert read(reader, tuple(PLAIN)) is head
    assert read(reader, query=f"{QUERY}&x=1") is not head
    assert read(reader, (*PLAIN, (b"x-note", b"n"))) is not head


def test_a_larger_head_takes_more(reader: HeadReader) -> None:
    small, large = read(reader), read(reader, (*PLAIN, (b"x-note", b"n" * 100)))
    assert large.shown.size - small.shown.size > 106


def test_a_head_is_found_by_its_bytes_until_all_is_forgotten(reader: HeadReader) -> None:
    head = read(reader)
    reader.remember(b"raw", head, 7)
    assert reader.find(b"raw") == (head, 7)
    assert reader.find(b"raw ") is None
    reader.remember(b"x" * (MAX_REMEMBERED_BYTES + 1), head, 7)
    assert reader.find(b"x" * (MAX_REMEMBERED_BYTES + 1)) is None
    reader.forget()
    assert reader.find(b"raw") is None
    assert read(reader) is not head
    reader.forget()
    assert KEY.decode() not in repr(vars(reader)) + repr(head)


def test_a_head_that_was_read_before_all_was_forgotten_is_not_remembered_after(reader: HeadReader) -> None:
    head = read(reader)
    reader.forget()
    reader.remember(b"raw", head, 7)
    assert reader.find(b"raw") is None


def test_what_is_forgotten_while_it_is_read_is_not_remembered(
    reader: HeadReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(*given: Any) -> Head:
        reader.forget()
        return Head(*given)

    monkeypatch.setattr(heads, "Head", make)
    head = read(reader)
    reader.remember(b"raw", head, 7)
    assert not head.may_rest
    assert (reader.find(b"raw"), reader._remembered) == (None, {})


@pytest.mark.parametrize(
    "header",
    [
        (b"authorization", b"Bearer sk_live_4eC39HqLyjWDarjtT1zdp7dc"),
        (b"authorization", b"Bearer nothing"),
        (b"x-api-key", KEY),
        (b"cookie", b"session=opaque"),
    ],
)
def test_headers_that_may_not_rest_are_not_remembered(
    reader: HeadReader, header: tuple[bytes, bytes]
) -> None:
    reader.remember(b"raw", read(reader, (PLAIN[0], header)), 0)
    assert reader.find(b"raw") is None


@pytest.mark.parametrize(
    ("path", "query"), [(PATH, f"k={KEY.decode()}"), ("/v1/sk%5ftest%5fvery_secret", "")]
)
def test_a_head_with_a_secret_in_its_url_is_not_remembered(reader: HeadReader, path: str, query: str) -> None:
    reader.remember(b"raw", read(reader, PLAIN, path, query), 0)
    assert reader.find(b"raw") is None


def test_so_many_heads_are_remembered_and_no_more(reader: HeadReader) -> None:
    for number in range(3 * MAX_REMEMBERED):
        head = read(reader, ((b"x-request-id", b"%d" % number),))
        reader.remember(b"%d" % number, head, 0)
        assert reader.find(b"%d" % number) == (head, 0)
        assert max(len(reader._remembered), len(reader._by_bytes)) <= MAX_REMEMBERED
