"""Compiled schemas: two validators that always agree, reports that name every mistake and quote no value."""

from __future__ import annotations

import copy
import json
import resource
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mockserver.contract.bundling import find_loops
from mockserver.contract.pointers import find_pointer
from mockserver.contract.schema_registry import (
    FORMATS,
    MAX_PATTERN_LENGTH,
    MAX_POINTERS,
    MAX_VIOLATIONS,
    CompiledSchema,
    SchemaRegistry,
    _Budget,
    _build_slow,
    check_schema,
    compile_schema,
    find_bad_patterns,
    is_date_time,
    name_type,
)
from mockserver.exceptions import ContractError
from mockserver.json_codec import loads
from mockserver.seeds import Seed
from mockserver.synthesis.values import make_value
from mockserver.types import Json
from tests.strategies import documents, json_values


def breaches(schema: Any, value: Json) -> list[tuple[str, str]]:
    """Pointer and keyword of each violation."""
    return [(found.pointer, found.keyword) for found in compile_schema(schema).violations(value)]


def agree(schema: Any, value: Json) -> bool:
    """Whether a value is right; fails if the two validators are not of one mind."""
    compiled = compile_schema(schema)
    budget = _Budget()
    budget.steps = 1_000_000
    slow = not list(_build_slow(schema, None, budget).iter_errors(value))
    assert compiled.is_valid(value) is slow, (schema, value)
    found = compiled.violations(value)
    assert (found == ()) is slow
    assert all(violation.keyword != "schema" for violation in found)
    return slow


# The report


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": "integer"}, "x", [("", "type")]),
        ({"required": ["a", "b"]}, {}, [("/a", "required"), ("/b", "required")]),
        ({"properties": {"a": {"required": ["b/c"]}}}, {"a": {}}, [("/a/b~1c", "required")]),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, [("/b", "dependentRequired")]),
        ({"properties": {"a": {}}, "additionalProperties": False}, {"a": 1, "b": 2, "c": 3},
         [("/b", "additionalProperties"), ("/c", "additionalProperties")]),
        ({"additionalProperties": {"type": "string"}}, {"a": 1}, [("/a", "type")]),
        ({"patternProperties": {"^x": {"type": "string"}}}, {"xa": 1, "ya": 1}, [("/xa", "type")]),
        ({"patternProperties": {"^x": {}}, "additionalProperties": False}, {"xa": 1, "y": 1},
         [("/y", "additionalProperties")]),
        ({"items": {"enum": [1, 2]}}, [1, 3, 2, 4], [("/1", "enum"), ("/3", "enum")]),
        ({"prefixItems": [{"type": "string"}], "items": False}, [1, 2], [("", "items"), ("/0", "type")]),
        ({"allOf": [{"minLength": 3}, {"pattern": "^a"}]}, "b", [("", "minLength"), ("", "pattern")]),
        # Of a choice the branch is shown whose type fits, else the choice itself.
        ({"anyOf": [{"type": "string"}, {"type": "object", "required": ["a"]}]}, {}, [("/a", "required")]),
        ({"oneOf": [{"type": "null"}, {"type": "array", "items": {"type": "null"}}]}, [1], [("/0", "type")]),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 5, [("", "anyOf")]),
        ({"oneOf": [{"minimum": 1}, {"maximum": 5}]}, 3, [("", "oneOf")]),
        ({"not": {}}, 1, [("", "not")]),
        ({"const": 1}, 2, [("", "const")]),
        ({"uniqueItems": True}, [{"a": 1}, {"a": 1.0}], [("", "uniqueItems")]),
        ({"unevaluatedProperties": False, "properties": {"a": {}}}, {"a": 1, "b": 1},
         [("", "unevaluatedProperties")]),
        ({"propertyNames": {"maxLength": 1}}, {"ab": 1}, [("", "maxLength")]),
        ({"contains": {"type": "null"}}, [1], [("", "contains")]),
        ({"if": {"type": "object"}, "then": {"required": ["a"]}}, {}, [("/a", "required")]),
        (False, 1, [("", "None")]),
    ],
)  # fmt: skip
def test_a_report_names_every_mistake_at_the_member_itself(
    schema: Any, value: Json, expected: list[tuple[str, str]]
) -> None:
    assert breaches(schema, value) == expected


def test_a_report_says_in_words_what_would_be_right() -> None:
    schema = {
        "properties": {
            "a": {"type": ["string", "null"]}, "b": {"enum": ["x", "y"]}, "c": {"minimum": 5},
            "d": {"format": "date"}, "e": {"minLength": 2}, "f": {"multipleOf": 0.5}, "g": {"const": "z"},
            "h": {"maxItems": 1}, "j": {"const": None}, "k": {"enum": [True, 1.5, ["x"]]},
        },
        "required": ["i"],
    }  # fmt: skip
    value = {"a": 1.5, "b": "z", "c": 1, "d": "x", "e": "x", "f": 0.7, "g": 1, "h": [1, 2], "j": 1, "k": 1}
    assert {found.pointer: found.message for found in compile_schema(schema).violations(value)} == {
        "/a": "must be string or null, is number",
        "/b": "must be one of 'x' or 'y'",
        "/c": "must be at least 5",
        "/d": "must be a date",
        "/e": "must have at least 2 characters",
        "/f": "must be a multiple of 0.5",
        "/g": "must be 'z'",
        "/h": "must have at most 1 items",
        "/i": "is missing",
        "/j": "must be null",
        "/k": 'must be one of true, 1.5 or ["x"]',
    }


def test_a_report_is_bounded_and_says_so() -> None:
    compiled = compile_schema({"items": {"type": "string"}})
    assert len(compiled.violations([1] * MAX_VIOLATIONS)) == MAX_VIOLATIONS
    found = compiled.violations([1] * 100_000)
    assert len(found) == MAX_VIOLATIONS + 1
    assert (found[0].pointer, found[0].message) == ("", "breaks its schema in more ways than are listed")


def test_the_pointers_of_a_report_are_bounded_together() -> None:
    compiled = compile_schema({"additionalProperties": {"items": {"type": "string"}}})
    for length, listed in ((MAX_POINTERS // 50, 50), (MAX_POINTERS, 1), (10 * MAX_POINTERS, 1)):
        name = "n" * length
        first, *others = compiled.violations({name: [1] * 200})
        assert (first.pointer, first.message) == ("", "breaks its schema in more ways than are listed")
        assert {violation.pointer for violation in others} == {f"/{name}/{index}" for index in range(listed)}
        (alone,) = compiled.violations({name: [1]})
        assert alone.pointer == f"/{name}/0"


def test_a_right_value_has_an_empty_report() -> None:
    assert compile_schema(True).violations({"anything": [1]}) == ()


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"), (True, "boolean"), (1, "integer"), (1.0, "integer"), (1.5, "number"),
        (Decimal("1E+400"), "integer"), ("x", "string"), ([], "array"), ({}, "object"),
    ],
)  # fmt: skip
def test_types_have_the_names_of_json_schema(value: Json, name: str) -> None:
    assert name_type(value) == name


# Agreement

HUGE, ENORMOUS = Decimal("1E+400"), Decimal("1E+999999999")
RIGHT_AND_WRONG: list[tuple[Any, list[Json], list[Json]]] = [
    ({"multipleOf": 3}, [Decimal("3E+401"), Decimal("-6E+999999999")], [Decimal("1E+401"), ENORMOUS]),
    ({"multipleOf": 1e20}, [ENORMOUS], [Decimal("0.5E+20")]),
    ({"multipleOf": Decimal("1E+400")}, [0, Decimal("7E+400"), Decimal("1E+999999")], [1, Decimal("1E+399")]),
    ({"multipleOf": 0.01}, [19.99, 0.07, 1, 1e300, Decimal("1E+400"), -0.0], [0.001, 19.995]),
    ({"multipleOf": 3}, [9, 9.0, Decimal(3 * 10**40)], [10, Decimal(3 * 10**40 + 1), 1.5]),
    ({"multipleOf": 2.5e-7}, [1e-6, 1], [1.1e-7]),
    ({"multipleOf": 1e20}, [Decimal(10**30), 0], [5, Decimal(10**30 + 1)]),
    ({"type": "integer"}, [1, 1.0, -(2**63), 2**64, Decimal(2**70), HUGE], [1.5, "1", True, None]),
    ({"type": "number"}, [1, 1.5, Decimal("1E+400")], [True, "1"]),
    ({"minimum": 2**63}, [2**63, Decimal(2**64), Decimal("1E+400")], [2**63 - 1, Decimal("-1E+400")]),
    ({"exclusiveMaximum": 1e300}, [1e299, Decimal("-1E+400")], [1e300, Decimal("1E+400")]),
    ({"maximum": 0.3}, [0.3, 0.1 + 0.1], [0.30000000000000004]),
    ({"const": 1}, [1, 1.0], [True, "1", Decimal("1E+400")]),
    ({"const": False}, [False], [0, None]),
    ({"enum": [0, "a", None, [1], {"b": 1}]}, [0, 0.0, "a", None, [1.0], {"b": 1}],
     [False, [True], {"b": True}]),
    ({"uniqueItems": True}, [[1, True, 0, False], [[1], [True]], [{"a": 1}, {"a": 2}], ["1", 1]],
     [[1, 1.0], [[1], [1.0]], [{"a": 1, "b": 2}, {"b": 2, "a": 1}], [None, None]]),
    ({"minLength": 2}, ["\U0001f600a", "ab"], ["\U0001f600", "é"]),
    ({"maxLength": 1}, ["\U0001f600", ""], ["e\u0301"]),
    ({"pattern": "^abc$"}, ["abc"], ["abc\n", "xabc", ""]),
    ({"pattern": "b"}, ["abc"], ["ac"]),
    ({"pattern": "^\\d+$"}, ["123"], ["٣", "a"]),
    ({"pattern": "^\\w+$"}, ["a_1"], ["é", "-"]),
    ({"pattern": "^\\s$"}, [" ", "\t", "\n"], ["a"]),
    ({"pattern": "^.$"}, ["a", "\U0001f600"], ["\n", "ab"]),
    ({"pattern": "^\\p{L}+$"}, ["aé字"], ["1"]),
    ({"pattern": "^[^a]$"}, ["b", "\n"], ["a"]),
    ({"unevaluatedProperties": False, "allOf": [{"properties": {"a": {}}}]}, [{"a": 1}], [{"b": 1}]),
    ({"unevaluatedProperties": False,
      "anyOf": [{"properties": {"a": {"type": "null"}}}, {"required": ["b"]}]},
     [{"a": None}, {}], [{"a": 1}, {"b": 1, "c": 1}]),
    ({"unevaluatedProperties": {"type": "null"}, "patternProperties": {"^x": {}}}, [{"x1": 1, "y": None}],
     [{"y": 1}]),
    ({"unevaluatedItems": False, "prefixItems": [{}], "contains": {"type": "null"}}, [[1, None]],
     [[1], [1, None, 2]]),
    ({"unevaluatedItems": False, "if": {"prefixItems": [{"const": 1}]}, "then": {"items": {}}},
     [[1, 2], []], [[2]]),
    ({"dependentSchemas": {"a": {"required": ["b"]}}}, [{}, {"a": 1, "b": 1}], [{"a": 1}]),
    ({"minContains": 0, "contains": False}, [[], [1]], []),
    ({"maxContains": 1, "contains": {"const": 1}}, [[1], [1, 2]], [[1, 1], [2]]),
    ({"propertyNames": {"pattern": "^a"}}, [{"ab": 1}, []], [{"b": 1}]),
    ({"minProperties": 1, "maxProperties": 2}, [{"a": 1}], [{}, {"a": 1, "b": 1, "c": 1}]),
    ({"$defs": {"n": {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}},
                      "additionalProperties": False}}, "$ref": "#/$defs/n"},
     [{}, {"next": {"next": {}}}], [{"next": {"other": {}}}, []]),
    ({"format": "unknown"}, ["anything", 5], []),
    ({"format": "regex"}, ["("], []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "right", "wrong"), RIGHT_AND_WRONG, ids=[str(row[0]) for row in RIGHT_AND_WRONG]
)
def test_both_validators_judge_alike(schema: Any, right: list[Json], wrong: list[Json]) -> None:
    for value in right:
        assert agree(schema, value), value
    for value in wrong:
        assert not agree(schema, value), value


numbers = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(10**30), 10**30).filter(lambda number: abs(number) > 2**64).map(Decimal)
    | st.sampled_from(
        [Decimal("1E+400"), Decimal("-2.5E+310"), Decimal("7E+999999"), 0.1, 0.3, 19.99, 1e22, -0.0]
    )
)
divisors = st.sampled_from([1, 2, 3, 7, 10, 0.1, 0.01, 0.5, 0.25, 2.5e-7, 1e10, 1.5])


@settings(max_examples=300)
@given(numbers, divisors)
@example(1.8446742972109271e19, 3)
@example(5.007252541100457e16, 10)
def test_both_validators_divide_alike(number: Json, divisor: Any) -> None:
    agree({"multipleOf": divisor}, number)


@settings(max_examples=200)
@given(
    st.sampled_from(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "const"]),
    st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    numbers,
)
def test_both_validators_compare_alike(keyword: str, bound: Any, number: Json) -> None:
    agree({keyword: bound}, number)


format_texts = st.text("0123456789-:.TZtz+@/abf%[] é", max_size=28) | st.sampled_from([
    "2026-01-01", "2024-02-29", "2023-02-29", "2026-13-01", "2026-01-01T00:00:00Z", "2026-01-01T00:00:60Z",
    "2026-01-01T24:00:00Z", "2026-01-01T00:00:00.1234567+14:00", "12:00:00Z", "12:00:00+25:00", "a@b", "@",
    "http://a/b?c#d", "urn:x", "x", "a.b-c", "-a", "127.0.0.1", "127.0.0.256", "::1", "1::2::3",
    "fe80::1%eth0", "123e4567-e89b-12d3-a456-426614174000", "123e4567e89b12d3a456426614174000",
    "{123e4567-e89b-12d3-a456-42661417400}",
])  # fmt: skip


@settings(max_examples=300)
@given(st.sampled_from(sorted(FORMATS)), format_texts)
def test_both_validators_read_formats_alike(name: str, text: str) -> None:
    assert agree({"format": name}, text) is FORMATS[name](text)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("date-time", ["2026-01-01T00:00:00Z", "2026-01-01t00:00:00.5+01:00", "2016-12-31T23:59:60Z"],
         ["2026-01-01", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "2026-01-01T00:00Z",
          "2026-02-30T00:00:00Z", ""]),
        ("date", ["2026-01-01", "2024-02-29"], ["2026-1-1", "2023-02-29", "20260101", "2026-01-01\n"]),
        ("time", ["12:00:00Z", "12:00:00.5-01:00"], ["12:00", "25:00:00Z", "12:00:00"]),
        ("email", ["a@b.c", "a+b@c"], ["a", "@", "a@", "a b@c"]),
        ("uri", ["http://a/b", "urn:x:y"], ["/a", "a b:c", "1a:b", ""]),
        ("hostname", ["a", "a-b.c"], ["-a", "a-", "a..b", "a_b", ""]),
        ("uuid", ["123E4567-e89b-12d3-a456-426614174000"],
         ["123e4567", "123e4567-e89b-12d3-a456-42661417400g"]),
        ("ipv4", ["127.0.0.1"], ["1", "127.0.0.256", "127.0.0.01"]),
        ("ipv6", ["::1", "fe80::1"], ["127.0.0.1", ":::"]),
    ],
)  # fmt: skip
def test_formats_are_asserted(name: str, right: list[str], wrong: list[str]) -> None:
    for text in right:
        assert agree({"format": name}, text), text
    for text in wrong:
        assert not agree({"format": name}, text), text
    assert agree({"format": name}, 5), "a format is about texts"


def test_a_leap_second_is_a_date_time() -> None:
    assert is_date_time("2016-12-31T23:59:60Z")
    assert not is_date_time("2016-12-31T23:59:61Z")


@pytest.mark.parametrize("text", ["10.50", "1e3", "1e300", "1E+400"])
@pytest.mark.parametrize("keywords", [{}, {"multipleOf": 0.5}, {"minimum": 1}])
def test_a_number_that_remembers_its_text_is_a_number(text: str, keywords: dict[str, Any]) -> None:
    number, _ = loads(text.encode())
    schema = {"type": "number", **keywords}
    for wrapped, value in (
        (schema, number),
        ({"type": "array", "items": schema}, [number]),
        ({"type": "object", "properties": {"amount": schema}}, {"amount": number}),
    ):
        assert agree(wrapped, value)
        assert not agree({"not": wrapped}, value)


MARK = "CaNaRy7f3k"


@st.composite
def schemas_with_values(draw: st.DrawFn) -> tuple[dict[str, Any], Json]:
    """A schema, and a value that fits it but perhaps for one part, or any value at all."""
    schema = draw(documents())
    registry = SchemaRegistry(schema)
    value = draw(json_values) if draw(st.integers(0, 3)) == 0 else make_value(
        schema, Seed(str(draw(st.integers(0, 99)))), resolve=registry.resolve, is_valid=lambda *_: True
    )  # fmt: skip
    return schema, draw(damaged(value)) if draw(st.booleans()) else value


@st.composite
def damaged(draw: st.DrawFn, value: Json) -> Json:
    """A copy of a value with one part of it replaced, added or taken out."""
    value = copy.deepcopy(value)
    part = value
    while isinstance(part, dict | list) and part and draw(st.booleans()):
        key: Any = draw(st.sampled_from(sorted(part) if isinstance(part, dict) else range(len(part))))
        inner = part[key]
        if not isinstance(inner, dict | list) or not inner or draw(st.booleans()):
            if draw(st.integers(0, 3)) == 0:
                del part[key]
            else:
                part[key] = draw(json_values | numbers | st.just(MARK))
            return value
        part = inner
    if isinstance(part, dict):
        part[draw(st.sampled_from(["id", "name", "zzz", "m~n"]))] = MARK
        return value
    return draw(json_values | numbers | st.just(MARK))


@settings(max_examples=200)
@given(schemas_with_values())
def test_both_validators_agree_about_any_schema_and_value(pair: tuple[dict[str, Any], Json]) -> None:
    schema, value = pair
    if not agree(schema, value):
        for found in compile_schema(schema).violations(value):
            assert MARK not in found.message, "a message never quotes the value"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer"}, {"enum": ["a"]}, {"const": "a"}, {"pattern": "^x$"}, {"format": "date"},
        {"maxLength": 1}, {"not": {}}, {"anyOf": [{"type": "null"}, {"type": "integer"}]},
        {"oneOf": [{"minLength": 1}, {"minLength": 2}]}, {"type": "array", "contains": {"const": 1}}, False,
        {"allOf": [{"maxLength": 1}, {"const": 1}]}, {"if": {"type": "string"}, "then": False},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_a_message_never_quotes_the_value(schema: Any) -> None:
    for inner in (schema, {"additionalProperties": schema}, {"propertyNames": schema}, {"items": schema}):
        for value in (MARK, {"a": MARK}, {MARK: MARK}, [MARK], {"a": {MARK: [MARK]}}):
            for found in compile_schema(inner).violations(value):
                assert MARK not in found.message


# Schemas of a document

DOCUMENT: dict[str, Any] = {
    "a b": {"type": "integer"},
    "parts": [{"$ref": "#/a%20b"}, {"items": {"$ref": "#/parts/0"}}, {"$ref": "#/none"}, "no schema", True],
    "ü/~": {"properties": {"x": {"$ref": "#/a%20b"}}},
}


def test_the_schemas_of_a_document_refer_to_each_other() -> None:
    registry = SchemaRegistry(DOCUMENT)
    assert registry.compile("/parts/1").is_valid([1, 2])
    assert [found.pointer for found in registry.compile("/parts/1").violations([1, "x"])] == ["/1"]
    assert registry.compile("/ü~1~0").violations({"x": "y"}) != ()
    assert registry.compile("/a b") is registry.compile("/a b")
    assert registry.resolve("#/parts/4") is True
    assert registry.accepts(DOCUMENT["parts"][0], 5)
    assert not registry.accepts(DOCUMENT["parts"][0], "x")
    assert registry.accepts({"items": {"$ref": "#/parts/0"}}, [5])
    assert not registry.accepts({"items": {"$ref": "#/parts/0"}}, ["x"])
    assert registry.accepts(True, 5)


@pytest.mark.parametrize("pointer", ["/parts/2", "/parts/3", "/none", "/parts/9"])
def test_what_is_no_schema_or_leads_to_nothing_is_refused(pointer: str) -> None:
    with pytest.raises(ContractError) as error:
        SchemaRegistry(DOCUMENT).compile(pointer)
    assert [problem.pointer for problem in error.value.problems] == [pointer]


def test_a_reference_that_leads_to_nothing_is_refused() -> None:
    registry = SchemaRegistry(DOCUMENT)
    assert registry.resolve("#/a%20b") is registry.at("/a b") is DOCUMENT["a b"]
    with pytest.raises(ContractError, match="there is no schema"):
        registry.resolve("#/none")
    with pytest.raises(ContractError, match="there is no schema"):
        registry.at("/a%20b")


@pytest.mark.parametrize(
    ("schema", "pointers"),
    [
        ({"type": "text", "properties": {"a": {"minimum": "1"}, "b": 5}},
         ["/type", "/properties/a/minimum", "/properties/b"]),
        ({"items": [{}]}, ["/items"]),
        ({"properties": {"pattern": {"type": "string"}, "type": {"type": "null"}}}, []),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "required": ["a"]}, []),
        (5, [""]),
        ({"required": "a"}, ["/required"]),
    ],
)  # fmt: skip
def test_every_mistake_in_a_schema_is_found(schema: Any, pointers: list[str]) -> None:
    assert sorted(problem.pointer for problem in check_schema(schema, "")) == sorted(pointers)
    if pointers:
        with pytest.raises(ContractError):
            compile_schema(schema)


@pytest.mark.parametrize(
    ("schema", "pointers"),
    [
        ({"pattern": "(", "properties": {"enum": {"pattern": "a{2,1}"}}},
         ["/pattern", "/properties/enum/pattern"]),
        ({"patternProperties": {"[": {"pattern": "x"}}}, ["/patternProperties/["]),
        ({"enum": [{"pattern": "("}], "const": {"pattern": "("}}, []),
        ({"pattern": "a" * (MAX_PATTERN_LENGTH + 1)}, ["/pattern"]),
        ({"pattern": "^(?!a)(?<=b)(c)\\1\\u0041$"}, []),
    ],
)  # fmt: skip
def test_a_pattern_that_nothing_can_run_is_found(schema: Any, pointers: list[str]) -> None:
    assert check_schema(schema, "") == []
    assert sorted(problem.pointer for problem in find_bad_patterns(schema, "")) == sorted(pointers)
    if pointers:
        with pytest.raises(ContractError):
            compile_schema(schema)


@pytest.mark.parametrize(
    ("pointer", "value"),
    [("", {"a/b": [{"~": 1}]}), ("/a~1b/0/~0", 1), ("/a~1b/1", None), ("/a~1b/x", None), ("/a~1b/-1", None),
     ("/a~1b/0/~0/x", None), ("a~1b", None), ("x", None), ("/", None)],
)  # fmt: skip
def test_a_pointer_leads_to_a_value_or_nowhere(pointer: str, value: Json) -> None:
    assert find_pointer({"a/b": [{"~": 1}]}, pointer) == value


@pytest.mark.parametrize(
    ("schemas", "count"),
    [
        ({"a": {"$ref": "#/a"}}, 1),
        ({"a": {"$ref": "#/b"}, "b": {"anyOf": [{}, {"$ref": "#/a"}]}}, 1),
        ({"a": {"not": {"if": {"then": {"$ref": "#/a"}}}}}, 1),
        ({"a": {"$ref": "#/a"}, "b": {"$ref": "#/b"}}, 2),
        ({"a": {"properties": {"x": {"$ref": "#/a"}}, "items": {"$ref": "#/a"}}}, 0),
        ({"a": {"$ref": "#/b"}, "b": {"$ref": "#/c"}, "c": {}, "d": {"allOf": [{"$ref": "#/b"}] * 2}}, 0),
        ({"a": {"properties": {"not": {"$ref": "#/a"}, "allOf": {"$ref": "#/a"}}}}, 0),
    ],
)  # fmt: skip
def test_loops_are_told_from_schemas_that_contain_themselves(schemas: Any, count: int) -> None:
    assert len(list(find_loops(schemas))) == count


def test_schemas_are_used_by_many_threads_at_once() -> None:
    compiled: CompiledSchema = compile_schema({"items": {"type": "integer"}})

    def report(number: int) -> int:
        return len(compiled.violations(["x"] * number))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(report, [*range(50)] * 4)) == [*range(50)] * 4


def _schemas_in_circles(count: int, width: int) -> dict[str, Any]:
    return {
        f"S{number}": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer"},
                **{
                    f"p{other}": {"$ref": f"#/$defs/S{(number * 7 + other) % count}"}
                    for other in range(width)
                },
                "list": {"type": "array", "items": {"$ref": f"#/$defs/S{(number + 1) % count}"}},
                "$ref": {"$ref": "#/$defs/alias"},
            },
        }
        for number in range(count)
    } | {"alias": {"$ref": "#/$defs/S0"}}


def test_hundreds_of_schemas_that_refer_to_each_other_cost_no_copies() -> None:
    """Such as a payment API's, where each object may hold every other one."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    registry = SchemaRegistry({"$defs": _schemas_in_circles(300, 12)})
    found = [registry.compile(f"/$defs/S{number}") for number in range(300)]
    right = {"size": 1, "list": [{"size": 2, "p3": {"size": 3}}], "$ref": {"size": 4}}
    assert all(schema.is_valid(right) for schema in found)
    for path, wrong in (
        ("/list/0/p3/size", {"size": 1, "list": [{"size": 2, "p3": {"size": "x"}}]}),
        ("/$ref/size", {"size": 1, "$ref": {}}),
    ):
        for schema in found[:3]:
            assert not schema.is_valid(wrong)
            assert [violation.pointer for violation in schema.violations(wrong)] == [path]
    # In KiB. With copies it is 1.5 GB.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_members_that_no_schema_has_looked_at_are_told_across_large_schemas() -> None:
    document: dict[str, Any] = {"$defs": _schemas_in_circles(40, 6)}
    document["closed"] = {"$ref": "#/$defs/S0", "unevaluatedProperties": False}
    schema = SchemaRegistry(document).find("/closed")
    assert schema.is_valid({"size": 1, "p1": {"size": 2}})
    assert [found.pointer for found in schema.violations({"size": 1, "other": 2})] == [""]


def test_a_reference_to_nothing_is_told_wherever_it_stands() -> None:
    document: dict[str, Any] = {"$defs": _schemas_in_circles(40, 6)}
    document["$defs"]["S39"]["properties"]["gone"] = {"$ref": "#/$defs/None"}
    with pytest.raises(ContractError, match=r"'#/\$defs/None' cannot be followed"):
        SchemaRegistry(document).compile("/$defs/S0")
