"""Strategies that tests share. Every schema made here has at least one value that fits it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Schemas = SearchStrategy[dict[str, Any]]

NAMES = ("id", "name", "email", "created_at", "amount", "a/b", "m~n", "ünï", "tags", "x-note", "")
LEAF, NODE = {"$ref": "#/$defs/leaf"}, {"$ref": "#/$defs/node"}

scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
json_values = st.recursive(
    scalars | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


FORMATS = ("date-time", "date", "time", "email", "uri", "hostname", "ipv4", "ipv6", "uuid")
# Such as mean the same in every engine, Python's included.
PATTERNS = (
    r"^[A-Z]{3}-\d+$",
    r"^(sk|pk)_(test|live)_[A-Za-z0-9]{24}$",
    r"[^a-z]",
    r"^\w+([.-]?\w+)*$",
    r"^\S+@\S+$",
    r"(?i)^x+$",
    r"^$",
    r"^/(?:[^/?#]+/?)*$",
)


def _sized_strings(low: int, spare: int, pattern: str | None) -> dict[str, Any]:
    schema = {"type": "string", "minLength": low, "maxLength": low + spare}
    return {**schema, "pattern": pattern} if pattern and low + spare else schema


def string_schemas() -> Schemas:
    return st.one_of(
        st.builds(
            _sized_strings, st.integers(0, 40), st.integers(0, 20), st.sampled_from((None, "^[a-f]+[0-9]*$"))
        ),
        st.sampled_from(FORMATS).map(lambda name: {"type": "string", "format": name}),
        st.sampled_from(PATTERNS).map(lambda pattern: {"type": "string", "pattern": pattern}),
    )


@st.composite
def number_schemas(draw: st.DrawFn) -> dict[str, Any]:
    is_integer = draw(st.booleans())
    schema: dict[str, Any] = {"type": "integer" if is_integer else "number"}
    low = draw(st.integers(-(10**6), 10**6))
    scale = 1 if is_integer else draw(st.sampled_from((1, 10, 100)))
    span = draw(st.integers(3, 200))
    if draw(st.booleans()):
        schema[draw(st.sampled_from(("minimum", "exclusiveMinimum")))] = low / scale if scale > 1 else low
    if draw(st.booleans()):
        high = low + span
        schema[draw(st.sampled_from(("maximum", "exclusiveMaximum")))] = high / scale if scale > 1 else high
    if draw(st.booleans()) and not ({"minimum", "exclusiveMinimum"} & schema.keys() and len(schema) > 2):
        schema["multipleOf"] = (
            draw(st.integers(1, 7)) if is_integer else draw(st.sampled_from((0.01, 0.5, 3)))
        )
    return schema


leaves: Schemas = st.one_of(
    string_schemas(),
    number_schemas(),
    st.sampled_from(({}, {"type": "null"}, {"type": "boolean"}, {"type": ["null", "string"]}, LEAF, NODE)),
    st.builds(lambda value: {"const": value}, json_values),
    st.builds(lambda values: {"enum": values}, st.lists(scalars, min_size=1, max_size=4)),
    # What needs a second try.
    st.sampled_from((
        {"type": "integer", "not": {"multipleOf": 2}},
        {"oneOf": [{"type": "integer", "multipleOf": 3}, {"type": "integer", "multipleOf": 5}]},
        {"type": ["string", "integer"], "not": {"type": "string"}},
        {"allOf": [{"type": "string", "minLength": 3}, {"maxLength": 5}, {"pattern": "^[a-c]"}]},
        {"allOf": [{"type": "number", "minimum": 0}, {"type": "integer"}, {"multipleOf": 4, "maximum": 9}]},
        {"type": "array", "items": {"type": "integer"}, "contains": {"minimum": 50}, "minContains": 2,
         "maxContains": 3},
        {"type": "array", "uniqueItems": True, "minItems": 4, "items": {"enum": [1, 2, True, "a"]}},
    )),
)  # fmt: skip


@st.composite
def array_schemas(draw: st.DrawFn, items: Schemas) -> dict[str, Any]:
    low = draw(st.integers(0, 3))
    schema: dict[str, Any] = {"type": "array", "items": draw(items)}
    if draw(st.booleans()):
        schema |= {"minItems": low, "maxItems": low + draw(st.integers(0, 2))}
    if draw(st.booleans()):
        schema["prefixItems"] = draw(st.lists(items, min_size=1, max_size=2))
    return schema


@st.composite
def object_schemas(draw: st.DrawFn, members: Schemas) -> dict[str, Any]:
    properties = draw(st.dictionaries(st.sampled_from(NAMES), members, max_size=4))
    names = sorted(properties)
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    is_demanding: bool = draw(st.booleans())
    if names and is_demanding:
        schema["required"] = draw(st.lists(st.sampled_from(names), unique=True))
    if len(names) > 1 and draw(st.booleans()):
        schema["dependentRequired"] = {names[0]: [names[-1]]}
    match draw(st.sampled_from(("open", "closed", "map", "patterns", "names", "evaluated"))):
        case "closed":
            schema |= {"additionalProperties": False, "maxProperties": len(names)}
        case "map":
            schema |= {"additionalProperties": draw(members), "minProperties": len(names) + 2}
        case "patterns":
            schema |= {"patternProperties": {"^y-[a-z]+$": draw(members)}, "additionalProperties": False}
            schema["minProperties"] = len(names) + 1
        case "names":
            schema |= {"propertyNames": {"maxLength": 12}, "minProperties": 2}
        case "evaluated":
            schema["unevaluatedProperties"] = False
        case _:
            pass
    return schema


def _combined(inner: Schemas) -> Schemas:
    kinds = st.sampled_from(("card", "bank"))
    return st.one_of(
        array_schemas(inner),
        object_schemas(inner),
        st.builds(lambda left, right: {"anyOf": [left, right]}, inner, inner),
        # Branches of different types exclude each other.
        st.builds(
            lambda text, items: {"oneOf": [text, items, {"type": "null"}]},
            string_schemas(),
            array_schemas(inner),
        ),
        st.builds(
            lambda left, right: {
                "allOf": [
                    {"type": "object", "properties": {"left": left}, "required": ["left"]},
                    {"properties": {"right": right}},
                ]
            },
            inner,
            inner,
        ),
        st.builds(
            lambda kind, then, other: {
                "type": "object",
                "properties": {"kind": {"enum": ["card", "bank"]}},
                "required": ["kind"],
                "if": {"properties": {"kind": {"const": kind}}},
                "then": {"properties": {"then": then}, "required": ["then"]},
                "else": {"properties": {"other": other}, "required": ["other"]},
            },
            kinds,
            inner,
            inner,
        ),
        # An example may be right or wrong; either way the value must be right.
        st.builds(lambda schema, value: {**schema, "examples": [value]}, inner, json_values),
        st.builds(lambda schema, value: {**schema, "default": value}, inner, json_values),
    )


schemas: Schemas = st.recursive(leaves, _combined, max_leaves=8)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A schema with the `$defs` that it refers to; `node` contains itself."""
    leaf = draw(string_schemas() | number_schemas())
    node = {
        "type": "object",
        "properties": {"value": LEAF, "next": NODE, "others": {"type": "array", "items": NODE}},
        "required": ["value"],
    }
    return {**draw(schemas), "$defs": {"leaf": leaf, "node": node}}
