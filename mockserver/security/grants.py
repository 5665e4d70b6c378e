"""Grants: what a credential may do, as permissions such as `account:api:key:create`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grants:
    """What a credential may do: exact permissions, and prefixes below which everything is granted."""

    exact: frozenset[str]
    prefixes: tuple[str, ...]

    def allows(self, permission: str) -> bool:
        """Whether a permission such as `account:api:key:create` is granted."""
        return permission in self.exact or permission.startswith(self.prefixes)


ALL_GRANTS = Grants(frozenset(), ("",))
NO_GRANTS = Grants(frozenset(), ())


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
