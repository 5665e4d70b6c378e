"""equalToJson: field by field, at JSON pointers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.scripting.differences import Difference
from mockserver.scripting.json_equality import JsonEquality, find_placeholders, read_placeholder

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=3), children, max_size=4)
    ),
    max_leaves=12,
)


def compare(expected: Any, actual: Any, *, any_order: bool = False, extra: bool = False) -> list[Any]:
    """The differences, each as (pointer, operator, expected, actual)."""
    placeholders = {text: read_placeholder(text) for _, text in find_placeholders(expected)}
    equality = JsonEquality(expected, placeholders, any_order, extra)
    found = list(equality.differences(actual, "body", ""))
    assert all(isinstance(difference, Difference) and difference.place == "body" for difference in found)
    return [(each.pointer, each.operator, each.expected, each.actual) for each in found]


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1, 1.0),
        (Decimal("1e400"), Decimal("1E+400")),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ([1, [2]], [1, [2]]),
        (None, None),
    ],
)
def test_equal_values_have_no_differences(expected: Any, actual: Any) -> None:
    assert compare(expected, actual) == []


@given(json_values)
def test_every_value_equals_itself_under_all_rules(value: Any) -> None:
    for any_order in (False, True):
        for extra in (False, True):
            assert compare(value, value, any_order=any_order, extra=extra) == []


@given(json_values, json_values)
def test_the_order_of_items_matters_only_if_it_is_asked_for(one: Any, other: Any) -> None:
    assert compare([one, other], [other, one], any_order=True) == []
    assert (compare([one, other], [other, one]) == []) == (compare(one, other) == compare(other, one) == [])


@pytest.mark.parametrize(
    ("expected", "actual", "differences"),
    [
        (1, 2, [("", "equalToJson", 1, 2)]),
        (1, True, [("", "equalToJson", 1, True)]),
        (0, False, [("", "equalToJson", 0, False)]),
        (True, 1, [("", "equalToJson", True, 1)]),
        ("1", 1, [("", "equalToJson", "1", 1)]),
        (None, False, [("", "equalToJson", None, False)]),
        ({}, [], [("", "equalToJson", {}, [])]),
        ({"a": {"b/c": 1}}, {"a": {"b/c": 2}}, [("/a/b~1c", "equalToJson", 1, 2)]),
        ({"a": "x", "b": "y"}, {"a": "z", "b": "z"}, [
            ("/a", "equalToJson", "x", "z"), ("/b", "equalToJson", "y", "z"),
        ]),
        ({"a": 1}, {}, [("/a", "equalToJson", 1, None)]),
        ({"a": None}, {}, [("/a", "absent", False, None)]),
        ({}, {"a": 1}, [("/a", "absent", True, 1)]),
        ([1, 2], [1], [("/1", "equalToJson", 2, None)]),
        ([1], [1, 2], [("/1", "absent", True, 2)]),
        ([1, 2], [2, 1], [("/0", "equalToJson", 1, 2), ("/1", "equalToJson", 2, 1)]),
    ],
)  # fmt: skip
def test_each_difference_is_at_its_pointer(expected: Any, actual: Any, differences: list[Any]) -> None:
    assert compare(expected, actual) == differences


def test_extra_elements_are_ignored_on_request() -> None:
    expected = {"a": [1, {"b": 2}]}
    assert compare(expected, {"a": [1, {"b": 2, "c": 3}, 4], "d": 5}, extra=True) == []
    assert compare(expected, {"a": [0, 1, {"b": 2}]}, extra=True) == [
        ("/a/0", "equalToJson", 1, 0),
        ("/a/1", "equalToJson", {"b": 2}, 1),
    ]


@pytest.mark.parametrize(
    ("expected", "actual", "differences"),
    [
        ([1, 2, 2], [2, 1, 2], []),
        ([{"a": [1, 2]}, 3], [3, {"a": [2, 1]}], []),
        ([1, 2], [3, 1], [("/0", "equalToJson", 2, 3)]),
        ([{"a": 1, "b": 2}, 0], [0, {"a": 1, "b": 3}], [("/1/b", "equalToJson", 2, 3)]),
        ([1, 2, 3], [2], [("/0", "equalToJson", 1, None), ("/2", "equalToJson", 3, None)]),
        ([1], [2, 1, 3], [("/0", "absent", True, 2), ("/2", "absent", True, 3)]),
        ([1, 1], [1, 2], [("/1", "equalToJson", 1, 2)]),
    ],
)
def test_items_in_any_order_are_paired(expected: Any, actual: Any, differences: list[Any]) -> None:
    assert compare(expected, actual, any_order=True) == differences


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ([{"a": 1}, {"a": 1, "b": 2}], [{"a": 1, "b": 2}, {"a": 1}]),
        (["${json-unit.ignore}", "${json-unit.any-number}", 1], [1, 2, "x"]),
        ([{}, {"a": 1}, {"a": 1, "b": 1}], [{"a": 1, "b": 1}, {"a": 1}, {"c": 1}]),
    ],
)
def test_an_item_gives_up_its_partner_to_one_that_fits_nothing_else(expected: Any, actual: Any) -> None:
    assert compare(expected, actual, any_order=True, extra=True) == []


@given(st.permutations(range(30)))
def test_every_order_of_overlapping_items_is_paired(order: list[int]) -> None:
    # Item n fits what has at least the members 0 to n, so only one pairing is right.
    expected = [{str(member): member for member in range(n + 1)} for n in range(30)]
    assert compare(expected, [expected[n] for n in order], any_order=True, extra=True) == []


@pytest.mark.parametrize(
    ("placeholder", "fitting", "others"),
    [
        ("${json-unit.any-string}", ["", "x"], [1, None, True]),
        ("${json-unit.any-number}", [1, 1.5, Decimal("1e400")], ["1", True]),
        ("${json-unit.any-boolean}", [True, False], [0, "true", None]),
        ("${json-unit.ignore}", [None, 1, "x", {}, []], []),
        ("${json-unit.regex}[A-Z]+", ["A", "AB"], ["a", "Ab", 1, None]),
    ],
)
def test_a_placeholder_stands_for_values(placeholder: str, fitting: list[Any], others: list[Any]) -> None:
    for value in fitting:
        assert compare({"a": placeholder}, {"a": value}) == []
    for value in others:
        assert compare({"a": placeholder}, {"a": value}) == [("/a", "equalToJson", placeholder, value)]
    assert compare({"a": placeholder}, {}) == [("/a", "equalToJson", placeholder, None)]


def test_an_ignored_element_may_be_missing() -> None:
    expected = {"a": "${json-unit.ignore-element}", "b": 1}
    assert compare(expected, {"b": 1}) == []
    assert compare(expected, {"a": {"any": "thing"}, "b": 1}) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("${json-unit.any}", "known:"),
        ("${json-unit.regex}(", "RE2"),
        ("${json-unit.matches:x}", "known:"),
    ],
)
def test_an_unknown_placeholder_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_placeholder(text)


def test_placeholders_are_found_with_their_pointers() -> None:
    value = {"a/b": ["x", "${json-unit.ignore}"], "c": "no ${json-unit.ignore}", "d": "${json-unit.nonsense}"}
    assert list(find_placeholders(value)) == [
        ("/a~1b/1", "${json-unit.ignore}"),
        ("/d", "${json-unit.nonsense}"),
    ]


def test_long_arrays_of_equal_items_are_paired_in_any_order() -> None:
    items = [{"n": n} for n in range(5_000)]
    assert compare(items, items[::-1], any_order=True) == []
    assert compare(items, [*items[:0:-1], {"n": -1}], any_order=True) == [("/4999/n", "equalToJson", 0, -1)]


def test_an_array_that_would_take_too_long_to_pair_is_different() -> None:
    expected = [{"n": n} for n in range(1_000)]
    actual = [{"n": n, "extra": True} for n in reversed(range(1_000))]
    assert compare(expected[:200], actual[-200:], any_order=True, extra=True) == []
    assert compare(expected, actual, any_order=True, extra=True) != []
