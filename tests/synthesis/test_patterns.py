import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.regexes import compile_regex
from mockserver.seeds import Seed
from mockserver.synthesis.patterns import compile_any, make_match


@pytest.mark.parametrize(
    "pattern",
    [
        "", "^$", "abc", "^[A-Z]{3}-[0-9]{4,}$", "^(red|green|blue)$", r"^\p{L}+(\s\w+)*$", r"^\pN\P{L}$",
        r"^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$", r"^(?P<a>x)(?<b>y)(?i:z)(?i)q$",
        r"^[\w.+-]+@[\w-]+\.[\w.-]+$", r"^\D\W\S[^\d\s]$", r"^\x41\x{1F600}\t\.\/\-$", r"^[\]\\^-]$",
        "^[]a]$", "^[^\x00-\x7f]$", "^a{,3}$", "^a{2}?b+?c*?$", r"^\$\^\.$", "^(a|)$", r"\bword\b", "^.$",
        "^[€-₿]{2}$", "^[ -~]{3}$", "^(19|20)\\d\\d-(0[1-9]|1[0-2])$",
    ],
)  # fmt: skip
def test_the_pattern_is_found_in_its_match(pattern: str) -> None:
    for seed in "abcde":
        assert compile_regex(pattern).search(make_match(pattern, Seed(seed)))


_atoms = st.sampled_from((r"\d", "[a-f]", "[^a-f]", "x", "yz", ".", r"\w", "(a|bc|)", "(?:k|[0-4]{2})"))
_counts = st.sampled_from(("", "", "?", "*", "+", "{2}", "{1,3}", "{2,}"))
_groups = st.builds(lambda atom, count: f"(?:{atom}){count}", _atoms, _counts)
_patterns = st.recursive(
    _groups,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map("".join)
        | st.builds(lambda left, right, count: f"({left}|{right}){count}", inner, inner, _counts)
    ),
    max_leaves=6,
)


@settings(max_examples=200)
@given(_patterns, st.text(max_size=2))
def test_any_pattern_has_a_match_that_python_agrees_with(pattern: str, seed: str) -> None:
    assert re.fullmatch(pattern, make_match(f"^{pattern}$", Seed(seed)))


@settings(max_examples=200)
@given(
    st.integers(0, 300), st.integers(0, 20), st.sampled_from(("^[a-z]+[0-9]{0,3}$", "x", "^k(a|bb)*$", ""))
)
def test_a_match_has_the_length_that_is_asked_for(low: int, spare: int, pattern: str) -> None:
    high = max(low, 1) + spare
    assert low <= len(make_match(pattern, Seed("s"), min_length=low, max_length=high)) <= high


def test_other_seeds_give_other_matches() -> None:
    assert len({make_match("^[a-z]{8}$", Seed(str(number))) for number in range(50)}) == 50
    assert {make_match("^(a|b)$", Seed(str(number))) for number in range(50)} == {"a", "b"}


def test_a_match_never_changes() -> None:
    """Pinned: identifiers are made by pattern."""
    assert make_match("^ord_[^_]{12}$", Seed("s")) == "ord_cwMdbQ2Z0JWm"


def test_signs_are_tried_where_letters_and_digits_do_not_do() -> None:
    text = make_match(r"^[!-~]{8}$", Seed("s"))
    assert text.isalnum()
    assert make_match(r"^[a!]\b[a!]$", Seed("s")) in ("a!", "!a")


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(arn:aws:)[\s\S]{0,1024}$",
        r"^(?=.*[A-Z])(?=.*\d).{8,}$",
        r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$",
        r"^(?<!x)[a-z]+(?<=[a-z])$",
    ],
)
def test_patterns_beyond_the_linear_engine_are_matched_as_well(pattern: str) -> None:
    for number in range(20):
        assert compile_any(pattern).search(make_match(pattern, Seed(str(number))))


@pytest.mark.parametrize(
    ("pattern", "limits", "reason"),
    [
        ("a^", {}, "no match of"),
        ("^abc$", {"max_length": 2}, "longer than 2"),
        ("^abc$", {"min_length": 4}, "no match of"),
        ("^(?=a)b", {}, "no match of"),
        ("(", {}, "no regular expression"),
        (r"^\p{Greek}$", {}, "cannot be made up"),
        ("^" + "(" * 60 + ")" * 60, {}, "at most 50 groups"),
        ("a" * 5_001, {}, "5000 characters"),
        ("^(a{999}){999}$", {}, "no regular expression"),
    ],
)
def test_the_reason_is_named_where_there_is_no_match(
    pattern: str, limits: dict[str, int], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        make_match(pattern, Seed("s"), **limits)
