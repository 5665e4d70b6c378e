"""How a client really runs into each of HSRCPAY's errors: as a line for a shell, and in words."""

from __future__ import annotations

import base64
import shlex

from mockserver.contract import Contract, Operation
from mockserver.json_codec import dumps
from mockserver.security.schemes import Shown
from mockserver.synthesis.requests import curl_line, example_body
from mockserver.types import JsonObject
from mockserver.vendors.hsrcpay.accounts import Accounts

TEST_KEY = "sk_test_local"
TEST_ACCOUNT = "acct_test_main"
MANAGED_KEY = "key_mock_managed00000000000000001"


class Causes:
    """How a client runs into the errors of one contract. `accounts` knows which parameter names one."""

    def __init__(self, contract: Contract, accounts: Accounts) -> None:
        self._contract = contract
        self._accounts = accounts

    def arguments(self, operation: Operation, account: str = TEST_ACCOUNT) -> dict[str, str]:
        """Values of parameters with which an example request succeeds: an account of the fixtures, and a
        managed key."""
        name = self._accounts.parameter_of(operation)
        return {"id": MANAGED_KEY} | ({} if name is None else {name: account})

    def find(self, operation: Operation, reason: str, origin: str) -> str | None:
        """A shell line by which a client really runs into an error; None where the operation has no such
        way."""
        has_account = self._accounts.parameter_of(operation) is not None
        if reason in _CREDENTIAL_CAUSES:
            return self._line(operation, origin, token=_CREDENTIAL_CAUSES[reason])
        if reason == "malformed_json" and operation.body is not None:
            return self._line(operation, origin, body="{")
        if reason == "invalid_request" and operation.body is not None:
            return self._line(operation, origin, body="{}")
        if reason == "invalid_request" and has_account:
            return self._line(operation, origin, account="")
        if reason == "account_not_found" and has_account:
            return self._line(operation, origin, account="acct_live_main")
        if reason == "foreign_account" and has_account:
            return self._line(operation, origin, token="sk_test_bound")
        if reason == "api_key_not_found" and "{id}" in operation.path:
            return self._line(operation, origin).replace(MANAGED_KEY, "key_mock_unknown")
        if reason == "idempotency_conflict" and operation.method == "POST":
            example = example_body(self._contract, operation)
            if not isinstance(example, dict):
                return None
            header = ("Idempotency-Key: used-twice",)
            first = self._line(operation, origin, headers=header)
            other = dumps(example | {"name": "another body"}).decode("utf-8")
            return f"{first} && {self._line(operation, origin, headers=header, body=other)}"
        if reason == "conflict" and operation.method == "POST" and "{id}" in operation.path:
            return self._regenerate_line(operation, origin)
        if reason == "rate_limited":
            limited = f"{origin}/~limited"
            settings = ["-X", "PATCH", f"{limited}/__admin/settings", "-d", '{"rateLimit": "1/60s"}']
            call = self._line(operation, limited)
            return f"{shlex.join(['curl', *settings])} && {call} && {call}"
        return None

    def _line(
        self,
        operation: Operation,
        origin: str,
        *,
        token: str = TEST_KEY,
        account: str = TEST_ACCOUNT,
        headers: tuple[str, ...] = (),
        body: str | None = None,
    ) -> str:
        shown = (Shown("header", "Authorization", f"Bearer {token}"),)
        return curl_line(
            self._contract,
            operation,
            origin,
            self.arguments(operation, account),
            credentials=shown if operation.requires_credential and token else (),
            headers=headers,
            body=body,
        )

    def _regenerate_line(self, operation: Operation, origin: str) -> str | None:
        """A shell line that creates what an operation refuses to change, and tries to change it."""
        folder = operation.path.partition("{id}")[0]
        for creating in self._contract.operations.values():
            if creating.method == "POST" and creating.path.rstrip("/") == folder.rstrip("/"):
                create = self._line(creating, origin)
                change = self._line(operation, origin).replace(MANAGED_KEY, "ID")
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


CAUSES_IN_WORDS = {
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
    "no_such_operation": "a path that the contract lacks",
    "method_not_allowed": "a method that the path does not have",
    "bad_request": "broken HTTP, or a Host that this server does not go by",
    "forbidden_origin": "a web page of another origin that calls the control API",
    "request_timeout": "a request that does not arrive whole within `--read-timeout`",
    "body_too_large": "a body beyond `--body-limit`",
    "uri_too_long": "a URL beyond `--url-limit`",
    "headers_too_large": "headers beyond `--header-limit` or `--header-count`",
    "overloaded": "more connections than `--connection-limit`",
}
