"""Bundling: which documents are read, what references mean, and how older forms are brought up to date."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mockserver.contract import Contract, load_contract
from mockserver.contract.openapi import EAGER_OPERATIONS, find_problems
from mockserver.contract.problems import write_problems
from mockserver.exceptions import ContractError

HEAD = {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}}
OK = {"200": {"description": ""}}


def write(folder: Path, document: Any, **files: Any) -> Path:
    for name, content in {"openapi.json": document, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return folder / "openapi.json"


def taking(schema: Any, **more: Any) -> dict[str, Any]:
    """A document of one operation that takes a body of this schema."""
    body = {"content": {"application/json": {"schema": schema}}}
    return {**HEAD, "paths": {"/a": {"post": {"requestBody": body, "responses": OK}}}, **more}


def judge(contract: Contract, value: Any) -> bool:
    (operation,) = contract.operations.values()
    assert operation.body is not None
    assert operation.body.media is not None
    assert operation.body.media.schema is not None
    return operation.body.media.schema.is_valid(value)


# Addresses of JSON Schema. What is judged here is told by the official suite as well.

TREE = {
    "$id": "https://example.com/tree",
    "$dynamicAnchor": "node",
    "type": "object",
    "properties": {"data": True, "children": {"type": "array", "items": {"$dynamicRef": "#node"}}},
}
STRICT_TREE = {
    "$id": "https://example.com/strict-tree",
    "$dynamicAnchor": "node",
    "$ref": "tree",
    "unevaluatedProperties": False,
}
SKIPPING = {
    "$id": "https://example.com/main",
    "properties": {"bar-item": {"$ref": "item"}},
    "$defs": {
        "bar": {
            "$id": "bar",
            "$defs": {
                "item": {
                    "$id": "item",
                    "properties": {"content": {"$dynamicRef": "#content"}},
                    "$defs": {"default": {"$dynamicAnchor": "content", "type": "integer"}},
                },
                "content": {"$dynamicAnchor": "content", "type": "string"},
            },
        }
    },
}


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        ({"$id": "urn:x", "$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}, 1, "x"),
        ({"$id": "urn:x", "$ref": "#n", "$defs": {"n": {"$anchor": "n", "type": "integer"}}}, 1, "x"),
        ({"$ref": "https://e.x/n", "$defs": {"n": {"$id": "https://e.x/n", "type": "integer"}}}, 1, "x"),
        ({"$id": "https://e.x/a/b", "$ref": "n", "$defs": {"n": {"$id": "n", "type": "integer"}}}, 1, "x"),
        ({"$defs": {"t": TREE, "s": STRICT_TREE}, "$ref": "https://example.com/strict-tree"},
         {"children": [{"data": 1}]}, {"children": [{"daat": 1}]}),
        ({"$defs": {"t": TREE, "s": STRICT_TREE}, "$ref": "https://example.com/tree"},
         {"children": [{"daat": 1}]}, {"children": [1]}),
        (SKIPPING, {"bar-item": {"content": 42}}, {"bar-item": {"content": "x"}}),
        ({"$schema": "https://example.com/own-dialect", "type": "integer"}, 1, "x"),
        ({"$ref": "https://json-schema.org/draft/2020-12/schema"}, {"minLength": 1}, {"minLength": -1}),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}],
          "additionalItems": False}, ["a"], ["a", 1]),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": True},
         2, 1),
        ({"$schema": "http://json-schema.org/draft-07/schema#",
          "dependencies": {"a": ["b"], "c": {"required": ["d"]}}}, {"a": 1, "b": 1}, {"c": 1}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_file", [False, True])
def test_a_schema_is_found_by_its_address(
    tmp_path: Path, schema: Any, right: Any, wrong: Any, is_file: bool
) -> None:
    document = taking({"$ref": "schema.json"} if is_file else schema)
    contract = load_contract(write(tmp_path, document, **{"schema.json": schema}))
    assert judge(contract, right)
    assert not judge(contract, wrong)
    text = json.dumps(contract.document)
    assert not any(f'"{word}": "' in text for word in ("$id", "$anchor", "$dynamicAnchor", "$dynamicRef"))


def test_files_may_refer_to_each_other_in_a_circle_and_upwards_inside_the_folder(tmp_path: Path) -> None:
    files = {
        "parts/user.yaml": "required: [name]\nproperties: {name: {}, team: {$ref: ../teams/team.yaml}}",
        "teams/team.yaml": "properties: {members: {type: array, items: {$ref: ../parts/user.yaml}}}",
        "paths/users.yaml": "post: {requestBody: {$ref: ../bodies.yaml#/user}, responses: {200: {}}}",
        "bodies.yaml": "user: {content: {application/json: {schema: {$ref: parts/user.yaml}}}}",
    }
    document = {**HEAD, "paths": {"/users": {"$ref": "paths/users.yaml", "summary": "Users"}}}
    contract = load_contract(write(tmp_path, document, **files))
    assert judge(contract, {"name": "a", "team": {"members": [{"name": "b"}]}})
    assert not judge(contract, {"name": "a", "team": {"members": [{}]}})


# Versions


def test_swagger_2_is_read_as_what_it_means_today(tmp_path: Path) -> None:
    text = """
swagger: "2.0"
info: {title: Old, version: "1"}
host: api.example.com
basePath: /v2
schemes: [https]
consumes: [application/json]
produces: [application/json]
securityDefinitions:
  key: {type: apiKey, in: header, name: X-Key}
  basic: {type: basic}
  app: {type: oauth2, flow: application, tokenUrl: "https://x/t", scopes: {}}
parameters:
  limit: {name: limit, in: query, type: integer, maximum: 5}
  pet: {name: body, in: body, required: true, schema: {$ref: "#/definitions/Pet"}}
responses:
  Gone: {description: gone, schema: {$ref: "#/definitions/Error"}}
paths:
  /pets:
    parameters: [{$ref: "#/parameters/limit"}]
    get:
      operationId: list
      security: [{key: []}]
      parameters:
        - {name: ids, in: query, type: array, items: {type: integer}, collectionFormat: pipes}
        - {name: tags, in: query, type: array, items: {type: string, maxLength: 2}, collectionFormat: multi}
      responses:
        200:
          description: ok
          headers: {X-Total: {type: integer}}
          schema: {type: array, items: {$ref: "#/definitions/Pet"}}
          examples: {application/json: [{name: Rex}]}
        404: {$ref: "#/responses/Gone"}
    post:
      operationId: create
      parameters: [{$ref: "#/parameters/pet"}]
      responses: {201: {description: ok}}
  /pets/{id}/photo:
    post:
      operationId: upload
      consumes: [multipart/form-data]
      parameters:
        - {name: id, in: path, required: true, type: string}
        - {name: photo, in: formData, required: true, type: file}
        - {name: size, in: formData, type: integer}
      responses: {default: {description: any}}
definitions:
  Pet: {type: object, required: [name], properties: {name: {type: string, x-nullable: true}}}
  Error: {type: object, properties: {message: {type: string}}}
"""
    path = tmp_path / "swagger.yaml"
    path.write_text(text)
    contract = load_contract(path)
    assert (contract.server, contract.prefix, contract.problems) == ("https://api.example.com/v2", "/v2", ())
    listing, creating, upload = contract.operations.values()
    assert [(p.name, p.style, p.is_exploded) for p in listing.parameters] == [
        ("limit", "form", True), ("ids", "pipeDelimited", False), ("tags", "form", True),
    ]  # fmt: skip
    assert [scheme.kind for requirement in listing.security for scheme in requirement] == ["apiKey"]
    envelope, gone = listing.envelope(200), listing.envelope(404)
    assert envelope is not None and gone is not None and gone.schema is not None
    assert (dict(envelope.examples), list(envelope.headers)) == ({"example": [{"name": "Rex"}]}, ["x-total"])
    assert not gone.schema.is_valid({"message": 5})
    assert creating.body is not None and creating.body.media is not None and creating.body.media.schema
    assert creating.body.required
    assert [creating.body.media.schema.is_valid({"name": value}) for value in (None, "a", 5)] == [
        True,
        True,
        False,
    ]
    assert upload.body is not None
    (media,) = upload.body.content.values()
    assert (media.form, sorted(media.shape.names)) == ("multipart", ["photo", "size"])
    (kinds,) = ({scheme.kind for scheme in contract.security_schemes.values()} - {"apiKey", "basic"},)
    assert kinds == {"oauth2"}


def test_a_mistake_in_swagger_is_told_where_it_stands(tmp_path: Path) -> None:
    parameter = {"name": "b", "in": "body", "schema": {"$ref": "#/definitions/A"}}
    document = {
        "swagger": "2.0",
        "paths": {"/a": {"post": {"parameters": [parameter], "responses": OK}}},
        "definitions": {"A": {"properties": {"x": {"type": "strnig"}}}},
    }
    with pytest.raises(ContractError) as error:
        load_contract(write(tmp_path, document))
    assert [problem.pointer for problem in error.value.problems] == ["/definitions/A/properties/x/type"]


def test_openapi_3_2_is_read(tmp_path: Path) -> None:
    lines = {"application/jsonl": {"itemSchema": {"type": "object"}}}
    examples = {"a": {"dataValue": {"n": 1}}, "b": {"serializedValue": '{"n": 2}'}}
    item = {
        "query": {"operationId": "search", "responses": OK},
        "additionalOperations": {"LINK": {"operationId": "link", "responses": OK}},
        "get": {
            "operationId": "read",
            "responses": {
                "200": {"content": {"application/json": {"examples": examples}}},
                "206": {"content": lines},
            },
        },
    }
    document = {**HEAD, "openapi": "3.2.0", "$self": "https://example.com/api.json", "paths": {"/a": item}}
    contract = load_contract(write(tmp_path, document))
    assert {operation.method for operation in contract.operations.values()} == {"QUERY", "LINK", "GET"}
    envelope = contract.operations["read"].envelope(200)
    assert envelope is not None
    assert dict(envelope.examples) == {"a": {"n": 1}, "b": {"n": 2}}


def test_null_is_let_through_beside_a_combination(tmp_path: Path) -> None:
    money = {"type": "object", "required": ["amount"]}
    schema = {"nullable": True, "allOf": [{"$ref": "#/components/schemas/Money"}]}
    document = {**taking(schema, components={"schemas": {"Money": money}}), "openapi": "3.0.3"}
    contract = load_contract(write(tmp_path, document))
    assert [judge(contract, value) for value in (None, {"amount": 1}, {})] == [True, True, False]


@pytest.mark.parametrize("version", ["3.1", "3.0", "3.2"])
def test_a_version_in_yaml_needs_no_quotes(tmp_path: Path, version: str) -> None:
    path = tmp_path / "openapi.yaml"
    path.write_text(
        f"openapi: {version}\npaths: {{/a: {{get: {{responses: {{200: {{description: x}}}}}}}}}}\n"
    )
    assert load_contract(path).operations["get/a"].statuses == (200,)


# Addresses of documents


@pytest.fixture
def website(tmp_path: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Nothing is shown."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_document_may_stand_behind_a_url(tmp_path: Path, website: str) -> None:
    document = taking({"$ref": "parts/s.json"})
    write(tmp_path / "api", document, **{"parts/s.json": {"type": "integer"}})
    contract = load_contract(f"{website}/api/openapi.json")
    assert (judge(contract, 1), judge(contract, "x")) == (True, False)
    # As a path has it.
    assert judge(load_contract(Path(f"{website}/api/openapi.json")), 1)


def test_what_is_not_there_behind_a_url_is_told(website: str) -> None:
    with pytest.raises(ContractError, match="answers 404"):
        load_contract(f"{website}/none.json")
    with pytest.raises(ContractError, match="cannot be read"):
        load_contract("http://127.0.0.1:9/none.json")


def test_a_document_behind_a_url_reaches_what_is_below_its_folder(tmp_path: Path, website: str) -> None:
    write(tmp_path / "api", taking({"$ref": "../secret.json"}))
    (tmp_path / "secret.json").write_text("{}")
    with pytest.raises(ContractError, match="is not allowed"):
        load_contract(f"{website}/api/openapi.json")


# Paths and servers


def test_servers_of_document_path_and_operation_are_prefixes(tmp_path: Path) -> None:
    variables = {"version": {"default": "v1", "enum": ["v1", "v2"]}}
    document = {
        **HEAD,
        "servers": [{"url": "https://x/{version}", "variables": variables}, {"url": "/other/"}],
        "paths": {
            "/a": {"get": {"responses": OK}},
            "/b": {"servers": [{"url": "/path"}], "get": {"responses": OK},
                   "post": {"servers": [{"url": "https://y/operation"}], "responses": OK}},
        },
    }  # fmt: skip
    contract = load_contract(write(tmp_path, document))
    assert contract.prefix == "/v1"
    for path in ("/v1/a", "/v2/a", "/other/a"):
        assert contract.paths.find(path, "GET") is not None, path
    for path, method, id in (("/path/b", "GET", "get/b"), ("/operation/b", "POST", "post/b")):
        found = contract.paths.find(path, method)
        assert found is not None
        assert found[0].operations[method].id == id
    assert contract.paths.find("/v1/b") is None


def test_paths_of_one_shape_share_their_methods(tmp_path: Path) -> None:
    def item(name: str, method: str) -> dict[str, Any]:
        parameter = {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        return {method: {"operationId": method, "parameters": [parameter], "responses": OK}}

    document = {**HEAD, "paths": {"/a/{id}": item("id", "get"), "/a/{name}": item("name", "post")}}
    contract = load_contract(write(tmp_path, document))
    for method, name in (("GET", "id"), ("POST", "name")):
        found = contract.paths.find("/a/x", method)
        assert found is not None
        assert (found[1], found[0].list_methods()) == ({name: "x"}, ["GET", "POST"])


# Problems


@pytest.mark.parametrize(
    ("change", "pointer", "name"),
    [
        ({"gett": {}}, "/paths/~1a/gett", "get"),
        ({"get": {"operationid": "x", "responses": OK}}, "/paths/~1a/get/operationid", "operationId"),
        ({"get": {"x-permision": "a", "x-permission": "b", "responses": OK}}, "/paths/~1a/get/x-permision",
         "x-permission"),
        ({"get": {"responses": {"200": {"content": {"application/json": {"schema": {"requierd": ["a"]}}}}}}},
         "/paths/~1a/get/responses/200/content/application~1json/schema/requierd", "required"),
    ],
)  # fmt: skip
def test_a_name_that_is_nearly_right_is_a_warning(
    tmp_path: Path, change: Any, pointer: str, name: str
) -> None:
    contract = load_contract(write(tmp_path, {**HEAD, "paths": {"/a": {"post": {"responses": OK}} | change}}))
    (warning,) = contract.warnings
    assert (warning.pointer, warning.file) == (pointer, "openapi.json")
    assert f"did you mean {name!r}?" in warning.message


def test_an_extension_of_others_is_no_typo(tmp_path: Path) -> None:
    document = {**HEAD, "x-sources": 1, "paths": {"/a": {"get": {"x-permisson": 1, "responses": OK}}}}
    assert load_contract(write(tmp_path, document)).warnings == ()


def test_a_lenient_reading_keeps_what_is_sound(tmp_path: Path) -> None:
    gone = {"schema": {"$ref": "#/components/schemas/Gone"}}
    paths = {
        "/sound": {"get": {"responses": OK}},
        "/broken": {"get": {"responses": {"200": {"content": {"application/json": gone}}}}},
        "/error": {"get": {"responses": OK | {"404": {"content": {"application/json": gone}}}}},
    }
    path = write(tmp_path, {**HEAD, "paths": paths})
    contract = load_contract(path, is_lenient=True)
    problems = {id: operation.problem for id, operation in contract.operations.items()}
    assert problems["get/sound"] is problems["get/error"] is None
    assert "leads to nothing" in str(problems["get/broken"])
    assert len(contract.problems) == 2
    with pytest.raises(ContractError):
        load_contract(path)
    with pytest.raises(ContractError):
        load_contract(write(tmp_path, {**HEAD, "paths": {"/broken": paths["/broken"]}}), is_lenient=True)


def test_a_large_contract_is_checked_when_it_is_asked(tmp_path: Path) -> None:
    content = {"application/json": {"schema": {"type": "integer"}, "example": "text"}}
    paths = {
        f"/p{n}": {"get": {"responses": {"200": {"content": content}}}} for n in range(EAGER_OPERATIONS + 1)
    }
    contract = load_contract(write(tmp_path, {**HEAD, "paths": paths}))
    assert contract.warnings == ()
    problems, warnings = find_problems(contract)
    assert (len(problems), len(warnings)) == (0, EAGER_OPERATIONS + 1)
    envelope = contract.operations["get/p0"].envelope(200)
    assert envelope is not None
    assert dict(envelope.examples) == {}


def test_many_problems_take_linear_time(tmp_path: Path) -> None:
    schemas = {f"s{n}": {"type": "nothing", "$ref": f"#/components/schemas/gone{n}"} for n in range(3_000)}
    with pytest.raises(ContractError) as error:
        load_contract(write(tmp_path, {**taking({}), "components": {"schemas": schemas}}))
    assert len(error.value.problems) == 6_000


def test_problems_are_written_for_programs_and_for_github(tmp_path: Path) -> None:
    with pytest.raises(ContractError) as error:
        load_contract(write(tmp_path, taking({"type": "a,b:c%\n"})))
    problems = error.value.problems
    (found,) = json.loads(write_problems(problems, (), "json"))["problems"]
    assert (found["level"], found["file"]) == ("error", "openapi.json")
    assert found["pointer"].endswith("/schema/type")
    line = write_problems((), problems, "github")
    assert line.startswith("::warning file=openapi.json::/paths/")
    assert "\n" not in line


def test_an_unknown_path_is_hinted_at_quickly_among_many(tmp_path: Path) -> None:
    parameter = {"name": "id", "in": "path", "required": True, "schema": {}}
    item = {"get": {"parameters": [parameter], "responses": OK}}
    paths = {f"/v1/things{number}/{{id}}/parts": item for number in range(300)}
    contract = load_contract(write(tmp_path, {**HEAD, "paths": paths}))
    nearest = contract.find_nearest("GET", "/v1/thing123/5/parts")
    assert nearest is not None
    assert nearest.path == "/v1/things123/{id}/parts"
    assert contract.find_nearest("GET", "") is not None
