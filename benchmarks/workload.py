"""Workload: one request that is asked again and again, and how each kind of asker writes it."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, replace

BODY = json.dumps(
    {
        "name": "Reporting",
        "permissions": {"account:api:key": ["create", "read"], "account:payment": ["read"]},
    }
).encode("ascii")

# The size and shape of a success, for servers that always say the same.
ANSWER = json.dumps(
    {
        "message": "success",
        "success": True,
        "data": {
            "object": "api_key",
            "id": "key_mock_000000000000000000000000",
            "account_id": "acct_bench",
            "name": "Reporting",
            "type": "SECRET",
            "last_used_ip": None,
            "metadata": {},
            "permissions": {"account:api:key": ["create", "read"], "account:payment": ["read"]},
            "status": "ACTIVE",
            "last_used_at": None,
            "expires_at": None,
            "managed": False,
            "deleted": False,
            "created_at": "2026-01-01T00:00:00.000Z",
            "updated_at": "2026-01-01T00:00:00.000Z",
            "key": "sk_test_mock_00000000000000000000000000000000",
        },
    },
    separators=(",", ":"),
).encode("ascii")


@dataclass(frozen=True, slots=True)
class Workload:
    """One Create API key request and the statuses that are a right answer to it.

    `fresh_header` names a header that has another value in every request; `fresh_text` is a text of the body
    in place of which every request has another.
    """

    path: str = "/v1/api-keys/"
    query: str = "account_id=acct_bench"
    token: str = "sk_test_bench"
    body: bytes = BODY
    statuses: tuple[int, ...] = (200, 201)
    extra_headers: tuple[tuple[str, str], ...] = ()
    fresh_header: str | None = None
    fresh_text: str | None = None

    @property
    def url(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def headers(self) -> dict[str, str]:
        """The headers that do not differ from request to request."""
        return {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            **dict(self.extra_headers),
        }

    def in_namespace(self, name: str) -> Workload:
        """The same request in a namespace, which the credential names."""
        return replace(self, token=f"sk_test_ns-{name}_bench")

    def to_bytes(self, port: int) -> bytes:
        """The request as it goes onto the wire."""
        lines = [f"POST {self.url} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join((*lines, "", "")).encode("ascii") + self.body

    def to_lua(self, run: str) -> str:
        """The request as a script for wrk, which also prints its measurements as a line of JSON.

        `run` is in whatever is fresh, so that no two runs share it.
        """
        body = self.body.decode("ascii")
        lines = ['wrk.method = "POST"', f"wrk.body = [==[{body}]==]"]
        lines += [f"wrk.headers[{json.dumps(name)}] = {json.dumps(v)}" for name, v in self.headers.items()]
        fresh = f"{json.dumps(f'{run}-')} .. n"
        changes = []
        if self.fresh_header is not None:
            changes.append(f"wrk.headers[{json.dumps(self.fresh_header)}] = {fresh}")
        if self.fresh_text is not None:
            before, after = body.split(self.fresh_text)
            changes.append(f"wrk.body = [==[{before}]==] .. {fresh} .. [==[{after}]==]")
        if changes:
            lines += [
                "local n = 0",
                "request = function()",
                "n = n + 1",
                *changes,
                "return wrk.format()",
                "end",
            ]
        lines.append(_LUA_DONE)
        return "\n".join(lines)


_LUA_DONE = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "micros": %d, "p50": %.1f, "p95": %.1f, "p99": %.1f, ' ..
    '"refused": %d, "lost": %d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(95),
    latency:percentile(99), e.status, e.connect + e.read + e.write + e.timeout))
end
"""


def free_port() -> int:
    """A port of the loopback interface that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
