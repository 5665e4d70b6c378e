"""The catalogue: every error and fault, what it looks like, and how to provoke it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from mockserver.contract import Contract, Envelope, Operation
from mockserver.engine.rules import Rules
from mockserver.engine.situation import Refusal
from mockserver.exceptions import ContractError, MalformedJson
from mockserver.faults import Fault
from mockserver.json_codec import loads
from mockserver.scripting.stubs import Stub
from mockserver.seeds import Seed
from mockserver.synthesis.layers import NoValue
from mockserver.synthesis.requests import curl_line, example_url
from mockserver.synthesis.writing import make_media_value
from mockserver.types import Json, JsonObject


class Provocation(NamedTuple):
    """Ways to get one error; what is None is not possible.

    `prefer` is a request header; `curl` a shell line with it; `account` the value of an account parameter;
    `queue` a body for `POST /__admin/queue`; `python` a line for a sandbox; `cause` a shell line that does
    what a client could really do wrong.
    """

    curl: str | None
    prefer: str | None
    account: str | None
    queue: JsonObject | None
    python: str | None
    cause: str | None


class ErrorEntry(NamedTuple):
    """One error, with its exact body. `operation` is None for those that belong to none."""

    operation: str | None
    status: int
    reason: str
    body: Json
    provoke: Provocation

    def to_json(self) -> JsonObject:
        """The entry in the shape of `GET /__admin/errors`."""
        return {
            "operation": self.operation,
            "status": self.status,
            "reason": self.reason,
            "body": self.body,
            "provoke": self.provoke._asdict(),
        }


def example_line(contract: Contract, rules: Rules, operation: Operation, origin: str, *headers: str) -> str:
    """A line for a shell that makes a request which succeeds, with a credential that is let in."""
    return curl_line(
        contract,
        operation,
        origin,
        rules.example_arguments(operation),
        credentials=rules.show_credential(operation, "default"),
        headers=headers,
    )


class Catalogue:
    """The errors of one contract, by the rules of its API. `stubs` are those of the fixtures."""

    def __init__(self, contract: Contract, rules: Rules, stubs: tuple[Stub, ...]) -> None:
        self._contract = contract
        self._rules = rules
        self._scripted = {stub.name for stub in stubs}

    def list_errors(self, origin: str, *, operation: str | None = None) -> list[ErrorEntry]:
        """Every documented error of every operation (or of one), by status, the default reason first; then,
        unless one operation was asked for, those that belong to none."""
        return [make() for make in self.find_errors(origin, operation=operation)]

    def find_errors(self, origin: str, *, operation: str | None = None) -> list[Callable[[], ErrorEntry]]:
        """The same, each to be made by itself: those of a large contract take seconds together."""
        found: list[Callable[[], ErrorEntry]] = [
            partial(self._make_entry, item, status, reason, envelope, origin)
            for item in self._contract.operations.values()
            if operation in (None, item.id)
            for status, envelope in _documented_errors(item)
            for reason in envelope.examples or (self._rules.default_reason(status),)
        ]
        if operation is None:
            found += (partial(self._make_entry_of_none, *error, origin) for error in _OF_NO_OPERATION)
        return found

    def _make_body(self, operation: Operation, status: int, reason: str, envelope: Envelope) -> Json:
        """The body of an error: its example, else the one that is made."""
        if envelope.examples:
            value = envelope.examples[reason]
            return None if isinstance(value, bytes) else value
        try:
            body, _ = self._rules.write_error(Refusal(status, reason), operation, self._make)
        except (NoValue, ContractError):
            return None
        return _read_body(body)

    def _make(self, envelope: Envelope) -> Json:
        """A value of an envelope that has no example. Raises NoValue and ContractError."""
        if envelope.media is None:
            return None
        name = envelope.media_type or envelope.media.name
        seed = Seed("catalogue", envelope.schema_pointer)
        return make_media_value(envelope.media, name, self._contract.schemas, seed)

    def _make_entry(
        self, operation: Operation, status: int, reason: str, envelope: Envelope, origin: str
    ) -> ErrorEntry:
        rules, has_example = self._rules, reason in envelope.examples
        prefer = f"code={status}, example={reason}" if has_example else f"code={status}"
        is_default = not has_example or reason == rules.default_reason(status)
        account = rules.find_account(operation, status) if is_default else None
        outcome: JsonObject = {"status": status} if is_default else {"status": status, "reason": reason}
        told = "" if is_default else f", reason={reason!r}"
        python = f'sandbox.fail_next({status}, operation="{operation.id}"{told})'
        provoke = Provocation(
            curl=example_line(self._contract, rules, operation, origin, f"Prefer: {prefer}"),
            prefer=prefer,
            account=account if account in self._scripted else None,
            queue={"operation": operation.id, "outcomes": [outcome]},
            python=python,
            cause=rules.find_cause(operation, reason, origin),
        )
        body = self._make_body(operation, status, reason, envelope)
        return ErrorEntry(operation.id, status, reason, body, provoke)

    def _make_entry_of_none(self, status: int, reason: str, cause: str | None, origin: str) -> ErrorEntry:
        """An error that no operation documents: of paths and methods that the contract lacks, or of the guard
        in front of everything."""
        body, _ = self._rules.write_error(Refusal(status, reason), None, lambda envelope: None)
        line = self._wrong_method(origin) if reason == "method_not_allowed" else None
        if cause is not None:
            line = cause.format(origin=origin, prefix=self._contract.prefix)
        provoke = Provocation(line, None, None, None, None, line)
        return ErrorEntry(None, status, reason, _read_body(body), provoke)

    def _wrong_method(self, origin: str) -> str | None:
        """A shell line with a method that the path of an operation does not have."""
        for operation in self._contract.operations.values():
            found = self._contract.paths.find(self._contract.prefix + operation.path)
            for method in ("PATCH", "PUT", "DELETE", "POST") if found else ():
                if found and method not in found[0].operations:
                    url = example_url(self._contract, operation, self._rules.example_arguments(operation))
                    return shlex.join(["curl", "-X", method, f"{origin}{url}"])
        return None


def _read_body(body: bytes) -> Json:
    """A body as JSON, else as text; None where there is none."""
    try:
        return loads(body)[0] if body else None
    except MalformedJson:
        return body.decode("utf-8", "replace")


_OF_NO_OPERATION: tuple[tuple[int, str, str | None], ...] = (
    (404, "no_such_operation", "curl {origin}{prefix}/no-such-path"),
    (405, "method_not_allowed", None),
    (400, "bad_request", "curl -H 'Host: elsewhere.example' {origin}{prefix}/"),
    (403, "forbidden_origin", "curl -X POST -H 'Origin: https://elsewhere.example' {origin}/__admin/reset"),
    (408, "request_timeout", None),
    (413, "body_too_large", None),
    (414, "uri_too_long", None),
    (431, "headers_too_large", None),
    (503, "overloaded", None),
)


def _documented_errors(operation: Operation) -> Iterator[tuple[int, Envelope]]:
    """Each documented error status with its envelope; a range stands for its first status, the default one
    for 500."""
    found = [
        # `4XX` is 400 here, `default` 500.
        (500 if name == "default" else int(name.replace("X", "0")), name.isdecimal(), envelope)
        for name, envelope in operation.envelopes.items()
    ]
    for status, _, envelope in sorted(found, key=lambda item: (item[0], not item[1])):
        if status >= 400:
            yield status, envelope


FAULTS: Mapping[Fault, str] = {
    Fault.EMPTY_RESPONSE: "The connection is closed without a byte.",
    Fault.CONNECTION_RESET_BY_PEER: "The connection is reset (a real RST).",
    Fault.MALFORMED_RESPONSE_CHUNK: "A status line and headers, then bytes that are no chunk, then the end.",
    Fault.RANDOM_DATA_THEN_CLOSE: "Bytes that are no HTTP, then the end.",
    Fault.TRUNCATED_BODY: "The true Content-Length, half of the body, then the end.",
    Fault.WRONG_CONTENT_LENGTH: "The whole body, and seven bytes more announced.",
    Fault.NOT_JSON: "A gateway's HTML page, with 502 unless the stub says otherwise.",
    Fault.HANG: "No answer at all, until the client gives up.",
}


def list_faults(operation: str) -> list[JsonObject]:
    """Every fault, what it does, and how to script it, before or after the operation took effect."""
    return [
        {
            "fault": fault.value,
            "what": what,
            "provoke": {
                "queue": {
                    "operation": operation,
                    "outcomes": [{"fault": fault.value, "phase": "after_commit"}],
                },
                "python": (
                    f'sandbox.queue("{operation}", [{{"fault": "{fault.value}", "phase": "after_commit"}}])'
                ),
            },
        }
        for fault, what in FAULTS.items()
    ]
