"""An answer in its parts, and the variant: a named pure change of it."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple, TypeAlias

from mockserver.json_codec import dumps
from mockserver.types import Headers, Json, JsonObject

CONTENT_TYPE = b"content-type"


class Answer(NamedTuple):
    """An answer before it is written: the JSON value of its body (or its bytes, where it is no JSON) and how
    it becomes bytes.

    `is_json` says which; `has_upper_case_headers`, `is_chunked` and `is_compressed` how it travels.
    """

    status: int
    headers: Headers
    value: Json
    is_json: bool = True
    write: Callable[[Json], bytes] = dumps
    is_chunked: bool = False
    is_compressed: bool = False
    has_upper_case_headers: bool = False

    def with_value(self, value: Json) -> Answer:
        """The same with another body."""
        # As `_replace`, which takes four times as long: half of all variants are made by this.
        return Answer(
            self.status, self.headers, value, self.is_json, self.write,
            self.is_chunked, self.is_compressed, self.has_upper_case_headers,
        )  # fmt: skip

    def identify(self) -> tuple[object, ...]:
        """Equal for answers that no client can tell apart."""
        return (
            self.status,
            frozenset(self.headers),
            self.write(self.value),
            self.is_chunked,
            self.is_compressed,
            self.has_upper_case_headers,
        )

    def is_like(self, other: Answer) -> bool:
        """Whether another answer says the same, whatever the order of its members and headers."""
        return self._replace(headers=()) == other._replace(headers=()) and set(self.headers) == set(
            other.headers
        )

    def __repr__(self) -> str:
        # The value may hold a secret that was just issued.
        return f"<Answer {self.status}>"


def write_answer(answer: Answer) -> tuple[Headers, bytes]:
    """The headers and the bytes of an answer."""
    body = answer.write(answer.value)
    if not answer.is_compressed:
        return answer.headers, body
    # The same bytes at any time: the header of gzip (RFC 1952, section 2.3.1) would hold the hour.
    # And quickly: how small they are is all the same to a client.
    return (*answer.headers, (b"content-encoding", b"gzip")), gzip.compress(body, compresslevel=1, mtime=0)


def write_bytes(body: Json) -> bytes:
    """How a body that is no JSON, but bytes already, is written."""
    return bytes(body)


Alter: TypeAlias = Callable[[Answer], Answer]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way in which an answer may differ from the plain one of its operation and status.

    `deviation` says in words what differs; `is_legal` whether the contract allows it; `needs_gzip` that only
    a client that asks for gzip can read it; `parts` are those that were combined. `alter` is pure; an answer
    that has no place for the deviation stays as it is.
    """

    name: str
    operation: str
    status: int
    deviation: str
    is_legal: bool
    alter: Alter
    needs_gzip: bool = False
    parts: tuple[Variant, ...] = ()

    def apply(self, plain: Answer) -> tuple[Answer, str]:
        """The answer with this deviation, and the name of what changed it: `first+second` names those that
        found a place in it, and is empty where none did.
        """
        answer, names = plain, []
        for part in self.parts or (self,):
            varied = part.alter(answer)
            if varied is not answer and varied.identify() != answer.identify():
                names.append(part.name)
            answer = varied
        return answer, "+".join(names)

    def hidden(self, plain: Answer, found: str) -> list[str]:
        """The names of those that would find a place alone, but did not beside the others: `found` is what
        `apply` gave.
        """
        names = found.split("+")
        return [
            part.name
            for part in self.parts
            if part.name not in names and part.alter(plain).identify() != plain.identify()
        ]

    def without_gzip(self) -> Variant | None:
        """What of it a client can read that does not ask for gzip; None for nothing."""
        readable = [part for part in self.parts or (self,) if not part.needs_gzip]
        return reduce(combine, readable) if readable else None

    def for_operation(self, operation: str) -> Variant:
        """The same variant of another operation's answer."""
        return Variant(
            self.name, operation, self.status, self.deviation, self.is_legal, self.alter, self.needs_gzip
        )

    def to_json(self) -> JsonObject:
        """`{"name", "operation", "status", "deviation", "legal"}`."""
        return {
            "name": self.name,
            "operation": self.operation,
            "status": self.status,
            "deviation": self.deviation,
            "legal": self.is_legal,
        }


def combine(first: Variant, second: Variant) -> Variant:
    """Both deviations at once, named `first+second`."""
    return Variant(
        f"{first.name}+{second.name}",
        first.operation,
        first.status,
        f"{first.deviation}; and {second.deviation}",
        first.is_legal and second.is_legal,
        lambda answer: second.alter(first.alter(answer)),
        first.needs_gzip or second.needs_gzip,
        (*(first.parts or (first,)), *(second.parts or (second,))),
    )


def replace_header(headers: Headers, name: bytes, value: bytes | None) -> Headers:
    """Headers with another value under a name, or with None without it."""
    others = tuple(header for header in headers if header[0] != name)
    return others if value is None else (*others, (name, value))
