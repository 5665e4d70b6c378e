"""The catalogue: how to call each operation, and how to provoke each error and each fault."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import quote

from mockserver.contract import Contract, Operation, Parameter
from mockserver.exceptions import Problem
from mockserver.faults import Fault
from mockserver.json_codec import dumps
from mockserver.seeds import Seed
from mockserver.state.fixtures import Fixtures
from mockserver.synthesis.layers import NoValue
from mockserver.synthesis.values import make_value
from mockserver.types import Json, JsonObject

TEST_KEY = "sk_test_local"
TEST_ACCOUNT = "acct_test_main"
MANAGED_KEY = "key_mock_managed00000000000000001"


def list_operations(contract: Contract) -> Iterator[Operation]:
    """The operations, in the order of the contract."""
    return iter(contract.operations.values())


def example_body(contract: Contract, operation: Operation) -> Json:
    """A body that the operation takes: its first example or a value of its schema; None if it takes none, or
    none can be made."""
    body = operation.body
    if body is None:
        return None
    if body.examples:
        return next(iter(body.examples.values()))
    schemas = contract.schemas
    schema = schemas.at(body.schema_pointer) if body.schema_pointer else True
    seed = Seed("example", operation.id)
    with suppress(NoValue):
        return make_value(schema, seed, resolve=schemas.resolve, minimal=True, is_valid=schemas.accepts)
    return None


def find_unmakeable(contract: Contract) -> Iterator[Problem]:
    """The answers for which the contract has no example, and of whose schema no value can be made.

    Found out with the smallest values: larger ones leave out what cannot be made.
    """
    schemas = contract.schemas
    for operation in contract.operations.values():
        for status, envelope in operation.envelopes.items():
            if envelope.schema is None or envelope.examples:
                continue
            pointer = envelope.schema_pointer
            try:
                schema = schemas.at(pointer)
                seed = Seed("check", operation.id, status)
                make_value(schema, seed, resolve=schemas.resolve, minimal=True, is_valid=schemas.accepts)
            except NoValue as error:
                text = f"{operation.id} cannot answer {status}, as no value can be made: {error}"
                yield Problem(text, pointer)


def example_url(contract: Contract, operation: Operation, account: str = TEST_ACCOUNT) -> str:
    """Path and query of a request that the operation takes, with what it requires and nothing else."""
    path = contract.prefix + operation.path
    query: list[str] = []
    for parameter in operation.parameters:
        if not parameter.required or parameter.place not in ("path", "query"):
            continue
        value = account if parameter.names_account else _example_text(parameter)
        if parameter.place == "path":
            path = path.replace(f"{{{parameter.name}}}", quote(value, safe=""))
        else:
            query.append(f"{quote(parameter.name)}={quote(value, safe='')}")
    return f"{path}?{'&'.join(query)}" if query else path


def _example_text(parameter: Parameter) -> str:
    for kind, text in (("integer", "1"), ("number", "1"), ("boolean", "true")):
        if kind in parameter.types:
            return text
    return MANAGED_KEY if parameter.name == "id" else "string"


def curl_line(
    contract: Contract,
    operation: Operation,
    origin: str,
    *,
    credential: str = TEST_KEY,
    account: str = TEST_ACCOUNT,
    headers: tuple[str, ...] = (),
    body: str | None = None,
) -> str:
    """A line for a shell that makes a request which succeeds, but for what is given otherwise."""
    parts = ["curl", "-X", operation.method, f"{origin}{example_url(contract, operation, account)}"]
    if operation.requires_credential and credential:
        parts += ["-H", f"Authorization: Bearer {credential}"]
    for header in headers:
        parts += ["-H", header]
    if operation.body is not None:
        text = body if body is not None else dumps(example_body(contract, operation)).decode("utf-8")
        parts += ["-H", "Content-Type: application/json", "-d", text]
    return " ".join(shlex.quote(part) for part in parts)


# Errors and faults, and how to provoke each.


class Provocation(NamedTuple):
    """Ways to get one error.

    `prefer` is a request header; `curl` a shell line with it; `account` an `account_id`, None where there is
    none; `queue` a body for `POST /__admin/queue`; `python` a line for a sandbox; `cause` a shell line that
    does what a client could really do wrong, None where only a script can.
    """

    curl: str
    prefer: str
    account: str | None
    queue: JsonObject
    python: str
    cause: str | None


class ErrorEntry(NamedTuple):
    """One documented error of one operation, with its exact body."""

    operation: str
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


def list_errors(
    contract: Contract, fixtures: Fixtures, origin: str, *, operation: str | None = None
) -> list[ErrorEntry]:
    """Every documented error of every operation (or of one), by status, the default reason first."""
    return [
        _error_entry(contract, fixtures, item, status, reason, body, origin)
        for item in contract.operations.values()
        if operation in (None, item.id)
        for status in item.statuses
        if status >= 400
        for reason, body in _bodies(item, status)
    ]


def _bodies(operation: Operation, status: int) -> Iterator[tuple[str, Json]]:
    envelope = operation.envelope(status)
    if envelope is not None:
        yield from envelope.examples.items()


def _error_entry(
    contract: Contract,
    fixtures: Fixtures,
    operation: Operation,
    status: int,
    reason: str,
    body: Json,
    origin: str,
) -> ErrorEntry:
    prefer = f"code={status}, example={reason}"
    is_default = reason == fixtures.default_reason(status)
    account = f"acct_error_{status}"
    has_account = operation.account_parameter is not None and any(
        stub.name == account for stub in fixtures.stubs
    )
    outcome: JsonObject = {"status": status} if is_default else {"status": status, "body": body}
    if is_default:
        python = f'sandbox.fail_next({status}, operation="{operation.id}")'
    else:
        python = f'sandbox.queue("{operation.id}", [{outcome!r}])'
    provoke = Provocation(
        curl=curl_line(contract, operation, origin, headers=(f"Prefer: {prefer}",)),
        prefer=prefer,
        account=account if is_default and has_account else None,
        queue={"operation": operation.id, "outcomes": [outcome]},
        python=python,
        cause=_find_cause(contract, operation, reason, origin),
    )
    return ErrorEntry(operation.id, status, reason, body, provoke)


def _find_cause(contract: Contract, operation: Operation, reason: str, origin: str) -> str | None:
    """A shell line by which a client really runs into an error; None where the operation has no such way."""
    if reason in _CREDENTIAL_CAUSES:
        return curl_line(contract, operation, origin, credential=_CREDENTIAL_CAUSES[reason])
    if reason == "malformed_json" and operation.body is not None:
        return curl_line(contract, operation, origin, body="{")
    if reason == "invalid_request" and operation.body is not None:
        return curl_line(contract, operation, origin, body="{}")
    if reason == "invalid_request" and operation.account_parameter is not None:
        return curl_line(contract, operation, origin, account="")
    if reason == "account_not_found" and operation.account_parameter is not None:
        return curl_line(contract, operation, origin, account="acct_live_main")
    if reason == "foreign_account" and operation.account_parameter is not None:
        return curl_line(contract, operation, origin, credential="sk_test_bound")
    if reason == "api_key_not_found" and "{id}" in operation.path:
        return curl_line(contract, operation, origin).replace(MANAGED_KEY, "key_mock_unknown")
    if reason == "idempotency_conflict" and operation.method == "POST":
        example = example_body(contract, operation)
        if not isinstance(example, dict):
            return None
        header = ("Idempotency-Key: used-twice",)
        first = curl_line(contract, operation, origin, headers=header)
        other = example | {"name": "another body"}
        second = curl_line(contract, operation, origin, headers=header, body=dumps(other).decode("utf-8"))
        return f"{first} && {second}"
    if reason == "conflict" and operation.method == "POST" and "{id}" in operation.path:
        return _regenerate_line(contract, operation, origin)
    if reason == "rate_limited":
        limited = f"{origin}/~limited"
        limit = shlex.join(
            ["curl", "-X", "PATCH", f"{limited}/__admin/settings", "-d", '{"rateLimit": "1/60s"}']
        )
        call = curl_line(contract, operation, limited)
        return f"{limit} && {call} && {call}"
    return None


def _regenerate_line(contract: Contract, operation: Operation, origin: str) -> str | None:
    """A shell line that creates what an operation refuses to change, and tries to change it."""
    folder = operation.path.partition("{id}")[0]
    for creating in contract.operations.values():
        if creating.method == "POST" and creating.path.rstrip("/") == folder.rstrip("/"):
            create = curl_line(contract, creating, origin)
            change = curl_line(contract, operation, origin).replace(MANAGED_KEY, "ID")
            return f"{create} | grep -o 'key_mock_[0-9A-Za-z]*' | xargs -I ID {change}"
    return None


def _unsigned_jwt(header: JsonObject, claims: JsonObject) -> str:
    def encode(part: JsonObject) -> str:
        return base64.urlsafe_b64encode(dumps(part)).decode("ascii").rstrip("=")

    return f"{encode(header)}.{encode(claims)}.{'' if header['alg'] == 'none' else 'c2lnbmVk'}"


_CREDENTIAL_CAUSES = {
    "missing_credential": "",
    "malformed_credential": "nonsense",
    "invalid_token": _unsigned_jwt({"alg": "none"}, {"sub": "user"}),
    "not_yet_valid": _unsigned_jwt({"alg": "HS256"}, {"sub": "user", "nbf": 32503680000}),
    "expired_credential": "sk_test_expired",
    "revoked_credential": "sk_test_revoked",
    "live_credential": "sk_live_this_is_not_a_real_key",
    "missing_permission": "sk_test_no_permissions",
    "publishable_key": "pk_test_local",
}


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
                "python": f'sandbox.queue("{operation}", [{{"fault": "{fault.value}"}}])',
            },
        }
        for fault, what in FAULTS.items()
    ]


def errors_table(contract: Contract, fixtures: Fixtures, operation: str) -> str:
    """The Markdown table of an operation's errors that the README shows."""
    lines = [
        "| status | reason | how a client runs into it | `Prefer` | `account_id` |",
        "| --- | --- | --- | --- | --- |",
    ]
    for entry in list_errors(contract, fixtures, "", operation=operation):
        account = f"`{entry.provoke.account}`" if entry.provoke.account else ""
        lines.append(
            f"| {entry.status} | `{entry.reason}` | {_CAUSES_IN_WORDS.get(entry.reason, 'by script only')} "
            f"| `{entry.provoke.prefer}` | {account} |"
        )
    return "\n".join(lines) + "\n"


_CAUSES_IN_WORDS = {
    "malformed_json": "a body that is no JSON, or empty",
    "missing_credential": "no `Authorization` header",
    "malformed_credential": "neither a JWT nor `sk_…` nor `pk_…`, not `Bearer`, or two headers",
    "invalid_token": "a JWT with `alg: none`, or one whose signature is checked and wrong",
    "not_yet_valid": "a JWT whose `nbf` lies ahead",
    "expired_credential": "`sk_test_expired`, an issued key past its `expires_at`, a JWT past its `exp`",
    "revoked_credential": "`sk_test_revoked`, a deleted key, a key issued before a restart",
    "live_credential": "any key without `_test_`, a JWT with `livemode: true`",
    "missing_permission": "`sk_test_no_permissions`, an issued key without the permission",
    "publishable_key": "`pk_test_…`",
    "foreign_account": "`sk_test_bound`, or an issued key, with another account",
    "account_not_found": "`acct_live_main`, or with `--strict-accounts` any that is not listed",
    "api_key_not_found": "an unknown or deleted id (operations with `{id}`)",
    "idempotency_conflict": "one `Idempotency-Key` with two different bodies",
    "conflict": "regenerating a key that is not managed",
    "invalid_request": "a missing `account_id`, a missing or mistyped member, another `Content-Type`",
    "rate_limited": "more calls than `--rate-limit` allows",
}
