"""Example requests: a URL and a line of curl that each operation takes, whatever its form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mockserver.contract import Contract, load_contract
from mockserver.security.schemes import Shown
from mockserver.synthesis.requests import (
    ExampleHead,
    curl_line,
    example_body,
    example_head,
    example_url,
    find_unmakeable,
)


def contract_of(folder: Path, operation: Any, *, path: str = "/a", method: str = "post") -> Contract:
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Things", "version": "1"},
        "paths": {
            path: {method: {"operationId": "a", "responses": {"200": {"description": ""}}, **operation}}
        },
    }
    (folder / "openapi.json").write_text(json.dumps(document), "utf-8")
    return load_contract(folder / "openapi.json")


def body(media: str, **item: Any) -> dict[str, Any]:
    return {"requestBody": {"content": {media: item}}}


def line(contract: Contract, **more: Any) -> str:
    return curl_line(contract, contract.operations["a"], "http://localhost", {}, **more)


FIELDS = {"type": "object", "properties": {"name": {"const": "Desk 1"}, "size": {"const": 5}}}
REQUIRED = {**FIELDS, "required": ["name", "size"]}


@pytest.mark.parametrize(
    ("media", "item", "options"),
    [
        ("application/json", {"schema": REQUIRED}, """-d '{"name":"Desk 1","size":5}'"""),
        ("application/json", {"example": [1]}, "-d '[1]'"),
        ("application/x-www-form-urlencoded", {"schema": REQUIRED}, "-d 'name=Desk%201&size=5'"),
        ("application/x-ndjson", {"itemSchema": {"const": 5}}, "--data-binary '5\n'"),
        ("text/plain", {"schema": {"const": "Hello"}}, "--data-binary Hello"),
        ("text/csv", {"example": "a,b"}, "--data-binary a,b"),
        ("application/xml", {"example": "<a/>"}, "--data-binary '<a/>'"),
        ("image/png", {}, "--data-binary @file"),
        ("application/octet-stream", {}, "--data-binary mock"),
    ],
)
def test_a_body_is_sent_in_the_form_of_its_media_type(
    tmp_path: Path, media: str, item: Any, options: str
) -> None:
    contract = contract_of(tmp_path, body(media, **item))
    assert line(contract).startswith(f"curl -X POST http://localhost/a -H 'Content-Type: {media}' ")
    assert line(contract).endswith(options)


def test_the_parts_of_a_form_are_options_of_their_own(tmp_path: Path) -> None:
    contract = contract_of(tmp_path, body("multipart/form-data", schema=REQUIRED))
    assert line(contract) == (
        "curl -X POST http://localhost/a --form-string 'name=Desk 1' --form-string size=5"
    )


def test_a_body_of_which_no_value_can_be_made_is_none(tmp_path: Path) -> None:
    contract = contract_of(tmp_path, body("application/json", schema={"allOf": [False]}))
    assert example_body(contract, contract.operations["a"]) is None
    without = contract_of(tmp_path, {})
    assert example_body(without, without.operations["a"]) is None
    assert line(without) == "curl -X POST http://localhost/a"


def test_a_text_of_ones_own_is_sent_as_it_is(tmp_path: Path) -> None:
    contract = contract_of(tmp_path, body("application/json", schema=REQUIRED))
    assert line(contract, body='{"name": ""}').endswith("""-d '{"name": ""}'""")


def test_credentials_stand_where_the_contract_puts_them(tmp_path: Path) -> None:
    shown = [
        Shown("header", "Authorization", "Bearer t"),
        Shown("query", "key", "a b"),
        Shown("cookie", "sid", "1"),
        Shown("cookie", "tid", "2"),
    ]
    found = line(contract_of(tmp_path, {}), credentials=shown, headers=["X-A: b"])
    assert found == (
        "curl -X POST 'http://localhost/a?key=a%20b' -H 'Authorization: Bearer t'"
        " -H 'Cookie: sid=1; tid=2' -H 'X-A: b'"
    )
    required = {"parameters": [{"name": "n", "in": "query", "required": True, "schema": {"const": 1}}]}
    assert "a?n=1&key=a%20b'" in line(contract_of(tmp_path, required), credentials=shown)


@pytest.mark.parametrize(
    ("parameter", "url"),
    [
        ({"name": "id", "in": "path", "schema": {"const": "x y"}}, "/a/x%20y"),
        ({"name": "id", "in": "path", "style": "label", "schema": {"const": "x"}}, "/a/.x"),
        ({"name": "id", "in": "path", "style": "matrix", "schema": {"const": "x"}}, "/a/;id=x"),
        ({"name": "id", "in": "path", "example": [1, 2], "schema": {"type": "array"}}, "/a/1,2"),
        ({"name": "id", "in": "path", "example": {"R": 1}, "schema": {"type": "object"}}, "/a/R,1"),
        ({"name": "id", "in": "path"}, "/a/string"),
        ({"name": "id", "in": "path", "schema": {"allOf": [False]}}, "/a/string"),
        (
            {"name": "id", "in": "path", "content": {"application/json": {"schema": {"const": [1]}}}},
            "/a/%5B1%5D",
        ),
    ],
)
def test_a_parameter_is_written_in_its_style(tmp_path: Path, parameter: Any, url: str) -> None:
    operation = {"parameters": [{**parameter, "required": True}]}
    contract = contract_of(tmp_path, operation, path="/a/{id}")
    assert example_url(contract, contract.operations["a"], {}) == url


def test_a_given_value_is_taken_and_what_is_not_required_left_out(tmp_path: Path) -> None:
    parameters = [
        {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
        {"name": "q", "in": "query", "schema": {"type": "string"}},
        {"name": "X-A", "in": "header", "required": True, "schema": {"type": "string"}},
    ]
    contract = contract_of(tmp_path, {"parameters": parameters}, path="/a/{id}")
    assert example_url(contract, contract.operations["a"], {"id": "5/6", "q": "x"}) == "/a/5%2F6"


def test_headers_and_cookies_that_are_required_are_sent(tmp_path: Path) -> None:
    required = [
        {"name": "X-Ids", "in": "header", "required": True, "schema": {"const": [1, 2]}},
        {"name": "X-Key", "in": "header", "required": True, "schema": {"const": "other"}},
        {"name": "X-None", "in": "header", "required": True, "example": "", "schema": {"const": ""}},
        {"name": "X-Not", "in": "header", "schema": {"const": "optional"}},
        {"name": "sid", "in": "cookie", "required": True, "schema": {"const": 5}},
        {"name": "key", "in": "query", "required": True, "schema": {"type": "string"}},
    ]
    contract = contract_of(tmp_path, {"parameters": required}, method="get")
    # A credential that is a parameter, too, is sent once; so is one of two schemes.
    shown = [Shown("header", "X-Key", "k"), Shown("header", "X-Key", "k"), Shown("query", "key", "q")]
    assert line(contract, credentials=shown) == (
        "curl -X GET 'http://localhost/a?key=q' -H 'X-Key: k' -H 'x-ids: 1,2' -H 'x-none;' -H 'Cookie: sid=5'"
    )


INTEGERS = {"type": "array", "minItems": 2, "items": {"const": 1}}
POINT = {"const": {"x": 1, "y": [2, 3]}, "type": "object"}


@pytest.mark.parametrize(
    ("parameter", "query"),
    [
        ({"schema": INTEGERS}, "p=1&p=1"),
        ({"schema": INTEGERS, "explode": False}, "p=1,1"),
        ({"schema": INTEGERS, "style": "spaceDelimited", "explode": False}, "p=1%201"),
        ({"schema": INTEGERS, "style": "pipeDelimited", "explode": False}, "p=1%7C1"),
        ({"schema": POINT}, "x=1&y=%5B2%2C3%5D"),
        ({"schema": POINT, "explode": False}, "p=x,1,y,%5B2%2C3%5D"),
        ({"schema": POINT, "style": "deepObject"}, "p%5Bx%5D=1&p%5By%5D=2&p%5By%5D=3"),
        ({"content": {"application/json": {"schema": {"const": [1]}}}}, "p=%5B1%5D"),
        ({"schema": INTEGERS, "example": "1,1"}, "p=1&p=1"),
        ({"schema": {"type": "integer", "minimum": 1, "maximum": 1}, "example": "many"}, "p=1"),
        ({"schema": {"type": "array", "items": {"const": "a"}, "maxItems": 1}}, "p=a"),
        ({"schema": {"type": "string", "pattern": "^(a{999}){999}$"}, "example": "b"}, "p=b"),
    ],
)
def test_a_query_is_written_in_the_style_of_its_parameter(tmp_path: Path, parameter: Any, query: str) -> None:
    given = {"name": "p", "in": "query", "required": True, **parameter}
    contract = contract_of(tmp_path, {"parameters": [given]})
    assert example_url(contract, contract.operations["a"], {}).removeprefix("/a?") == query


@pytest.mark.parametrize(
    ("style", "schema", "path"),
    [
        ("matrix", INTEGERS, ";p=1;p=1"),
        ("matrix", POINT, ";x=1;y=%5B2%2C3%5D"),
        ("label", INTEGERS, ".1.1"),
        ("label", POINT, ".x=1.y=%5B2%2C3%5D"),
    ],
)
def test_a_path_is_written_in_the_style_of_its_parameter(
    tmp_path: Path, style: str, schema: Any, path: str
) -> None:
    given = {"name": "p", "in": "path", "required": True, "style": style, "explode": True, "schema": schema}
    contract = contract_of(tmp_path, {"parameters": [given]}, path="/a/{p}")
    assert example_url(contract, contract.operations["a"], {}) == f"/a/{path}"


def test_a_form_shows_every_member(tmp_path: Path) -> None:
    """What would be left out, as it is empty, is filled."""
    tags = {"type": "array", "items": {"const": "x"}, "maxItems": 1}
    schema = {"type": "object", "required": ["tags"], "properties": {"tags": tags}}
    assert line(contract_of(tmp_path, body("multipart/form-data", schema=schema))).endswith(
        "--form-string tags=x"
    )
    form = contract_of(tmp_path, body("application/x-www-form-urlencoded", schema=schema))
    assert line(form).endswith("-d tags=x")


def test_a_body_in_parts_without_a_part_has_its_boundary(tmp_path: Path) -> None:
    contract = contract_of(tmp_path, body("multipart/form-data", example="no parts"))
    assert line(contract).endswith(
        "-H 'Content-Type: multipart/form-data; boundary=mockserver-boundary'"
        " --data-binary --mockserver-boundary--"
    )


def test_a_request_for_the_head_alone_does_not_wait_for_a_body(tmp_path: Path) -> None:
    assert line(contract_of(tmp_path, {}, method="head")) == "curl --head http://localhost/a"


def test_an_answer_of_which_no_value_can_be_made_is_found_with_its_place(tmp_path: Path) -> None:
    never = {"type": "object", "required": ["a"], "properties": {"a": False}}
    content = {"application/json": {"schema": never}}
    files = {"image/png": {"schema": {"type": "string"}}}
    contract = contract_of(
        tmp_path,
        {
            "responses": {
                "200": {"description": "", "content": content},
                "201": {"description": "", "content": files},
                "204": {"description": ""},
            }
        },
    )
    (problem,) = find_unmakeable(contract)
    assert problem.message.startswith("a cannot answer 200, as no value can be made: ")
    assert problem.pointer == "/paths/~1a/post/responses/200/content/application~1json/schema"


def test_the_head_has_what_the_line_says(tmp_path: Path) -> None:
    parameters = [
        {"name": "sid", "in": "cookie", "required": True, "schema": {"const": "1"}},
        {"name": "Content-Length", "in": "header", "required": True, "schema": {"const": 5}},
    ]
    contract = contract_of(tmp_path, {"parameters": parameters})
    found = example_head(contract, contract.operations["a"], {}, [Shown("query", "key", "k")])
    assert found == ExampleHead("/a?key=k", {}, {"sid": "1"})
    assert found.write_headers() == {"Cookie": "sid=1"}
    plain = contract_of(tmp_path, {})
    assert example_head(plain, plain.operations["a"], {}, ()).write_headers() == {}
