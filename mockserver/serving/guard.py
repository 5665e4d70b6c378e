"""The guard: what is refused before any operation, or the control API, is reached.

A mock server's control port is what a web page in the developer's browser can reach, so: the Host must be
one of ours (DNS rebinding), the control API answers no foreign origin (CSRF) and, where a token is set,
nobody without it. Limits bound what one request may cost. Everything here looks at what came, undecoded.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from mockserver.control.routing import CONTROL_HEADERS, refuse
from mockserver.engine.bodies import JSON_TYPE
from mockserver.engine.rules import Rules
from mockserver.engine.situation import Refusal
from mockserver.json_codec import dumps
from mockserver.messages import Response
from mockserver.redaction import redact, redact_bytes
from mockserver.request.content_coding import CODINGS, TooMuch, inflate
from mockserver.request.head import Head
from mockserver.request.headers import HeaderFacts
from mockserver.settings import Settings
from mockserver.types import Headers

# RFC 9110, section 7.2; a port may be empty (RFC 3986, section 3.2.3).
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{0,5}))?")

# With --allowed-host '*' anything is let in.
_MAX_HOSTS = 64
_MAX_HOST_LENGTH = 256

# The control API takes whole sets of stubs at once.
CONTROL_BODY_LIMIT = 64 * 1024 * 1024
# File descriptors that are left for anything but connections.
SPARE_FILES = 24


class Refused(Exception):
    """A request that the guard refuses: status and reason slug of the error texts."""

    def __init__(self, status: int, reason: str, hint: str) -> None:
        self.status = status
        self.reason = reason
        self.hint = hint
        super().__init__(hint)


class Guard:
    """Judges requests for one server. `rules` write its answers; `refusals` counts them, by reason.

    `connection_limit` is how many connections may be open, so that there are file descriptors for them;
    `admin_token` what the control API asks for: the one of the settings or, where others than this machine
    reach the server, one made now. None where it asks for none.
    """

    def __init__(self, settings: Settings, rules: Rules, refusals: Counter[str]) -> None:
        self.rules = rules
        self._host = settings.host.lower()
        self._allowed = frozenset(host.lower() for host in settings.allowed_host)
        self._is_open = not _is_loopback(self._host)
        self.admin_token = settings.admin_token
        if self.admin_token is None and self._is_open:
            self.admin_token = secrets.token_urlsafe(24)
        self._cors = frozenset(settings.cors_origin)
        # Host values that were let in: a client sends the same one with every request.
        self._hosts: set[bytes] = set()
        self.body_limit = settings.body_limit
        self.connection_limit = min(settings.connection_limit, _affordable_connections())
        self.refusals = refusals

    def check_call(self, head: Head) -> None:
        """Judge a request to the mocked API. Raises Refused."""
        self._check_headers(head.facts, self.body_limit, CODINGS)
        _check_target(head.path, head.query)

    def _check_headers(self, facts: HeaderFacts, body_limit: int, codings: Collection[bytes] = ()) -> None:
        if len(facts.hosts) != 1:
            given = "missing" if not facts.hosts else "given more than once"
            raise Refused(400, "bad_request", f"the Host header is {given}")
        if facts.hosts[0] not in self._hosts:
            self._check_host(facts.hosts[0])
        if not facts.is_ascii:
            raise Refused(400, "bad_request", "a header holds bytes that are not ASCII")
        if facts.length > body_limit:
            raise too_large(body_limit)
        for coding in facts.content_codings:
            if coding not in (b"", b"identity", *codings):
                hint = (
                    "gzip and deflate are"
                    if codings
                    else "the control API takes bodies as they are, so none is"
                )
                raise Refused(400, "bad_request", f"this Content-Encoding is not taken; {hint}")
        for coding in facts.transfer_codings:
            if coding != b"chunked":
                raise Refused(400, "bad_request", "the only Transfer-Encoding taken is chunked")

    def check_control(self, scope: Mapping[str, Any], facts: HeaderFacts, *, needs_token: bool) -> None:
        """Judge a request to the control API. Raises Refused."""
        self._check_headers(facts, CONTROL_BODY_LIMIT)
        _check_target(scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1"))
        sent: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            sent.setdefault(name, []).append(value)
        origins = sent.get(b"origin", [])
        if any(origin.partition(b"://")[2] != facts.hosts[0] for origin in origins):
            if not all(map(self._trusts, origins)):
                raise Refused(403, "forbidden_origin", "the control API takes no requests of other origins")
        elif any(site not in (b"same-origin", b"none") for site in sent.get(b"sec-fetch-site", [])):
            raise Refused(403, "forbidden_origin", "the control API takes no requests of other sites")
        if needs_token:
            self._check_token(sent.get(b"authorization", []))

    def _trusts(self, origin: bytes) -> bool:
        """Whether pages of an origin may script the sandbox: only where it is named, which `*` does not."""
        return origin != b"*" and origin.decode("ascii") in self._cors

    def _check_token(self, authorizations: list[bytes]) -> None:
        if self.admin_token is None:
            return
        scheme, _, token = (authorizations or [b""])[0].strip().partition(b" ")
        is_right = hmac.compare_digest(token.strip(), self.admin_token.encode("ascii"))
        if not is_right or scheme.lower() != b"bearer" or len(authorizations) != 1:
            given = "is wrong" if authorizations else "is missing"
            hint = f"the admin token {given}; send `Authorization: Bearer <token>` (--admin-token)"
            raise Refused(401, "missing_credential", hint)

    def _check_host(self, value: bytes) -> None:
        match = _HOST.fullmatch(value.decode("latin-1"))
        if match is None or (match.group(2) and not 0 < int(match.group(2)) < 65536):
            raise Refused(400, "bad_request", "the Host is none: it must be a name or an address, and a port")
        # A name may end with the dot of the root.
        if not self._is_ours(match.group(1).lower().removesuffix(".")):
            name = redact(match.group(1))
            hint = f"the Host {name!r} does not name this server; --allowed-host {name} lets it in"
            raise Refused(400, "bad_request", hint)
        if len(self._hosts) < _MAX_HOSTS and len(value) < _MAX_HOST_LENGTH and redact_bytes(value) is value:
            self._hosts.add(value)

    def _is_ours(self, name: str) -> bool:
        if name in ("localhost", self._host) or name in self._allowed or "*" in self._allowed:
            return True
        try:
            address = ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        # A name can be made to lead here by its owner; an address cannot.
        return address.is_loopback or self._is_open

    def inflate(self, head: Head, body: bytes) -> bytes:
        """The body of a request, whatever coding it came in. Raises Refused."""
        coding = head.facts.content_coding
        if coding not in CODINGS:
            return body
        try:
            return inflate(body, coding, self.body_limit)
        except TooMuch as error:
            raise Refused(413, "body_too_large", str(error)) from None
        except ValueError as error:
            raise Refused(400, "bad_request", str(error)) from None

    def refuse(self, error: Refused, *, is_control: bool = False) -> Response:
        """The answer for a refused request, in the shape of the side that it was sent to. Counts it."""
        self.refusals[error.reason] += 1
        extra: Headers = ((b"mockserver-reason", b"guard"),)
        if error.status == 401:
            extra = (*extra, (b"www-authenticate", b"Bearer"))
        # What comes behind a request that nobody should send is not read.
        closes = error.status not in (401, 403)
        if is_control:
            body = dumps(refuse(error.status, error.hint).value)
            return Response(error.status, (JSON_TYPE, *CONTROL_HEADERS, *extra), body, closes=closes)
        refusal = Refusal(error.status, error.reason, {"hint": error.hint})
        body, headers = self.rules.write_error(refusal, None, lambda envelope: None)
        return Response(error.status, (*headers, *extra), body, closes=closes)

    def cors_headers(self, origin: bytes | None) -> Headers:
        """The headers that let a browser page of a listed origin read an answer of the API (Fetch, CORS)."""
        if origin is None or not self._cors:
            return ()
        if "*" in self._cors:
            return ((b"access-control-allow-origin", b"*"),)
        if origin.decode("latin-1") not in self._cors:
            return ((b"vary", b"origin"),)
        return ((b"access-control-allow-origin", origin), (b"vary", b"origin"))

    def preflight(
        self, method: str, headers: Iterable[tuple[bytes, bytes]], origin: bytes
    ) -> Response | None:
        """The answer to a CORS preflight of a listed origin; None for any other request."""
        if method != "OPTIONS" or not self._cors:
            return None
        sent = dict(headers)
        allowed = self.cors_headers(origin)
        if b"access-control-request-method" not in sent or allowed[0][0] == b"vary":
            return None
        asked = sent.get(b"access-control-request-headers", b"*")
        return Response(
            204,
            (
                *allowed,
                (b"access-control-allow-methods", sent[b"access-control-request-method"]),
                (b"access-control-allow-headers", asked),
                (b"mockserver-reason", b"guard"),
            ),
            b"",
        )


def too_large(limit: int) -> Refused:
    """The refusal of a body with more than `limit` bytes."""
    option = "" if limit == CONTROL_BODY_LIMIT else " (--body-limit)"
    return Refused(413, "body_too_large", f"the body may have at most {limit} bytes{option}")


def _affordable_connections() -> int:
    """How many connections this process has file descriptors for."""
    try:
        import resource
    except ImportError:  # not on Windows
        return sys.maxsize
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if limit == resource.RLIM_INFINITY else max(8, limit - SPARE_FILES)


def _check_target(path: str, query: str) -> None:
    """Percent-encoding must give UTF-8 without NUL (RFC 3986, section 2.5)."""
    if "%" not in path and "%" not in query:
        return
    for place, text in (("path", path), ("query", query.replace("+", " "))):
        plain = unquote_to_bytes(text.encode("latin-1"))
        try:
            plain.decode("utf-8")
        except UnicodeDecodeError:
            raise Refused(400, "bad_request", f"the {place} is percent-encoded, but not as UTF-8") from None
        if b"\x00" in plain:
            raise Refused(400, "bad_request", f"the {place} holds a NUL character")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
