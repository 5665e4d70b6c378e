"""Inspection: all that is known of a request before anybody decides. Pure; runs for scripted calls too."""

from __future__ import annotations

from dataclasses import dataclass

from mockserver.contract.operations import RequestBody
from mockserver.exceptions import MalformedJson
from mockserver.heads import Head
from mockserver.json_codec import MAX_DEPTH, MAX_NUMBER_LENGTH, dumps_canonical, loads
from mockserver.leaks import find_leaks
from mockserver.redaction import redact, redact_bytes
from mockserver.types import UNSET, Json, JsonObject, UnsetType
from mockserver.validation import CallWarning, Violation, find_media_type


@dataclass(slots=True)
class Inspection:
    """What a request is, by itself and by the contract. Made once for every call, and then only looked at,
    but for `violations` and `warnings`, to which whoever finds more adds.

    `body` is the parsed body with the members that the contract names, `full_body` with all of them, both
    UNSET where there is none; `shown_body` the bytes as they may be kept; `malformed` says why they are no
    JSON; `client` is the peer's address.
    """

    head: Head
    client: str | None
    shown_body: bytes
    body: Json | UnsetType
    full_body: Json | UnsetType
    malformed: str | None
    violations: list[Violation]
    warnings: list[CallWarning]

    def __repr__(self) -> str:
        return f"<Inspection {self.head!r}>"

    def object(self) -> JsonObject:
        """The body, for an operation whose schema makes sure that it is an object."""
        assert isinstance(self.body, dict), "the contract was checked before"
        return self.body

    def canonical(self) -> bytes:
        """The same bytes for the same request: operation, path parameters, sorted query, parsed body."""
        if self.full_body is UNSET:
            return self.head.line.canonical
        return self.head.line.canonical + dumps_canonical(self.full_body)


class Inspector:
    """Reads requests against their operations."""

    def __init__(self, json_depth: int = MAX_DEPTH, json_number_length: int = MAX_NUMBER_LENGTH) -> None:
        self._json_limits = json_depth, json_number_length

    def inspect(self, head: Head, data: bytes, client: str | None) -> Inspection:
        """Everything that a request tells whose body is `data`. Never raises for what a client sends."""
        shown_body = redact_bytes(data)
        inspection = Inspection(
            head, client, shown_body, UNSET, UNSET, None, [*head.violations], [*head.warnings]
        )
        operation, line = head.operation, head.line
        if operation is not None and operation.body is not None and (data or operation.body.required):
            self._read_body(inspection, operation.body, data)
        if shown_body is not data or not line.is_clean:
            # What was hidden there may be a key.
            leaks = find_leaks(line.path, line.query, data, inspection.full_body)
            inspection.warnings += [CallWarning("leaked_key", text) for text in leaks]
        return inspection

    def _read_body(self, inspection: Inspection, contract: RequestBody, data: bytes) -> None:
        """Read the body as JSON, and note what is wrong with it."""
        schema = find_media_type(contract, inspection.head.facts.content_type)
        if isinstance(schema, Violation):
            inspection.violations.append(schema)
            return
        try:
            value, duplicates = loads(data, *self._json_limits)
        except MalformedJson as error:
            inspection.malformed = str(error)
            return
        for pointer in duplicates:
            text = f"the member {redact(pointer)} is given more than once; the last one counts"
            inspection.warnings.append(CallWarning("duplicate_member", text))
        if not schema.is_valid(value):
            inspection.violations += [
                Violation("body", redact(breach.pointer), breach.keyword, breach.message)
                for breach in schema.violations(value)
            ]
        inspection.full_body = value
        inspection.body = _known_members(value, contract.members, inspection.warnings)


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
