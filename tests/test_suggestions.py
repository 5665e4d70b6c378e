"""What is said of a name that is not known."""

from __future__ import annotations

import pytest

from mockserver.suggestions import find_nearest, suggest

KNOWN = ("operation", "status", "since", "statuses")


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("stauts", {}, "did you mean 'status'?"),
        ("zzz", {}, "known: operation, status, since, statuses"),
        ("statu", {"limit": 2}, "did you mean 'status' or 'statuses'?"),
        ("stauts", {"lists_all": True}, f"did you mean 'status'? known: {', '.join(KNOWN)}"),
        ("zzz", {"lists_all": True}, f"known: {', '.join(KNOWN)}"),
    ],
)
def test_near_names_are_offered_else_all(name: str, options: dict[str, int], text: str) -> None:
    assert suggest(name, KNOWN, **options) == text  # type: ignore[arg-type]


def test_a_long_name_is_compared_by_its_beginning() -> None:
    assert find_nearest("s" * 100 + "tatus" * 1_000_000, ["s" * 100]) == ["s" * 100]
