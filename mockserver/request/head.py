"""Heads: all that a request tells but for its body, and the one memory of what requests told.

A client sends the same head again and again or, if not that, the same line and the same credential: each is
read once. Nothing rests in memory that holds a live or malformed credential, or a secret anywhere but in
Authorization; what belongs to a namespace is forgotten with it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from itertools import chain
from typing import TYPE_CHECKING

from mockserver.contract import Contract, Operation, Parameter
from mockserver.contract.parameters import split_values
from mockserver.contract.validation import CallWarning, Violation, read_parameter
from mockserver.http_fields import read_cookies
from mockserver.messages import Request
from mockserver.request.headers import MAX_REMEMBERED_BYTES, HeaderFacts, HeaderReader
from mockserver.request.leaks import LeakWatch, find_foreign_key
from mockserver.request.line import LineFacts
from mockserver.request.memory import Memory
from mockserver.security.credential import Credential, CredentialRules, Sent
from mockserver.settings import DEFAULT_NAMESPACE
from mockserver.types import Headers, Json

if TYPE_CHECKING:
    from mockserver.request.inspection import ParsedRequest

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
    `shown` is what may be kept. `is_cacheable` says that the head may stay in memory; `credential_key` is
    under what its credential may be remembered, None where it is already or may not be; `generation` is that
    of the memory when the head began to be read. Never changed, but for `last_read`: the last body that came
    with the head, with what both told.
    """

    __slots__ = (
        "arguments", "credential", "credential_key", "facts", "generation", "headers", "idempotency_key",
        "is_cacheable", "last_read", "line", "method", "namespace", "operation", "path", "preferences",
        "query", "shown", "violations", "warnings",
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
        credential_key: Hashable,
        generation: int,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.line = line
        self.facts = facts
        self.credential_key = credential_key
        self.generation = generation
        self.last_read: tuple[bytes, ParsedRequest] | None = None
        self.is_cacheable = line.is_cacheable and facts.is_cacheable and credential.is_cacheable
        self.operation = line.operation
        self.preferences = facts.preferences
        self.idempotency_key = facts.idempotency_key
        self.credential = credential
        self.namespace = line.namespace or credential.namespace or DEFAULT_NAMESPACE
        self.arguments: dict[str, Json] = line.arguments
        self.violations: list[Violation] = line.violations
        self.warnings: list[CallWarning] = [*line.warnings]
        operation = self.operation
        if operation is not None and operation.header_parameters and line.problem is None:
            self.arguments, self.violations = {**line.arguments}, [*line.violations]
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
            line.shown_other_path,
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
        if facts.leaks:
            self.warnings += [CallWarning("leaked_key", text) for text in facts.leaks]
        if credential.is_issued:
            texts = find_foreign_key(credential, self.namespace)
            self.warnings += [CallWarning("foreign_key", text) for text in texts]


class HeadReader:
    """Reads the heads of calls to one contract, with their credentials by the rules of its API."""

    def __init__(self, contract: Contract, rules: CredentialRules) -> None:
        self._contract = contract
        self._rules = rules
        self.leaks = LeakWatch(rules.issued_mark)
        # By bytes, or by all that they say: heads. By method, path and query: lines. By operation and
        # Authorization: credentials. By Authorization: how that may be shown.
        self.memory = Memory()
        self.headers = HeaderReader(rules.secret_headers, self.leaks, self.memory)
        self._is_told_by_authorization = not (
            rules.secret_headers or rules.secret_query or rules.reads_cookies
        )
        # The head that is remembered by a key: its bytes or, where it came without, all that it says.
        self.find: Callable[[Hashable], Head | None] = self.memory.get

    def __repr__(self) -> str:
        return f"<HeadReader with {self.memory!r}>"

    def read(self, method: str, path: str, query: str, headers: Headers) -> Head:
        """The head of a request. Never raises for what a client sends."""
        memory = self.memory
        generation = memory.generation
        line: LineFacts | None = memory.get((method, path, query))
        if line is None:
            line = self._read_line(method, path, query, generation)
        facts = self.headers.read(headers)
        key: Hashable = None
        if self._is_told_by_authorization and facts.authorizations:
            key = (line.operation and line.operation.id, *facts.authorizations)
            credential: Credential | None = memory.get(key)
            if credential is not None:
                return Head(method, path, query, headers, line, facts, credential, None, generation)
            if sum(map(len, facts.authorizations)) > MAX_REMEMBERED_BYTES:
                key = None
        credential = self._rules.read_credential(Sent(headers, line.query), line.operation)
        if not credential.is_cacheable:
            key = None
        return Head(method, path, query, headers, line, facts, credential, key, generation)

    def _read_line(self, method: str, path: str, query: str, generation: int) -> LineFacts:
        line = LineFacts(
            self._contract, self._rules.secret_query, self._rules.implied_methods, method, path, query
        )
        if line.is_cacheable:
            self.memory.put((method, path, query), line, None, generation)
        return line

    def remember(self, head: Head, key: Hashable) -> None:
        """Remember a head that is let in, by a key as in `find`, once that comes again."""
        if head.is_cacheable and self.memory.has_seen(key):
            self.memory.put(key, head, head.namespace, head.generation)

    def remember_credential(self, head: Head) -> None:
        """Remember whose credential a head that is let in has, for others with the same Authorization."""
        if head.credential_key is not None:
            self.memory.put(head.credential_key, head.credential, head.namespace, head.generation)
            for sent, shown in zip(head.headers, head.facts.recorded, strict=True):
                if sent[0] == b"authorization":
                    self.memory.put((sent[1],), shown[1], head.namespace, head.generation)

    def forget(self, namespace: str) -> None:
        """Forget what requests to a namespace told, credentials above all."""
        self.memory.forget(namespace)


def _has_accepted(operation: Operation | None, accept: str | None) -> bool:
    """Whether a success of an operation has a media type that an Accept header lets through."""
    envelopes = [] if operation is None else map(operation.envelope, operation.success_statuses)
    return any(envelope and envelope.content and envelope.accepted(accept) for envelope in envelopes)


def _read_header_parameter(parameter: Parameter, headers: Headers) -> list[str]:
    if parameter.place == "header":
        name = parameter.name.encode("latin-1", "replace")
        return [value.decode("latin-1") for header, value in headers if header == name]
    return read_cookies(headers).get(parameter.name, [])
