"""Inspection: all that is known of a request before anybody decides. Pure; runs for scripted calls too."""

from __future__ import annotations

from dataclasses import dataclass

from mockserver.contract import Contract, Operation, Parameter
from mockserver.contract.operations import RequestBody
from mockserver.credentials import Credential
from mockserver.exceptions import MalformedJson
from mockserver.headers import HeaderFacts, HeaderReader
from mockserver.json_codec import MAX_DEPTH, MAX_NUMBER_LENGTH, dumps_canonical, loads
from mockserver.leaks import find_foreign_key, find_leaks
from mockserver.messages import Request
from mockserver.redaction import redact, redact_bytes
from mockserver.request_lines import LineFacts, LineReader
from mockserver.scripting.preferences import Preferences
from mockserver.settings import DEFAULT_NAMESPACE
from mockserver.types import UNSET, Json, JsonObject, UnsetType
from mockserver.validation import CallWarning, Violation, find_media_type, read_parameter


@dataclass(slots=True)
class Inspection:
    """What a request is, by itself and by the contract. Made once for every call, and then only looked at,
    but for `violations` and `warnings`, to which whoever finds more adds.

    `line` is what the request line tells; `arguments` holds the valid parameters by name, converted and with
    defaults; `account_id` is the one of them that the contract marks as the account; `body` the parsed body
    with the members that the contract names, `full_body` with all of them; `malformed` says why the body is
    no JSON; `recorded` is the request as it may be kept and shown, its path without `/~name`.
    """

    request: Request
    recorded: Request
    namespace: str
    line: LineFacts
    credential: Credential
    operation: Operation | None
    arguments: dict[str, Json]
    account_id: str | None
    body: Json | UnsetType
    full_body: Json | UnsetType
    malformed: str | None
    violations: list[Violation]
    warnings: list[CallWarning]
    preferences: Preferences | None
    idempotency_key: str | None

    def __repr__(self) -> str:
        return f"<Inspection {self.operation.id if self.operation else None} {self.credential!r}>"

    def object(self) -> JsonObject:
        """The body, for an operation whose schema makes sure that it is an object."""
        assert isinstance(self.body, dict), "the contract was checked before"
        return self.body

    def canonical(self) -> bytes:
        """The same bytes for the same request: operation, path parameters, sorted query, parsed body."""
        if self.full_body is UNSET:
            return self.line.canonical
        return self.line.canonical + dumps_canonical(self.full_body)


class Inspector:
    """Reads requests against one contract."""

    def __init__(
        self,
        contract: Contract,
        headers: HeaderReader,
        json_depth: int = MAX_DEPTH,
        json_number_length: int = MAX_NUMBER_LENGTH,
    ) -> None:
        self._headers = headers
        self._lines = LineReader(contract)
        self._json_limits = json_depth, json_number_length

    def inspect(self, request: Request) -> Inspection:
        """Everything that the request tells. Never raises for what a client sends."""
        facts = self._headers.read(request.headers)
        line = self._lines.read(request.method, request.path, request.query)
        credential, operation = facts.credential, line.operation
        namespace = line.namespace or credential.namespace or DEFAULT_NAMESPACE
        shown_body = redact_bytes(request.body)
        violations, warnings = [*line.violations], [*line.warnings]
        arguments = line.arguments
        body: Json | UnsetType = UNSET
        full_body: Json | UnsetType = UNSET
        malformed: str | None = None
        account_id: Json = None
        if operation is not None:
            if operation.header_parameters:
                arguments = {**arguments}
                for parameter in operation.header_parameters:
                    values = _read_header_parameter(parameter, request)
                    read_parameter(parameter, values, arguments, violations)
            if operation.account_parameter is not None:
                account_id = arguments.get(operation.account_parameter)
            if operation.body is not None and (request.body or operation.body.required):
                full_body, malformed = self._read_body(request, operation.body, facts, violations, warnings)
                if full_body is not UNSET:
                    body = _known_members(full_body, operation.body.members, warnings)
        if not facts.accepts_json:
            text = "Accept excludes JSON; the answer is JSON all the same"
            warnings.append(CallWarning("not_acceptable", text))
        if line.namespace is not None and credential.namespace not in (None, line.namespace):
            text = (
                f"the path names the namespace {namespace!r} and wins; the credential names "
                f"{credential.namespace!r}"
            )
            warnings.append(CallWarning("namespace_conflict", text))
        if shown_body is not request.body or not line.is_clean:
            # What was hidden there may be a key.
            leaks = find_leaks(line.path, line.query, request.body, full_body)
            warnings += [CallWarning("leaked_key", text) for text in leaks]
        if facts.leaks:
            warnings += [CallWarning("leaked_key", text) for text in facts.leaks]
        if credential.is_issued:
            warnings += [CallWarning("foreign_key", text) for text in find_foreign_key(credential, namespace)]
        return Inspection(
            request,
            Request(
                line.shown_method,
                line.shown_path,
                line.shown_query,
                facts.recorded,
                shown_body,
                request.client,
            ),
            namespace,
            line,
            credential,
            operation,
            arguments,
            account_id if isinstance(account_id, str) else None,
            body,
            full_body,
            malformed,
            violations,
            warnings,
            facts.preferences,
            facts.idempotency_key,
        )

    def _read_body(
        self,
        request: Request,
        contract: RequestBody,
        facts: HeaderFacts,
        violations: list[Violation],
        warnings: list[CallWarning],
    ) -> tuple[Json | UnsetType, str | None]:
        """The body as JSON, UNSET where it cannot be read, and then why if it is malformed."""
        schema = find_media_type(contract, facts.content_type)
        if isinstance(schema, Violation):
            violations.append(schema)
            return UNSET, None
        try:
            value, duplicates = loads(request.body, *self._json_limits)
        except MalformedJson as error:
            return UNSET, str(error)
        for pointer in duplicates:
            text = f"the member {redact(pointer)} is given more than once; the last one counts"
            warnings.append(CallWarning("duplicate_member", text))
        if not schema.is_valid(value):
            violations += [
                Violation("body", redact(breach.pointer), breach.keyword, breach.message)
                for breach in schema.violations(value)
            ]
        return value, None


def _read_header_parameter(parameter: Parameter, request: Request) -> list[str] | None:
    if parameter.place == "header":
        name = parameter.name.encode("latin-1", "replace")
        return [value.decode("latin-1") for header, value in request.headers if header == name] or None
    return read_cookies(request).get(parameter.name)


def read_cookies(request: Request) -> dict[str, list[str]]:
    """The cookies of a request by name (RFC 6265, section 5.4)."""
    cookies: dict[str, list[str]] = {}
    for header, value in request.headers:
        if header == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                name, _, text = pair.strip().partition("=")
                cookies.setdefault(name, []).append(text)
    return cookies


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
