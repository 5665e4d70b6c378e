"""Workload: requests to create an API key, and the answer of servers that always say the same."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

PATH = "/v1/api-keys/"
QUERY = "account_id=acct_bench"
NAMESPACES = 20

_BODY = {
    "name": "Reporting",
    "permissions": {"account:api:key": ["create", "read"], "account:payment": ["read"]},
    "expires_at": "2031-01-01T00:00:00.000Z",
    "metadata": {"team": "finance", "ticket": "OPS-1482"},
}
_NEVER = dict.fromkeys(("last_used_ip", "last_used_at"))
_KEY = {
    "object": "api_key",
    "id": "key_mock_000000000000000000000000",
    "account_id": "acct_bench",
    "type": "SECRET",
    "status": "ACTIVE",
    "managed": False,
    "deleted": False,
    "created_at": "2026-01-01T00:00:00.000Z",
    "updated_at": "2026-01-01T00:00:00.000Z",
    "key": "sk_test_mock_00000000000000000000000000000000",
}
# The size and shape of a success.
ANSWER = json.dumps({"message": "success", "success": True, "data": _KEY | _NEVER | _BODY}).encode("ascii")


class Ask(NamedTuple):
    """Headers and JSON body of one request."""

    headers: dict[str, str]
    body: dict[str, Any]

    def to_bytes(self, url: str) -> bytes:
        """The request as it goes onto the wire in one piece."""
        body = json.dumps(self.body).encode("ascii")
        headers = {"Host": "127.0.0.1", **self.headers, "Content-Length": str(len(body))}
        lines = [f"POST {url} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join((*lines, "", "")).encode("ascii") + body


def write_equal() -> Ask:
    """A request without anything of its own."""
    return Ask({"Authorization": "Bearer sk_test_bench", "Content-Type": "application/json"}, _BODY)


def write_fresh(run: str, number: int) -> Ask:
    """A request that differs from all others of all runs, in one of the namespaces."""
    headers = {
        "Authorization": f"Bearer sk_test_ns-bench{number % NAMESPACES}_{'x' * 8}",
        "Content-Type": "application/json",
        "Idempotency-Key": f"{run}-{number}",
        "X-Request-Id": f"request-{run}-{number}",
    }
    return Ask(headers, _BODY | {"name": f"Reporting {run} {number}"})
