import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from mockserver.contract.pointers import find_pointer
from mockserver.contract.schema_registry import FORMATS
from mockserver.json_codec import dumps
from mockserver.seeds import Seed
from mockserver.synthesis.values import MAX_DEPTH, MAX_PARTS, NoValue, make_value
from mockserver.types import Json, Schema
from tests.strategies import documents, schemas

# jsonschema alone knows some formats only, depending on what else is installed.
FORMAT_CHECKER = FormatChecker(())
for name, is_right in FORMATS.items():
    FORMAT_CHECKER.checks(name)(
        lambda value, is_right=is_right: not isinstance(value, str) or is_right(value)
    )

thorough = settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
quick = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def resolver(document: Any) -> Callable[[str], Schema]:
    def resolve(reference: str) -> Schema:
        found: Schema = find_pointer(document, reference.removeprefix("#"))
        return found

    return resolve


def checker(document: Any) -> Callable[[Schema, Json], bool]:
    """Is a value right by jsonschema? References of a part lead into the document."""
    definitions = document.get("$defs", {}) if isinstance(document, dict) else {}

    def is_valid(schema: Schema, value: Json) -> bool:
        whole = {"$defs": definitions, "allOf": [schema]}
        return Draft202012Validator(whole, format_checker=FORMAT_CHECKER).is_valid(value)

    return is_valid


def make(schema: Any, *seed: str, minimal: bool = False, checked: bool = True) -> Json:
    return make_value(
        schema,
        Seed(*(seed or ("seed",))),
        resolve=resolver(schema),
        minimal=minimal,
        is_valid=checker(schema) if checked else None,
    )


# The promise.


@thorough
@given(documents(), st.text(max_size=3), st.booleans())
def test_any_value_fits_its_schema_by_two_validators(
    document: dict[str, Any], seed: str, minimal: bool
) -> None:
    value = make(document, seed, minimal=minimal)
    assert checker(document)(document, value)
    compiled = jsonschema_rs.validator_for(document, validate_formats=True)
    assert not [error.message for error in compiled.iter_errors(value)]


@quick
@given(documents(), st.text(max_size=3))
def test_the_same_seed_gives_the_same_value(document: dict[str, Any], seed: str) -> None:
    copied = json.loads(json.dumps(document))
    assert dumps(make(document, seed)) == dumps(make(copied, seed))


def test_another_seed_gives_another_value() -> None:
    schema = {"properties": {"id": {"type": "string"}, "name": {"type": "string"}, "n": {"type": "integer"}}}
    values = [make(schema, str(number)) for number in range(50)]
    assert len({value["id"] for value in values}) == 50
    assert len({value["name"] for value in values}) > 40
    assert len({value["n"] for value in values}) > 40


@quick
@given(
    st.dictionaries(st.sampled_from("abcde"), schemas, min_size=1),
    schemas,
    st.booleans(),
    st.text(max_size=3),
)
def test_a_member_that_is_added_changes_no_other(
    properties: dict[str, Any], added: dict[str, Any], is_first: bool, seed: str
) -> None:
    leaf = {"type": "string"}
    node = {"type": "object", "properties": {"value": leaf, "next": {"$ref": "#/$defs/node"}}}
    more = {"new": added, **properties} if is_first else {**properties, "new": added}

    def make_with(members: dict[str, Any]) -> Any:
        return make({"properties": members, "$defs": {"leaf": leaf, "node": node}}, seed)

    before, after = make_with(properties), make_with(more)
    assert {name: item for name, item in after.items() if name != "new"} == before


def test_a_part_depends_on_its_pointer_and_not_on_its_schema_around_it() -> None:
    inner = {"type": "string", "format": "uuid"}
    one = make({"properties": {"a": {"properties": {"id": inner}}}})
    other = make({"properties": {"z": {}, "a": {"allOf": [{"properties": {"y": {}, "id": inner}}]}}})
    assert one["a"]["id"] == other["a"]["id"]


def test_values_are_equal_in_processes_with_different_hash_seeds() -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {}, "company": {}, "email": {"format": "email"}, "description": {},
            "text": {"pattern": "^[^a-f]{9}[^/]+$"}, "city": {}, "kind": {"enum": ["a", "b", "c"]},
            "tags": {"items": {"type": "string"}, "uniqueItems": True, "minItems": 5},
        },
        "additionalProperties": {"type": ["number", "string"]},
        "patternProperties": {"^x-[^a-z]": {}},
        "minProperties": 12,
    }  # fmt: skip
    program = (
        "import json, sys\n"
        "from mockserver.seeds import Seed\n"
        "from mockserver.synthesis.values import make_value\n"
        "schema = json.loads(sys.argv[1])\n"
        "print(json.dumps(make_value(schema, Seed('seed'), resolve=lambda reference: True)))\n"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", program, json.dumps(schema)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert json.loads(outputs[0]) == make(schema, checked=False)


def test_values_are_equal_in_many_threads_at_once() -> None:
    schema = {"properties": {name: {"type": "string"} for name in ("name", "city", "company", "title")}}
    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(lambda number: make(schema, str(number % 4)), range(200)))
    assert values == [make(schema, str(number % 4)) for number in range(200)]


def test_a_value_is_the_same_as_in_the_release_before() -> None:
    """Whatever identifies something is pinned: users keep such values in their own snapshots."""
    properties = {
        "id": {"type": "string"},
        "uuid": {"format": "uuid"},
        "at": {"format": "date-time"},
        "ip": {"format": "ipv4"},
        "code": {"pattern": "^[A-Z]{3}-[0-9]{4}$"},
        "count": {"type": "integer"},
        "price": {"type": "number", "multipleOf": 0.01},
        "kind": {"enum": ["a", "b", "c"]},
        "is_open": {"type": "boolean"},
    }
    assert make({"properties": properties}) == {
        "id": "yYKpIG3DMjLwBOjb0WMdtuyY",
        "uuid": "e227e4e7-243f-4eff-ac01-69d9b526ede9",
        "at": "2020-01-20T11:34:21Z",
        "ip": "198.51.100.130",
        "code": "CML-5124",
        "count": 695,
        "price": 620.45,
        "kind": "c",
        "is_open": False,
    }


# What a value is taken from.


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"const": 1, "examples": [2], "default": 3}, 1),
        ({"type": "integer", "examples": [12, 13], "default": 3}, 12),
        ({"type": "integer", "example": 12, "default": 3}, 12),
        ({"type": "integer", "examples": ["no"], "default": 3}, 3),
        ({"type": "integer", "minimum": 10, "example": 3, "default": 4, "maximum": 10}, 10),
        ({"enum": ["x"], "default": "y"}, "x"),
        ({"allOf": [{"type": "string"}, {"default": "deep"}]}, "deep"),
        ({"type": "object", "properties": {"a": {"default": 7}}, "example": {"a": 1}}, {"a": 1}),
    ],
)
def test_const_then_example_then_default_then_generated(schema: Any, expected: Json) -> None:
    assert make(schema) == expected


def test_examples_that_nobody_can_check_are_not_used() -> None:
    schema = {"type": "integer", "minimum": 5, "maximum": 5, "example": 1, "default": 2}
    assert make(schema, checked=False) == 5


def test_an_example_is_given_out_as_a_copy() -> None:
    schema = {"type": "object", "example": {"list": [1]}}
    make(schema)["list"].append(2)
    assert make(schema) == {"list": [1]}


def test_a_minimal_value_has_required_members_only() -> None:
    schema = {
        "type": "object",
        "required": ["a", "c"],
        "properties": {
            "a": {"type": "object", "properties": {"x": {}, "y": {}}, "required": ["y"]},
            "b": {},
            "c": {"type": "array", "items": {}},
            "d": {"const": 1},
        },
        "example": {"a": {"y": 1}, "b": 1, "c": []},
        "dependentRequired": {"a": ["d"]},
    }
    value = make(schema, minimal=True)
    assert value.keys() == {"a", "c", "d"}
    assert value["a"].keys() == {"y"}
    assert value["c"] == []
    assert make({**schema, "example": 1}).keys() == {"a", "b", "c", "d"}


def test_members_come_in_the_order_of_the_schema() -> None:
    schema = {"properties": {"z": {}, "a": {}, "m": {}}, "required": ["m", "other", "z"]}
    assert list(make(schema)) == ["z", "a", "m", "other"]


# OpenAPI 3.0.

REQUIRES_ITSELF = {"required": ["next"], "properties": {"next": {"$ref": "#/$defs/node"}}}


def test_exclusive_limits_may_be_booleans() -> None:
    schema = {
        "type": "integer",
        "minimum": 4,
        "exclusiveMinimum": True,
        "maximum": 6,
        "exclusiveMaximum": True,
    }
    assert make(schema, checked=False) == 5
    closed = {"exclusiveMinimum": False, "exclusiveMaximum": False}
    assert make({**schema, "minimum": 6} | closed, checked=False) == 6


def test_a_nullable_member_inside_itself_is_null() -> None:
    node = {"type": "object", "nullable": True, **REQUIRES_ITSELF}
    assert make({"$ref": "#/$defs/node", "$defs": {"node": node}}, checked=False) == {"next": None}


# Every keyword, one small schema each; the property above combines them.


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {"type": "string", "maxLength": 0},
        {"type": "string", "format": "email", "maxLength": 6},
        {"type": "string", "format": "hostname", "minLength": 200},
        {"type": "string", "format": "uri", "minLength": 900, "maxLength": 900},
        {"type": "string", "minLength": 10_000},
        {"type": "string", "format": "email", "pattern": r"^[a-z]+@corp\.com$"},
        {"type": "string", "pattern": "^[A-Z]+$", "allOf": [{"pattern": "^A"}], "maxLength": 2},
        {"type": "integer", "minimum": -9007199254740991, "maximum": -9007199254740990},
        {"type": "integer", "multipleOf": 7, "exclusiveMinimum": 0, "exclusiveMaximum": 14},
        {"type": "integer", "maximum": -5},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.001},
        {"type": "number", "minimum": 0.1, "maximum": 0.1},
        {"type": "number", "minimum": 19.99, "multipleOf": 0.01, "maximum": 20},
        {"type": "number", "exclusiveMinimum": 1e300},
        {"type": "number", "exclusiveMaximum": -1e17},
        {"allOf": [{"multipleOf": 4}, {"multipleOf": 6}, {"exclusiveMinimum": 0}], "type": "integer"},
        {"type": "array", "prefixItems": [{"const": 1}, {"const": "b"}], "items": False},
        {"type": "array", "contains": {"const": 1}, "items": {"type": "integer"}, "maxItems": 1},
        {"type": "array", "contains": {"const": 1}, "prefixItems": [{"type": "integer"}], "maxItems": 1},
        {"type": "array", "items": {"enum": list(range(40))}, "uniqueItems": True, "minItems": 40},
        {"type": "array", "items": {"type": "boolean"}, "uniqueItems": True, "minItems": 2},
        {"type": "array", "items": {"type": "integer", "example": 3}, "uniqueItems": True, "minItems": 3},
        {"type": "array", "minItems": 1000},
        {"type": "object", "properties": {"a": False, "b": {}}},
        {"type": "object", "properties": {"a": {}, "b": {}, "c": {}}, "required": ["c"], "maxProperties": 1},
        {"type": "object", "properties": {"a": {}, "b": False}, "dependentRequired": {"a": ["b"]}},
        {"type": "object", "minProperties": 4, "patternProperties": {"^k[0-9]$": {"type": "null"}},
         "additionalProperties": False},
        {"type": "object", "minProperties": 2, "propertyNames": {"enum": ["one", "two"]}},
        {"type": "object", "minProperties": 3, "propertyNames": {"pattern": "^[a-z]{2}$"},
         "additionalProperties": {"type": "integer"}},
        {"propertyNames": {"minLength": 2, "maxLength": 1}, "additionalProperties": {"type": "string"}},
        {"properties": {"a": {"type": "string"}}, "patternProperties": {"^a$": {"maxLength": 2}}},
        {"allOf": [{"properties": {"a": {}}, "additionalProperties": False}, {"properties": {"b": {}}}]},
        {"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}], "unevaluatedProperties": False},
        {"anyOf": [False, {"type": "string", "minLength": 2, "maxLength": 1}, {"const": 5}]},
        {"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "type": "object", "properties": {"b": {}}},
        {"oneOf": [{"required": ["a"]}, {"required": ["b"]}], "properties": {"a": {}, "b": {}}},
        {"oneOf": [{"type": "number"}, {"type": "integer"}]},
        {"not": {"type": ["string", "number", "boolean", "object"]}},
        {"type": "object", "properties": {"a": {}, "b": {}}, "not": {"required": ["b"]}},
        {"type": "object", "properties": {"a": {"example": 1}}, "not": {"properties": {"a": {"const": 1}}}},
        {"if": {"type": "string"}, "then": False, "else": {"const": 1}},
        {"type": "object", "properties": {"a": {}}, "dependentSchemas": {"a": {"required": ["b"]}}},
        {"$ref": "#/$defs/a", "maxLength": 4, "$defs": {"a": {"type": "string", "minLength": 4}}},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_each_keyword_is_kept(schema: Any) -> None:
    for seed in "abc":
        for minimal in (False, True):
            assert checker(schema)(schema, make(schema, seed, minimal=minimal))


def test_a_map_without_declared_members_shows_some() -> None:
    schema = {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}
    value = make(schema)
    assert value
    assert all(items and all(isinstance(item, str) for item in items) for items in value.values())
    assert make({"type": "object", "additionalProperties": {}}) == {}


def test_an_integer_beyond_64_bits_is_exact() -> None:
    assert make({"type": "integer", "minimum": 10**30, "maximum": 10**30}, checked=False) == Decimal(10**30)


def test_a_limit_is_the_number_that_is_written() -> None:
    assert make({"type": "number", "minimum": 0.3, "maximum": 0.3, "multipleOf": 0.1}, checked=False) == 0.3


# Recursion.

TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "required": ["value"],
            "properties": {
                "value": {"type": "integer"},
                "left": {"$ref": "#/$defs/node"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
        }
    },
}


def test_a_schema_inside_itself_is_shown_once_more_and_only_with_what_is_required() -> None:
    value = make(TREE)
    assert value.keys() == {"value", "left", "children"}
    assert value["left"].keys() == {"value"}
    assert all(child.keys() == {"value"} for child in value["children"])


def test_a_choice_that_ends_the_recursion_is_taken() -> None:
    either = {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}
    node = {"type": "object", "required": ["next"], "properties": {"next": either}}
    assert make({"$ref": "#/$defs/node", "$defs": {"node": node}}) == {"next": None}


def test_a_schema_that_requires_itself_has_no_value() -> None:
    properties = {"a": {}, "b": {"$ref": "#/$defs/node"}}
    schema = {"properties": properties, "required": ["b"], "$defs": {"node": REQUIRES_ITSELF}}
    with pytest.raises(NoValue, match="without end") as caught:
        make(schema)
    assert caught.value.pointer == "/properties/b" + "/$ref/properties/next" * MAX_DEPTH


def test_an_optional_member_that_requires_itself_is_left_out() -> None:
    properties = {"a": {"const": 1}, "b": {"$ref": "#/$defs/node"}}
    assert make({"properties": properties, "$defs": {"node": REQUIRES_ITSELF}}) == {"a": 1}


def test_optional_members_end_where_many_schemas_refer_to_each_other() -> None:
    definitions = {
        f"s{number}": {
            "type": "object",
            "properties": {
                f"p{other}": {"$ref": f"#/$defs/s{(number + other) % 40}"} for other in range(1, 11)
            },
        }
        for number in range(40)
    }
    value = make({"$ref": "#/$defs/s0", "$defs": definitions})
    assert len(value) == 10
    assert 100 < len(json.dumps(value)) < 100_000


# What has no value.


@pytest.mark.parametrize(
    ("schema", "pointer", "reason"),
    [
        (False, "", "false"),
        ({"required": ["a"], "properties": {"a": False}}, "/properties/a", "false"),
        ({"type": "string", "minLength": 10**9}, "/minLength", "more than 10000"),
        ({"type": "string", "minLength": 1e9}, "/minLength", "more than 10000"),
        ({"type": "string", "minLength": Decimal("1e999999")}, "/minLength", "more than 10000"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "/minLength", "contradicts"),
        ({"type": "array", "minItems": 10**9}, "/minItems", "more than 1000"),
        ({"type": "array", "contains": {}, "minContains": 10**9}, "/contains", "more than 1000"),
        ({"type": "array", "contains": {}, "minContains": 3, "maxItems": 2}, "/contains", "more than 2"),
        ({"type": "object", "minProperties": 10**9}, "/minProperties", "more than 1000"),
        ({"minProperties": 3, "propertyNames": {"enum": ["a"]}}, "/minProperties", "only 1"),
        ({"minProperties": 1, "additionalProperties": False}, "/minProperties", "only 0"),
        ({"maxProperties": 1, "required": ["a", "b"]}, "/maxProperties", "2 required"),
        ({"minItems": 3, "uniqueItems": True, "items": {"type": "boolean"}}, "/items", "unlike"),
        ({"type": "array", "minItems": 1, "items": {"const": 1, "type": "string"}}, "/items/const", "listed"),
        ({"type": "array", "minItems": 1, "items": False}, "/items", "false"),
        ({"type": "string", "pattern": "a^"}, "/pattern", "no match"),
        ({"type": "string", "pattern": "^a{9}$", "maxLength": 8}, "/pattern", "longer than 8"),
        ({"type": "string", "pattern": "^(?=.*a)b$"}, "/pattern", "no match of"),
        ({"type": "string", "pattern": r"(a)\1"}, "/pattern", "cannot be made up"),
        ({"patternProperties": {"(": {}}, "required": ["a"]}, "/patternProperties/(", "no regular"),
        ({"type": "string", "format": "uuid", "maxLength": 8}, "/format", "uuid"),
        ({"allOf": [{"format": "date"}, {"format": "time"}]}, "/allOf/0/format", "keeps all rules"),
        ({"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2}, "/exclusiveMinimum", "limits"),
        ({"type": "integer", "minimum": 1, "maximum": 4, "multipleOf": 5}, "/multipleOf", "limits"),
        ({"type": "number", "minimum": Decimal("1e400")}, "/minimum", "beyond"),
        ({"type": "number", "minimum": float("inf")}, "/minimum", "no number"),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "/allOf/0/type", "no type"),
        ({"allOf": [{"enum": [1, 2]}, {"enum": [True, 3]}]}, "/allOf/0/enum", "no listed value"),
        ({"enum": ["a"], "minLength": 2}, "/enum", "no listed value"),
        ({"not": {}}, "/not", "tries"),
        ({"properties": {"a/b": {"not": {}}}, "required": ["a/b"]}, "/properties/a~1b/not", "tries"),
        ({"anyOf": [False, {"minLength": 2, "maxLength": 1}]}, "/anyOf/0", "false"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}}, "/$ref/allOf/0/$ref",
         "itself"),
        ({"minItems": 1000, "items": {"minItems": 999, "items": {"const": 1}}}, "/items/items", "parts"),
        ({"minItems": 1000, "items": {"minLength": 10_000}}, "/items", "parts"),
    ],
    ids=str,
)  # fmt: skip
def test_the_place_and_the_reason_are_named_where_there_is_no_value(
    schema: Any, pointer: str, reason: str
) -> None:
    with pytest.raises(NoValue) as caught:
        make(schema)
    assert (caught.value.pointer, reason in caught.value.reason) == (pointer, True), caught.value
    assert str(caught.value) == f"#{pointer}: {caught.value.reason}"


def test_a_chain_of_references_is_followed_only_so_far() -> None:
    chain = {f"d{number}": {"$ref": f"#/$defs/d{number + 1}"} for number in range(10_000)}
    with pytest.raises(NoValue, match="too many others"):
        make({"$ref": "#/$defs/d0", "$defs": {**chain, "d10000": {}}}, checked=False)


def test_the_work_for_many_alternatives_that_all_fail_is_bounded() -> None:
    """Two to the fortieth ways, none of which works."""
    choices = [{"anyOf": [{"minLength": 1}, {"minLength": 2}]} for _ in range(40)]
    tried = []

    def is_valid(schema: Schema, value: Json) -> bool:
        tried.append(value)
        return False

    schema = {"type": "string", "allOf": choices, "not": {}}
    with pytest.raises(NoValue):
        make_value(schema, Seed("s"), resolve=resolver({}), is_valid=is_valid)
    assert 0 < len(tried) <= 3 * MAX_PARTS
    with pytest.raises(NoValue):
        make({"allOf": [*choices, {"anyOf": [False, False]}]})


def test_what_a_value_costs_is_bounded_where_branches_cannot_be_told_apart() -> None:
    """Each try is discarded, and a value of other parts comes after it."""
    branch = {"type": "object", "properties": {f"p{number}": {"type": "string"} for number in range(20)}}
    schema = {"oneOf": [branch, branch]}
    is_right, tried = checker(schema), []

    def is_valid(schema: Schema, value: Json) -> bool:
        tried.append(value)
        return is_right(schema, value)

    with pytest.raises(NoValue, match="none of 6 tries is valid"):
        make_value(schema, Seed("s"), resolve=resolver(schema), is_valid=is_valid)
    assert 0 < len(tried) < 100


def test_a_pattern_without_a_match_is_found_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = "/^[a-z]+$/i"
    with pytest.raises(NoValue, match="no match of"):
        make({"type": "string", "pattern": pattern})
    monkeypatch.setattr("mockserver.synthesis.patterns._find_match", None)
    with pytest.raises(NoValue, match="no match of"):
        make({"type": "string", "pattern": pattern}, "another")
