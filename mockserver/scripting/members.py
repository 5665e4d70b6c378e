"""Members: one object of a stub's document, read member by member, with every mistake told at its place."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mockserver.json_codec import escape_pointer
from mockserver.redaction import redact
from mockserver.scripting.reading import Reading, name_kind
from mockserver.types import Json, JsonObject, is_number


class Members:
    """One object of a document, read member by member; `values` are those that are known and not null.

    `refused` says of members that are known elsewhere why they are none here. An empty list or object of
    theirs asks for nothing and is let through: some clients write it always.
    """

    __slots__ = ("pointer", "reading", "values")

    def __init__(
        self,
        document: Json,
        pointer: str,
        reading: Reading,
        what: str,
        known: Collection[str],
        refused: Mapping[str, str] | None = None,
    ) -> None:
        self.pointer = pointer
        self.reading = reading
        self.values: JsonObject = {}
        if not isinstance(document, dict):
            reading.refuse(pointer, f"{what} must be an object, not {name_kind(document)}")
            return
        reasons = refused or {}
        for name, value in document.items():
            if value is None or (name in reasons and value in ([], {})):
                continue
            if name in known:
                self.values[name] = value
            elif name in reasons:
                self.refuse(name, f"{name!r} {reasons[name]}")
            else:
                reading.refuse_unknown(f"{pointer}/{escape_pointer(name)}", name, known, f"member of {what}")

    def refuse(self, name: str, message: str) -> None:
        self.reading.refuse(f"{self.pointer}/{escape_pointer(name)}", message)

    def part(
        self, name: str, what: str, known: Collection[str], refused: Mapping[str, str] | None = None
    ) -> Members:
        """The object `name`, empty if it is not there. Its nulls are gone from here, too."""
        part = Members(
            self.values.get(name, {}), f"{self.pointer}/{name}", self.reading, what, known, refused
        )
        if name in self.values:
            self.values[name] = part.values
        return part

    def text(self, name: str, *, is_filled: bool = False) -> str | None:
        if name not in self.values:
            return None
        text = self.reading.text(self.values, name, self.pointer)
        if text == "" and is_filled:
            self.refuse(name, f"{name!r} must not be empty")
        return text

    def choice(self, name: str, known: Collection[str], what: str) -> str | None:
        text = self.text(name)
        if text is None or text in known:
            return text
        self.reading.refuse_unknown(f"{self.pointer}/{name}", text, known, what)
        return None

    def flag(self, name: str) -> bool:
        return self.reading.flag(self.values, name, self.pointer)

    def whole(self, name: str, low: int, high: int | None = None) -> int | None:
        value = self.values.get(name)
        if value is None:
            return None
        if type(value) is int and low <= value and (high is None or value <= high):
            return value
        limits = f"of at least {low}" if high is None else f"from {low} to {high}"
        self.refuse(name, f"must be a whole number {limits}, not {show(value)}")
        return None

    def number(self, name: str, low: int, high: int, what: str = "a number") -> float | None:
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        self.refuse(name, f"must be {what} from {low} to {high}, not {show(value)}")
        return None

    def require(self, *names: str) -> None:
        for name in sorted(names):
            if name not in self.values:
                self.refuse(name, f"{name!r} is missing")


def show(value: Json) -> str:
    """What was given, for an error message."""
    if isinstance(value, str):
        return repr(redact(value)[:80])
    return str(value)[:80] if is_number(value) else name_kind(value)
