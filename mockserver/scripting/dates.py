"""Dates as WireMock writes them: relative times, Java's formats, truncations (docs/request-matching).

now +3 days      dd/MM/yyyy      first day of month
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNITS = ("seconds", "minutes", "hours", "days", "months", "years")
_OFFSET = re.compile(r"([+-]?)\s*(\d{1,6})\s+(second|minute|hour|day|month|year)s?", re.IGNORECASE)
_NOW = re.compile(r"now(?:\s*([+-].*))?", re.IGNORECASE | re.DOTALL)


class Offset(NamedTuple):
    """A span of calendar time: `amount` of a unit, such as 3 of "days"."""

    amount: int
    unit: str

    def apply(self, moment: datetime) -> datetime:
        """The moment that lies so far from another; the last day of a month that has no such day.

        What would lie outside the years 1 to 9999 is the first or the last moment of them.
        """
        if self.unit in ("months", "years"):
            months = self.amount * (12 if self.unit == "years" else 1)
            year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
            if 1 <= year <= 9999:
                day = min(moment.day, calendar.monthrange(year, month + 1)[1])
                return moment.replace(year=year, month=month + 1, day=day)
        else:
            try:
                return moment + timedelta(**{self.unit: self.amount})
            except OverflowError:
                pass
        last = datetime.max if self.amount > 0 else datetime.min
        return last.replace(tzinfo=moment.tzinfo)


def read_offset(text: str) -> Offset:
    """`3 days`, `-24 seconds`. Raises ValueError with what would be right."""
    match = _OFFSET.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"{text!r} is no offset such as '3 days' or '-24 seconds'; units: {', '.join(UNITS)}"
        )
    sign, amount, unit = match.groups()
    return Offset(int(f"{sign}{amount}"), f"{unit.lower()}s")


def read_relative(text: str) -> Offset | None:
    """`now`, `now +3 days`; None for a text that is no relative time. Raises ValueError."""
    match = _NOW.fullmatch(text.strip())
    if match is None:
        return None
    return read_offset(match.group(1)) if match.group(1) else Offset(0, "days")


def to_moment(millis: int) -> datetime:
    """Milliseconds since the epoch as a moment in UTC."""
    return _EPOCH + timedelta(milliseconds=millis)


def to_millis(moment: datetime) -> int:
    """The other way round; a moment without a zone is UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(milliseconds=1)


def read_time(text: str) -> datetime | None:
    """A time as ISO 8601, which RFC 3339 is part of, or as in HTTP headers (RFC 9110, section 5.6.7)."""
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return parse(text)
        except (ValueError, OverflowError):
            continue
    return None


@dataclass(frozen=True, slots=True)
class ExpectedTime:
    """A time, or one relative to the clock of the namespace; moved on, and truncated before or after that."""

    fixed: datetime | None
    relative: Offset | None
    offset: Offset | None
    truncate: Callable[[datetime], datetime] | None
    is_truncated_last: bool

    def at(self, now_millis: int) -> datetime:
        """The time that is meant when the clock shows this."""
        moment = self.fixed or to_moment(now_millis)
        offsets = (self.relative, self.offset)
        steps: list[Callable[[datetime], datetime]] = [step.apply for step in offsets if step is not None]
        if self.truncate is not None:
            steps.insert(len(steps) if self.is_truncated_last else 0, self.truncate)
        for step in steps:
            moment = step(moment)
        return moment


# Truncations.


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _first_day(moment: datetime, months: int) -> datetime:
    return Offset(months, "months").apply(_midnight(moment).replace(day=1))


TRUNCATIONS: Mapping[str, Callable[[datetime], datetime]] = {
    "first second of minute": lambda moment: moment.replace(second=0, microsecond=0),
    "first minute of hour": lambda moment: moment.replace(minute=0, second=0, microsecond=0),
    "first hour of day": _midnight,
    "first day of month": lambda moment: _first_day(moment, 0),
    "first day of next month": lambda moment: _first_day(moment, 1),
    "last day of month": lambda moment: _first_day(moment, 1) - timedelta(days=1),
    "first day of year": lambda moment: _midnight(moment).replace(month=1, day=1),
    "first day of next year": lambda moment: _first_day(moment.replace(month=1), 12),
    "last day of year": lambda moment: _midnight(moment).replace(month=12, day=31),
}


# Formats: Java's DateTimeFormatter, the letters that people use.

_TOKEN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|.", re.DOTALL)
_MONTHS, _DAYS = calendar.month_name, calendar.day_name


def _zone(moment: datetime, *, colon: bool, zulu: bool) -> str:
    minutes = (moment.utcoffset() or timedelta(0)) // timedelta(minutes=1)
    if zulu and not minutes:
        return "Z"
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}{':' if colon else ''}{abs(minutes) % 60:02d}"


# Each with how it is written and, as a part of a regular expression, how it is read.
_LETTERS: Mapping[str, tuple[Callable[[datetime, int], str], Callable[[int], str]]] = {
    "y": (lambda moment, count: f"{moment.year % 100:02d}" if count == 2 else f"{moment.year:0{count}d}",
          lambda count: rf"(?P<year>\d{{{2 if count == 2 else 4}}})"),
    "M": (lambda moment, count: _name(_MONTHS[moment.month], moment.month, count),
          lambda count: rf"(?P<month>{_NAMES if count > 2 else _digits(count)})"),
    "d": (lambda moment, count: f"{moment.day:0{count}d}", lambda count: f"(?P<day>{_digits(count)})"),
    "E": (lambda moment, count: _name(_DAYS[moment.weekday()], 0, max(3, count)), lambda count: _NAMES),
    "H": (lambda moment, count: f"{moment.hour:0{count}d}", lambda count: f"(?P<hour>{_digits(count)})"),
    "h": (lambda moment, count: f"{(moment.hour - 1) % 12 + 1:0{count}d}",
          lambda count: f"(?P<half>{_digits(count)})"),
    "m": (lambda moment, count: f"{moment.minute:0{count}d}", lambda count: f"(?P<minute>{_digits(count)})"),
    "s": (lambda moment, count: f"{moment.second:0{count}d}", lambda count: f"(?P<second>{_digits(count)})"),
    "S": (lambda moment, count: f"{moment.microsecond:06d}"[:count].ljust(count, "0"),
          lambda count: rf"(?P<fraction>\d{{{count}}})"),
    "a": (lambda moment, count: "AM" if moment.hour < 12 else "PM", lambda count: "(?P<noon>[AaPp][Mm])"),
    "X": (lambda moment, count: _zone(moment, colon=count > 2, zulu=True), lambda count: _ZONE),
    "x": (lambda moment, count: _zone(moment, colon=count > 2, zulu=False), lambda count: _ZONE),
    "Z": (lambda moment, count: _zone(moment, colon=count > 3, zulu=False), lambda count: _ZONE),
    "z": (lambda moment, count: moment.tzname() or "UTC", lambda count: "(?:UTC|GMT|Z)"),
}  # fmt: skip
_NAMES = r"[A-Za-z]+"
_ZONE = r"(?P<zone>Z|[+-]\d\d:?\d\d)"


def _digits(count: int) -> str:
    return rf"\d{{{count}}}" if count > 1 else r"\d{1,2}"


def _name(name: str, number: int, count: int) -> str:
    return f"{number:0{count}d}" if count < 3 else name[:3] if count == 3 else name


class DateFormat:
    """A format of dates, such as `yyyy-MM-dd'T'HH:mm:ss`; `unix` and `epoch` are seconds and milliseconds.

    Raises ValueError for a letter that is not known, with those that are.
    """

    __slots__ = ("_regex", "_writers", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._writers: list[Callable[[datetime], str]] = []
        pattern: list[str] = []
        seen: set[str] = set()
        for match in _TOKEN.finditer("" if text in ("unix", "epoch") else text):
            token, quoted, letter = match.group(), match.group(1), match.group(2)
            if letter is None:
                literal = token if quoted is None else quoted.replace("''", "'") or "'"
                self._writers.append(lambda moment, literal=literal: literal)  # type: ignore[misc]
                pattern.append(re.escape(literal))
                continue
            if letter not in _LETTERS or len(token) > 9:
                known = ", ".join(_LETTERS)
                raise ValueError(f"{token!r} of the date format {text!r} is not known; letters: {known}")
            (write, read), count = _LETTERS[letter], len(token)
            self._writers.append(
                lambda moment, write=write, count=count: write(moment, count)  # type: ignore[misc]
            )
            part = "zone" if letter in "XxZ" else letter
            pattern.append(read(count) if part not in seen else r".*?")
            seen.add(part)
        self._regex = re.compile("".join(pattern))

    def write(self, moment: datetime) -> str:
        """A moment in this format."""
        if self.text in ("unix", "epoch"):
            millis = to_millis(moment)
            return str(millis if self.text == "epoch" else millis // 1000)
        return "".join(write(moment) for write in self._writers)

    def read(self, text: str) -> datetime | None:
        """The moment that a text in this format is, without a zone unless it has one; None if it is none."""
        if self.text in ("unix", "epoch"):
            if not re.fullmatch(r"-?\d{1,15}", text):
                return None
            try:
                return to_moment(int(text) * (1 if self.text == "epoch" else 1000))
            except OverflowError:
                return None
        match = self._regex.fullmatch(text[:200])
        return None if match is None else _assemble(match.groupdict())


def _assemble(parts: Mapping[str, str | None]) -> datetime | None:
    def number(name: str, default: int) -> int:
        value = parts.get(name)
        return default if value is None else int(value)

    written = parts.get("year") or "1970"
    year = int(written) + (2000 if len(written) == 2 else 0)
    month = parts.get("month")
    names = [name[:3].lower() for name in _MONTHS]
    hour = number("hour", 0)
    if parts.get("half") is not None:
        is_pm = (parts.get("noon") or "").lower() == "pm"
        hour = number("half", 12) % 12 + (12 if is_pm else 0)
    zone = parts.get("zone")
    try:
        index = 1 if month is None else int(month) if month.isdecimal() else names.index(month[:3].lower())
        moment = datetime(
            year, index, number("day", 1), hour, number("minute", 0),
            number("second", 0), int((parts.get("fraction") or "0")[:6].ljust(6, "0")),
        )  # fmt: skip
        if zone is not None:
            moment = moment.replace(tzinfo=datetime.fromisoformat(f"2000-01-01T00:00:00{zone}").tzinfo)
    except ValueError:
        return None
    return moment
