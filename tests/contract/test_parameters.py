"""Parameters: the value that the texts of a path, query, header or cookie stand for, in every style."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver.contract.parameters import (
    Parameter,
    ParameterPlace,
    Shape,
    Style,
    choose_value,
    find_values,
    read_pairs,
    read_value,
    split_values,
)
from mockserver.contract.schema_registry import compile_schema
from mockserver.types import UNSET

COLOURS = {"type": "array", "items": {"type": "string"}}
SIZES = {"type": "array", "items": {"type": "integer"}}
RGB = {"type": "object", "properties": {"R": {"type": "integer"}, "G": {"type": "integer"}}}


def shape_of(schema: Any) -> Shape:
    return Shape(schema, lambda reference: DEFINED[reference])


DEFINED: dict[str, Any] = {"#/size": {"type": "integer"}}


def parameter(schema: Any, place: ParameterPlace, style: Style, *, exploded: bool = False) -> Parameter:
    shape = shape_of(schema)
    return Parameter(
        "color", place, False, compile_schema(schema), shape, shape.types, "array" in shape.types, None, {},
        style=style, is_exploded=exploded,
    )  # fmt: skip


def read(found: Parameter, parts: Any) -> Any:
    return UNSET if parts is UNSET else choose_value(found.schema, found.shape, parts)


@pytest.mark.parametrize(
    ("schema", "style", "exploded", "query", "value"),
    [
        (COLOURS, "form", True, "color=blue&color=black", ["blue", "black"]),
        (COLOURS, "form", False, "color=blue,black", ["blue", "black"]),
        (COLOURS, "form", False, "color=", []),
        ({"type": ["array", "string"]}, "form", False, "color=a,b", ["a", "b"]),
        (SIZES, "form", False, "color=", []),
        (SIZES, "form", False, "color=1,2", [1, 2]),
        (SIZES, "form", True, "color=1", [1]),
        (COLOURS, "spaceDelimited", False, "color=blue%20black+red", ["blue", "black", "red"]),
        (SIZES, "pipeDelimited", False, "color=1%7C2|3", [1, 2, 3]),
        (COLOURS, "form", False, "colour=blue", UNSET),
        (RGB, "form", False, "color=R,100,G,200", {"R": 100, "G": 200}),
        (RGB, "form", False, "color=R,100,G", ["R", "100", "G"]),
        (RGB, "form", True, "R=100&G=200&other=1", {"R": 100, "G": 200}),
        ({"type": "object"}, "form", True, "R=100&R=200&R=300", {"R": ["100", "200", "300"]}),
        (RGB, "form", True, "other=1", UNSET),
        (RGB, "deepObject", True, "color[R]=100&color[G]=200&colour[R]=1", {"R": 100, "G": 200}),
        (RGB, "deepObject", True, "color=1&color[R=1&color[R]x=2", UNSET),
        ({"type": "object"}, "deepObject", True, "color[a][b]=1&color[a][c]=2", {"a": {"b": "1", "c": "2"}}),
        ({"type": "object"}, "deepObject", True, "color[a][]=1&color[a][]=2", {"a": ["1", "2"]}),
        ({"type": "object"}, "deepObject", True, "color[a]=1&color[a]=2", {"a": ["1", "2"]}),
        ({"type": "object"}, "deepObject", True, "color[a]=1&color[a][b]=2", {"a": "1"}),
        (RGB, "content", False, "color={}&color=%7B%22R%22:1%7D", {"R": 1}),
        (RGB, "content", False, "other=1", UNSET),
        ({"type": "string"}, "form", True, "color=a&color=b", ["a", "b"]),
    ],
)
def test_a_query_is_read_in_its_style(
    schema: Any, style: Style, exploded: bool, query: str, value: Any
) -> None:
    found = parameter(schema, "query", style, exploded=exploded)
    assert read(found, find_values(found, read_pairs(query), frozenset({"other"}))) == value


@pytest.mark.parametrize(
    ("schema", "place", "style", "exploded", "texts", "value"),
    [
        (COLOURS, "path", "simple", False, ["blue,black"], ["blue", "black"]),
        (COLOURS, "path", "simple", False, [""], []),
        (COLOURS, "path", "label", False, [".blue,black"], ["blue", "black"]),
        (COLOURS, "path", "label", True, [".blue.black"], ["blue", "black"]),
        ({"type": "string"}, "path", "label", False, [".blue"], "blue"),
        ({"type": "string"}, "path", "label", False, ["blue"], "blue"),
        (RGB, "path", "label", True, [".R=100.G=200"], {"R": 100, "G": 200}),
        (COLOURS, "path", "matrix", False, [";color=blue,black"], ["blue", "black"]),
        (COLOURS, "path", "matrix", True, [";color=blue;color=black"], ["blue", "black"]),
        ({"type": "string"}, "path", "matrix", False, [";color=blue"], "blue"),
        ({"type": "string"}, "path", "matrix", False, ["blue"], "blue"),
        ({"type": "string"}, "path", "matrix", False, [";colour=blue"], ";colour=blue"),
        (RGB, "path", "matrix", True, [";R=100;G=200"], {"R": 100, "G": 200}),
        (RGB, "path", "matrix", False, [";color=R,100,G,200"], {"R": 100, "G": 200}),
        (RGB, "path", "simple", True, ["R=100,G=200"], {"R": 100, "G": 200}),
        (COLOURS, "header", "simple", False, ["blue, black", "red"], ["blue", "black", "red"]),
        (COLOURS, "cookie", "form", True, ["blue", "black"], ["blue", "black"]),
        (RGB, "header", "content", False, ['{"R": 1}'], {"R": 1}),
        (RGB, "header", "simple", False, [], UNSET),
    ],
)
def test_paths_headers_and_cookies_are_read_in_their_style(
    schema: Any, place: ParameterPlace, style: Style, exploded: bool, texts: list[str], value: Any
) -> None:
    found = parameter(schema, place, style, exploded=exploded)
    assert read(found, split_values(found, texts)) == value


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": ["integer", "null"]}, "null", None),
        ({"type": ["integer", "null"]}, "", None),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "yes", "yes"),
        ({"type": "integer"}, "1.5", "1.5"),
        ({"type": "number"}, "1.5", 1.5),
        ({"type": ["integer", "string"]}, "5", "5"),
        ({"$ref": "#/size"}, "5", 5),
        ({"type": "object"}, '{"a": 1}', {"a": 1}),
        ({"type": "object"}, "{a", "{a"),
        ({"type": "array"}, "[1, 2]", [1, 2]),
        ({"items": {"type": "integer"}}, "5", [5]),
        ({"const": 5}, "5", 5),
        ({"enum": [True, None, "x", 1.5, [], {}]}, "true", "true"),
        ({"properties": {"a": True}}, '{"a": 1}', {"a": 1}),
    ],
)
def test_a_text_stands_for_what_the_schema_says(schema: Any, text: str, value: Any) -> None:
    assert read_value(shape_of(schema), text, prefers_text=True) == value


def test_what_text_and_something_else_may_be_is_what_the_schema_accepts() -> None:
    schema = {"anyOf": [{"type": "string", "maxLength": 1}, {"type": "integer"}]}
    assert choose_value(compile_schema(schema), shape_of(schema), "55") == 55
    assert choose_value(compile_schema(schema), shape_of(schema), "5") == "5"
    assert choose_value(compile_schema(schema), shape_of(schema), "no") == "no"


def test_items_and_members_are_found_wherever_the_schema_says_them() -> None:
    schema = {
        "allOf": [{"prefixItems": [{"type": "integer"}]}, {"items": {"type": "boolean"}}],
        "if": True,
        "then": {"properties": {"a": {"type": "integer"}}},
        "else": {"additionalProperties": {"type": "boolean"}},
    }
    shape = shape_of(schema)
    assert shape.items.types == {"integer", "boolean"}
    assert shape.member("a").types == {"integer"}
    assert shape.member("b").types == {"boolean"}
    assert read_value(shape, ["1", "true"], prefers_text=False) == [1, True]
    assert read_value(shape_of({"type": "integer"}), ["1"], prefers_text=False) == 1
    assert read_value(shape, {"a": "1", "b": {"c": 2}}, prefers_text=False) == {"a": 1, "b": {"c": 2}}


def test_a_schema_without_end_has_a_shape() -> None:
    DEFINED["#/loop"] = {"$ref": "#/loop", "items": {"$ref": "#/loop"}}
    shape = shape_of({"$ref": "#/loop"})
    for _ in range(60):
        shape = shape.items
    assert shape.types == frozenset()
