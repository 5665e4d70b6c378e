"""Violations: everything in which a request breaks its operation's part of the contract."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver.contract import Parameter
from mockserver.contract.operations import Place, RequestBody
from mockserver.contract.schema_registry import compile_schema
from mockserver.contract.validation import Violation, check_value, find_media_type, read_parameter
from mockserver.types import Schema


def parameter(
    schema: dict[str, Any], *, name: str = "p", place: Place = "query", required: bool = False
) -> Parameter:
    """A parameter as the loader makes it."""
    kinds = schema.get("type", [])
    types = frozenset([kinds] if isinstance(kinds, str) else kinds)
    if "array" in types:
        types |= {schema.get("items", {}).get("type", "string")}
    return Parameter(
        name=name,
        place=place,
        required=required,
        schema=compile_schema(schema),
        types=types,
        is_list="array" in types,
        extensions={},
        default=schema.get("default"),
    )


def read(given: Parameter, values: list[str] | None) -> tuple[dict[str, Any], list[Violation]]:
    arguments: dict[str, Any] = {}
    violations: list[Violation] = []
    read_parameter(given, values, arguments, violations)
    return arguments, violations


INTEGER, NUMBER, BOOLEAN = {"type": "integer"}, {"type": "number"}, {"type": "boolean"}
STRING = {"type": "string"}
LIST = {"type": "array", "items": {"type": "integer"}}


@pytest.mark.parametrize(
    ("schema", "values", "value"),
    [
        (STRING, ["5"], "5"),
        (STRING, [""], ""),
        ({}, ["5"], "5"),
        (INTEGER, ["5"], 5),
        (INTEGER, ["-0"], 0),
        (NUMBER, ["5"], 5),
        (NUMBER, ["-2.5e3"], -2500.0),
        (BOOLEAN, ["true"], True),
        (BOOLEAN, ["false"], False),
        ({"type": ["integer", "null"]}, ["null"], None),
        ({"type": ["integer", "string"]}, ["5"], "5"),
        (LIST, ["1", "2"], [1, 2]),
        (LIST, ["1,2"], [1, 2]),
        (LIST, ["1"], [1]),
        ({"type": "array", "items": STRING}, ["a,b", "c"], ["a,b", "c"]),
        ({"type": "integer", "default": 10}, None, 10),
    ],
)
def test_the_text_of_a_parameter_stands_for_a_value_of_its_type(
    schema: dict[str, Any], values: list[str] | None, value: Any
) -> None:
    arguments, violations = read(parameter(schema), values)
    assert arguments == {"p": value}
    assert isinstance(arguments["p"], type(value)) and isinstance(value, bool) is isinstance(
        arguments["p"], bool
    )
    assert violations == []


@pytest.mark.parametrize(
    ("schema", "values", "keyword"),
    [
        (INTEGER, ["x"], "type"),
        (INTEGER, [""], "type"),
        (INTEGER, ["1.5"], "type"),
        (INTEGER, ["01"], "type"),
        (INTEGER, ["+1"], "type"),
        (INTEGER, [" 1"], "type"),
        (INTEGER, ["٣"], "type"),
        (INTEGER, ["1" * 20_000], "type"),
        (NUMBER, ["NaN"], "type"),
        (NUMBER, ["Infinity"], "type"),
        (NUMBER, ["1e"], "type"),
        (NUMBER, ["."], "type"),
        (BOOLEAN, ["True"], "type"),
        (BOOLEAN, ["1"], "type"),
        (STRING, ["a", "b"], "type"),
        (STRING, ["a", "a"], "type"),
        ({"type": "integer", "minimum": 1}, ["0"], "minimum"),
        ({"type": "string", "minLength": 1}, [""], "minLength"),
        ({"type": "string", "enum": ["a"]}, ["b"], "enum"),
        (LIST, ["1,x"], "type"),
    ],
)
def test_what_a_text_cannot_stand_for_is_one_violation(
    schema: dict[str, Any], values: list[str], keyword: str
) -> None:
    arguments, violations = read(parameter(schema), values)
    assert arguments == {}
    assert [(violation.place, violation.keyword) for violation in violations] == [("query", keyword)]
    assert violations[0].pointer.startswith("/p")


@pytest.mark.parametrize("values", [None, []])
def test_a_parameter_that_is_missing_is_a_violation_only_if_it_is_required(values: list[str] | None) -> None:
    assert read(parameter(STRING), values) == ({}, [])
    violation = Violation("header", "/a~1b", "required", "is missing")
    assert read(parameter(STRING, name="a/b", place="header", required=True), values) == ({}, [violation])


def test_a_violation_in_json() -> None:
    violation = Violation("body", "/name", "type", "must be string, is integer")
    assert violation.to_json() == {
        "in": "body",
        "pointer": "/name",
        "keyword": "type",
        "message": "must be string, is integer",
    }


def test_a_value_is_checked_below_its_pointer_and_no_secret_is_in_a_pointer() -> None:
    schema = compile_schema({"additionalProperties": {"type": "string"}})
    found = check_value(schema, {"sk_test_secret": 5, "b": 6}, "body", "/a")
    assert [violation.pointer[:11] for violation in found] == ["/a/b", "/a/sk_test_"]
    assert "secret" not in str(found)
    assert check_value(schema, {}, "body", "") == []


def body(*media_types: str) -> RequestBody:
    schemas = {name: compile_schema({"title": name}) for name in media_types}
    return RequestBody(True, schemas, None, {}, "")


def found_schema(given: RequestBody, content_type: str | None) -> Schema | str:
    """Which media type a header was taken for, or the message why for none."""
    found = find_media_type(given, content_type)
    if isinstance(found, Violation):
        assert (found.place, found.pointer) == ("header", "/content-type")
        return f"{found.keyword}: {found.message}"
    return next(name for name, schema in given.schemas.items() if schema is found)


JSON, JSONS = body("application/json"), body("application/json", "application/vnd.x+json")
REFUSED = "enum: must be application/json"


@pytest.mark.parametrize(
    ("given", "content_type", "expected"),
    [
        (JSON, "application/json", "application/json"),
        (JSON, " Application/JSON ; Charset=\"UTF-8\" ; x=y ;", "application/json"),
        (JSON, "application/json;charset=utf8", "application/json"),
        (JSON, 'application/json; x="a; charset=utf-16"', "application/json"),
        (JSON, "application/json; charset=latin-1", "enum: charset must be utf-8"),
        (JSON, None, "required: is missing"),
        (JSON, "", REFUSED),
        (JSON, "text/json", REFUSED),
        (JSON, "application/json/x", REFUSED),
        (JSON, "application", REFUSED),
        (JSON, "application/json x", REFUSED),
        (JSON, "application/json; charset", REFUSED),
        (JSON, "application/json,application/json", REFUSED),
        (JSON, "*/*", REFUSED),
        (JSONS, "application/vnd.x+json", "application/vnd.x+json"),
        (JSONS, "text/plain", "enum: must be application/json or application/vnd.x+json"),
        (body("application/*"), "application/anything", "application/*"),
        (body("*/*"), "image/png", "*/*"),
        (body("application/*"), "image/png", "enum: must be application/*"),
    ],
)  # fmt: skip
def test_a_content_type_leads_to_a_schema_or_is_a_violation(
    given: RequestBody, content_type: str | None, expected: str
) -> None:
    assert found_schema(given, content_type) == expected


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json" + " " * 60_000 + "x",
        "application/json" + "; a=b" * 12_000 + " x",
        "application/json;" + " ;" * 30_000,
        "a" * 60_000,
        "a/" * 30_000,
        'application/json; a="' + '"' * 60_000,
    ],
    ids=["blanks", "parameters", "semicolons", "letters", "slashes", "quotes"],
)
def test_no_content_type_takes_long_to_refuse(content_type: str) -> None:
    assert found_schema(JSON, content_type) == REFUSED
