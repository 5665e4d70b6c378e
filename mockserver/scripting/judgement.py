"""Judgement: does a scripted answer keep the contract, on every operation that it can reach?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mockserver.contract.media_types import essence_of
from mockserver.contract.operations import Contract, Envelope, Operation
from mockserver.contract.pointers import object_at
from mockserver.exceptions import MalformedJson, Problem
from mockserver.json_codec import loads
from mockserver.scripting.matchers import RequestMatcher
from mockserver.scripting.stubs import Stub
from mockserver.scripting.subjects import Subject
from mockserver.suggestions import suggest

_PARAMETER = re.compile(r"\{[^{}/]*\}")
# What a path parameter is given, to see whether a URL pattern fits the path.
_SAMPLES = ("x", "1")


def judge(stub: Stub, contract: Contract, *, pointer: str) -> list[Problem]:
    """What in a stub's answer breaks the contract; `pointer` is where the stub's document stands.

    An answer that means to break it (`offContract`) is not judged, nor one with a fault, which announces
    itself, nor one that reaches no operation. A URL pattern reaches an operation if it fits a sample of its
    path, so one that asks for a particular id may reach none. A stub for any path stands for the operations
    that document its status, if there are any.
    """
    if stub.off_contract or stub.response.fault is not None:
        return []
    reached = _find_reached(stub, contract)
    return [
        Problem(f'{operation.id}: {text}; if that is meant, say "offContract": true', pointer + place)
        for operation in [item for item in reached if stands_for(stub, item)] or reached
        for place, text in _find_breaches(stub, operation)
    ]


def stands_for(stub: Stub, operation: Operation) -> bool:
    """Whether a stub that fits a request may answer for its operation."""
    is_bound = stub.operation is not None or stub.matcher.names_url or stub.off_contract
    status = stub.response.status
    return is_bound or status is None or operation.envelope(status) is not None


def _find_reached(stub: Stub, contract: Contract) -> list[Operation]:
    if stub.operation is not None:
        return [contract.operations[stub.operation]]
    matcher = stub.matcher
    if matcher.literal_path is None:
        operations = [
            operation for operation in contract.operations.values() if _reaches(matcher, operation, contract)
        ]
    else:
        found = contract.paths.find(matcher.literal_path)
        operations = found[0].list_operations() if found else []
    return [
        operation for operation in operations if not matcher.methods or operation.method in matcher.methods
    ]


def _reaches(matcher: RequestMatcher, operation: Operation, contract: Contract) -> bool:
    """Whether the URL rule of a pattern, if it has one, fits a path of the operation."""
    return any(
        not any(
            # A difference below "" is one of a path parameter, not of the URL.
            difference.place in ("url", "path") and not difference.pointer
            for difference in matcher.differences(subject)
        )
        for subject in _sample(operation, contract.prefix)
    )


def _sample(operation: Operation, prefix: str) -> Iterator[Subject]:
    """Requests for an operation: each sample, with and without the last slash, with and without a query."""
    query = "&".join(
        f"{parameter.name}=x"
        for parameter in operation.parameters
        if parameter.required and parameter.place == "query"
    )
    for value in _SAMPLES:
        bare = _PARAMETER.sub(value, prefix + operation.path).rstrip("/")
        for path in (f"{bare}/", bare):
            for url in (path, f"{path}?{query}") if query else (path,):
                yield Subject(operation.method, path, {}, {}, b"", url=url)


def _find_breaches(stub: Stub, operation: Operation) -> Iterator[tuple[str, str]]:
    """Where in the stub's document, and in what, its answer breaks what the operation documents."""
    status = stub.response.status
    # Without a status it is the operation's own success.
    if status is None:
        return
    envelope = operation.envelope(status)
    if envelope is None:
        documented = ", ".join(operation.envelopes)
        yield "/response/status", f"{status} is not documented, only {documented}"
        return
    if stub.reason is not None and envelope.examples and stub.reason not in envelope.examples:
        text = f"{stub.reason!r} is no reason of status {status}; {suggest(stub.reason, envelope.examples)}"
        yield "/metadata/mockserver/reason", text
    written = stub.document["response"]
    media_type = essence_of(envelope.media_type or "")
    # What is no object, or no text, is refused where it is read.
    for name, values in object_at(written, "headers").items():
        if name.lower() == "content-type" and media_type and "*" not in media_type:
            for value in values if isinstance(values, list) else [values]:
                if isinstance(value, str) and essence_of(value) != media_type:
                    text = f"{value!r} must be {media_type}, which status {status} documents"
                    yield f"/response/headers/{name}", text
    if stub.response.body is not None:
        member = next(name for name in ("body", "jsonBody", "base64Body", "bodyFileName") if name in written)
        for below, text in find_body_breaches(stub.response.body, envelope):
            if member == "jsonBody":
                yield f"/response/jsonBody{below}", f"the body of status {status}: {text}"
            else:
                # The body is one text here, so the message has to say where in it.
                yield f"/response/{member}", f"the body of status {status}{below and ', ' + below}: {text}"


def find_body_breaches(body: bytes, envelope: Envelope) -> Iterator[tuple[str, str]]:
    """Where in a body, and in what, it breaks the schema of its status."""
    if envelope.media_type is None:
        if body:
            yield "", "none is documented"
        return
    media_type = essence_of(envelope.media_type)
    if media_type != "application/json" and not media_type.endswith("+json"):
        return
    try:
        value, _ = loads(body)
    except MalformedJson as error:
        yield "", f"must be JSON: {error}"
        return
    if envelope.schema is not None:
        for violation in envelope.schema.violations(value):
            yield violation.pointer, violation.message
