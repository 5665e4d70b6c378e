"""Patterns of ECMA-262, written for the engine that runs them."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver.contract.patterns import translate
from mockserver.contract.schema_registry import compile_pattern, compile_schema


@pytest.mark.parametrize(
    ("pattern", "fits", "differs"),
    [
        (r"^\u0061$", ["a"], ["b"]),
        (r"^\uD83D\uDE00$", ["\U0001f600"], ["x"]),
        (r"^[\uD83D\uDE00-\uD83D\uDE02]$", ["\U0001f601"], ["\U0001f603"]),
        (r"^\x41\cJ$", ["A\n"], ["AJ"]),
        (r"^\0$", ["\x00"], ["0"]),
        (r"^\p{Lu}\P{Lu}$", ["Äb"], ["äb", "ÄB"]),
        (r"^[\p{Lu}\d_-]+$", ["Ä1_-"], ["ä"]),
        (r"^[a\-z]+$", ["a-z"], ["b"]),
        (r"^[\d-z]$", ["5", "-", "z"], ["y"]),
        (r"^[\b]$", ["\b"], ["b"]),
        (r"^[\t\]]+$", ["\t]"], ["t"]),
        (r"^[^]$", ["a", "\n"], [""]),
        (r"^[]$", [], ["", "a"]),
        (r"^.$", ["a"], ["\n", "\u2028"]),
        (r"^{a}$", ["{a}"], ["a"]),
        (r"^a{2,3}$", ["aa", "aaa"], ["a", "aaaa"]),
        (r"^a]}$", ["a]}"], ["a"]),
        (r"^(?<year>\d{4})-\k<year>$", ["2026-2026"], ["2026-2027"]),
        (r"^\k<none>$", ["k<none>"], [""]),
        (r"^(a)(?:b)\1$", ["aba"], ["abb"]),
        (r"^(?=a)\w+(?<!b)$", ["ac"], ["ab", "c"]),
        (r"^\/\-\<\>\q$", ["/-<>q"], ["/"]),
        (r"^\d$", ["5"], ["\u0665"]),
    ],
)
def test_a_pattern_means_what_it_means_in_ecma_262(pattern: str, fits: list[str], differs: list[str]) -> None:
    schema = compile_schema({"pattern": pattern})
    assert [text for text in fits if not schema.is_valid(text)] == []
    assert [text for text in differs if schema.is_valid(text)] == []


@pytest.mark.parametrize("pattern", ["[z-a]", "[a", "\\", "[\\"])
def test_what_is_no_pattern_is_told(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"out of order|does not end"):
        translate(pattern)


def test_half_a_character_fits_nothing() -> None:
    schema: Any = compile_schema({"pattern": r"^\uD83D$"})
    assert not schema.is_valid("x")


def test_a_pattern_that_repeats_endlessly_is_refused_at_once() -> None:
    """The engine writes each repetition out: 2 million of them take seconds."""
    with pytest.raises(ValueError, match="at most 20000 times"):
        compile_pattern("^.{1,2097152}$")
    assert compile_pattern("^.{1,2048}$").search("a")
