"""Security schemes: how a request answers each, what a server says to one that answers none, and a credential
that is let in.

One entry a kind of scheme, in the table SCHEMES (OpenAPI 3.1.1, section 4.8.27). A mock has no users: any
value of the right form is let in.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from mockserver.contract.operations import Requirement, SecurityScheme
from mockserver.http_fields import read_cookies
from mockserver.redaction import digest_secret, fingerprint
from mockserver.security.credential import (
    NO_CREDENTIAL,
    Credential,
    Sent,
    find_namespace,
    find_token,
    make_malformed,
)
from mockserver.security.tokens import TokenAuthority, read_jwt
from mockserver.types import Headers

_PAIR = re.compile(r'([\w*-]+)\s*=\s*(?:"[^"]*"|[^\s,"]+)')


# Stands for a credential that only its owner has: a variable of the environment.
VARIABLE = "$MOCKSERVER_CREDENTIAL"


class Shown(NamedTuple):
    """Where a credential stands in a request, and its whole value there: `Authorization`, `Bearer token`."""

    place: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class SchemeKind:
    """What is particular to one kind of scheme.

    `read` gives the credential's text, None where the request brings none, and raises ValueError, in a
    sentence that quotes nothing of it, where it is malformed. `challenge` is what a 401 says of a scheme, for
    a realm. `write` makes a credential of a name, as it stands behind the scheme's own name in the header.
    """

    read: Callable[[SecurityScheme, Sent], str | None]
    challenge: Callable[[SecurityScheme, str], str]
    write: Callable[[str], str]
    prefix: str = ""


def _read_key(scheme: SecurityScheme, sent: Sent) -> str | None:
    if scheme.place == "header":
        name = scheme.parameter.encode("latin-1", "replace")
        values = [value.decode("latin-1") for header, value in sent.headers if header == name]
    elif scheme.place == "query":
        values = list(sent.query.get(scheme.parameter, ()))
    else:
        values = read_cookies(sent.headers).get(scheme.parameter, [])
    if len(values) > 1:
        raise ValueError(f"the {scheme.place} {scheme.parameter} is given more than once")
    return values[0].strip() or None if values else None


def _find_authorization(sent: Sent) -> str | None:
    """The Authorization header; None where it is missing or empty."""
    values = [value.decode("latin-1").strip() for name, value in sent.headers if name == b"authorization"]
    if len(values) > 1:
        raise ValueError("the Authorization header is given more than once")
    return next(filter(None, values), None)


def _read_authorization(scheme: SecurityScheme, sent: Sent) -> str | None:
    """What stands behind the scheme's name in Authorization (RFC 9110, section 11.6.2)."""
    value = _find_authorization(sent)
    if value is None:
        return None
    name, _, rest = value.partition(" ")
    if name.lower() != scheme.kind or not rest.strip():
        raise ValueError(f"the header must be `{_title(scheme.kind)} <credential>`")
    return rest.strip()


def _read_basic(scheme: SecurityScheme, sent: Sent) -> str | None:
    """RFC 7617, section 2."""
    text = _read_authorization(scheme, sent)
    if text is None:
        return None
    try:
        pair = base64.b64decode(text, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        pair = ""
    if ":" not in pair:
        raise ValueError("the credential must be the base64 of `user:password`")
    return pair


def _read_digest(scheme: SecurityScheme, sent: Sent) -> str | None:
    """RFC 7616, section 3.4."""
    text = _read_authorization(scheme, sent)
    if text is not None and "username" not in {name.lower().rstrip("*") for name in _PAIR.findall(text)}:
        raise ValueError('the credential must be parameters such as username="…", response="…"')
    return text


def _read_bearer(scheme: SecurityScheme, sent: Sent) -> str | None:
    """RFC 6750, section 2.1."""
    value = _find_authorization(sent)
    if value is None:
        return None
    token = find_token(value)
    if token is None:
        raise ValueError("the header must be `Bearer <token>`")
    return token


_BEARER = SchemeKind(_read_bearer, lambda scheme, realm: "Bearer", lambda name: f"{name}token", "Bearer ")
_OTHER = SchemeKind(
    _read_authorization, lambda scheme, realm: _title(scheme.kind), lambda name: f"{name}credential"
)
SCHEMES: Mapping[str, SchemeKind] = {
    "apiKey": SchemeKind(
        _read_key,
        lambda scheme, realm: f'ApiKey in="{scheme.place}", name="{scheme.parameter}"',
        lambda name: f"{name}key",
    ),
    "basic": SchemeKind(
        _read_basic,
        lambda scheme, realm: f'Basic realm="{realm}", charset="UTF-8"',
        lambda name: base64.b64encode(f"{name}user:password".encode("ascii")).decode("ascii"),
        "Basic ",
    ),
    "digest": SchemeKind(
        _read_digest,
        lambda scheme, realm: f'Digest realm="{realm}", qop="auth", algorithm=SHA-256, nonce="mock"',
        lambda name: f'username="{name}user", realm="mock", nonce="mock", uri="/", response="mock"',
        "Digest ",
    ),
    "bearer": _BEARER,
    "oauth2": _BEARER,
    "openIdConnect": _BEARER,
}


def kind_of(scheme: SecurityScheme) -> SchemeKind:
    """What is particular to a scheme. A scheme of HTTP that has no entry is read by its name alone."""
    return SCHEMES.get(scheme.kind, _OTHER)


def read_requirements(security: tuple[Requirement, ...], sent: Sent, tokens: TokenAuthority) -> Credential:
    """The credential of a request, by the requirements of its operation: all schemes of one, any of several.

    Where an empty requirement lets everybody in, a request without a credential has none, and no problem.
    """
    problem: str | None = None
    for requirement in security:
        found: list[tuple[SecurityScheme, str]] = []
        for scheme in requirement:
            if scheme.kind == "mutualTLS":
                continue
            try:
                text = kind_of(scheme).read(scheme, sent)
            except ValueError as error:
                problem = problem or str(error)
                break
            if text is None:
                break
            found.append((scheme, text))
        else:
            if found or (requirement and not problem):
                return _make(found, tokens)
    if any(not requirement for requirement in security) or not security:
        return replace(NO_CREDENTIAL, problem=None)
    return NO_CREDENTIAL if problem is None else make_malformed(_whole(sent), problem)


def find_any(schemes: Iterable[SecurityScheme], sent: Sent, tokens: TokenAuthority) -> Credential:
    """The credential of a request that needs none: the first that answers a scheme, if any does."""
    for scheme in schemes:
        try:
            text = kind_of(scheme).read(scheme, sent)
        except ValueError:
            continue
        if text is not None:
            return _make([(scheme, text)], tokens)
    return replace(NO_CREDENTIAL, problem=None)


def _make(found: list[tuple[SecurityScheme, str]], tokens: TokenAuthority) -> Credential:
    if not found:
        return replace(NO_CREDENTIAL, problem=None)
    kind = found[0][0].kind
    digest = digest_secret("\n".join(text for _, text in found))
    credential = Credential(
        kind,
        None,
        f"{kind}[{fingerprint(digest)}]",
        digest,
        next((name for _, text in found if (name := find_namespace(text))), None),
        schemes=tuple(scheme.name for scheme, _ in found),
    )
    for scheme, text in found:
        jwt = read_jwt(text) if kind_of(scheme) is _BEARER else None
        if jwt is not None:
            problem = tokens.check(text, jwt.header, jwt.claims)
            credential = replace(
                credential,
                namespace=credential.namespace or jwt.namespace,
                problem=None if problem is None else "invalid_token",
                problem_text=problem,
            )
    return credential


def _whole(sent: Sent) -> str:
    """What stands for a malformed credential: the Authorization headers, if there are any."""
    return "\n".join(value.decode("latin-1") for name, value in sent.headers if name == b"authorization")


def write_challenges(security: tuple[Requirement, ...], title: str) -> Headers:
    """One WWW-Authenticate header for each scheme that could have been used (RFC 9110, section 11.6.1)."""
    realm = re.sub(r"[^ !#-\[\]-~]", "", title)
    texts = dict.fromkeys(
        kind_of(scheme).challenge(scheme, realm)
        for requirement in security
        for scheme in requirement
        if scheme.kind != "mutualTLS"
    )
    return tuple((b"www-authenticate", text.encode("latin-1", "replace")) for text in texts)


def write_credential(scheme: SecurityScheme, namespace: str | None, mark: str = "") -> str:
    """A credential that is let in and names a namespace (None names none): the key itself, or what stands
    behind the scheme's name in Authorization. Another `mark` makes another credential."""
    name = "mock_" if namespace is None else f"mock_ns-{namespace}_"
    return kind_of(scheme).write(f"{name}{mark}_" if mark else name)


def show_credential(scheme: SecurityScheme, credential: str) -> Shown:
    """Where a credential stands in a request."""
    if scheme.kind == "apiKey":
        return Shown(scheme.place, scheme.parameter, credential)
    prefix = kind_of(scheme).prefix or f"{_title(scheme.kind)} "
    return Shown("header", "Authorization", prefix + credential)


def list_schemes(security: tuple[Requirement, ...]) -> Iterator[SecurityScheme]:
    """The schemes of the first requirement that asks for any; none where an empty one comes first."""
    return (scheme for scheme in next(iter(security), ()) if scheme.kind != "mutualTLS")


def _title(name: str) -> str:
    """`bearer` -> `Bearer`."""
    return name[:1].upper() + name[1:]
