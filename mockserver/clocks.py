"""What time it is in a namespace: real, frozen at an instant, or shifted by a span.

Times are whole milliseconds since 1970-01-01T00:00:00Z.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

Mode = Literal["real", "frozen", "shifted"]

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_SPAN = re.compile(r"([+-])(\d{1,9})(ms|s|m|h|d|w)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_FIRST, _LAST = -62_135_596_800_000, 253_402_300_799_999


def real_millis() -> int:
    """The machine's own time, in milliseconds.

    It is not that of freezegun or time-machine: a server in another process would not follow them either.
    """
    time_machine = sys.modules.get("time_machine")
    if time_machine is not None and time_machine.escape_hatch.is_travelling():
        return int(time_machine.escape_hatch.time.time_ns()) // 1_000_000
    if freezegun := sys.modules.get("freezegun.api"):
        return int(freezegun.real_time_ns()) // 1_000_000
    return time.time_ns() // 1_000_000


class Clock:
    """The clock of one namespace.

    `mode` and `value` are all of its state: `value` is the instant of a frozen clock, the offset of a
    shifted one, and 0 for a real one, in milliseconds.
    """

    __slots__ = ("_real", "mode", "value")

    def __init__(self, mode: Mode = "real", value: int = 0, *, real: Callable[[], int] = real_millis) -> None:
        self.mode: Mode = mode
        self.value = value
        self._real = real

    def now_millis(self) -> int:
        """The current time of this clock, in milliseconds since the epoch."""
        return self.at(self._real())

    def at(self, real_millis: int) -> int:
        """What this clock shows when the machine's own time is this."""
        return self.value if self.mode == "frozen" else real_millis + self.value

    def freeze(self, millis: int | None = None) -> None:
        """Stand still at an instant; at the clock's own present when none is given."""
        self.value = check_range(self.now_millis() if millis is None else millis)
        self.mode = "frozen"

    def shift_to(self, millis: int) -> None:
        """Go on from an instant at the speed of real time."""
        self.value = check_range(millis) - self._real()
        self.mode = "shifted"

    def advance(self, millis: int) -> None:
        """Move on (or back) at once. A real clock becomes a shifted one."""
        check_range(self.now_millis() + millis)
        self.value += millis
        if self.mode == "real":
            self.mode = "shifted"

    def run_real(self) -> None:
        """Follow the machine's time again."""
        self.mode, self.value = "real", 0


def read_clock(text: str) -> Clock:
    """A clock from an option: `real`, an instant such as `2026-01-01T00:00:00Z`, or a shift such as `+90d`.

    Raises ValueError with what would be right.
    """
    if text == "real":
        return Clock()
    if span := _SPAN.fullmatch(text):
        sign, number, unit = span.groups()
        offset = int(f"{sign}{number}") * _UNITS[unit]
        check_range(real_millis() + offset)
        return Clock("shifted", offset)
    try:
        return Clock("frozen", read_instant(text))
    except ValueError:
        shown = repr(text[:100])
        raise ValueError(
            f"{shown} is not a valid clock; use real, an instant such as 2026-01-01T00:00:00Z, "
            "or a shift such as +90d"
        ) from None


def read_instant(text: str) -> int:
    """Milliseconds since the epoch from an RFC 3339 time; a leap second is the second after :59.

    Raises ValueError with what would be right. An instant that its zone moves out of the years 1 to 9999 is
    the nearest one inside.
    """
    plain = text.upper()
    leap = 1000 if plain[17:19] == "60" else 0
    try:
        moment = datetime.fromisoformat(f"{plain[:17]}59{plain[19:]}" if leap else plain)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or "T" not in plain:
        raise ValueError(
            f"{text!r} is not a valid time; use an instant with its zone such as 2026-01-01T00:00:00Z"
        )
    # Unlike the instant, the span between two lies in no year that there is not.
    millis = (moment - _EPOCH) // _MILLISECOND + leap
    return min(max(millis, _FIRST), _LAST)


def check_range(millis: int) -> int:
    """Raises ValueError for an instant that RFC 3339 cannot write (outside the years 1 to 9999)."""
    if not _FIRST <= millis <= _LAST:
        raise ValueError("the time would lie outside the years 1 to 9999")
    return millis


# Many calls share one millisecond, and more one second; formatting a date is slow.
@lru_cache(maxsize=1)
def format_instant(millis: int) -> str:
    """RFC 3339 in UTC with milliseconds, as JavaScript writes a Date: `2026-01-01T00:00:00.000Z`."""
    seconds, rest = divmod(millis, 1000)
    return f"{_format_seconds(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=1)
def _format_seconds(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
