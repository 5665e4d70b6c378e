"""Filters of calls: a table with one entry for each, and the question that some of them make together.

A filter is named as in the query of `GET /calls`. What was counted outlives the calls, so a filter that looks
at nothing but what calls are counted by answers for evicted calls as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from mockserver.clocks import read_instant
from mockserver.journal.call import Call, CountKey
from mockserver.suggestions import suggest


class Evicted(NamedTuple):
    """What is known of evicted calls beside their counts: when the last of them came (milliseconds since
    1970), and how many had warnings."""

    last_millis: int
    warned: int


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter. Each function takes the wanted value last.

    `read` makes that value of a text, or raises ValueError with what would be right. `fits` judges a call.
    `fits_key` judges all calls that are counted alike, or is None where counts cannot tell; `excludes` then
    tells whether no evicted call can fit.
    """

    read: Callable[[str], Any]
    fits: Callable[[Call, Any], bool]
    fits_key: Callable[[CountKey, Any], bool] | None = None
    excludes: Callable[[Evicted, Any], bool] = lambda evicted, wanted: False


def read_whole(text: str) -> int:
    """A whole number. Raises ValueError."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise ValueError(f"{text!r} must be a whole number")
    return int(text)


def read_flag(text: str) -> bool:
    """`true`, `false`, or nothing, which is true. Raises ValueError."""
    if text not in ("", "true", "false"):
        raise ValueError(f"{text!r} must be true or false")
    return text != "false"


FILTERS: Mapping[str, Filter] = {
    "operation": Filter(
        str,
        lambda call, wanted: call.operation == wanted,
        lambda key, wanted: key[0] == wanted,
    ),
    "status": Filter(
        read_whole,
        lambda call, wanted: call.status == wanted,
        lambda key, wanted: key[1] == wanted,
    ),
    "reason": Filter(
        str,
        lambda call, wanted: call.reason == wanted,
        lambda key, wanted: key[2] == wanted,
    ),
    "since": Filter(
        read_instant,
        lambda call, wanted: call.received_millis > wanted,
        excludes=lambda evicted, wanted: evicted.last_millis <= wanted,
    ),
    "warnings": Filter(
        read_flag,
        lambda call, wanted: not wanted or bool(call.warnings),
        excludes=lambda evicted, wanted: wanted and not evicted.warned,
    ),
}


class CallFilter:
    """Which calls a question is about: those that fit every filter given. None does not ask.

    `wanted` has the value of each filter that is asked for.
    """

    __slots__ = ("_chosen", "wanted")

    def __init__(self, **wanted: Any) -> None:
        self.wanted = {
            name: value for name, value in wanted.items() if value is not None and value is not False
        }
        self._chosen = [(FILTERS[name], value) for name, value in self.wanted.items()]

    @property
    def is_counted(self) -> bool:
        """Whether the counts answer it, for evicted calls too."""
        return all(item.fits_key is not None for item, _ in self._chosen)

    def fits(self, call: Call) -> bool:
        """Whether a call is meant."""
        return all(item.fits(call, value) for item, value in self._chosen)

    def fits_key(self, key: CountKey) -> bool:
        """Whether calls that are counted by a key may be meant."""
        return all(item.fits_key is None or item.fits_key(key, value) for item, value in self._chosen)

    def excludes(self, evicted: Evicted) -> bool:
        """Whether no evicted call can be meant, as far as others than the counts can tell."""
        return any(item.excludes(evicted, value) for item, value in self._chosen)


def read_filter(texts: Mapping[str, str], beside: tuple[str, ...] = ()) -> CallFilter:
    """`{"status": "422"}` -> the calls that were answered with 422. Raises ValueError with what is wrong.

    What stands `beside` the filters is left to the caller.
    """
    wanted: dict[str, Any] = {}
    for name, text in texts.items():
        if name in beside:
            continue
        if name not in FILTERS:
            raise ValueError(f"{name!r} is not a filter of calls; {suggest(name, (*FILTERS, *beside))}")
        try:
            wanted[name] = FILTERS[name].read(text)
        except ValueError as error:
            raise ValueError(f"{name}={error}") from None
    return CallFilter(**wanted)
