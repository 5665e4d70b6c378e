"""The clock of a namespace: real, frozen or shifted; and instants as RFC 3339 writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.clocks import Clock, check_range, format_instant, read_clock, read_instant, real_millis
from mockserver.contract.schema_registry import is_date_time

NEW_YEAR = 1_767_225_600_000  # 2026-01-01T00:00:00Z
FIRST, LAST = -62_135_596_800_000, 253_402_300_799_999


class Real:
    """The machine's time, told by the test."""

    def __init__(self) -> None:
        self.millis = NEW_YEAR

    def __call__(self) -> int:
        return self.millis


def test_a_real_clock_tells_the_machines_time() -> None:
    before = real_millis()
    assert before <= Clock().now_millis() <= real_millis()
    real = Real()
    clock = Clock(real=real)
    real.millis += 5
    assert clock.now_millis() == NEW_YEAR + 5


def test_a_frozen_clock_stands_still_until_it_is_moved() -> None:
    real = Real()
    clock = Clock("frozen", 1000, real=real)
    real.millis += 5
    assert clock.now_millis() == 1000
    clock.advance(-250)
    assert (clock.mode, clock.now_millis()) == ("frozen", 750)


def test_a_clock_freezes_at_an_instant_or_where_it_stands() -> None:
    real = Real()
    clock = Clock(real=real)
    clock.freeze()
    real.millis += 5
    assert clock.now_millis() == NEW_YEAR
    clock.freeze(7)
    assert (clock.mode, clock.now_millis()) == ("frozen", 7)


def test_a_shifted_clock_goes_with_the_real_one() -> None:
    real = Real()
    clock = Clock(real=real)
    clock.shift_to(1000)
    real.millis += 5
    assert (clock.mode, clock.now_millis()) == ("shifted", 1005)
    clock.advance(10)
    assert (clock.mode, clock.now_millis()) == ("shifted", 1015)


def test_a_real_clock_that_is_moved_is_a_shifted_one_until_it_is_real_again() -> None:
    real = Real()
    clock = Clock(real=real)
    clock.advance(90_000)
    assert (clock.mode, clock.now_millis()) == ("shifted", NEW_YEAR + 90_000)
    clock.run_real()
    assert (clock.mode, clock.now_millis()) == ("real", NEW_YEAR)


@pytest.mark.parametrize("millis", [FIRST - 1, LAST + 1, 10**30, -(10**30)])
def test_no_clock_leaves_the_years_that_can_be_written(millis: int) -> None:
    clock = Clock("frozen", 0)
    for move in (clock.freeze, clock.shift_to, clock.advance):
        with pytest.raises(ValueError, match="outside the years 1 to 9999"):
            move(millis)
    assert (clock.mode, clock.value) == ("frozen", 0)
    with pytest.raises(ValueError, match="outside"):
        check_range(millis)


@pytest.mark.parametrize(
    ("text", "mode", "value"),
    [
        ("real", "real", 0),
        ("2026-01-01T00:00:00Z", "frozen", NEW_YEAR),
        ("2026-01-01t01:00:00.250+01:00", "frozen", NEW_YEAR + 250),
        ("+90d", "shifted", 90 * 86_400_000),
        ("-1h", "shifted", -3_600_000),
        ("+5m", "shifted", 300_000),
        ("+30s", "shifted", 30_000),
        ("+250ms", "shifted", 250),
        ("+2w", "shifted", 14 * 86_400_000),
        ("+0s", "shifted", 0),
    ],
)
def test_a_clock_is_read_from_its_option(text: str, mode: str, value: int) -> None:
    clock = read_clock(text)
    assert (clock.mode, clock.value) == (mode, value)


@pytest.mark.parametrize(
    "text",
    ["", "now", "Real", "90d", "+90", "+d", "+1y", "+1.5d", "+1 d", "2026-01-01", "2026-01-01T00:00:00",
     "2026-01-01 00:00:00Z", "2026-02-30T00:00:00Z", "10000-01-01T00:00:00Z", "0000-01-01T00:00:00Z",
     "+999999999d", "-999999999w", "1767225600"],
)  # fmt: skip
def test_what_is_no_clock_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"an instant|outside the years"):
        read_clock(text)


@pytest.mark.parametrize(
    ("text", "millis"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.1Z", 100),
        ("1970-01-01T00:00:00.0009999Z", 0),
        ("1970-01-01T00:00:00.123456789123Z", 123),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2026-01-01T05:30:00+05:30", NEW_YEAR),
        ("2025-12-31t23:59:60z", NEW_YEAR),
        ("2025-12-31T23:59:60.5Z", NEW_YEAR + 500),
        ("0001-01-01T00:00:00Z", FIRST),
        ("9999-12-31T23:59:59.999Z", LAST),
        ("0001-01-01T00:00:00+23:59", FIRST),
        ("9999-12-31T23:59:59.999-23:59", LAST),
    ],
)
def test_an_instant_is_read(text: str, millis: int) -> None:
    assert read_instant(text) == millis


@pytest.mark.parametrize(
    ("millis", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (NEW_YEAR + 7, "2026-01-01T00:00:00.007Z"),
        (FIRST, "0001-01-01T00:00:00.000Z"),
        (LAST, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_an_instant_is_written_as_javascript_writes_a_date(millis: int, text: str) -> None:
    assert format_instant(millis) == text
    assert format_instant(millis) == text


@given(st.lists(st.integers(FIRST, LAST), min_size=1, max_size=4))
def test_what_is_written_is_read_back(instants: list[int]) -> None:
    for millis in instants:
        text = format_instant(millis)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
        assert is_date_time(text)
        assert read_instant(text) == millis
        assert text == (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis)).isoformat(
            timespec="milliseconds"
        ).replace("+00:00", "Z")


digits = st.text("0123456789", min_size=1, max_size=12)
date_times = st.builds(
    lambda date, time, fraction, zone: f"{date}{time}{fraction}{zone}",
    st.dates().map(str) | st.sampled_from(["0000-01-01", "2024-02-29", "2023-02-29", "9999-12-31"]),
    st.times().map(lambda time: f"T{time:%H:%M:%S}")
    | st.sampled_from(["T23:59:60", "t00:00:60", "T24:00:00", "T12:60:00", " 00:00:00"]),
    st.just("") | digits.map(lambda text: f".{text}") | st.sampled_from([",5", "."]),
    st.sampled_from(["Z", "z", "+00:00", "-23:59", "+24:00", "+12:60", "+0100", "", "+01:00:30"]),
)


@given(date_times)
@settings(max_examples=300)
def test_every_date_time_that_the_contract_accepts_is_an_instant(text: str) -> None:
    if is_date_time(text):
        assert FIRST <= read_instant(text) <= LAST
