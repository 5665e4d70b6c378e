"""The journal: every call, with what was known of it. Facts are kept at the call, formatted when read.

Bounded by number and by bytes. Counts survive eviction; a question that only evicted calls could answer
gets `Unanswerable`, never a wrong number.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from mockserver.clocks import format_instant
from mockserver.credentials import Credential
from mockserver.exceptions import MalformedJson, Unanswerable
from mockserver.inspection import CallWarning, read_query
from mockserver.json_codec import loads
from mockserver.messages import Request, Response
from mockserver.redaction import redact_bytes, redact_json
from mockserver.scripting.subjects import Subject
from mockserver.types import Headers, Json, JsonObject
from mockserver.validation import Violation

State = Literal["in_flight", "answered", "faulted", "disconnected"]

MAX_BODY_BYTES = 64 * 1024
MAX_TOTAL_BYTES = 64 * 1024 * 1024
_CALL_OVERHEAD = 1_500


class StubUse(NamedTuple):
    """The stub that answered a call."""

    id: str
    name: str | None


class Call:
    """One recorded request and its answer. All of it is redacted; only `state` and what follows it change.

    `request` is the redacted request, its path without `/~name`; `received_millis` is real time.
    """

    __slots__ = (
        "body_truncated", "credential", "duration_millis", "fault", "id", "namespace", "number",
        "operation", "path_parameters", "phase", "reason", "received_millis", "request", "response_body",
        "response_headers", "size", "started", "state", "status", "stub", "violations", "warnings",
    )  # fmt: skip

    def __init__(
        self,
        id: str,
        number: int,
        namespace: str,
        request: Request,
        operation: str | None,
        credential: Credential,
        violations: list[Violation],
        warnings: list[CallWarning],
        reason: str,
        *,
        received_millis: int,
        started: float,
        path_parameters: dict[str, str] | None = None,
        stub: StubUse | None = None,
        fault: str | None = None,
        phase: str | None = None,
    ) -> None:
        self.id = id
        self.number = number
        self.namespace = namespace
        self.body_truncated = len(request.body) > MAX_BODY_BYTES
        self.request = (
            request._replace(body=request.body[:MAX_BODY_BYTES]) if self.body_truncated else request
        )
        self.operation = operation
        self.path_parameters = path_parameters
        self.credential = credential
        self.violations = violations
        self.warnings = warnings
        self.reason = reason
        self.received_millis = received_millis
        self.started = started
        self.stub = stub
        self.fault = fault
        self.phase = phase
        self.status: int | None = None
        self.response_headers: Headers = ()
        self.response_body = b""
        self.state: State = "in_flight"
        self.duration_millis: float | None = None
        self.size = _CALL_OVERHEAD + len(request.body) + len(request.query)

    def __repr__(self) -> str:
        return f"<Call {self.number} {self.request.method} {self.request.path} {self.status} {self.reason}>"

    def answer_with(self, response: Response) -> None:
        """Keep the answer, redacted, before it leaves."""
        self.status = response.status
        self.response_headers = response.headers
        self.response_body = redact_bytes(response.body[:MAX_BODY_BYTES])
        self.size += len(self.response_body)

    def subject(self) -> Subject:
        """The call as request patterns see it."""
        return make_subject(self.request, self.path_parameters)

    def to_json(self) -> JsonObject:
        """The call in the shape of the control API (`GET /__admin/calls/{id}`)."""
        request = self.request
        credential = self.credential
        return {
            "id": self.id,
            "number": self.number,
            "namespace": self.namespace,
            "receivedAt": format_instant(self.received_millis),
            "operation": self.operation,
            "request": {
                "method": request.method,
                "path": request.path,
                "query": redact_json(read_query(request.query)),
                "headers": write_headers(request.headers),
                "body": write_body(request.body),
                "bodyTruncated": self.body_truncated,
            },
            "credential": {
                "kind": credential.kind,
                "mode": credential.mode,
                "display": credential.display,
                "fingerprint": credential.fingerprint,
            },
            "violations": [violation.to_json() for violation in self.violations],
            "warnings": [warning.to_json() for warning in self.warnings],
            "reason": self.reason,
            "stub": {"id": self.stub.id, "name": self.stub.name} if self.stub else None,
            "fault": self.fault,
            "phase": self.phase,
            "response": None
            if self.status is None
            else {
                "status": self.status,
                "headers": write_headers(self.response_headers),
                "body": write_body(self.response_body),
            },
            "state": self.state,
            "durationMs": None if self.duration_millis is None else round(self.duration_millis, 3),
        }


def make_subject(request: Request, path_parameters: dict[str, str] | None) -> Subject:
    """A redacted request as request patterns see it."""
    headers: dict[str, list[str]] = {}
    for name, value in request.headers:
        headers.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return Subject(
        request.method,
        request.path,
        redact_json(read_query(request.query)),
        headers,
        request.body,
        url=f"{request.path}?{request.query}" if request.query else request.path,
        path_parameters=path_parameters,
    )


def write_headers(headers: Headers) -> dict[str, str | list[str]]:
    """Headers for people: a text, or a list of texts where a name came more than once."""
    written: dict[str, str | list[str]] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        known = written.get(name)
        if known is None:
            written[name] = value
        elif isinstance(known, list):
            known.append(value)
        else:
            written[name] = [known, value]
    return written


def write_body(body: bytes) -> Json:
    """A body as JSON if it is that, else as text; None where there is none."""
    if not body:
        return None
    try:
        return redact_json(loads(body)[0])
    except MalformedJson:
        return body.decode("utf-8", "backslashreplace")


class CallFilter(NamedTuple):
    """Which calls a question is about; None does not ask."""

    operation: str | None = None
    status: int | None = None
    since_millis: int | None = None
    warnings: bool = False

    def fits(self, call: Call) -> bool:
        """Whether a call is meant."""
        return (
            (self.operation is None or call.operation == self.operation)
            and (self.status is None or call.status == self.status)
            and (self.since_millis is None or call.received_millis > self.since_millis)
            and (not self.warnings or bool(call.warnings))
        )


class ByteBudget:
    """The bytes that all journals of a server share."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int = MAX_TOTAL_BYTES) -> None:
        self.limit = limit
        self.used = 0


class Journal:
    """The calls of one namespace. `limit` is how many are kept; `option` the setting that raises it."""

    option = "--journal-limit"

    def __init__(self, limit: int, budget: ByteBudget) -> None:
        self._limit = limit
        self._budget = budget
        self._calls: deque[Call] = deque()
        self.last_number = 0
        self.counts: dict[tuple[str | None, int | None, str], int] = {}
        self.warned = 0
        self.evicted = 0
        self._evicted_counts: dict[tuple[str | None, int | None, str], int] = {}
        self._evicted_warned = 0
        self._last_evicted_millis = 0
        self.listeners: set[Callable[[Call], None]] = set()

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        """The calls that are kept, oldest first."""
        return iter(self._calls)

    @property
    def total(self) -> int:
        """All calls since the last reset, evicted ones included."""
        return sum(self.counts.values())

    def record(self, call: Call) -> None:
        """Keep a call, evicting the oldest beyond the bounds, and tell who listens."""
        calls = self._calls
        calls.append(call)
        key = (call.operation, call.status, call.reason)
        self.counts[key] = self.counts.get(key, 0) + 1
        if call.warnings:
            self.warned += 1
        budget = self._budget
        budget.used += call.size
        while len(calls) > self._limit or (budget.used > budget.limit and len(calls) > 1):
            self._evict()
        if self.listeners:
            for listener in tuple(self.listeners):
                listener(call)

    def _evict(self) -> None:
        call = self._calls.popleft()
        self._budget.used -= call.size
        self.evicted += 1
        key = (call.operation, call.status, call.reason)
        self._evicted_counts[key] = self._evicted_counts.get(key, 0) + 1
        self._evicted_warned += bool(call.warnings)
        self._last_evicted_millis = max(self._last_evicted_millis, call.received_millis)

    def finish(self, call: Call, state: State) -> None:
        """A call is over: `answered`, `faulted` or `disconnected`."""
        call.state = state
        call.duration_millis = (time.perf_counter() - call.started) * 1000

    def find(self, id: str) -> Call | None:
        """The call with an id."""
        return next((call for call in self._calls if call.id == id), None)

    def select(self, question: CallFilter) -> list[Call]:
        """The kept calls that a question is about, oldest first."""
        return [call for call in self._calls if question.fits(call)]

    def count(self, question: CallFilter) -> tuple[int, int]:
        """How many calls ever fitted, and how many of those are evicted.

        Raises Unanswerable when that cannot be known any more.
        """
        if (
            question.since_millis is not None
            and self.evicted
            and self._last_evicted_millis > question.since_millis
        ):
            raise self.unanswerable()
        if question.since_millis is not None:
            return len(self.select(question)), 0
        if question.warnings:
            if question.operation is None and question.status is None:
                return self.warned, self._evicted_warned
            self.require_complete()
            return len(self.select(question)), 0
        return _sum(self.counts, question), _sum(self._evicted_counts, question)

    def require_complete(self) -> None:
        """Raises Unanswerable if any call is gone."""
        if self.evicted:
            raise self.unanswerable()

    def unanswerable(self) -> Unanswerable:
        """The error for a question that eviction made unanswerable."""
        return Unanswerable(
            f"{self.evicted} calls were evicted from the journal, and they could change the answer; "
            f"raise {self.option} (now {self._limit}) or reset more often"
        )

    def remove(self, calls: Iterable[Call]) -> None:
        """Take calls out, as if they had never come."""
        gone = {call.number for call in calls}
        for call in [call for call in self._calls if call.number in gone]:
            key = (call.operation, call.status, call.reason)
            self.counts[key] -= 1
            self.warned -= bool(call.warnings)
            self._budget.used -= call.size
        self._calls = deque(call for call in self._calls if call.number not in gone)

    def clear(self) -> None:
        """Forget all calls and counts; numbers start from 1 again."""
        self._budget.used -= sum(call.size for call in self._calls)
        self._calls.clear()
        self.counts.clear()
        self._evicted_counts.clear()
        self.last_number = self.warned = self.evicted = 0
        self._evicted_warned = self._last_evicted_millis = 0


def _sum(counts: dict[tuple[str | None, int | None, str], int], question: CallFilter) -> int:
    return sum(
        count
        for (operation, status, _), count in counts.items()
        if (question.operation is None or operation == question.operation)
        and (question.status is None or status == question.status)
    )
