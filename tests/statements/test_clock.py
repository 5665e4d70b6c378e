"""The clock of a namespace drives what an answer says of the time."""

from __future__ import annotations

from mockserver.clocks import format_instant, real_millis
from tests.doors import (
    Api,
)


def test_a_frozen_clock_stands_still(api: Api) -> None:
    assert [api.send().json["data"]["created_at"] for _ in range(2)] == ["2026-01-01T00:00:00.000Z"] * 2


def test_a_shifted_and_a_real_clock_go_with_the_time(api: Api) -> None:
    for clock, shift in (("real", 0), ("+90d", 90 * 86_400_000), ("-1h", -3_600_000)):
        api.configure(clock=clock)
        before = format_instant(real_millis() + shift)
        created = api.send().json["data"]["created_at"]
        assert before <= created <= format_instant(real_millis() + shift)
