"""The journal: every call, with what was known of it. Facts are kept at the call, formatted when read.

Bounded by number and by bytes. Counts survive eviction; a question that only evicted calls could answer
gets `Unanswerable`, never a wrong number.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple, TypeAlias, TypeVar

from mockserver.clocks import format_instant
from mockserver.contract.validation import CallWarning, Violation
from mockserver.exceptions import MalformedJson, Unanswerable
from mockserver.faults import Fault, Phase
from mockserver.json_codec import loads_kept, trim
from mockserver.messages import Request, Response
from mockserver.redaction import redact_bytes, redact_json
from mockserver.request.head import ShownHead
from mockserver.request.line import read_query
from mockserver.scripting.stubs import Stub
from mockserver.scripting.subjects import Subject
from mockserver.security.credential import Credential
from mockserver.types import Headers, Json, JsonObject

State = Literal["in_flight", "answered", "faulted", "disconnected"]
# What calls are counted by, for good: operation, status and reason.
CountKey: TypeAlias = tuple[str | None, int | None, str]


class Facet(NamedTuple):
    """Something of an operation that a call touched: `kind` says what, such as a credential or a member."""

    operation: str
    kind: str
    name: str


# So many sets of facets are counted apart; of any other, each facet is counted by itself.
_MAX_TOUCHED = 1_000
MAX_BODY_BYTES = 64 * 1024
MAX_TOTAL_BYTES = 64 * 1024 * 1024
# What a call takes beside its texts, measured.
_CALL_OVERHEAD = 1_700


class Retry(NamedTuple):
    """What a call was that came after an answer with `Retry-After`: that answer's call, and both waits in
    seconds."""

    after: str
    asked_seconds: float
    waited_seconds: float

    @property
    def is_respectful(self) -> bool:
        """Whether the client waited as long as it was asked to, measured as exactly as a socket allows."""
        return self.waited_seconds >= self.asked_seconds - _LEEWAY_SECONDS

    def to_json(self) -> JsonObject:
        """`{"after", "askedSeconds", "waitedSeconds", "respected"}`."""
        return {
            "after": self.after,
            "askedSeconds": self.asked_seconds,
            "waitedSeconds": self.waited_seconds,
            "respected": self.is_respectful,
        }


# An answer is known to be sent a little after its client has it.
_LEEWAY_SECONDS = 0.05


class Call:
    """One recorded request and its answer. All of it is redacted; only `state` and what follows it change.

    `head` is all of the request but its body, its path without `/~name`; `client` the peer's address;
    `received_millis` is real time; `era` is the journal's own: it tells whether the call still counts there.
    `stub` answered it. `clock_millis` is the time of the namespace; `tenant` whose data the call saw;
    `effect` what was carried out (`created`, `deleted` …), whatever was answered, None where nothing was;
    `facets` what the call touched of its operation; `variant` the name of the answer's; `retry` is noted by
    `audits`.
    """

    __slots__ = (
        "body", "body_truncated", "client", "clock_millis", "duration_millis", "effect", "era", "facets",
        "head", "id", "namespace", "number", "reason", "received_millis", "response_body",
        "response_headers", "response_truncated", "retry", "size", "started", "state", "status", "stub",
        "tenant", "variant", "violations", "warnings",
    )  # fmt: skip

    def __init__(
        self,
        id: str,
        number: int,
        namespace: str,
        head: ShownHead,
        body: bytes,
        client: str | None,
        violations: list[Violation],
        warnings: list[CallWarning],
        reason: str,
        received_millis: int,
        started: float,
        clock_millis: int,
        tenant: bytes | None = None,
        stub: Stub | None = None,
        effect: str | None = None,
        facets: tuple[Facet, ...] = (),
        response: Response | None = None,
        secret: tuple[bytes, bytes] | None = None,
        is_clean: bool = False,
    ) -> None:
        """`secret` is one that the response is known to hold, and as what that is shown; `is_clean` says that
        it holds no other."""
        self.id = id
        self.number = number
        self.namespace = namespace
        self.head = head
        self.body_truncated = len(body) > MAX_BODY_BYTES
        self.body = body[:MAX_BODY_BYTES]
        self.client = client
        self.violations = violations
        self.warnings = warnings
        self.reason = reason
        self.received_millis = received_millis
        self.started = started
        self.clock_millis = clock_millis
        self.tenant = tenant
        self.stub = stub
        self.effect = effect
        self.facets = facets
        self.retry: Retry | None = None
        self.era = -1
        self.state: State = "in_flight"
        self.duration_millis: float | None = None
        # The head is counted where it is known whether it is shared (see Journal.record).
        self.size = _CALL_OVERHEAD + len(body)
        if response is None:
            self.status: int | None = None
            self.variant: str | None = None
            self.response_headers: Headers = ()
            self.response_body = b""
            self.response_truncated = False
        else:
            self._keep_answer(response, secret, is_clean)

    def __repr__(self) -> str:
        return f"<Call {self.number} {self.head.method} {self.head.path} {self.status} {self.reason}>"

    def _keep_answer(self, response: Response, secret: tuple[bytes, bytes] | None, is_clean: bool) -> None:
        """Keep the answer, redacted, before it leaves."""
        self.status = response.status
        self.variant = response.variant
        headers = response.headers
        if self.stub is not None:
            # Only a script can bring a secret there.
            headers = tuple((redact_bytes(name), redact_bytes(value)) for name, value in headers)
        self.response_headers = headers
        body = response.body if response.plain is None else response.plain
        self.response_truncated = len(body) > MAX_BODY_BYTES
        if secret is None:
            clean = trim(redact_bytes(body[:MAX_BODY_BYTES]))
        else:
            clean = body.replace(*secret) if is_clean else _hide(secret, body)
        self.response_body = clean[:MAX_BODY_BYTES]
        self.size += len(self.response_body)

    @property
    def operation(self) -> str | None:
        """The id of the operation that was called."""
        return self.head.operation

    @property
    def credential(self) -> Credential:
        """The credential that the call was made with."""
        return self.head.credential

    @property
    def request(self) -> Request:
        """The request as one value."""
        return self.head.with_body(self.body, self.client)

    @property
    def fault(self) -> Fault | None:
        """The damage that the stub did."""
        return self.stub.response.fault if self.stub is not None else None

    @property
    def phase(self) -> Phase | None:
        """Whether the stub answered before or after the operation was carried out."""
        return self.stub.phase if self.stub is not None else None

    @property
    def key(self) -> CountKey:
        """What the call is counted by."""
        return self.head.operation, self.status, self.reason

    def subject(self) -> Subject:
        """The call as request patterns see it."""
        return make_subject(self.request, self.head.path_parameters)

    def to_json(self) -> JsonObject:
        """The call in the shape of the control API (`GET /__admin/calls/{id}`)."""
        head, credential = self.head, self.head.credential
        return {
            "id": self.id,
            "number": self.number,
            "namespace": self.namespace,
            "receivedAt": format_instant(self.received_millis),
            "operation": head.operation,
            "request": {
                "method": head.method,
                "path": head.path,
                "query": _read_redacted(head.query),
                "headers": write_headers(head.headers),
                "body": write_body(self.body),
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
                "bodyTruncated": self.response_truncated,
            },
            "state": self.state,
            "durationMs": None if self.duration_millis is None else round(self.duration_millis, 3),
            **({"retry": self.retry.to_json()} if self.retry else {}),
            **({"variant": self.variant} if self.variant else {}),
        }


def _hide(secret: tuple[bytes, bytes], body: bytes) -> bytes:
    """A redacted body, with the secret that it is known to hold hidden first: finding that costs more."""
    text, shown = secret
    before, found, after = body.partition(text)
    rest = before + after
    if redact_bytes(rest) is not rest:
        before, after = redact_bytes(before), redact_bytes(after)
    return before + shown + after if found else trim(before)


def make_subject(request: Request, path_parameters: dict[str, str] | None) -> Subject:
    """A redacted request as request patterns see it."""
    headers: dict[str, list[str]] = {}
    for name, value in request.headers:
        headers.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return Subject(
        request.method,
        request.path,
        _read_redacted(request.query),
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


def _read_redacted(query: str) -> dict[str, list[str]]:
    """A redacted query, decoded."""
    values: dict[str, list[str]] = read_query(query)
    # Where nothing is escaped, every text stands in the query as it is, and that has been redacted.
    return redact_json(values) if "%" in query else values


def write_body(body: bytes) -> Json:
    """A redacted body as JSON if it is that, else as text; None where there is none."""
    if not body:
        return None
    try:
        value = loads_kept(body)
    except MalformedJson:
        return body.decode("utf-8", "backslashreplace")
    return redact_json(value) if b"\\" in body else value


class CallFilter(NamedTuple):
    """Which calls a question is about; None does not ask."""

    operation: str | None = None
    status: int | None = None
    reason: str | None = None
    since_millis: int | None = None
    warnings: bool = False

    def fits(self, call: Call) -> bool:
        """Whether a call is meant."""
        return (
            self.fits_key(call.key)
            and (self.since_millis is None or call.received_millis > self.since_millis)
            and (not self.warnings or bool(call.warnings))
        )

    def fits_key(self, key: CountKey) -> bool:
        """Whether calls that are counted by a key may be meant."""
        operation, status, reason = key
        return (
            (self.operation is None or operation == self.operation)
            and (self.status is None or status == self.status)
            and (self.reason is None or reason == self.reason)
        )


class ByteBudget:
    """The bytes that all journals of a server share. When they are used up, the largest journals shrink."""

    __slots__ = ("_journals", "_lock", "limit", "used")

    def __init__(self, limit: int = MAX_TOTAL_BYTES) -> None:
        self.limit = limit
        # Journals add to it under locks of their own: `relieve` sets right what a race may lose.
        self.used = 0
        self._lock = threading.Lock()
        self._journals: dict[Journal, None] = {}

    def join(self, journal: Journal) -> None:
        """A journal takes part."""
        with self._lock:
            self._journals[journal] = None

    def leave(self, journal: Journal) -> None:
        """A journal whose namespace is forgotten takes no part any more."""
        with self._lock:
            self._journals.pop(journal, None)
            self.used -= journal.bytes

    def relieve(self) -> None:
        """Make room, a sixteenth at once: the largest journals are cut down to one common size.

        A journal that somebody is using at this moment is left out; it will have its turn.
        """
        with self._lock:
            journals = sorted(self._journals, key=lambda journal: journal.bytes)
            rest = self.limit - self.limit // 16
            for index, journal in enumerate(journals):
                share = rest // (len(journals) - index)
                if journal.bytes > share:
                    for large in journals[index:]:
                        large.shrink(share)
                    break
                rest -= journal.bytes
            self.used = sum(journal.bytes for journal in journals)


class Past:
    """What calls touched that no journal counts any more, as their namespace was reset or forgotten."""

    __slots__ = ("_counts", "_lock", "_touched")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[CountKey] = Counter()
        self._touched: Counter[Facet] = Counter()

    def take_in(self, counts: dict[CountKey, int], touched: Counter[Facet]) -> None:
        """A journal forgets."""
        with self._lock:
            self._counts.update(counts)
            self._touched.update(touched)

    def add_to(self, counts: Counter[CountKey], touched: Counter[Facet]) -> None:
        """Add what was forgotten to counters."""
        with self._lock:
            counts.update(self._counts)
            touched.update(self._touched)


class Journal:
    """The calls of one namespace, under the namespace's lock.

    `limit` is how many are kept; `option` the setting that raises it. `evicted` calls are gone, the last of
    them had the number `last_evicted`; their counts remain. `revision` changes when calls are taken out or
    forgotten: what somebody counted before holds no longer; `era` only when all are forgotten and numbers
    start again. `listeners` are told of each call. `failed_writes` is kept by `suspicions`,
    `waiting` by `audits`. `touched` counts facets as `counts` counts calls; `past` takes both in when they
    are forgotten.
    """

    option = "--journal-limit"

    def __init__(
        self,
        limit: int,
        budget: ByteBudget,
        lock: threading.RLock | None = None,
        past: Past | None = None,
    ) -> None:
        self._past = past
        self._limit = limit
        self._budget = budget
        self._lock = threading.RLock() if lock is None else lock
        self._calls: deque[Call] = deque()
        self._head: ShownHead | None = None
        self.bytes = 0
        self.era = 0
        self.revision = 0
        self.last_number = 0
        self.counts: dict[CountKey, int] = {}
        # By what calls touched together: few calls touch what no other did.
        self._touched: dict[tuple[Facet, ...], int] = {}
        self.warned = 0
        self.evicted = 0
        self.last_evicted = 0
        self.evicted_counts: dict[CountKey, int] = {}
        self._evicted_warned = 0
        self._last_evicted_millis = 0
        self.failed_writes: OrderedDict[bytes, int] = OrderedDict()
        self.waiting: dict[tuple[bytes, str | None], Call] = {}
        self.listeners: set[Callable[[Call], None]] = set()
        budget.join(self)

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        """The calls that are kept, oldest first."""
        return iter(self._calls)

    def __reversed__(self) -> Iterator[Call]:
        """The calls that are kept, newest first."""
        return reversed(self._calls)

    @property
    def touched(self) -> Counter[Facet]:
        """How many calls touched each facet, evicted ones included."""
        touched: Counter[Facet] = Counter()
        for facets, count in self._touched.items():
            for facet in facets:
                touched[facet] += count
        return touched

    @property
    def total(self) -> int:
        """All calls since the last reset, evicted ones included."""
        return sum(self.counts.values())

    def record(self, call: Call) -> None:
        """Keep a call, evicting the oldest beyond the bounds, and tell who listens."""
        calls = self._calls
        calls.append(call)
        call.era = self.era
        head = call.head
        key = (head.operation, call.status, call.reason)
        self.counts[key] = self.counts.get(key, 0) + 1
        facets, touched = call.facets, self._touched
        count = touched.get(facets, 0)
        if count or len(touched) < _MAX_TOUCHED:
            touched[facets] = count + 1
        else:
            for facet in facets:
                touched[facet,] = touched.get((facet,), 0) + 1
        if call.warnings:
            self.warned += 1
        if head is not self._head:
            # A head that comes again is one object, which is kept once.
            self._head = head
            call.size += head.size
        budget = self._budget
        self.bytes += call.size
        budget.used += call.size
        if len(calls) > self._limit:
            self._evict()
        if budget.used > budget.limit:
            budget.relieve()
        if self.listeners:
            for listener in tuple(self.listeners):
                listener(call)

    def _evict(self) -> None:
        call = self._calls.popleft()
        self.bytes -= call.size
        self._budget.used -= call.size
        self.evicted += 1
        self.last_evicted = call.number
        key = call.key
        self.evicted_counts[key] = self.evicted_counts.get(key, 0) + 1
        self._evicted_warned += bool(call.warnings)
        self._last_evicted_millis = max(self._last_evicted_millis, call.received_millis)

    def shrink(self, size: int) -> None:
        """Evict the oldest calls until the rest, at least the newest, takes at most `size` bytes.

        Called for any journal from within any other, so it does nothing where the lock is not free.
        """
        if self._lock.acquire(blocking=False):
            try:
                while self.bytes > size and len(self._calls) > 1:
                    self._evict()
            finally:
                self._lock.release()

    def finish(self, call: Call, state: State, reason: str | None = None) -> None:
        """A call is over: `answered`, `faulted` or `disconnected`. `reason` takes the place of the call's."""
        call.state = state
        call.duration_millis = (time.perf_counter() - call.started) * 1000
        if reason is None or reason == call.reason:
            return
        old = call.key
        call.reason = reason
        if call.era != self.era:
            return
        _move_one(self.counts, old, call.key)
        if call.number <= self.last_evicted:
            _move_one(self.evicted_counts, old, call.key)

    def find(self, id: str) -> Call | None:
        """The call with an id."""
        return next((call for call in self._calls if call.id == id), None)

    def after(self, number: int) -> list[Call]:
        """The kept calls that came after the one of that number, oldest first."""
        found: list[Call] = []
        for call in reversed(self._calls):
            if call.number <= number:
                break
            found.append(call)
        found.reverse()
        return found

    def select(self, question: CallFilter) -> list[Call]:
        """The kept calls that a question is about, oldest first."""
        return [call for call in self._calls if question.fits(call)]

    def count(self, question: CallFilter) -> tuple[int, int]:
        """How many calls ever fitted, and how many of those are evicted.

        Raises Unanswerable when that cannot be known any more.
        """
        if question.since_millis is None and not question.warnings:
            return self.count_keys(question.fits_key), self.count_evicted(question.fits_key)
        if question == CallFilter(warnings=True):
            return self.warned, self._evicted_warned
        is_newer = question.since_millis is not None and self._last_evicted_millis <= question.since_millis
        if not is_newer and not (question.warnings and not self._evicted_warned):
            self.require_kept(question.fits_key)
        return len(self.select(question)), 0

    def count_keys(self, fits: Callable[[CountKey], bool]) -> int:
        """How many calls there ever were whose key fits, evicted ones included."""
        return sum(count for key, count in self.counts.items() if fits(key))

    def count_evicted(self, fits: Callable[[CountKey], bool]) -> int:
        """How many calls are evicted whose key fits."""
        return sum(count for key, count in self.evicted_counts.items() if fits(key))

    def require_kept(self, fits: Callable[[CountKey], bool]) -> None:
        """Raises Unanswerable if a call is evicted whose key fits."""
        if self.evicted and self.count_evicted(fits):
            raise self.unanswerable()

    def unanswerable(self) -> Unanswerable:
        """The error for a question that eviction made unanswerable."""
        gone = "1 call was" if self.evicted == 1 else f"{self.evicted} calls were"
        mebibytes = self._budget.limit // (1024 * 1024)
        return Unanswerable(
            f"{gone} evicted from the journal and could change the answer; raise {self.option} (now "
            f"{self._limit}; all journals together keep at most {mebibytes} MiB) or reset more often"
        )

    def remove(self, calls: Iterable[Call]) -> None:
        """Take calls out, as if they had never come."""
        gone = {call.number for call in calls}
        kept: deque[Call] = deque()
        touched = self.touched
        for call in self._calls:
            if call.number not in gone:
                kept.append(call)
                continue
            call.era = -1
            _take_one(self.counts, call.key)
            for facet in call.facets:
                touched[facet] -= 1
            self.warned -= bool(call.warnings)
            self.bytes -= call.size
            self._budget.used -= call.size
        self._calls = kept
        self._touched = {(facet,): count for facet, count in touched.items() if count}
        self.revision += 1

    def clear(self) -> None:
        """Forget all calls and counts; numbers start from 1 again."""
        if self._past is not None:
            self._past.take_in(self.counts, self.touched)
        self._budget.used -= self.bytes
        self.bytes = 0
        self._calls.clear()
        self.counts.clear()
        self._touched.clear()
        self.evicted_counts.clear()
        self.failed_writes.clear()
        self.waiting.clear()
        self.last_number = self.last_evicted = self.warned = self.evicted = 0
        self._evicted_warned = self._last_evicted_millis = 0
        self.era += 1
        self.revision += 1

    def close(self) -> None:
        """The namespace is forgotten: what is still recorded here, by whoever came too late, is nobody's."""
        self._budget.leave(self)
        self._budget = ByteBudget()
        if self._past is not None:
            self._past.take_in(self.counts, self.touched)
            self._past = None


Key = TypeVar("Key")


def _take_one(counts: dict[Key, int], key: Key) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


def _move_one(counts: dict[CountKey, int], old: CountKey, new: CountKey) -> None:
    _take_one(counts, old)
    counts[new] = counts.get(new, 0) + 1
