"""What a credential is by its text alone: kind, mode, namespace, and what it may do if it says so itself.

A Credential never holds the secret, only its digest. Whether it is accepted is decided elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from mockserver.exceptions import MalformedJson
from mockserver.json_codec import loads
from mockserver.redaction import digest_secret, display, fingerprint
from mockserver.settings import NAMESPACE_NAME
from mockserver.types import JsonObject

Kind = Literal["jwt", "secret", "publishable", "none", "malformed"]
CredentialMode = Literal["test", "live"]

ISSUED_MARK = "sk_test_mock_"
_NAMESPACE = re.compile(rf"_ns-({NAMESPACE_NAME.pattern})_")
_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(slots=True)
class Credential:
    """What is known of a credential without asking anybody. Never changed.

    `digest` stands for the secret wherever it has to be recognised again; `problem` is the reason slug for
    one that cannot be used whatever the sandbox knows; `header` and `claims` are those of a JWT.
    """

    kind: Kind
    mode: CredentialMode | None
    display: str | None
    digest: bytes
    namespace: str | None = None
    problem: str | None = None
    problem_text: str | None = None
    is_issued: bool = False
    header: JsonObject | None = None
    claims: JsonObject | None = None

    def __repr__(self) -> str:
        return f"<Credential {self.kind} {self.mode} {self.display}>"

    @property
    def fingerprint(self) -> str | None:
        """12 hexadecimal digits that are equal for equal secrets; None where there is no credential."""
        return fingerprint(self.digest) if self.digest else None

    def recorded(self) -> Credential:
        """The credential as it may be kept: without what is written in a JWT."""
        return self if self.header is None else replace(self, header=None, claims=None)


NO_CREDENTIAL = Credential("none", None, None, b"", problem="missing_credential")


def read_credential(authorization: str) -> Credential:
    """Classify the value of an Authorization header (reference page: bearerAuth; RFC 6750, section 2.1)."""
    token = find_token(authorization)
    if token is None:
        if not authorization.strip():
            return NO_CREDENTIAL
        return _malformed(authorization.strip(), "the header must be `Bearer <token>`")
    return read_token(token)


def find_token(authorization: str) -> str | None:
    """The token of a `Bearer` header; None where it is none. The scheme compares without case."""
    scheme, _, token = authorization.strip().partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token and not re.search(r"\s", token) else None


def read_token(token: str) -> Credential:
    """Classify a token: JWT, secret key, publishable key, in this order; anything else is malformed."""
    if _JWT.fullmatch(token) and (header := _read_segment(token.partition(".")[0])) and "alg" in header:
        return _read_jwt(token, header)
    if "sk_" in token[:32]:
        kind: Kind = "secret"
    elif "pk_" in token:
        kind = "publishable"
    else:
        return _malformed(token, "the token is neither a JWT nor a secret (sk_) nor a publishable (pk_) key")
    digest = digest_secret(token)
    found = _NAMESPACE.search(token)
    return Credential(
        kind,
        "test" if "_test_" in token else "live",
        display(token, digest),
        digest,
        found.group(1) if found else None,
        is_issued=ISSUED_MARK in token,
    )


def read_several(authorizations: Iterable[str]) -> Credential:
    """Two Authorization headers are one malformed credential; a live one among them is still a live one."""
    values = list(authorizations)
    for value in values:
        credential = read_credential(value)
        if credential.mode == "live":
            return credential
    return _malformed(", ".join(values), "the Authorization header is given more than once")


def _malformed(text: str, why: str) -> Credential:
    digest = digest_secret(text)
    return Credential(
        "malformed", None, display("", digest), digest, problem="malformed_credential", problem_text=why
    )


def _read_jwt(token: str, header: JsonObject) -> Credential:
    signed, _, _ = token.rpartition(".")
    claims = _read_segment(signed.partition(".")[2])
    # What is signed is what the token is: signatures of one and the same text may differ (ECDSA).
    digest = digest_secret(signed)
    namespace = claims.get("ns") if claims else None
    named = isinstance(namespace, str) and NAMESPACE_NAME.fullmatch(namespace)
    return Credential(
        "jwt",
        "live" if claims and claims.get("livemode") is True else "test",
        f"jwt[{fingerprint(digest)}]",
        digest,
        namespace if named else None,
        header=header,
        claims=claims,
    )


def _read_segment(segment: str) -> JsonObject | None:
    """A base64url segment that holds a JSON object (RFC 7515, section 2), else None."""
    if not _BASE64URL.fullmatch(segment):
        return None
    try:
        value, _ = loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (binascii.Error, MalformedJson):
        return None
    return value if isinstance(value, dict) else None


@dataclass(frozen=True, slots=True)
class Grants:
    """What a credential may do: exact permissions, and prefixes below which everything is granted."""

    exact: frozenset[str]
    prefixes: tuple[str, ...]

    def allows(self, permission: str) -> bool:
        """Whether a permission such as `account:api:key:create` is granted."""
        return permission in self.exact or permission.startswith(self.prefixes)


ALL_GRANTS = Grants(frozenset(), ("",))


def read_permission_map(permissions: Mapping[str, Any]) -> Grants:
    """`{"account:api:key": ["create"]}` grants `account:api:key:create`: key, colon, action."""
    return read_permissions(
        f"{key}:{action}"
        for key, actions in permissions.items()
        for action in (actions if isinstance(actions, list) else ())
    )


def read_permissions(permissions: Iterable[str]) -> Grants:
    """Grants from full permission strings. `*` as a segment grants all below."""
    exact: set[str] = set()
    prefixes: set[str] = set()
    for permission in permissions:
        segments = permission.split(":")
        if "*" in segments:
            above = segments[: segments.index("*")]
            prefixes.add("".join(f"{segment}:" for segment in above))
        else:
            exact.add(permission)
    return Grants(frozenset(exact), tuple(sorted(prefixes)))


def read_claimed_permissions(claims: JsonObject) -> Grants | None:
    """What a JWT grants by `permissions` (list, map or text) or else by `scope`; None if it has neither.

    A scope is a text (RFC 8693, section 4.2), but some providers send a list. Raises ValueError, with what
    would be right, for a claim of another type: taken as missing, it would grant everything.
    """
    for name in ("permissions", "scope"):
        claim = claims.get(name)
        if isinstance(claim, str):
            return read_permissions(claim.split())
        if isinstance(claim, list):
            return read_permissions(item for item in claim if isinstance(item, str))
        if isinstance(claim, dict) and name == "permissions":
            return read_permission_map(claim)
        if claim is not None:
            right = "a list, a map or a text" if name == "permissions" else "a text or a list"
            raise ValueError(f"the claim {name} must be {right} of permissions")
    return None
