"""Answers as drift looks at them: whole, with what they tell of items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mockserver.exceptions import MalformedJson
from mockserver.json_codec import escape_pointer, loads_kept, read_index, read_pointer
from mockserver.redaction import redact, redact_json
from mockserver.types import Headers, Json

_MAX_SHOWN = 200


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """One whole answer. `headers` have names in lower case."""

    status: int
    headers: Headers
    body: bytes

    @property
    def value(self) -> Json:
        """The body as JSON; None where it is none."""
        return read_json(self.body)

    def header(self, name: str) -> str:
        """The value of a header, empty where it is not there."""
        return dict(self.headers).get(name.encode("latin-1"), b"").decode("latin-1")

    def find_id(self) -> str | None:
        """The id of what the answer tells of: at its top, or one level below."""
        value = self.value
        if isinstance(value, dict):
            for owner in (value, *(item for item in value.values() if isinstance(item, dict))):
                if isinstance(id := owner.get("id"), str | int) and not isinstance(id, bool):
                    return str(id)
        return None

    def find_items(self) -> tuple[str, list[Json]]:
        """The list that the answer is or has, and where."""
        value = self.value
        if isinstance(value, list):
            return "", value
        for name, item in value.items() if isinstance(value, dict) else ():
            if isinstance(item, list):
                return f"/{escape_pointer(name)}", item
        return "", []

    def list_names(self) -> Iterator[str]:
        """The names of all members, wherever they stand."""
        waiting = [self.value]
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict):
                yield from value
            waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()

    def show(self, pointer: str) -> Json:
        """What stands in the body at a pointer, as it may be shown; `missing` where nothing does."""
        value = self.value
        for token in read_pointer(pointer):
            if isinstance(value, dict) and token in value:
                value = value[token]
            elif isinstance(value, list) and (index := read_index(token)) is not None and index < len(value):
                value = value[index]
            else:
                return "missing"
        shown = redact_json(value)
        return shown if len(str(shown)) <= _MAX_SHOWN else f"{str(shown)[:_MAX_SHOWN]}…"

    def show_header(self, name: str) -> str:
        """The value of a header, as it may be shown."""
        return redact(self.header(name))


def read_json(body: bytes) -> Json:
    """A body as JSON; None where it is none."""
    try:
        return loads_kept(body)
    except MalformedJson:
        return None
