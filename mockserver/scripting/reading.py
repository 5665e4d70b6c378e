"""Reading: what the readers of a stub's JSON share. It collects every problem instead of stopping at one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from copy import deepcopy
from decimal import Decimal

from mockserver.exceptions import Problem
from mockserver.suggestions import suggest
from mockserver.types import Json, JsonObject

# What stands in these members is data, nulls included.
_DATA = frozenset({"equalToJson", "matchesJsonSchema"})


def drop_nulls(document: Json) -> Json:
    """A copy of a pattern or a question without the members that are null: clients of some languages write
    each member that they know. The items of an array stay where they are."""
    if isinstance(document, dict):
        return {
            name: deepcopy(value) if name in _DATA else drop_nulls(value)
            for name, value in document.items()
            if value is not None
        }
    return [drop_nulls(item) for item in document] if isinstance(document, list) else document


def keep(text: str) -> str:
    """The redaction that hides nothing."""
    return text


class Reading:
    """What has been read so far.

    `redact` is for a text that may hold a secret, `redact_whole` hides a whole value as the journal does in
    that place; `problems` is what was refused, in the order found.
    """

    __slots__ = ("problems", "redact", "redact_whole")

    def __init__(self, redact: Callable[[str], str] = keep) -> None:
        self.redact = redact
        self.redact_whole = redact
        self.problems: list[Problem] = []

    def hiding(self, hide: Callable[[str], str]) -> Reading:
        """The same reading in a place whose values are secrets, whatever their form: `hide` hides one."""
        if self.redact is keep:
            return self
        reading = Reading(self.redact)
        reading.problems = self.problems
        reading.redact_whole = hide
        return reading

    def refuse(self, pointer: str, message: str) -> None:
        # Both may quote what was written.
        self.problems.append(Problem(self.redact(message), self.redact(pointer)))

    def refuse_unknown(self, pointer: str, name: str, known: Collection[str], what: str) -> None:
        """Refuse a member name, with the nearest known one, else with all of them."""
        self.refuse(pointer, f"{name!r} is no {what}; {suggest(name, sorted(known))}")

    def text(self, members: JsonObject, name: str, pointer: str) -> str | None:
        """The text member `name` of the object at `pointer`; None if it is refused."""
        value = members[name]
        if isinstance(value, str):
            return value
        self.refuse(f"{pointer}/{name}", f"{name!r} must be text, not {name_kind(value)}")
        return None

    def flag(self, members: JsonObject, name: str, pointer: str) -> bool:
        """The boolean member `name` of the object at `pointer`; False if it is not there or refused."""
        value = members.get(name, False)
        if isinstance(value, bool):
            return value
        self.refuse(f"{pointer}/{name}", f"{name!r} must be true or false, not {name_kind(value)}")
        return False


def name_kind(value: Json) -> str:
    """What a JSON value is, for an error message."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float() | Decimal():
            return "a number"
        case str():
            return "text"
        case list():
            return "an array"
        case dict():
            return "an object"
        case _:
            return f"a {type(value).__name__}"
