"""Inspection: all that is known of a request before anybody decides. Pure; runs for scripted calls too."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from mockserver.contract import Contract, Operation, PathItem
from mockserver.credentials import Credential
from mockserver.exceptions import MalformedJson
from mockserver.headers import HeaderReader
from mockserver.json_codec import MAX_DEPTH, MAX_NUMBER_LENGTH, dumps_canonical, loads
from mockserver.leaks import find_foreign_key, find_leaks
from mockserver.messages import Request
from mockserver.redaction import redact
from mockserver.scripting.preferences import Preferences
from mockserver.settings import DEFAULT_NAMESPACE
from mockserver.types import UNSET, Json, JsonObject, UnsetType
from mockserver.validation import Violation, find_media_type, read_parameter

_NAMED_PATH = re.compile(r"/~([a-z0-9-]{1,40})(?=/|$)")


class CallWarning(NamedTuple):
    """Something suspicious that does not change the answer."""

    code: str
    message: str

    def to_json(self) -> JsonObject:
        """`{"code", "message"}`."""
        return {"code": self.code, "message": self.message}


class Inspection(NamedTuple):
    """What a request is, by itself and by the contract. A named tuple, since one is made for every call.

    `path` is the request's without `/~name`, still percent-encoded; `query` is decoded; `arguments` holds the
    valid parameters by name, converted and with defaults; `body` the parsed body with the members that the
    contract names, `full_body` with all of them; `malformed` says why the body is no JSON; `recorded` is the
    request as it may be kept and shown, with `path` for its path.
    """

    request: Request
    recorded: Request
    namespace: str
    path: str
    credential: Credential
    path_item: PathItem | None
    operation: Operation | None
    path_parameters: dict[str, str]
    query: dict[str, list[str]]
    arguments: dict[str, Json]
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
        body = None if self.full_body is UNSET else self.full_body
        name = self.operation.id if self.operation else self.path
        return dumps_canonical([name, self.path_parameters, self.query, body])


class Inspector:
    """Reads requests against one contract."""

    def __init__(
        self,
        contract: Contract,
        headers: HeaderReader,
        json_depth: int = MAX_DEPTH,
        json_number_length: int = MAX_NUMBER_LENGTH,
    ) -> None:
        self._contract = contract
        self._headers = headers
        self._json_depth = json_depth
        self._json_number_length = json_number_length

    def inspect(self, request: Request) -> Inspection:
        """Everything that the request tells. Never raises for what a client sends."""
        warnings: list[CallWarning] = []
        facts = self._headers.read(request.headers)
        credential = facts.credential
        namespace, path = _split_namespace(request.path, credential, warnings)
        query = read_query(request.query)
        recorded = request.redacted(path, facts.recorded)
        if query and (recorded.query is not request.query or not _TOKEN_NAMES.isdisjoint(query)):
            # Never taken as a credential, and URLs end in logs that nobody watches.
            text = "the query holds what looks like a credential; it is not used, and URLs end in logs"
            warnings.append(CallWarning("credential_in_query", text))
        if not facts.accepts_json:
            text = "Accept excludes JSON; the answer is JSON all the same"
            warnings.append(CallWarning("not_acceptable", text))

        violations: list[Violation] = []
        arguments: dict[str, Json] = {}
        body: Json | UnsetType = UNSET
        full_body: Json | UnsetType = UNSET
        malformed: str | None = None
        operation: Operation | None = None
        parameters: dict[str, str] = {}
        found = self._contract.paths.find(path)
        item = None
        if found is not None:
            item, parameters = found
            operation = item.operations.get(request.method)
        if operation is not None:
            for parameter in operation.parameters:
                if parameter.place == "query":
                    values = query.get(parameter.name)
                else:
                    values = _values_elsewhere(parameter.place, parameter.name, parameters, request)
                read_parameter(parameter, values, arguments, violations)
            if operation.body is not None and (request.body or operation.body.required):
                schema = find_media_type(operation.body, facts.content_type)
                if isinstance(schema, Violation):
                    violations.append(schema)
                else:
                    try:
                        full_body, duplicates = loads(
                            request.body, self._json_depth, self._json_number_length
                        )
                    except MalformedJson as error:
                        malformed = str(error)
                    else:
                        for pointer in duplicates:
                            text = (
                                f"the member {redact(pointer)} is given more than once; the last one counts"
                            )
                            warnings.append(CallWarning("duplicate_member", text))
                        if not schema.is_valid(full_body):
                            violations += [
                                Violation("body", redact(breach.pointer), breach.keyword, breach.message)
                                for breach in schema.violations(full_body)
                            ]
                        body = _known_members(full_body, operation.body.members, warnings)
        else:
            self._hint(request.method, path, warnings)
        is_url_whole = recorded.query is request.query and recorded.path is path
        if not is_url_whole or recorded.body is not request.body:
            # What was redacted there may be a key.
            leaks = find_leaks(path, query, request.body, full_body)
            warnings += [CallWarning("leaked_key", text) for text in leaks]
        if facts.leaks:
            warnings += [CallWarning("leaked_key", text) for text in facts.leaks]
        if credential.is_issued:
            warnings += [CallWarning("foreign_key", text) for text in find_foreign_key(credential, namespace)]
        return Inspection(
            request,
            recorded,
            namespace,
            path,
            credential,
            item,
            operation,
            parameters,
            query,
            arguments,
            body,
            full_body,
            malformed,
            violations,
            warnings,
            facts.preferences,
            facts.idempotency_key,
        )

    def _hint(self, method: str, path: str, warnings: list[CallWarning]) -> None:
        nearest = self._contract.find_nearest(method, path)
        if nearest is not None:
            where = f"{nearest.id} ({nearest.method} {nearest.path})"
            text = f"no operation has this method and path; the nearest is {where}"
            warnings.append(CallWarning("unknown_operation", text))


def _split_namespace(path: str, credential: Credential, warnings: list[CallWarning]) -> tuple[str, str]:
    """The namespace that a request names, and its path without it. The path wins over the credential."""
    if not path.startswith("/~"):
        return credential.namespace or DEFAULT_NAMESPACE, path
    match = _NAMED_PATH.match(path)
    if match is None:
        return credential.namespace or DEFAULT_NAMESPACE, path
    name = match.group(1)
    if credential.namespace is not None and credential.namespace != name:
        text = (
            f"the path names the namespace {name!r} and wins; the credential names {credential.namespace!r}"
        )
        warnings.append(CallWarning("namespace_conflict", text))
    return name, path[match.end() :] or "/"


def read_query(query: str) -> dict[str, list[str]]:
    """A query string, decoded (WHATWG URL, application/x-www-form-urlencoded), names in order received."""
    if not query:
        return {}
    values: dict[str, list[str]] = {}
    is_encoded = "%" in query or "+" in query or not query.isascii()
    for pair in query.split("&"):
        if not pair:
            continue
        name, _, value = pair.partition("=")
        if is_encoded:
            name, value = _decode(name), _decode(value)
        if name in values:
            values[name].append(value)
        else:
            values[name] = [value]
    return values


def _decode(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ").encode("latin-1", "replace")).decode("utf-8", "replace")


def _values_elsewhere(
    place: str, name: str, parameters: dict[str, str], request: Request
) -> list[str] | None:
    if place == "path":
        return [parameters[name]] if name in parameters else None
    if place == "header":
        key = name.encode("latin-1", "replace")
        return [value.decode("latin-1") for header, value in request.headers if header == key] or None
    return read_cookies(request).get(name)


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
_TOKEN_NAMES = frozenset({"access_token", "api_key", "apikey", "token", "authorization"})
