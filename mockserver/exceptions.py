"""Every exception of the package.

* MockServerError
  x InvalidInput              what a user wrote cannot be used; carries every problem
    + ContractError           the OpenAPI document or one of its schemas
    + FixtureError            a file of the fixtures folder
    + StubError               a stub, a queue entry, a request pattern
    + SettingsError           an option, an environment variable, a marker argument
    + BadQuestion             a question to the journal that has no meaning
  x MalformedJson             bytes that are no JSON by the rules of `json_codec`
  x UnknownItem               no call, stub, scenario, namespace or snapshot of that name
  x Unanswerable              eviction or redaction took what the question is about
  x ControlError              a remote server refused a control call
  x StoreUnavailable          the store does not answer, or holds what cannot be read
  x Superseded                another process wrote first; what was done is to be done again
  x TakesLong                 it would hold the event loop; it is to be done in a thread
  x MockFailure               a fault of the mock itself, never of the caller
* AssertionError
  x VerificationError         the journal does not hold what the test expected
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake and its place.

    `file` is a path as the user gave it, or None for input that came over the wire; `pointer` is a JSON
    pointer (RFC 6901) into that document, "" for the document as a whole.
    """

    message: str
    pointer: str = ""
    file: str | None = None

    def __str__(self) -> str:
        place = f"{self.file or ''}#{self.pointer}" if self.pointer else self.file
        return f"{place}: {self.message}" if place else self.message


class MockServerError(Exception):
    """Base of every error that this package raises on purpose."""


class InvalidInput(MockServerError):
    """Input that cannot be used. `problems` holds every mistake found, not only the first."""

    def __init__(self, problems: Iterable[Problem] | str) -> None:
        self.problems = (Problem(problems),) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ContractError(InvalidInput):
    """The contract cannot be loaded."""


class FixtureError(InvalidInput):
    """A fixture file cannot be loaded."""


class StubError(InvalidInput):
    """A stub or a request pattern is refused."""


class SettingsError(InvalidInput):
    """An option has a value that it cannot have."""


class BadQuestion(InvalidInput):
    """A question to the journal that has no meaning, such as a verification of nothing."""


class MalformedJson(MockServerError):
    """Bytes that are no JSON. The text says why and, where known, at which byte."""


class UnknownItem(MockServerError):
    """Nothing of that name or id is known here."""


class Unanswerable(MockServerError):
    """The journal does not keep what the question is about: calls were evicted, or secrets redacted.

    `calls` are the ids of those that could not be decided; empty where eviction is the reason.
    """

    def __init__(self, text: str, calls: Iterable[str] = ()) -> None:
        self.calls = tuple(calls)
        super().__init__(text)


class ControlError(MockServerError):
    """A remote server refused a control call. `status` is the HTTP status of the refusal."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class StoreUnavailable(MockServerError):
    """The store does not answer in time, or holds what cannot be read. Nothing was changed."""


class Superseded(MockServerError):
    """Another process wrote first. Everything of the transaction is taken back; do it again."""


class TakesLong(MockServerError):
    """What is done at once would hold others for long. Everything of it is taken back; do it in a thread."""


class MockFailure(MockServerError):
    """The mock itself is at fault; never answered as if it were the API."""


class VerificationError(AssertionError):
    """The journal does not hold what was expected; the text shows the nearest calls."""
