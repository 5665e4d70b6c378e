"""Who a credential is in a namespace: what it may do, whose data it sees, or why it is refused."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from mockserver.clocks import read_instant
from mockserver.security.credential import (
    ALL_GRANTS,
    Credential,
    Grants,
    read_claimed_permissions,
    read_permission_map,
)
from mockserver.state.namespace import Namespace
from mockserver.state.resources import Item
from mockserver.types import JsonObject


@dataclass(slots=True)
class Principal:
    """Who makes a call.

    `account_id` is the only account that it may reach, None for any; `tenant` whose data it sees, None for
    all; `refusal` the reason slug of a 401, with a text where the reason alone says too little; `item_id` the
    issued key that it is.
    """

    grants: Grants
    account_id: str | None = None
    tenant: bytes | None = None
    refusal: str | None = None
    refusal_text: str | None = None
    item_id: str | None = None


_NOBODY = Grants(frozenset(), ())


def identify(credential: Credential, namespace: Namespace, now_millis: int) -> Principal:
    """Look a credential up: issued here, listed in the fixtures, or known by its text alone."""
    if credential.problem is not None:
        return Principal(_NOBODY, refusal=credential.problem, refusal_text=credential.problem_text)
    if credential.kind == "jwt":
        return _read_claims(credential.claims or {}, now_millis)
    item_id = namespace.resources.credentials.get(credential.digest)
    if item_id is not None:
        return _identify_item(item_id, namespace.resources.find_item(item_id), credential, now_millis)
    known = namespace.fixtures.credentials.get(credential.digest)
    if known is not None:
        if known.is_revoked:
            return Principal(_NOBODY, refusal="revoked_credential")
        if known.is_expired:
            return Principal(_NOBODY, refusal="expired_credential")
        return Principal(known.grants, known.account_id)
    if credential.is_issued:
        text = (
            "the sandbox issues keys of this form and does not know this one: it was reset or restarted since"
        )
        return Principal(_NOBODY, refusal="revoked_credential", refusal_text=text)
    return _stranger(credential.digest, credential.kind)


def _identify_item(id: str, item: Item | None, credential: Credential, now_millis: int) -> Principal:
    """The principal of a key that was issued here, as what it is now."""
    if item is None or item.is_deleted or item.credential != credential.digest:
        return Principal(_NOBODY, refusal="revoked_credential")
    expires_at = item.value.get("expires_at")
    if expires_at is not None and read_instant(expires_at) <= now_millis:
        return Principal(_NOBODY, refusal="expired_credential")
    grants = read_permission_map(item.value["permissions"])
    return Principal(grants, item.account_id, item.holder, item_id=id)


@lru_cache(maxsize=1_024)
def _stranger(digest: bytes, kind: str) -> Principal:
    """Whoever is known by the text of a key alone, as most are."""
    return Principal(_NOBODY if kind == "publishable" else ALL_GRANTS, tenant=digest)


def _read_claims(claims: JsonObject, now_millis: int) -> Principal:
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
        return Principal(_NOBODY, refusal="expired_credential")
    if starts is not None and now_millis < starts * 1000:
        return Principal(_NOBODY, refusal="not_yet_valid")
    return Principal(ALL_GRANTS if grants is None else grants, account_id)


def _invalid(text: str) -> Principal:
    return Principal(_NOBODY, refusal="invalid_token", refusal_text=text)
