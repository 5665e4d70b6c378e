"""All that the headers of a request tell, read once for equal headers.

A client sends the same headers with nearly every request, so reading them is remembered by the headers as a
whole. What is remembered holds credentials, hence the bounds: few entries, none with a secret anywhere but in
Authorization, and all forgotten whenever a namespace is. Whose credential it is, the head tells.
"""

from __future__ import annotations

from mockserver.http_fields import quality_of
from mockserver.redaction import SECRET_HEADERS, hide, redact_bytes, redact_header
from mockserver.request.leaks import LeakWatch
from mockserver.scripting.preferences import Preferences, read_preferences
from mockserver.types import Headers

MAX_REMEMBERED = 256
# Larger header blocks are unusual, and hashing them is no gain.
MAX_REMEMBERED_HEADERS = 32


class HeaderFacts:
    """What headers tell. `recorded` is them redacted; `hosts` every Host value; `authorizations` every
    Authorization; `leaks` are the warnings of the leak watch; `may_rest` says that they are remembered, and
    that a reader of them may remember them as well; `is_admitted` is the guard's note that it has let these
    headers through."""

    __slots__ = (
        "accept", "accepts_json", "authorizations", "content_type", "hosts", "idempotency_key", "is_admitted",
        "leaks", "may_rest", "origin", "preferences", "recorded",
    )  # fmt: skip

    def __init__(
        self,
        authorizations: tuple[bytes, ...],
        content_type: str | None,
        preferences: Preferences | None,
        idempotency_key: str | None,
        accept: str | None,
        accepts_json: bool,
        hosts: tuple[bytes, ...],
        origin: bytes | None,
        recorded: Headers,
        leaks: tuple[str, ...],
    ) -> None:
        self.authorizations = authorizations
        self.content_type = content_type
        self.preferences = preferences
        self.idempotency_key = idempotency_key
        self.accept = accept
        self.accepts_json = accepts_json
        self.hosts = hosts
        self.origin = origin
        self.recorded = recorded
        self.leaks = leaks
        self.may_rest = False
        self.is_admitted = False

    def __repr__(self) -> str:
        return f"<HeaderFacts {len(self.recorded)} headers>"


class HeaderReader:
    """Reads headers. `secrets` are the names of those whose whole value is a secret."""

    def __init__(self, secrets: frozenset[bytes], leaks: LeakWatch) -> None:
        self._secrets = SECRET_HEADERS | secrets
        self._leaks = leaks
        self._remembered: dict[Headers, HeaderFacts] = {}

    def __repr__(self) -> str:
        return f"<HeaderReader {len(self._remembered)} remembered>"

    def read(self, headers: Headers) -> HeaderFacts:
        """The facts of headers, whose names are in lower case. Never raises for what a client sends."""
        facts = self._remembered.get(headers)
        return self._read(headers) if facts is None else facts

    def remember(self, headers: Headers, facts: HeaderFacts) -> None:
        """Remember headers whose credential may stay in memory, unless they hold another secret."""
        if not facts.may_rest and len(headers) <= MAX_REMEMBERED_HEADERS and _holds_no_other(headers, facts):
            if len(self._remembered) >= MAX_REMEMBERED:
                self.forget()
            facts.may_rest = True
            self._remembered[headers] = facts

    def forget(self) -> None:
        """Forget everything remembered, credentials above all."""
        for facts in self._remembered.values():
            # A reader that still has them must not remember them after all.
            facts.may_rest = False
        self._remembered.clear()

    def _read(self, headers: Headers) -> HeaderFacts:
        authorizations: list[bytes] = []
        preferences: list[str] = []
        hosts: list[bytes] = []
        content_type = accept = idempotency_key = origin = None
        for name, value in headers:
            if name == b"host":
                hosts.append(value)
            elif name == b"authorization":
                authorizations.append(value)
            elif name == b"content-type":
                # Two of them are none that anybody could mean.
                content_type = value.decode("latin-1") if content_type is None else f"{content_type}, +"
            elif name == b"accept":
                accept = value.decode("latin-1") if accept is None else f"{accept}, {value.decode('latin-1')}"
            elif name == b"prefer":
                preferences.append(value.decode("latin-1"))
            elif name == b"idempotency-key":
                # An empty one could stand for nothing but every request that has it.
                idempotency_key = value.decode("latin-1") or None
            elif name == b"origin":
                origin = value
        return HeaderFacts(
            tuple(authorizations),
            content_type,
            read_preferences(", ".join(preferences)) if preferences else None,
            idempotency_key,
            accept,
            accept is None or accept == "*/*" or quality_of(accept, "application/json") > 0,
            tuple(hosts),
            origin,
            self._record(headers),
            self._leaks.find_in_headers(headers),
        )

    def _record(self, headers: Headers) -> Headers:
        """Headers as they may be kept and shown."""
        rest = b"\n".join([part for header in headers if header[0] not in self._secrets for part in header])
        if redact_bytes(rest) is rest:
            # At once, as in nearly every request there is nothing to hide but a credential.
            return tuple([
                header if header[0] not in self._secrets else (header[0], self._hide(*header))
                for header in headers
            ])  # fmt: skip
        return tuple([(redact_bytes(name), self._hide(name, value)) for name, value in headers])

    def _hide(self, name: bytes, value: bytes) -> bytes:
        """The value of a header as it may be kept and shown."""
        if name in self._secrets and name not in SECRET_HEADERS:
            return hide(value.decode("latin-1")).encode("latin-1") if value.strip() else value
        return redact_header(name, value)


def _holds_no_other(headers: Headers, facts: HeaderFacts) -> bool:
    """Whether headers hold no secret but the credential in its place."""
    # What had to be hidden is another object.
    pairs = zip(headers, facts.recorded, strict=True)
    return all(shown is sent or sent[0] == b"authorization" for sent, shown in pairs)
