"""Request and Response as the engine sees them: plain values, no HTTP library, no socket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mockserver.faults import Dribble, Fault
from mockserver.json_codec import dumps
from mockserver.redaction import redact
from mockserver.types import UNSET, Headers

# Statuses whose answers have no body (RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5).
BODILESS = (204, 205, 304)
# Those of them that say so by themselves, without a Content-Length (RFC 9112, section 6.3).
UNFRAMED = (204, 304)
# A body of so many bytes goes out at once, but for a client that does not read.
SMALL_BYTES = 64 * 1024


@dataclass(slots=True)
class Request:
    """One request, whole. Never changed; not frozen, as a frozen one takes several times as long to make.

    `path` and `query` are as they stood on the request line, still percent-encoded; `headers` has names in
    lower case, in the order received; `client` is the peer's address or None.
    """

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes
    client: str | None = None

    def __repr__(self) -> str:
        # All of it can hold a credential: a repr ends in logs and tracebacks.
        return f"<Request {redact(self.method)} {len(self.headers)} headers, {len(self.body)} bytes>"


def build_request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    json: Any = UNSET,
    body: bytes = b"",
    client: str | None = "127.0.0.1",
) -> Request:
    """A Request from what a test writes.

    `url` is path and query (`/v1/keys/?page=1`); `json`, if given, becomes the body and sets
    `content-type: application/json` unless `headers` names one.
    """
    path, _, query = url.partition("?")
    pairs = [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()
    ]
    if json is not UNSET:
        body = dumps(json)
        if not any(name == b"content-type" for name, _ in pairs):
            pairs.append((b"content-type", b"application/json"))
    return Request(method, path, query, tuple(pairs), body, client)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an answer travels: `delay_seconds` first, then whole, dribbled or damaged.

    `held_by` is the id of the stub that holds the answer until it is released, or None.
    `head_length` is what an answer to HEAD says that its body is long.
    `chunked` sends a body without Content-Length, `upper_case_headers` the names of headers in capitals.
    """

    delay_seconds: float = 0.0
    dribble: Dribble | None = None
    fault: Fault | None = None
    held_by: str | None = None
    chunked: bool = False
    upper_case_headers: bool = False
    head_length: int | None = None

    @property
    def is_prompt(self) -> bool:
        """Whether the answer goes at once, whole and sound."""
        return not self.delay_seconds and (self.dribble, self.fault, self.held_by) == (None, None, None)


PROMPT = Delivery()


@dataclass(slots=True)
class Response:
    """One answer: status, headers, the bytes of the body, the way in which it travels. Never changed.

    `headers` holds neither Content-Length nor Transfer-Encoding nor Connection: framing belongs to the code
    that writes it out. `closes` ends the connection behind it. `variant` is the name of the one that it is;
    `plain` what the body was before it was compressed, None where it was not. `is_foreign`: it came from the
    real API, and may hold secrets of which nobody here knows.
    """

    status: int
    headers: Headers
    body: bytes
    status_message: str | None = None
    delivery: Delivery = PROMPT
    closes: bool = False
    variant: str | None = None
    plain: bytes | None = None
    is_foreign: bool = False

    @property
    def sent_headers(self) -> Headers:
        """The headers with their names as they are sent."""
        if not self.delivery.upper_case_headers:
            return self.headers
        return tuple((name.upper(), value) for name, value in self.headers)

    def __repr__(self) -> str:
        return f"<Response {self.status} {len(self.body)} bytes>"
