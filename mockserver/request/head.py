"""Heads: all that a request tells but for its body, read once for equal heads.

A client sends the same head with nearly every request. What its bytes gave is remembered together with what
headers and request line gave, so that nobody reads, looks up or redacts any of it again.
"""

from __future__ import annotations

from itertools import chain

from mockserver.contract import Contract, Operation, Parameter
from mockserver.contract.parameters import split_values
from mockserver.contract.validation import CallWarning, Violation, read_parameter
from mockserver.http_fields import read_cookies
from mockserver.messages import Request
from mockserver.redaction import redact
from mockserver.request.headers import HeaderFacts, HeaderReader
from mockserver.request.leaks import LeakWatch, find_foreign_key
from mockserver.request.line import LineFacts, LineReader
from mockserver.security.credential import Credential, CredentialRules, Sent
from mockserver.settings import DEFAULT_NAMESPACE
from mockserver.types import Headers, Json

MAX_REMEMBERED = 256
MAX_REMEMBERED_BYTES = 4_096
# What a header takes beside its texts, measured.
_HEADER_OVERHEAD = 130


class ShownHead:
    """What of a head may be kept and shown. Calls with one head share it.

    `path` is without `/~name`, `other_path` as in LineFacts; `operation` its id; `credential` knows nothing
    of what is written in a JWT; `size` is about how many bytes it takes.
    """

    __slots__ = (
        "credential", "headers", "method", "operation", "other_path", "path", "path_parameters", "query",
        "size",
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        path: str,
        query: str,
        headers: Headers,
        operation: str | None,
        path_parameters: dict[str, str],
        credential: Credential,
        other_path: str | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.operation = operation
        self.path_parameters = path_parameters
        self.credential = credential
        self.other_path = other_path
        texts = sum(map(len, chain.from_iterable(headers)))
        self.size = len(path) + len(query) + _HEADER_OVERHEAD * len(headers) + texts

    def __repr__(self) -> str:
        return f"<ShownHead {self.method} {self.path} {self.credential!r}>"

    def with_body(self, body: bytes, client: str | None) -> Request:
        """The whole request, with a body that may be shown as well."""
        return Request(self.method, self.path, self.query, self.headers, body, client)


class Head:
    """A request but for its body.

    `method`, `path`, `query` and `headers` are as in Request; `line` and `facts` what request line and
    headers tell, and the rest what both tell together: `credential` is who makes the request, `namespace` the
    one that the call goes to; `arguments` holds the valid parameters by name, converted and with defaults;
    `shown` is what may be kept. Never changed, but for `may_rest`: whether the head, and what is made of it,
    may be remembered.
    """

    __slots__ = (
        "arguments", "credential", "facts", "headers", "idempotency_key", "line", "may_rest",
        "method", "namespace", "operation", "path", "preferences", "query", "shown", "violations", "warnings",
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        path: str,
        query: str,
        headers: Headers,
        line: LineFacts,
        facts: HeaderFacts,
        credential: Credential,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.line = line
        self.facts = facts
        self.may_rest = False
        self.operation = line.operation
        self.preferences = facts.preferences
        self.idempotency_key = facts.idempotency_key
        self.credential = credential
        self.namespace = line.namespace or credential.namespace or DEFAULT_NAMESPACE
        self.arguments: dict[str, Json] = line.arguments
        self.violations: list[Violation] = [*line.violations]
        self.warnings: list[CallWarning] = [*line.warnings]
        operation = self.operation
        if operation is not None and operation.header_parameters and operation.problem is None:
            self.arguments = {**self.arguments}
            for parameter in operation.header_parameters:
                parts = split_values(parameter, _read_header_parameter(parameter, headers))
                read_parameter(parameter, parts, self.arguments, self.violations)
        self._warn()
        self.shown = ShownHead(
            line.shown_method,
            line.shown_path,
            line.shown_query,
            facts.recorded,
            None if self.operation is None else self.operation.id,
            line.shown_path_parameters,
            credential.recorded(),
            None if line.other_path is None else redact(line.other_path),
        )

    def __repr__(self) -> str:
        return f"<Head {self.shown.method} {self.credential!r}>"

    def _warn(self) -> None:
        """Note what is suspicious in line and headers together."""
        line, facts, credential = self.line, self.facts, self.credential
        if not facts.accepts_json and not _has_accepted(self.operation, facts.accept):
            text = "Accept excludes JSON; the answer is JSON all the same"
            self.warnings.append(CallWarning("not_acceptable", text))
        if line.namespace is not None and credential.namespace not in (None, line.namespace):
            text = (
                f"the path names the namespace {line.namespace!r} and wins; the credential names "
                f"{credential.namespace!r}"
            )
            self.warnings.append(CallWarning("namespace_conflict", text))
        self.warnings += [CallWarning("leaked_key", text) for text in facts.leaks]
        if credential.is_issued:
            texts = find_foreign_key(credential, self.namespace)
            self.warnings += [CallWarning("foreign_key", text) for text in texts]


class HeadReader:
    """Reads the heads of calls to one contract, with their credentials by the rules of its API."""

    def __init__(self, contract: Contract, rules: CredentialRules) -> None:
        self._rules = rules
        self.leaks = LeakWatch(rules.issued_mark)
        self.headers = HeaderReader(rules.secret_headers, self.leaks)
        self._lines = LineReader(contract, rules.secret_query)
        # By operation and by Authorization, where that alone tells.
        self._is_told_by_authorization = not (
            rules.secret_headers or rules.secret_query or rules.reads_cookies
        )
        self._credentials: dict[tuple[str | None, tuple[bytes, ...]], Credential] = {}
        self._remembered: dict[tuple[LineFacts, HeaderFacts], Head] = {}
        # By the bytes that a head was read from; with it how long the body is that it announces.
        self._by_bytes: dict[bytes, tuple[Head, int]] = {}

    def __repr__(self) -> str:
        return f"<HeadReader {len(self._remembered)} remembered>"

    def read(self, method: str, path: str, query: str, headers: Headers) -> Head:
        """The head of a request. Never raises for what a client sends."""
        line, facts = self._lines.read(method, path, query), self.headers.read(headers)
        head = self._remembered.get((line, facts))
        if head is None:
            credential = self._read_credential(line, facts, headers)
            if credential.is_cacheable:
                self.headers.remember(headers, facts)
            head = Head(method, path, query, headers, line, facts, credential)
            # As it is now: somebody may have forgotten them meanwhile.
            head.may_rest = line.may_rest and facts.may_rest
            if head.may_rest:
                if len(self._remembered) >= MAX_REMEMBERED:
                    self._forget_heads()
                self._remembered[line, facts] = head
        return head

    def _read_credential(self, line: LineFacts, facts: HeaderFacts, headers: Headers) -> Credential:
        operation = line.operation
        key = None if operation is None else operation.id, facts.authorizations
        credential = self._credentials.get(key)
        if credential is None:
            credential = self._rules.read_credential(Sent(headers, line.query), operation)
            if credential.is_cacheable and facts.authorizations and self._is_told_by_authorization:
                if len(self._credentials) >= MAX_REMEMBERED:
                    self._credentials.clear()
                self._credentials[key] = credential
        return credential

    def remember(self, raw: bytes, head: Head, body_length: int) -> None:
        """Remember the bytes that a head was read from, and how long the body is that it announces."""
        if head.may_rest and len(raw) <= MAX_REMEMBERED_BYTES:
            if len(self._by_bytes) >= MAX_REMEMBERED:
                self._by_bytes.clear()
            self._by_bytes[raw] = head, body_length

    def find(self, raw: bytes) -> tuple[Head, int] | None:
        """The head that was read from the same bytes before, and the length of its body."""
        return self._by_bytes.get(raw)

    def forget(self) -> None:
        """Forget every head and all that headers told, credentials above all."""
        self._forget_heads()
        self._credentials.clear()
        self.headers.forget()

    def _forget_heads(self) -> None:
        for head in self._remembered.values():
            # A reader that still has it must not remember it after all.
            head.may_rest = False
        self._remembered.clear()
        self._by_bytes.clear()


def _has_accepted(operation: Operation | None, accept: str | None) -> bool:
    """Whether a success of an operation has a media type that an Accept header lets through."""
    envelopes = [] if operation is None else map(operation.envelope, operation.success_statuses)
    return any(envelope and envelope.content and envelope.accepted(accept) for envelope in envelopes)


def _read_header_parameter(parameter: Parameter, headers: Headers) -> list[str]:
    if parameter.place == "header":
        name = parameter.name.encode("latin-1", "replace")
        return [value.decode("latin-1") for header, value in headers if header == name]
    return read_cookies(headers).get(parameter.name, [])
