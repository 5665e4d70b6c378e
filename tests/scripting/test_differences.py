"""How far an expectation and a request are apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.scripting.differences import Difference, count_leaves, nearest, similarity, total_distance


def make_difference(expected: object, actual: object, operator: str = "equalTo") -> Difference:
    return Difference("header", "/x", operator, expected, actual)


def test_a_difference_is_written_in_wiremocks_words() -> None:
    assert Difference("query", "/account_id", "equalTo", "a", None).to_json() == {
        "in": "query",
        "pointer": "/account_id",
        "operator": "equalTo",
        "expected": "a",
        "actual": None,
    }


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("abcd", "abcd", 1.0),
        ("abcd", "abXd", 0.75),
        ("ab", "cd", 0.0),
        ("", "a", 0.0),
        ("aXbYc", "abc", 0.75),
    ],
)
def test_similarity_counts_the_characters_in_common(left: str, right: str, expected: float) -> None:
    assert similarity(left, right) == expected


@given(st.text(max_size=200), st.text(max_size=200))
def test_similarity_is_a_fraction(left: str, right: str) -> None:
    assert 0.0 <= similarity(left, right) <= 1.0
    assert similarity(left, left) == 1.0


def test_a_difference_is_never_no_distance() -> None:
    same_start = "x" * 100
    assert make_difference(same_start + "a", same_start + "b").distance == 0.01


@pytest.mark.parametrize(
    ("difference", "distance"),
    [
        (make_difference("abcd", "abXd"), 0.25),
        (make_difference("abcd", None), 1.0),
        (make_difference("abcd", "abcd", "doesNotContain"), 1.0),
        (make_difference({"a": 1, "b": [2, 3]}, None, "equalToJson"), 3.0),
        (make_difference([{"equalTo": "a"}], ["b"], "hasExactly"), 1.0),
    ],
    ids=["likeness", "missing", "negative", "json-leaves", "no-texts"],
)
def test_distance_is_one_for_each_value_with_nothing_in_common(
    difference: Difference, distance: float
) -> None:
    assert difference.distance == distance


def test_the_nearest_attempt_is_told() -> None:
    far, near = [make_difference("abcd", "wxyz")], [make_difference("abcd", "abcX")]
    assert nearest([far, near, far]) == near


def test_nothing_is_told_if_one_attempt_succeeds() -> None:
    assert nearest([[make_difference("a", "b")], []]) == ()


def test_a_success_counts_however_many_attempts_fail() -> None:
    failures = [[make_difference("a", "b")]] * 100
    assert nearest([*failures, []]) == ()
    assert len(nearest(failures)) == 1


def test_distances_add_up() -> None:
    assert total_distance([make_difference("ab", "ax"), make_difference("a", None)]) == 1.5
    assert total_distance([]) == 0


@pytest.mark.parametrize(
    ("value", "leaves"), [(None, 1), ({}, 1), ([[], {}], 2), ({"a": [1, 2], "b": {"c": "x"}}, 3)]
)
def test_leaves_are_values_without_members(value: object, leaves: int) -> None:
    assert count_leaves(value) == leaves
