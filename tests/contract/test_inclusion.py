"""Inclusion: what is proved is true, and the plain cases are proved."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.contract.inclusion import includes
from mockserver.contract.schema_registry import SchemaRegistry
from mockserver.seeds import Seed
from mockserver.synthesis.layers import NoValue
from mockserver.synthesis.values import make_value
from mockserver.types import Json
from tests.strategies import documents

LEAF = {"type": "string", "minLength": 2}
NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}, "additionalProperties": False}
TEXT = {"type": "string"}


def is_included(wide: Any, narrow: Any) -> bool:
    document = {"$defs": {"leaf": LEAF, "node": NODE}, "wide": wide}
    registry = SchemaRegistry(document)
    return includes(document["wide"], narrow, registry.resolve, registry.accepts)


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (True, {"not": {}}),
        ({}, True),
        (TEXT, False),
        ({"description": "…", "x-provenance": "documented", "default": 1}, True),
        ({"type": "number"}, {"type": "integer"}),
        ({"type": ["string", "null"]}, TEXT),
        ({"enum": ["a", "b"]}, {"const": "a"}),
        ({"type": "string", "minLength": 1}, {"enum": ["a", "bc"]}),
        ({"minimum": 1, "maxLength": 5}, {"minimum": 1, "maxLength": 4}),
        ({"pattern": "^a"}, {"pattern": "^a", "type": "string"}),
        ({"format": "date-time"}, {"format": "date-time"}),
        ({"type": ["string", "null"]}, {"anyOf": [TEXT, {"type": "null"}]}),
        ({"anyOf": [{"type": "null"}, TEXT]}, TEXT),
        ({"allOf": [TEXT, {"minLength": 1}]}, LEAF),
        ({"$ref": "#/$defs/leaf", "maxLength": 9}, {"$ref": "#/$defs/leaf", "maxLength": 9}),
        ({"$ref": "#/$defs/leaf"}, {"type": "string", "minLength": 3}),
        ({"$ref": "#/$defs/node"}, {"$ref": "#/$defs/node"}),
        ({"items": TEXT}, {"items": LEAF}),
        ({"properties": {"a": TEXT}, "required": ["a"]}, {"properties": {"a": LEAF}, "required": ["a", "b"]}),
        ({"properties": {"a": TEXT}}, {"additionalProperties": TEXT}),
        ({"properties": {"a": TEXT}}, {"additionalProperties": False}),
        ({"additionalProperties": TEXT}, {"properties": {"a": LEAF}, "additionalProperties": TEXT}),
        ({"properties": {"a": {}}, "additionalProperties": False},
         {"properties": {"a": {}}, "additionalProperties": False}),
    ],
)  # fmt: skip
def test_what_plainly_follows_is_proved(wide: Any, narrow: Any) -> None:
    assert is_included(wide, narrow)


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (False, TEXT),
        (TEXT, True),
        (TEXT, {}),
        ({"type": "integer"}, {"type": "number"}),
        ({"type": "string"}, {"type": ["string", "null"]}),
        ({"enum": ["a", "b"]}, {"enum": ["a", "c"]}),
        ({"enum": ["a", "b"]}, TEXT),
        ({"minimum": 1}, {"minimum": 0}),
        ({"minimum": 1}, {"exclusiveMinimum": 1}),
        ({"maximum": 1}, {"maximum": 2}),
        ({"pattern": "^a"}, {"pattern": "^ab"}),
        ({"anyOf": [TEXT, {"type": "null"}]}, {"type": ["string", "boolean"]}),
        ({"required": ["a"]}, {"required": ["b"]}),
        ({"properties": {"a": TEXT}}, {"properties": {"a": TEXT}, "patternProperties": {"a": {}}}),
        ({"additionalProperties": False}, {"properties": {"a": TEXT}, "additionalProperties": False}),
        ({"additionalProperties": False, "patternProperties": {"": {}}}, {"additionalProperties": False}),
        ({"items": TEXT}, {"items": TEXT, "prefixItems": [{}]}),
        ({"items": TEXT, "prefixItems": [{}]}, {"items": TEXT}),
        ({"not": TEXT}, {"type": "null"}),
    ],
)
def test_what_does_not_plainly_follow_is_no_proof(wide: Any, narrow: Any) -> None:
    assert not is_included(wide, narrow)


WEAKENED = (
    "required",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "format",
    "type",
)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A schema, and perhaps the same with some rules taken out or changed."""
    narrow = draw(documents())
    # A copy in any case: what strategies draw may be shared with other examples.
    wide = copy.deepcopy(narrow if draw(st.integers(0, 3)) else draw(documents()))

    def change(part: Any) -> None:
        if isinstance(part, dict):
            for key in [key for key in part if key in WEAKENED and draw(st.booleans())]:
                if isinstance(part[key], int) and draw(st.booleans()):
                    # A length below zero makes no schema.
                    is_size = key.endswith(("Length", "Items"))
                    part[key] += draw(st.integers(0 if is_size and part[key] == 0 else -1, 1))
                else:
                    del part[key]
        for item in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            change(item)

    change({key: rule for key, rule in wide.items() if key != "$defs"})
    return wide, narrow


@settings(deadline=None, max_examples=300)
@given(pairs(), st.integers(0, 99))
def test_what_is_proved_is_true(pair: tuple[dict[str, Any], dict[str, Any]], number: int) -> None:
    wide, narrow = pair
    wide["$defs"] = copy.deepcopy(narrow["$defs"])
    registry = SchemaRegistry(wide)
    if not includes(wide, narrow, registry.resolve, registry.accepts):
        return
    try:
        value: Json = make_value(
            narrow,
            Seed(str(number)),
            resolve=SchemaRegistry(narrow).resolve,
            is_valid=SchemaRegistry(narrow).accepts,
        )
    except NoValue:
        return
    assert registry.compile("").is_valid(value)


def union(name: str) -> dict[str, Any]:
    """A schema that contains itself in many ways."""
    some = {"type": "array", "items": {"$ref": f"#/$defs/{name}"}}
    part = {"type": "object", "properties": {"children": some}}
    parts = [{**part, "required": [str(number)]} for number in range(4)]
    return {"anyOf": [{"type": "string"}, *parts, some]}


def test_schemas_that_contain_themselves_are_given_up_unless_they_are_one() -> None:
    document = {"$defs": {"one": union("one"), "other": union("other")}}
    registry = SchemaRegistry(document)
    one, other = {"$ref": "#/$defs/one"}, {"$ref": "#/$defs/other"}
    # Two that are equal and not the same.
    inside, also_inside = ({"type": "object", "properties": {"a": one}} for _ in range(2))
    assert includes(one, one, registry.resolve, registry.accepts)
    assert includes(inside, also_inside, registry.resolve, registry.accepts)
    assert not includes(one, other, registry.resolve, registry.accepts)
