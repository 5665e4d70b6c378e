"""`Prefer: code=429`: the request itself asks for one answer (RFC 7240; the preferences are Prism's)."""

from __future__ import annotations

import re
from typing import NamedTuple

_ITEM = re.compile(
    r'\s*([A-Za-z0-9!#$%&\'*+.^_`|~-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*)))?\s*(?:;[^,]*)?'
)
_MAX_LENGTH = 4_096
_KNOWN = frozenset({"code", "example", "dynamic", "seed", "variant", "reason"})


class Preferences(NamedTuple):
    """What a Prefer header asks for. `code` is a status; the first of each name wins."""

    code: int | None = None
    example: str | None = None
    dynamic: bool = False
    seed: str | None = None
    variant: str | None = None
    problem: str | None = None
    reason: str | None = None

    def __repr__(self) -> str:
        # The rest is text of the request.
        return f"<Preferences code={self.code} dynamic={self.dynamic}>"


def read_preferences(header: str) -> Preferences | None:
    """Preferences of ours in the header's text; None if it holds none of them."""
    found: dict[str, str] = {}
    # An item may be separated by a comma or, as Prism's documentation writes it, follow after a blank.
    for match in _ITEM.finditer(header[:_MAX_LENGTH]):
        name, quoted, plain = match.groups()
        name = name.lower()
        if name in _KNOWN and name not in found:
            found[name] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else (plain or "")
    if not found:
        return None
    code, problem = None, None
    if "code" in found:
        if re.fullmatch(r"[1-5]\d\d", found["code"], re.ASCII):
            code = int(found["code"])
        else:
            problem = "code must be a status from 100 to 599"
    return Preferences(
        code,
        found.get("example"),
        found.get("dynamic", "").lower() == "true",
        found.get("seed"),
        found.get("variant"),
        problem,
        found.get("reason"),
    )
