"""What a request brings to say who makes it. A Credential never holds the secret, only its digest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from mockserver.contract.operations import Operation
from mockserver.redaction import digest_secret, display, fingerprint
from mockserver.settings import NAMESPACE_NAME
from mockserver.types import Headers, JsonObject

_NAMESPACE = re.compile(rf"_ns-({NAMESPACE_NAME.pattern})_")


class Sent(NamedTuple):
    """Where a request can say who makes it: its headers, names in lower case, and its decoded query."""

    headers: Headers
    query: Mapping[str, Sequence[str]]


@dataclass(slots=True)
class Credential:
    """What is known of a credential without asking anybody. Never changed.

    `kind` is a word of the API's rules, `none` and `malformed` for all of them. `digest` stands for the
    secret wherever it has to be recognised again; `problem` is the reason slug for one that cannot be used
    whatever the sandbox knows; `is_issued` says that the sandbox issues such credentials; `header` and
    `claims` are those of a JWT; `schemes` the names of the security schemes that it answers, where the rules
    tell them apart; `is_cacheable` whether it may stay in memory for a while; `alarm` is a sentence for the
    log, where it should never have come here.
    """

    kind: str
    mode: str | None
    display: str | None
    digest: bytes
    namespace: str | None = None
    problem: str | None = None
    problem_text: str | None = None
    is_issued: bool = False
    schemes: tuple[str, ...] = ()
    header: JsonObject | None = None
    claims: JsonObject | None = None
    is_cacheable: bool = True
    alarm: str | None = None

    def __repr__(self) -> str:
        return f"<Credential {self.kind} {self.mode} {self.display}>"

    @property
    def fingerprint(self) -> str | None:
        """12 hexadecimal digits that are equal for equal secrets; None where there is no credential."""
        return fingerprint(self.digest) if self.digest else None

    def recorded(self) -> Credential:
        """The credential as it may be kept: without what is written in a JWT."""
        if self.header is None and self.is_cacheable:
            return self
        return replace(self, header=None, claims=None, is_cacheable=True, alarm=None)


class CredentialRules(Protocol):
    """What reading a request needs of an API's rules."""

    @property
    def secret_headers(self) -> frozenset[bytes]:
        """The headers, in lower case, whose whole value is a credential."""
        ...

    @property
    def secret_query(self) -> frozenset[str]:
        """The query parameters whose value is a credential."""
        ...

    @property
    def implied_methods(self) -> frozenset[str]:
        """The methods that paths take without a word in the contract: HEAD wherever there is GET, OPTIONS."""
        ...

    @property
    def reads_cookies(self) -> bool:
        """Whether a cookie can be a credential."""
        ...

    @property
    def issued_mark(self) -> str | None:
        """What every credential that the sandbox issues begins with; None where it issues none."""
        ...

    def read_credential(self, sent: Sent, operation: Operation | None) -> Credential:
        """The credential of a request. Never raises for what a client sends."""
        ...


NO_CREDENTIAL = Credential("none", None, None, b"", problem="missing_credential")


def make_malformed(text: str, why: str) -> Credential:
    """A credential that cannot be read, and why: a sentence that quotes nothing of it."""
    digest = digest_secret(text)
    return Credential(
        "malformed",
        None,
        display("", digest),
        digest,
        problem="malformed_credential",
        problem_text=why,
        is_cacheable=False,
    )


def find_namespace(text: str) -> str | None:
    """The namespace that a credential's text names by `_ns-<name>_`."""
    match = _NAMESPACE.search(text)
    return match.group(1) if match else None


def find_token(authorization: str) -> str | None:
    """The token of a `Bearer` header (RFC 6750, section 2.1); None where it is none. The scheme compares
    without case."""
    scheme, _, token = authorization.strip().partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token and not re.search(r"\s", token) else None
