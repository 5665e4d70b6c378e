"""All that the headers of a request tell, read once for equal headers.

A client sends the same headers with nearly every request, so reading them is remembered by the headers as a
whole. What is remembered holds credentials, hence the bounds: few entries, none for live or malformed
credentials, none with a secret anywhere but in Authorization, and all forgotten whenever a namespace is.
"""

from __future__ import annotations

from dataclasses import replace

from mockserver.redaction import SECRET_HEADERS, redact_bytes, redact_header
from mockserver.request.leaks import find_leaking_headers
from mockserver.scripting.preferences import Preferences, read_preferences
from mockserver.security.credential import NO_CREDENTIAL, Credential, read_credential, read_several
from mockserver.security.tokens import TokenAuthority
from mockserver.types import Headers

MAX_REMEMBERED = 256
# Larger header blocks are unusual, and hashing them is no gain.
MAX_REMEMBERED_HEADERS = 32


class HeaderFacts:
    """What headers tell. `recorded` is them redacted; `hosts` every Host value; `leaks` are the warnings of
    the leak watch; `may_rest` says that they are remembered, and that whoever knows them may remember them as
    well; `is_admitted` is the guard's note that it has let these headers through."""

    __slots__ = (
        "accepts_json", "content_type", "credential", "hosts", "idempotency_key", "is_admitted", "leaks",
        "may_rest", "origin", "preferences", "recorded",
    )  # fmt: skip

    def __init__(
        self,
        credential: Credential,
        content_type: str | None,
        preferences: Preferences | None,
        idempotency_key: str | None,
        accepts_json: bool,
        hosts: tuple[bytes, ...],
        origin: bytes | None,
        recorded: Headers,
        leaks: tuple[str, ...],
    ) -> None:
        self.credential = credential
        self.content_type = content_type
        self.preferences = preferences
        self.idempotency_key = idempotency_key
        self.accepts_json = accepts_json
        self.hosts = hosts
        self.origin = origin
        self.recorded = recorded
        self.leaks = leaks
        self.may_rest = False
        self.is_admitted = False

    def __repr__(self) -> str:
        return f"<HeaderFacts {self.credential!r}>"


class HeaderReader:
    """Reads headers, with the signatures of JWTs checked by `tokens`."""

    def __init__(self, tokens: TokenAuthority) -> None:
        self._tokens = tokens
        self._remembered: dict[Headers, HeaderFacts] = {}
        # By the value of Authorization: the credential, and as what that header may be shown.
        self._credentials: dict[str, tuple[Credential, bytes]] = {}

    def __repr__(self) -> str:
        return f"<HeaderReader {len(self._remembered)} remembered>"

    def read(self, headers: Headers) -> HeaderFacts:
        """The facts of headers, whose names are in lower case. Never raises for what a client sends."""
        facts = self._remembered.get(headers)
        if facts is None:
            facts = self._read(headers)
            if len(headers) <= MAX_REMEMBERED_HEADERS and _may_rest(headers, facts):
                if len(self._remembered) >= MAX_REMEMBERED:
                    self.forget()
                facts.may_rest = True
                self._remembered[headers] = facts
        return facts

    def forget(self) -> None:
        """Forget everything remembered, credentials above all."""
        for facts in self._remembered.values():
            # Whoever still has them must not remember them after all.
            facts.may_rest = False
        self._remembered.clear()
        self._credentials.clear()

    def _read(self, headers: Headers) -> HeaderFacts:
        authorizations: list[str] = []
        preferences: list[str] = []
        hosts: list[bytes] = []
        content_type = accept = idempotency_key = origin = None
        for name, value in headers:
            if name == b"host":
                hosts.append(value)
            elif name == b"authorization":
                authorizations.append(value.decode("latin-1"))
            elif name == b"content-type":
                # Two of them are none that anybody could mean.
                content_type = value.decode("latin-1") if content_type is None else f"{content_type}, +"
            elif name == b"accept":
                accept = value.decode("latin-1")
            elif name == b"prefer":
                preferences.append(value.decode("latin-1"))
            elif name == b"idempotency-key":
                # An empty one could stand for nothing but every request that has it.
                idempotency_key = value.decode("latin-1") or None
            elif name == b"origin":
                origin = value
        return HeaderFacts(
            self._read_credential(authorizations),
            content_type,
            read_preferences(", ".join(preferences)) if preferences else None,
            idempotency_key,
            accept is None or accepts_json(accept),
            tuple(hosts),
            origin,
            self._record(headers),
            find_leaking_headers(headers),
        )

    def _record(self, headers: Headers) -> Headers:
        """Headers as they may be kept and shown."""
        rest = b"\n".join([part for header in headers if header[0] not in SECRET_HEADERS for part in header])
        if redact_bytes(rest) is rest:
            # At once, as in nearly every request there is nothing to hide but a credential.
            return tuple([
                header if header[0] not in SECRET_HEADERS else (header[0], self._hide(*header))
                for header in headers
            ])  # fmt: skip
        return tuple([(redact_bytes(name), self._hide(name, value)) for name, value in headers])

    def _hide(self, name: bytes, value: bytes) -> bytes:
        """The value of a header as it may be kept and shown."""
        if name == b"authorization" and (known := self._credentials.get(value.decode("latin-1"))):
            return known[1]
        return redact_header(name, value)

    def _read_credential(self, authorizations: list[str]) -> Credential:
        if not authorizations:
            return NO_CREDENTIAL
        if len(authorizations) > 1:
            return read_several(authorizations)
        text = authorizations[0]
        known = self._credentials.get(text)
        if known is not None:
            return known[0]
        credential = self._check(read_credential(text), text)
        if is_rememberable(credential):
            if len(self._credentials) >= MAX_REMEMBERED:
                self.forget()
            shown = redact_header(b"authorization", text.encode("latin-1"))
            self._credentials[text] = credential, shown
        return credential

    def _check(self, credential: Credential, authorization: str) -> Credential:
        """The same credential, or what is wrong with a JWT."""
        if credential.kind != "jwt":
            return credential
        token = authorization.split()[1]
        problem = self._tokens.check(token, credential.header or {}, credential.claims)
        if problem is None:
            return credential
        return replace(credential, problem="invalid_token", problem_text=problem)


def _may_rest(headers: Headers, facts: HeaderFacts) -> bool:
    """Whether headers may stay in memory for a while: they hold no secret but one that may, in its place."""
    if facts.credential is not NO_CREDENTIAL and not is_rememberable(facts.credential):
        return False
    # What had to be hidden is another object.
    pairs = zip(headers, facts.recorded, strict=True)
    return all(shown is sent or sent[0] == b"authorization" for sent, shown in pairs)


def is_rememberable(credential: Credential) -> bool:
    """Whether a credential may stay in memory for a while: no live one, and nothing that is none."""
    return credential.mode != "live" and credential.kind not in ("malformed", "none")


def accepts_json(accept: str) -> bool:
    """Whether an Accept header (RFC 9110, section 12.5.1) lets JSON through."""
    if accept in ("*/*", "application/json"):
        return True
    best: tuple[int, float] = (-1, 1.0 if not accept.strip() else 0.0)
    for item in accept.split(","):
        media, *parameters = (part.strip().lower() for part in item.split(";"))
        rank = {"*/*": 0, "application/*": 1, "application/json": 2}.get(media)
        if rank is None or rank < best[0]:
            continue
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                quality = _read_quality(parameter[2:])
        best = (rank, quality)
    return best[1] > 0


def _read_quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0
