"""Places in a body, and changing what stands there."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.variants.places import MAX_PLACES, REMOVED, change_at, expand, find_places

VALUE = {"a": {"b": [1, {"c": None}, {"c": 2}], "": 0}, "d": []}


@pytest.mark.parametrize(
    ("path", "new", "expected"),
    [
        (("a", "b"), 5, {"a": {"b": 5, "": 0}, "d": []}),
        (("a", "b", None), 5, {"a": {"b": [5, 5, 5], "": 0}, "d": []}),
        (("a", "b", None, "c"), 5, {"a": {"b": [1, {"c": 5}, {"c": 5}], "": 0}, "d": []}),
        (("a", "b", None, "c"), REMOVED, {"a": {"b": [1, {}, {}], "": 0}, "d": []}),
        (("a", ""), REMOVED, {"a": {"b": [1, {"c": None}, {"c": 2}]}, "d": []}),
        ((), 5, 5),
    ],
)
def test_every_place_of_a_path_is_changed(path: Any, new: Any, expected: Any) -> None:
    before = copy.deepcopy(VALUE)
    assert change_at(VALUE, path, lambda old: new) == expected
    assert before == VALUE


@pytest.mark.parametrize("path", [("x",), ("a", "x"), ("a", None), ("d", None), ("d", "x"), ("a", "b", "c")])
def test_where_there_is_no_such_place_the_value_itself_comes_back(path: Any) -> None:
    assert change_at(VALUE, path, lambda old: 5) is VALUE


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
)


@given(json_values, st.lists(st.none() | st.sampled_from("abc"), max_size=4))
def test_a_change_that_changes_nothing_gives_the_value_itself(value: Any, path: list[str | None]) -> None:
    assert change_at(value, tuple(path), lambda old: old) is value


def resolver(schemas: dict[str, Any]) -> Any:
    return lambda reference: schemas[reference]


def test_places_are_what_schemas_name_and_samples_have() -> None:
    schemas = {"#/node": {"properties": {"next": {"$ref": "#/node"}, "name": {"type": "string"}}}}
    sample = {"next": {"next": {"name": "inner"}}, "name": "outer", "unnamed": 1}
    places = find_places({"$ref": "#/node"}, [sample], resolver(schemas))
    assert [place.pointer for place in places] == ["", "/next", "/name", "/next/next", "/next/next/name"]
    assert places[-1].sample == "inner"
    assert places[-1].types == {"string"}


def test_all_branches_name_places() -> None:
    schema = {
        "allOf": [{"properties": {"a": {}}}],
        "anyOf": [{"properties": {"b": {}}}, {"oneOf": [{"properties": {"c": {}}}]}],
        "if": {"properties": {"d": {}}},
        "then": {"properties": {"e": {}}},
        "else": {"properties": {"f": {}}},
        "dependentSchemas": {"a": {"properties": {"g": {}}}},
        "items": {"properties": {"x": {}}},
    }
    sample = dict.fromkeys("abcdefgx", 1)
    places = find_places(schema, [sample], resolver({}))
    assert sorted(place.pointer for place in places) == ["", *(f"/{name}" for name in "abcdefg")]


def test_a_later_sample_adds_places_and_says_what_stood_empty() -> None:
    schema = {"properties": {"a": {}, "b": {}}, "prefixItems": [{"properties": {"c": {}}}]}
    places = find_places(schema, [{"a": None}, {"a": 1, "b": 2}, [{"c": 3}]], resolver({}))
    assert [(place.pointer, place.sample) for place in places] == [
        ("", {"a": None}), ("/a", 1), ("/b", 2), ("/*", {"c": 3}), ("/*/c", 3),
    ]  # fmt: skip


def test_places_are_bounded() -> None:
    names = [f"m{number}" for number in range(2 * MAX_PLACES)]
    schema: dict[str, Any] = {"properties": {name: {} for name in names}}
    assert len(find_places(schema, [dict.fromkeys(names, 1)], resolver({}))) == MAX_PLACES


def test_schemas_that_lead_to_themselves_end() -> None:
    schemas: dict[str, Any] = {"#/a": {"$ref": "#/b"}, "#/b": {"allOf": [{"$ref": "#/a"}, True]}}
    assert len(expand([{"$ref": "#/a"}], resolver(schemas))) == 4
