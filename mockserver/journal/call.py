"""One recorded call, and how it is shown. Facts are kept when it comes, and formatted when they are read."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from mockserver.clocks import format_instant
from mockserver.contract.validation import CallWarning, Violation
from mockserver.exceptions import MalformedJson
from mockserver.faults import Fault, Phase
from mockserver.http_fields import read_query
from mockserver.json_codec import loads_kept, trim
from mockserver.messages import Request, Response
from mockserver.redaction import redact_bytes, redact_header, redact_json
from mockserver.request.head import ShownHead
from mockserver.request.inspection import MAX_KEPT_LENGTH
from mockserver.scripting.stubs import Stub
from mockserver.scripting.subjects import Subject
from mockserver.scripting.webhooks import Webhook
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


MAX_BODY_BYTES = MAX_KEPT_LENGTH
# What a call takes beside its texts, measured.
_CALL_OVERHEAD = 1_700
# The same of a violation or a warning.
_NOTE_OVERHEAD = 250


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
    `audits`; `webhooks` what was sent after it.
    """

    __slots__ = (
        "body", "body_truncated", "client", "clock_millis", "duration_millis", "effect", "era", "facets",
        "head", "id", "namespace", "number", "reason", "received_millis", "response_body",
        "response_headers", "response_truncated", "retry", "size", "started", "state", "status", "stub",
        "tenant", "variant", "violations", "warnings", "webhooks",
    )  # fmt: skip

    def __init__(
        self,
        *,
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
        webhooks: tuple[Webhook, ...] = (),
    ) -> None:
        """`secret` is one that the response is known to hold, and as what that is shown."""
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
        self.webhooks = webhooks
        self.era = -1
        self.state: State = "in_flight"
        self.duration_millis: float | None = None
        # The head is counted where it is known whether it is shared (see Journal.record).
        self.size = _CALL_OVERHEAD + len(self.body)
        if violations or warnings:
            self.size += sum(_NOTE_OVERHEAD + len(item.pointer) + len(item.message) for item in violations)
            self.size += sum(_NOTE_OVERHEAD + len(item.message) for item in warnings)
        if stub is not None and stub.times is not None:
            # Nobody else may hold it any more.
            self.size += stub.size
        if response is None:
            self.status: int | None = None
            self.variant: str | None = None
            self.response_headers: Headers = ()
            self.response_body = b""
            self.response_truncated = False
        else:
            self._keep_answer(response, secret)

    def __repr__(self) -> str:
        return f"<Call {self.number} {self.head.method} {self.head.path} {self.status} {self.reason}>"

    def _keep_answer(self, response: Response, secret: tuple[bytes, bytes] | None) -> None:
        """Keep the answer, redacted, before it leaves."""
        self.status = response.status
        self.variant = response.variant
        headers = response.headers
        if self.stub is not None or response.is_foreign:
            # Of ours, only a script can bring a secret there.
            headers = tuple(
                (redact_bytes(name), redact_header(name.lower(), value)) for name, value in headers
            )
            self.size += sum(len(name) + len(value) for name, value in headers)
        self.response_headers = headers
        body = response.body if response.plain is None else response.plain
        self.response_truncated = len(body) > MAX_BODY_BYTES
        clean = trim(redact_bytes(body[:MAX_BODY_BYTES])) if secret is None else _hide(secret, body)
        self.response_body = clean if len(clean) <= MAX_BODY_BYTES else clean[:MAX_BODY_BYTES]
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
        head = self.head
        return make_subject(
            self.request,
            head.path_parameters,
            head.other_path,
            is_kept=True,
            is_cut=self.body_truncated,
            now_millis=self.clock_millis,
        )

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
            **({"webhooks": [webhook.to_json() for webhook in self.webhooks]} if self.webhooks else {}),
        }


def _hide(secret: tuple[bytes, bytes], body: bytes) -> bytes:
    """A redacted body, with the secret that it is known to hold hidden first: finding that costs more."""
    text, shown = secret
    # What of it is cut off at the end looks like a secret still.
    body = body[: MAX_BODY_BYTES + 4_096]
    before, found, after = body.partition(text)
    rest = before + after
    if redact_bytes(rest) is not rest:
        before, after = redact_bytes(before), redact_bytes(after)
    return before + shown + after if found else trim(before)


def make_subject(
    request: Request,
    path_parameters: dict[str, str] | None,
    other_path: str | None,
    *,
    is_kept: bool,
    is_cut: bool = False,
    now_millis: int = 0,
) -> Subject:
    """A request as request patterns see it. `is_kept` says that it is redacted, and the rest of it, too;
    `now_millis` is what the clock of its namespace showed when it came."""
    headers: dict[str, list[str]] = {}
    for name, value in request.headers:
        headers.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return Subject(
        request.method,
        request.path,
        _read_redacted(request.query) if is_kept else read_query(request.query),
        headers,
        request.body,
        url=f"{request.path}?{request.query}" if request.query else request.path,
        path_parameters=path_parameters,
        other_path=other_path,
        is_kept=is_kept,
        is_cut=is_cut,
        now_millis=now_millis,
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
