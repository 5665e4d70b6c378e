"""Credentials: how HSRCPAY's are read, and who each is in a namespace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from mockserver.clocks import read_instant
from mockserver.engine.situation import Principal
from mockserver.redaction import digest_secret, display, fingerprint
from mockserver.security.credential import (
    NO_CREDENTIAL,
    Credential,
    Sent,
    find_namespace,
    find_token,
    make_malformed,
)
from mockserver.security.grants import ALL_GRANTS, NO_GRANTS, Grants
from mockserver.security.tokens import TokenAuthority, read_jwt
from mockserver.state.namespace import Namespace
from mockserver.state.resources import Item
from mockserver.types import JsonObject
from mockserver.vendors.hsrcpay.keys import ISSUED_MARK, PUBLISHABLE_MARK, SECRET_MARK, TEST_MARK
from mockserver.vendors.hsrcpay.permissions import read_claimed_permissions, read_permission_map

KINDS = ("jwt", "secret", "publishable", "none", "malformed")

_ALARM = (
    "LIVE CREDENTIAL %s arrived at the sandbox (call %d, %s). It was not kept, but it has left your "
    "program: revoke it, and point this client at a test key."
)


def read_credential(sent: Sent, tokens: TokenAuthority, *, allow_live: bool) -> Credential:
    """The credential of a request (reference page: bearerAuth). `tokens` checks the signatures of JWTs."""
    values = [value.decode("latin-1") for name, value in sent.headers if name == b"authorization"]
    credentials = [_read_header(value, tokens, allow_live=allow_live) for value in values]
    if len(credentials) < 2:
        return credentials[0] if credentials else NO_CREDENTIAL
    # Two headers are one malformed credential; a live one among them is still a live one.
    live = (credential for credential in credentials if credential.mode == "live")
    malformed = make_malformed(", ".join(values), "the Authorization header is given more than once")
    return next(live, malformed)


def _read_header(authorization: str, tokens: TokenAuthority, *, allow_live: bool) -> Credential:
    """The credential of one Authorization header (RFC 6750, section 2.1)."""
    token = find_token(authorization)
    if token is not None:
        return read_token(token, tokens, allow_live=allow_live)
    if not authorization.strip():
        return NO_CREDENTIAL
    return make_malformed(authorization.strip(), "the header must be `Bearer <token>`")


def read_token(token: str, tokens: TokenAuthority | None = None, *, allow_live: bool = False) -> Credential:
    """A token by its form: JWT, secret key, publishable key, in this order; anything else is malformed."""
    jwt = read_jwt(token)
    if jwt is not None:
        digest = digest_secret(jwt.signed)
        is_live = bool(jwt.claims) and jwt.claims.get("livemode") is True  # type: ignore[union-attr]
        kind, shown, namespace = "jwt", f"jwt[{fingerprint(digest)}]", jwt.namespace
    elif SECRET_MARK in token[:32] or PUBLISHABLE_MARK in token:
        digest = digest_secret(token)
        is_live = TEST_MARK not in token
        kind = "secret" if SECRET_MARK in token[:32] else "publishable"
        shown, namespace = display(token, digest), find_namespace(token)
    else:
        kinds = f"a secret ({SECRET_MARK}) nor a publishable ({PUBLISHABLE_MARK}) key"
        return make_malformed(token, f"the token is neither a JWT nor {kinds}")
    problem = None
    if jwt is not None and tokens is not None:
        problem = tokens.check(token, jwt.header, jwt.claims)
    return Credential(
        kind,
        "live" if is_live else "test",
        shown,
        digest,
        # A live credential that is refused makes nothing, not even a namespace.
        None if is_live and not allow_live else namespace,
        problem=None if problem is None else "invalid_token",
        problem_text=problem,
        is_issued=jwt is None and ISSUED_MARK in token,
        header=None if jwt is None else jwt.header,
        claims=None if jwt is None else jwt.claims,
        is_cacheable=not is_live,
        alarm=_ALARM if is_live else None,
    )


@dataclass(slots=True)
class Caller(Principal):
    """Who makes a call to HSRCPAY. `account_id` is the only account that it may reach, None for any."""

    grants: Grants = NO_GRANTS
    account_id: str | None = None


@dataclass(frozen=True, slots=True)
class KnownCredential:
    """A credential of the fixtures; its text is not kept."""

    grants: Grants
    account_id: str | None
    is_expired: bool
    is_revoked: bool


def identify(
    credential: Credential, known: Mapping[bytes, KnownCredential], namespace: Namespace, now_millis: int
) -> Caller:
    """Look a credential up: issued here, `known` from the fixtures by its digest, or by its text alone."""
    if credential.problem is not None:
        return Caller(refusal=credential.problem, refusal_text=credential.problem_text)
    if credential.kind == "jwt":
        return _read_claims(credential.claims or {}, now_millis)
    item_id = namespace.resources.credentials.get(credential.digest)
    if item_id is not None:
        return _identify_item(item_id, namespace.resources.find_item(item_id), credential, now_millis)
    listed = known.get(credential.digest)
    if listed is not None:
        if listed.is_revoked:
            return Caller(refusal="revoked_credential")
        if listed.is_expired:
            return Caller(refusal="expired_credential")
        return Caller(grants=listed.grants, account_id=listed.account_id)
    if credential.is_issued:
        text = (
            "the sandbox issues keys of this form and does not know this one: it was reset or restarted "
            "since, or newer keys took its place (--memory-limit)"
        )
        return Caller(refusal="revoked_credential", refusal_text=text)
    return _stranger(credential.digest, credential.kind)


def _identify_item(id: str, item: Item | None, credential: Credential, now_millis: int) -> Caller:
    """The caller whose key was issued here, as what it is now."""
    if item is None or item.is_deleted or item.credential != credential.digest:
        return Caller(refusal="revoked_credential")
    expires_at = item.value.get("expires_at")
    if expires_at is not None and read_instant(expires_at) <= now_millis:
        return Caller(refusal="expired_credential")
    grants = read_permission_map(item.value["permissions"])
    return Caller(item.holder, item_id=id, grants=grants, account_id=item.owner)


@lru_cache(maxsize=1_024)
def _stranger(digest: bytes, kind: str) -> Caller:
    """The caller that is known by the text of its key alone, as most are."""
    return Caller(digest, grants=NO_GRANTS if kind == "publishable" else ALL_GRANTS)


def _read_claims(claims: JsonObject, now_millis: int) -> Caller:
    """`exp` and `nbf` by the namespace's clock (RFC 7519, sections 4.1.4 and 4.1.5).

    A claim that says nothing because it has the wrong type would lift a limit, so it makes the token invalid.
    """
    expires, starts, account_id = claims.get("exp"), claims.get("nbf"), claims.get("account_id")
    for name, value in (("exp", expires), ("nbf", starts)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            return _invalid(f"the claim {name} must be a number")
    if not isinstance(account_id, str | None):
        return _invalid("the claim account_id must be a text")
    try:
        grants = read_claimed_permissions(claims)
    except ValueError as error:
        return _invalid(str(error))
    if expires is not None and now_millis >= expires * 1000:
        return Caller(refusal="expired_credential")
    if starts is not None and now_millis < starts * 1000:
        return Caller(refusal="not_yet_valid")
    return Caller(grants=ALL_GRANTS if grants is None else grants, account_id=account_id)


def _invalid(text: str) -> Caller:
    return Caller(refusal="invalid_token", refusal_text=text)
