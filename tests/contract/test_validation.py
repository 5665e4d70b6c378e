"""Violations: everything in which a request breaks its operation's part of the contract."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver.contract import Parameter
from mockserver.contract.media_types import MediaType, announce, find_form
from mockserver.contract.operations import ParameterPlace, RequestBody
from mockserver.contract.parameters import Shape, find_values, read_pairs
from mockserver.contract.schema_registry import compile_schema
from mockserver.contract.validation import Violation, check_value, find_media_type, read_parameter


def parameter(
    schema: dict[str, Any], *, name: str = "p", place: ParameterPlace = "query", required: bool = False
) -> Parameter:
    """A parameter as the loader makes it."""
    shape = Shape(schema, lambda reference: True)
    return Parameter(
        name=name,
        place=place,
        required=required,
        schema=compile_schema(schema),
        shape=shape,
        types=shape.types,
        is_list="array" in shape.types,
        default=shape.default,
        extensions={},
        style="form",
        is_exploded=True,
    )


def read(given: Parameter, query: str) -> tuple[dict[str, Any], list[Violation]]:
    arguments: dict[str, Any] = {}
    violations: list[Violation] = []
    read_parameter(given, find_values(given, read_pairs(query)), arguments, violations)
    return arguments, violations


INTEGER, NUMBER, BOOLEAN = {"type": "integer"}, {"type": "number"}, {"type": "boolean"}
STRING = {"type": "string"}
LIST = {"type": "array", "items": {"type": "integer"}}


@pytest.mark.parametrize(
    ("schema", "query", "value"),
    [
        (STRING, "p=5", "5"),
        (STRING, "p=", ""),
        ({}, "p=5", "5"),
        (INTEGER, "p=5", 5),
        (INTEGER, "p=-0", 0),
        (NUMBER, "p=5", 5),
        (NUMBER, "p=-2.5e3", -2500.0),
        (BOOLEAN, "p=true", True),
        (BOOLEAN, "p=false", False),
        ({"type": ["integer", "null"]}, "p=null", None),
        ({"type": ["integer", "string"]}, "p=5", "5"),
        ({"anyOf": [{"type": "string", "pattern": "^a"}, INTEGER]}, "p=5", 5),
        ({"anyOf": [INTEGER, {"type": "null"}]}, "p=5", 5),
        ({"allOf": [{"minimum": 1}, INTEGER]}, "p=5", 5),
        ({"enum": [1, 2]}, "p=2", 2),
        ({"const": True}, "p=true", True),
        (LIST, "p=1&p=2", [1, 2]),
        (LIST, "p=1", [1]),
        ({"anyOf": [LIST, {"type": "null"}]}, "p=1&p=2", [1, 2]),
        ({"anyOf": [LIST, {"type": "null"}]}, "p=1", [1]),
        ({"type": "array", "items": STRING}, "p=a,b&p=c", ["a,b", "c"]),
        ({"type": "array", "items": STRING}, "p=a,b", ["a,b"]),
        ({"type": "integer", "default": 10}, "", 10),
        ({"anyOf": [INTEGER, {"type": "null"}], "default": 10}, "q=1", 10),
    ],
)
def test_the_text_of_a_parameter_stands_for_a_value_of_its_type(
    schema: dict[str, Any], query: str, value: Any
) -> None:
    arguments, violations = read(parameter(schema), query)
    assert arguments == {"p": value}
    assert isinstance(arguments["p"], type(value)) and isinstance(value, bool) is isinstance(
        arguments["p"], bool
    )
    assert violations == []


@pytest.mark.parametrize(
    ("schema", "query", "keyword"),
    [
        (INTEGER, "p=x", "type"),
        (INTEGER, "p=", "type"),
        (INTEGER, "p=1.5", "type"),
        (INTEGER, "p=01", "type"),
        (INTEGER, "p=%2B1", "type"),
        (INTEGER, "p=%201", "type"),
        (INTEGER, "p=%D9%A3", "type"),
        (INTEGER, "p=" + "1" * 20_000, "type"),
        (NUMBER, "p=NaN", "type"),
        (NUMBER, "p=Infinity", "type"),
        (NUMBER, "p=1e", "type"),
        (NUMBER, "p=.", "type"),
        (BOOLEAN, "p=True", "type"),
        (BOOLEAN, "p=1", "type"),
        (STRING, "p=a&p=b", "type"),
        (STRING, "p=a&p=a", "type"),
        ({"type": "integer", "minimum": 1}, "p=0", "minimum"),
        ({"type": "string", "minLength": 1}, "p=", "minLength"),
        ({"type": "string", "enum": ["a"]}, "p=b", "enum"),
        (LIST, "p=1&p=x", "type"),
        (LIST, "p=1,2", "type"),
    ],
)
def test_what_a_text_cannot_stand_for_is_one_violation(
    schema: dict[str, Any], query: str, keyword: str
) -> None:
    arguments, violations = read(parameter(schema), query)
    assert arguments == {}
    assert [(violation.place, violation.keyword) for violation in violations] == [("query", keyword)]
    assert violations[0].pointer.startswith("/p")


@pytest.mark.parametrize("query", ["", "q=1", "&"])
def test_a_parameter_that_is_missing_is_a_violation_only_if_it_is_required(query: str) -> None:
    assert read(parameter(STRING), query) == ({}, [])
    violation = Violation("header", "/a~1b", "required", "is missing")
    assert read(parameter(STRING, name="a/b", place="header", required=True), query) == ({}, [violation])


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
    shape = Shape(True, lambda reference: True)
    content = {
        name: MediaType(name, name, find_form(name), None, "", shape, {}, {}, None, announce(name))
        for name in media_types
    }
    return RequestBody(True, content, None)


def found_schema(given: RequestBody, content_type: str | None) -> str:
    """Which media type a header was taken for, or the message why for none."""
    found = find_media_type(given, content_type)
    if isinstance(found, Violation):
        assert (found.place, found.pointer) == ("header", "/content-type")
        return f"{found.keyword}: {found.message}"
    return found.name


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
