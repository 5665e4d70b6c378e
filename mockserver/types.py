"""Aliases that signatures share, what is not given, and what a number is."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Literal, TypeAlias

# A parsed JSON value. Numbers beyond 64 bits or beyond the range of a double are Decimal; those that a double
# cannot hold as they were written remember their text (`json_codec.WrittenFloat`).
Json: TypeAlias = Any
JsonObject: TypeAlias = dict[str, Any]
Schema: TypeAlias = dict[str, Any] | bool
Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]


def is_number(value: Json) -> bool:
    """Whether a JSON value is a number; to Python true and false are numbers too."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


class Unset(Enum):
    """Keeps "not given" apart from None: `null` is a legal JSON body."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET
UnsetType: TypeAlias = Literal[Unset.UNSET]


# Makes the table of a name, empty: an ordered dictionary, which may note what changes in it.
MakeTable: TypeAlias = Callable[[str], "OrderedDict[Any, Any]"]


def make_plain_table(name: str) -> OrderedDict[Any, Any]:
    """A table that notes nothing."""
    return OrderedDict()
