""" "Did you mean": what to say of a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

# Longer texts are nobody's typing, and comparing takes time.
_LONGEST = 100


def find_nearest(name: str, known: Iterable[str], *, limit: int = 1) -> list[str]:
    """The known names nearest to one that is not known, the nearest first."""
    return get_close_matches(name[:_LONGEST], list(known), n=limit)


def suggest(name: str, known: Iterable[str], *, limit: int = 1, lists_all: bool = False) -> str:
    """`did you mean 'status'?`, or where nothing comes near, `known: operation, status`.

    `limit` is how many near names are offered; `lists_all` adds the known names to an offer.
    """
    names = list(known)
    near = find_nearest(name, names, limit=limit)
    listed = f"known: {', '.join(names)}"
    if not near:
        return listed
    offer = f"did you mean {' or '.join(map(repr, near))}?"
    return f"{offer} {listed}" if lists_all else offer
