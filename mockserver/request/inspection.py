"""Inspection: all that is known of a request before anybody decides. Runs for scripted calls too.

It depends on the request and its contract alone, so a request that comes again is read once.
"""

from __future__ import annotations

import hashlib
import time

from mockserver.clocks import real_millis
from mockserver.contract.operations import RequestBody
from mockserver.contract.validation import CallWarning, Violation, find_media_type
from mockserver.exceptions import MalformedJson
from mockserver.json_codec import MAX_DEPTH, MAX_NUMBER_LENGTH, dumps_canonical
from mockserver.redaction import redact, redact_pointer, redact_start
from mockserver.request.body import MalformedBody, parse_body
from mockserver.request.head import Head
from mockserver.request.leaks import LeakWatch
from mockserver.types import UNSET, Json, JsonObject, UnsetType

# The journal keeps so many bytes of a body.
MAX_KEPT_LENGTH = 64 * 1024
# Longer bodies are not remembered.
MAX_REMEMBERED_LENGTH = 2_048


class ParsedRequest:
    """What a request tells, whenever and from wherever it came: the same for equal requests.

    `body` is the parsed body with the members that the contract names, `full_body` with all of them, both
    UNSET where there is none; `shown_body` its start as it may be kept; `malformed` says why they are no
    JSON; `is_clean` that nothing in the content had to be hidden. Never changed once it is made.
    """

    __slots__ = (
        "_credential", "_digest", "_line", "body", "full_body", "is_clean", "malformed", "shown_body",
        "violations", "warnings",
    )  # fmt: skip

    def __init__(self, head: Head, data: bytes) -> None:
        # Not the head itself, which holds this.
        self._credential, self._line = head.credential.digest, head.line.canonical
        self.shown_body = redact_start(data, MAX_KEPT_LENGTH)
        self.is_clean = self.shown_body is data and head.line.is_clean
        self.body: Json | UnsetType = UNSET
        self.full_body: Json | UnsetType = UNSET
        self.malformed: str | None = None
        self.violations: list[Violation] = [*head.violations]
        self.warnings: list[CallWarning] = [*head.warnings]
        self._digest: bytes | None = None

    def __repr__(self) -> str:
        return f"<ParsedRequest {len(self.shown_body)} bytes>"

    def canonical(self) -> bytes:
        """The same bytes for the same request: operation, path parameters, sorted query, parsed body."""
        return self._line if self.full_body is UNSET else self._line + dumps_canonical(self.full_body)

    @property
    def digest(self) -> bytes:
        """A digest that is equal for equal requests of one credential."""
        if self._digest is None:
            self._digest = hashlib.blake2b(self._credential + self.canonical(), digest_size=32).digest()
        return self._digest


class Inspection:
    """What one request is, by itself and by the contract. Made for every call, and then only looked at, but
    for `violations` and `warnings`, to which later steps add. `data` is the body as it came; `client`
    is the peer's address. It came at `received_millis`; `started` is that on the clock of durations.
    """

    __slots__ = (
        "client", "data", "head", "parsed", "received_millis", "started", "violations", "warnings",
    )  # fmt: skip

    def __init__(self, head: Head, parsed: ParsedRequest, data: bytes, client: str | None) -> None:
        self.head = head
        self.parsed = parsed
        self.data = data
        self.client = client
        self.started = time.perf_counter()
        self.received_millis = real_millis()
        self.violations = [*parsed.violations]
        self.warnings = [*parsed.warnings]

    def __repr__(self) -> str:
        return f"<Inspection {self.head!r}>"

    def copy(self) -> Inspection:
        """The same, to which other steps may add."""
        copy = Inspection(self.head, self.parsed, self.data, self.client)
        copy.started, copy.received_millis = self.started, self.received_millis
        copy.violations, copy.warnings = [*self.violations], [*self.warnings]
        return copy

    def object(self) -> JsonObject:
        """The body, for an operation whose schema makes sure that it is an object."""
        body = self.parsed.body
        assert isinstance(body, dict), "the contract was checked before"
        return body


class Inspector:
    """Reads requests against their operations; the same once: a client that tries again sends the same."""

    def __init__(
        self,
        leaks: LeakWatch,
        json_depth: int = MAX_DEPTH,
        json_number_length: int = MAX_NUMBER_LENGTH,
    ) -> None:
        self._leaks = leaks
        self._json_limits = json_depth, json_number_length

    def inspect(self, head: Head, data: bytes, client: str | None) -> Inspection:
        """Everything that a request tells whose body is `data`. Never raises for what a client sends."""
        last = head.last_read
        if last is not None and last[0] == data:
            return Inspection(head, last[1], data, client)
        parsed = self._read(head, data)
        # A body with something to hide is read anew each time.
        if head.is_cacheable and len(data) <= MAX_REMEMBERED_LENGTH and parsed.is_clean:
            head.last_read = data, parsed
        return Inspection(head, parsed, data, client)

    def _read(self, head: Head, data: bytes) -> ParsedRequest:
        parsed = ParsedRequest(head, data)
        operation, line = head.operation, head.line
        contract = None if operation is None or line.problem is not None else operation.body
        if contract is not None and (data or contract.required):
            self._read_body(parsed, contract, head.facts.content_type, data)
        if not parsed.is_clean:
            # What was hidden there may be a key.
            leaks = self._leaks.find(line.path, line.query, data, parsed.full_body)
            parsed.warnings += [CallWarning("leaked_key", text) for text in leaks]
        return parsed

    def _read_body(
        self, parsed: ParsedRequest, contract: RequestBody, content_type: str | None, data: bytes
    ) -> None:
        """Read the body in its media type, and note what is wrong with it."""
        media = find_media_type(contract, content_type)
        if isinstance(media, Violation):
            parsed.violations.append(media)
            return
        try:
            document = parse_body(media, data, content_type or "", self._json_limits)
        except (MalformedBody, MalformedJson) as error:
            parsed.malformed = str(error)
            return
        for pointer in document.duplicates:
            text = f"the member {redact_pointer(pointer)} is given more than once; the last one counts"
            parsed.warnings.append(CallWarning("duplicate_member", text))
        schema, value = media.schema, document.value
        if schema is not None and not document.is_judged:
            text = f"the body is well-formed {media.form}; it is not judged by its schema"
            parsed.warnings.append(CallWarning("not_judged", text))
        elif schema is not None and not schema.is_valid(value):
            parsed.violations += [
                Violation("body", redact_pointer(breach.pointer), breach.keyword, breach.message)
                for breach in schema.violations(value)
            ]
        parsed.full_body = value
        parsed.body = _known_members(value, media.members, parsed.warnings)


def _known_members(body: Json, members: frozenset[str] | None, warnings: list[CallWarning]) -> Json:
    if members is None or not isinstance(body, dict) or body.keys() <= members:
        return body
    unknown = [name for name in body if name not in members]
    for name in unknown[:_MAX_NAMED]:
        shown = redact(name if len(name) <= _MAX_SHOWN else f"{name[:_MAX_SHOWN]}…")
        text = f"the contract does not name the body member {shown!r}; it is dropped"
        warnings.append(CallWarning("unknown_member", text))
    if len(unknown) > _MAX_NAMED:
        text = (
            f"the contract does not name {len(unknown) - _MAX_NAMED} further body members; they are dropped"
        )
        warnings.append(CallWarning("unknown_member", text))
    return {name: value for name, value in body.items() if name in members}


# The journal keeps these warnings, and a body can have a hundred thousand members or one long name.
_MAX_NAMED = 20
_MAX_SHOWN = 200
