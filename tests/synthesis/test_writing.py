"""Values in the bytes of their media type."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver.contract.media_types import MediaType, essence_of, find_form
from mockserver.contract.operations import ResponseHeader
from mockserver.contract.parameters import Shape
from mockserver.contract.schema_registry import SchemaRegistry, compile_schema
from mockserver.seeds import Seed
from mockserver.synthesis.writing import make_file, make_media_value, write_body, write_headers, write_xml

SCHEMAS: dict[str, Any] = {"#/thing": {"xml": {"name": "thing"}, "type": "object"}}


def shape_of(schema: Any) -> Shape:
    return Shape(schema, SCHEMAS.__getitem__)


def media_type(name: str, schema: Any = None) -> MediaType:
    compiled = None if schema is None else compile_schema(schema)
    shape = shape_of(True if schema is None else schema)
    return MediaType(name, essence_of(name), find_form(name), compiled, "", shape, {}, {}, None, ())


@pytest.mark.parametrize(
    ("name", "schema", "value", "data"),
    [
        ("application/json", None, {"a": [1, None]}, b'{"a":[1,null]}'),
        ("application/problem+json", None, "x", b'"x"'),
        ("application/x-ndjson", None, [1, {"a": 2}], b'1\n{"a":2}\n'),
        ("application/x-ndjson", None, 1, b"1\n"),
        ("application/x-ndjson", None, "1\n2\n", b"1\n2\n"),
        ("application/x-www-form-urlencoded", None, {"a b": "c&d", "e": [1, 2]}, b"a%20b=c%26d&e=1&e=2"),
        ("application/x-www-form-urlencoded", None, "a=b", b"a=b"),
        ("text/event-stream", None, "hello", b"data: hello\n\n"),
        ("text/event-stream", None, "event: x\n\n", b"event: x\n\n"),
        ("text/plain", None, {"a": 1}, b'{"a":1}'),
        ("application/xml", None, "<a/>", b"<a/>"),
        ("application/octet-stream", {"type": "string", "format": "byte"}, "aGk=", b"hi"),
        ("application/octet-stream", {"type": "string", "format": "byte"}, "no!", b"no!"),
        ("application/octet-stream", None, "hé", "hé".encode()),
        ("application/octet-stream", {"type": "string"}, "hi", b"hi"),
        ("application/octet-stream", None, b"\x00\x01", b"\x00\x01"),
        ("application/octet-stream", None, 5, b"5"),
        ("application/pdf", {"type": "string", "format": "binary"}, "a file", make_file("application/pdf")),
    ],
)
def test_a_value_has_the_bytes_of_its_media_type(name: str, schema: Any, value: Any, data: bytes) -> None:
    assert write_body(media_type(name, schema), value) == data


def test_the_parts_of_a_form_stand_between_boundaries() -> None:
    text = write_body(media_type("multipart/form-data"), {'a"b': "x", "c": [1]}).decode()
    assert text.split("\r\n") == [
        "--mockserver-boundary",
        'Content-Disposition: form-data; name="a%22b"',
        "",
        "x",
        "--mockserver-boundary",
        'Content-Disposition: form-data; name="c"',
        "",
        "1",
        "--mockserver-boundary--",
        "",
    ]


@pytest.mark.parametrize(
    ("name", "schema", "value"),
    [
        ("image/png", {"type": "string"}, make_file("image/png")),
        ("application/octet-stream", {"type": "string", "format": "binary"}, b"mock"),
        ("application/json", None, {}),
        ("text/plain", None, ""),
    ],
)
def test_a_media_type_without_an_example_has_a_value(name: str, schema: Any, value: Any) -> None:
    registry = SchemaRegistry({})
    assert make_media_value(media_type(name, schema), name, registry, Seed("a")) == value


# XML


@pytest.mark.parametrize(
    ("schema", "value", "text"),
    [
        ({}, None, "<root/>"),
        ({"$ref": "#/thing"}, {"a": 1}, "<thing><a>1</a></thing>"),
        ({"xml": {"name": "1 bad"}}, "x", "<_1_bad>x</_1_bad>"),
        (
            {"xml": {"name": "a", "prefix": "p", "namespace": "urn:n"}},
            "<&>",
            '<p:a xmlns:p="urn:n">&lt;&amp;&gt;</p:a>',
        ),
        ({"xml": {"name": "a", "namespace": "urn:n"}}, True, '<a xmlns="urn:n">true</a>'),
        (
            {"type": "array", "xml": {"name": "a"}, "items": {"xml": {"name": "b"}}},
            [1, 2],
            "<a><b>1</b><b>2</b></a>",
        ),
        (
            {"properties": {"n": {"xml": {"wrapped": True}, "items": {"xml": {"name": "i"}}}}},
            {"n": [1], "m": [2, 3]},
            "<root><n><i>1</i></n><m>2</m><m>3</m></root>",
        ),
        (
            {
                "properties": {
                    "id": {"xml": {"attribute": True, "name": "ID"}},
                    "l": {"xml": {"attribute": True}},
                }
            },
            {"id": 'a"b', "l": [1]},
            "<root ID='a\"b'><l>1</l></root>",
        ),
        ({}, "a\x00b", "<root>a\N{REPLACEMENT CHARACTER}b</root>"),
    ],
)
def test_a_document_follows_the_hints_of_its_schema(schema: Any, value: Any, text: str) -> None:
    head, _, body = write_xml(value, shape_of(schema)).decode().partition("\n")
    assert head == '<?xml version="1.0" encoding="UTF-8"?>'
    assert body == text


# Files and headers


@pytest.mark.parametrize(
    ("essence", "signature"),
    [
        ("image/gif", b"GIF89a"), ("application/zip", b"PK"), ("application/gzip", b"\x1f\x8b"),
        ("audio/wav", b"RIFF"), ("image/jpeg", b"\xff\xd8"), ("application/x-unknown", b"mock"),
    ],
)  # fmt: skip
def test_a_file_begins_as_its_kind_begins(essence: str, signature: bytes) -> None:
    assert make_file(essence).startswith(signature)


def test_a_header_has_its_example_or_a_value_and_nothing_that_ends_it() -> None:
    document = {
        "a": {"const": [1, 2]},
        "b": {"const": {"x": 1}},
        "c": {"allOf": [False]},
        "d": {"const": "a\r\nb"},
    }
    registry = SchemaRegistry(document)
    headers = {
        "x-example": ResponseHeader("X-Example", ("e",), ""),
        "x-list": ResponseHeader("X-List", (), "/a"),
        "x-object": ResponseHeader("X-Object", (), "/b"),
        "x-none": ResponseHeader("X-None", (), ""),
        "x-never": ResponseHeader("X-Never", (), "/c"),
        "x-split": ResponseHeader("X-Split", (), "/d"),
        "content-type": ResponseHeader("Content-Type", ("text/plain",), ""),
    }
    assert write_headers(headers, registry, Seed("a")) == (
        (b"x-example", b"e"),
        (b"x-list", b"1,2"),
        (b"x-object", b"x,1"),
    )
