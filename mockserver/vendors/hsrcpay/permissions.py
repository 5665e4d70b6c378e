"""Permissions: what a permission map or a JWT grants, and the 403 of who lacks one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockserver.security.grants import Grants, read_permissions
from mockserver.types import JsonObject


def read_permission_map(permissions: Mapping[str, Any]) -> Grants:
    """`{"account:api:key": ["create"]}` grants `account:api:key:create`: key, colon, action."""
    return read_permissions(
        f"{key}:{action}"
        for key, actions in permissions.items()
        for action in (actions if isinstance(actions, list) else ())
    )


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
