"""Records: what a sandbox tells of its calls, its contract's errors and its variants, as objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mockserver.json_codec import dumps
from mockserver.types import Json, JsonObject


class RecordedHeaders(Mapping[str, str]):
    """Headers by name, whatever its case; several values of one name are joined by `, ` (RFC 9110, 5.3)."""

    __slots__ = ("_values",)

    def __init__(self, headers: Mapping[str, str | list[str]]) -> None:
        self._values = {
            name.lower(): value if isinstance(value, str) else ", ".join(value)
            for name, value in headers.items()
        }

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)


@dataclass(frozen=True, slots=True)
class RecordedResponse:
    """The answer of a call, redacted. `json` is its body: a text if it is not JSON, None if it is
    empty."""

    status: int
    headers: RecordedHeaders
    json: Json


@dataclass(frozen=True, slots=True, repr=False)
class RecordedCall:
    """One call as the journal has it, credentials and issued keys redacted.

    `raw` is all of it in the shape of `GET /__admin/calls/{id}`; the properties are its members.
    """

    raw: JsonObject

    def __repr__(self) -> str:
        status = "no answer" if self.status is None else self.status
        return f"<RecordedCall {self.number} {self.method} {self.path} {status} {self.reason}>"

    @property
    def id(self) -> str:
        """The id that the answer carried as `mockserver-call-id`."""
        return str(self.raw["id"])

    @property
    def number(self) -> int:
        """Its place in its namespace, from 1, without gaps."""
        return int(self.raw["number"])

    @property
    def method(self) -> str:
        """The method, as it was sent."""
        return str(self.raw["request"]["method"])

    @property
    def path(self) -> str:
        """The path without the namespace, percent-encoded as it was sent."""
        return str(self.raw["request"]["path"])

    @property
    def query(self) -> dict[str, list[str]]:
        """The query, decoded: every name with its values."""
        query: dict[str, list[str]] = self.raw["request"]["query"]
        return query

    @property
    def headers(self) -> RecordedHeaders:
        """The headers of the request."""
        return RecordedHeaders(self.raw["request"]["headers"])

    @property
    def json(self) -> Json:
        """The body of the request: parsed JSON, a text where it is none, None if it is empty."""
        return self.raw["request"]["body"]

    @property
    def text(self) -> str:
        """The body of the request as one text; JSON is written anew, compact."""
        body = self.json
        if body is None:
            return ""
        return body if isinstance(body, str) else dumps(body).decode("utf-8")

    @property
    def operation(self) -> str | None:
        """The operation of the contract that was called; None for a path or method that it lacks."""
        operation: str | None = self.raw["operation"]
        return operation

    @property
    def credential(self) -> JsonObject:
        """`kind`, `mode`, `display` and `fingerprint`; equal secrets have equal fingerprints."""
        credential: JsonObject = self.raw["credential"]
        return credential

    @property
    def violations(self) -> list[JsonObject]:
        """How the request breaks the contract: `in`, `pointer`, `keyword`, `message` each."""
        violations: list[JsonObject] = self.raw["violations"]
        return violations

    @property
    def warnings(self) -> list[JsonObject]:
        """What is suspicious and was answered all the same: `code` and `message` each."""
        warnings: list[JsonObject] = self.raw["warnings"]
        return warnings

    @property
    def reason(self) -> str:
        """Why it was answered so: the slug that the answer carried as `mockserver-reason`."""
        return str(self.raw["reason"])

    @property
    def stub(self) -> JsonObject | None:
        """`id` and `name` of the stub that answered."""
        stub: JsonObject | None = self.raw["stub"]
        return stub

    @property
    def variant(self) -> str | None:
        """The name of the variant that the answer was; None for a plain one."""
        variant: str | None = self.raw.get("variant")
        return variant

    @property
    def fault(self) -> str | None:
        """The fault that the answer met on its way."""
        fault: str | None = self.raw["fault"]
        return fault

    @property
    def phase(self) -> str | None:
        """`before` or `after_commit`, for an answer that was scripted."""
        phase: str | None = self.raw["phase"]
        return phase

    @property
    def response(self) -> RecordedResponse | None:
        """The answer; None before it is made."""
        response = self.raw["response"]
        if response is None:
            return None
        return RecordedResponse(response["status"], RecordedHeaders(response["headers"]), response["body"])

    @property
    def status(self) -> int | None:
        """The status of the answer; None before it is made."""
        response = self.raw["response"]
        return None if response is None else int(response["status"])

    @property
    def state(self) -> str:
        """`in_flight`, `answered`, `faulted` or `disconnected`."""
        return str(self.raw["state"])


class _Entry:
    """An entry of a list of the control API. Its members can be read as there, too: `entry["status"]`."""

    __slots__ = ()

    def __getitem__(self, name: str) -> Any:
        try:
            return getattr(self, name)
        except AttributeError:
            raise KeyError(name) from None


@dataclass(frozen=True, slots=True)
class DocumentedError(_Entry):
    """An error of the API, with its exact body. `operation` is None for those that belong to none, such as
    the 404 of an unknown path.

    `provoke` holds ways to get it: `queue` is a body for `POST /__admin/queue`, `python` a line of Python.
    """

    operation: str | None
    status: int
    reason: str
    body: Json
    provoke: JsonObject


@dataclass(frozen=True, slots=True)
class NamedVariant(_Entry):
    """An answer that differs from the plain one of its operation and status in one way.

    `deviation` says in words what differs; `legal` is false for one that breaks the contract. `diff` shows
    the difference to the plain answer, where it was asked for.
    """

    name: str
    operation: str
    status: int
    deviation: str
    legal: bool
    diff: str | None = field(default=None, repr=False)
