"""Dates as WireMock writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.scripting.dates import (
    TRUNCATIONS,
    DateFormat,
    read_offset,
    read_relative,
    read_time,
    to_millis,
    to_moment,
)

MILLIS = 1_767_225_600_123  # 2026-01-01T00:00:00.123Z


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2026-01-01T00:00:00.123Z"),
        ("dd/MM/yy", "01/01/26"),
        ("EEE, d MMM yyyy h:mm a", "Thu, 1 Jan 2026 12:00 AM"),
        ("EEEE MMMM", "Thursday January"),
        ("H 'o''clock'", "0 o'clock"),
        ("''yyyy''", "'2026'"),
        ("HH:mm Z xxx z", "00:00 +0000 +00:00 UTC"),
        ("epoch", "1767225600123"),
        ("unix", "1767225600"),
    ],
)
def test_a_format_is_javas(format: str, text: str) -> None:
    assert DateFormat(format).write(to_moment(MILLIS)) == text


@pytest.mark.parametrize(
    ("format", "text", "time"),
    [
        ("dd/MM/yyyy", "31/12/2025", "2025-12-31T00:00:00"),
        ("d MMM yy", "3 feb 26", "2026-02-03T00:00:00"),
        ("yyyy-MM-dd h:mm a", "2026-01-01 12:30 pm", "2026-01-01T12:30:00"),
        ("yyyy-MM-dd'T'HH:mm:ssX", "2026-01-01T01:00:00+0100", "2026-01-01T01:00:00+01:00"),
        ("HH:mm:ss.SSS", "01:02:03.004", "1970-01-01T01:02:03.004"),
        ("unix", "0", "1970-01-01T00:00:00+00:00"),
        ("dd/MM/yyyy", "2025-12-31", None),
        ("dd/MM/yyyy", "31/02/2025", None),
        ("d MMM yyyy", "1 Foo 2025", None),
        ("epoch", "soon", None),
        ("epoch", "9" * 15, None),
    ],
)
def test_a_text_is_read_by_its_format(format: str, text: str, time: str | None) -> None:
    moment = DateFormat(format).read(text)
    assert (None if moment is None else moment) == (None if time is None else read_time(time))


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_what_a_format_writes_it_reads(millis: int) -> None:
    for text in ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "epoch"):
        moment = DateFormat(text).read(DateFormat(text).write(to_moment(millis)))
        assert moment is not None
        assert to_millis(moment) == millis
    for truncate in TRUNCATIONS.values():
        assert truncate(truncate(to_moment(millis))).tzinfo is not None


@pytest.mark.parametrize(
    ("offset", "time"),
    [
        ("3 days", "2026-01-04T00:00:00.123+00:00"),
        ("-1 month", "2025-12-01T00:00:00.123+00:00"),
        ("+ 2 years", "2028-01-01T00:00:00.123+00:00"),
        ("90 SECONDS", "2026-01-01T00:01:30.123+00:00"),
        ("999999 years", "9999-12-31T23:59:59.999999+00:00"),
        ("-999999 days", "0001-01-01T00:00:00+00:00"),
    ],
)
def test_an_offset_moves_a_moment(offset: str, time: str) -> None:
    assert read_offset(offset).apply(to_moment(MILLIS)) == read_time(time)


def test_a_month_that_has_no_such_day_ends_with_its_last() -> None:
    moment = read_time("2026-01-31T00:00:00Z")
    assert moment is not None
    assert read_offset("1 month").apply(moment) == read_time("2026-02-28T00:00:00Z")


@pytest.mark.parametrize("text", ["3", "days", "3 lightyears", "1.5 days", "tomorrow", ""])
def test_what_is_no_offset_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no offset such as '3 days'"):
        read_offset(text)


def test_relative_times() -> None:
    assert read_relative("2026-01-01") is None
    for text, amount in (("now", 0), (" NOW ", 0), ("now +3 days", 3), ("now -3 days", -3)):
        offset = read_relative(text)
        assert offset is not None
        assert offset.amount == amount
    with pytest.raises(ValueError, match="no offset"):
        read_relative("now -x")


@pytest.mark.parametrize("text", ["QQ", "yyyyyyyyyyyyy"])
def test_a_letter_that_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not known; letters: y, M"):
        DateFormat(text)
