"""The loader: which documents become a contract, what of them, and how the others are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mockserver.contract import Contract, Operation, load_contract
from mockserver.contract.path_templates import list_names
from mockserver.contract.schema_registry import SchemaViolation
from mockserver.engine.plain import PlainRules
from mockserver.exceptions import ContractError, Problem
from mockserver.serving.building import assemble
from mockserver.settings import Settings
from mockserver.state.fixtures import Fixtures
from tests.doors import UNSENT, engine_api
from tests.files import write_files

HEAD = {"openapi": "3.1.0", "info": {"title": "Things", "version": "7"}}
OK = {"responses": {"200": {"description": "fine"}}}


def load(folder: Path, document: Any, **files: Any) -> Contract:
    return load_contract(write_files(folder, {"openapi.json": document} | files) / "openapi.json")


def answering(schema: Any, **more: Any) -> dict[str, Any]:
    """A document of one operation, `GET /a`, whose 200 has this schema."""
    response = {"description": "", "content": {"application/json": {"schema": schema}}}
    return {**HEAD, "paths": {"/a": {"get": {"operationId": "getA", "responses": {"200": response}}}}, **more}


SCHEMA = "/paths/~1a/get/responses/200/content/application~1json/schema"


def only_operation(contract: Contract) -> Operation:
    (operation,) = contract.operations.values()
    return operation


def violations(contract: Contract, value: Any, status: int = 200) -> list[SchemaViolation]:
    """What is wrong with a body of a status of the only operation."""
    envelope = only_operation(contract).envelope(status)
    assert envelope is not None
    assert envelope.schema is not None
    return list(envelope.schema.violations(value))


def refusal(folder: Path, document: Any, **files: Any) -> list[Problem]:
    with pytest.raises(ContractError) as error:
        load(folder, document, **files)
    return list(error.value.problems)


# What a contract holds


def test_the_contract_of_the_package_is_sound(contract: Contract) -> None:
    assert (contract.title, contract.version) == ("HSRCPAY API", "v1")
    assert (contract.server, contract.prefix) == ("https://api.hsrcpay.com/v1", "/v1")
    assert list(contract.operations) == [
        "listApiKeys", "createApiKey", "deleteApiKey", "regenerateManagedApiKey",
    ]  # fmt: skip
    assert contract.warnings == ()
    create = contract.operations["createApiKey"]
    assert (create.method, create.path, create.permission) == ("POST", "/api-keys/", "account:api:key:create")
    assert create.statuses == (200, 201, 400, 401, 403, 404, 409, 422, 429, 500)
    assert (create.success_statuses, create.requires_credential) == ((200, 201), True)
    assert create.body is not None
    assert sorted(create.body.members or ()) == ["expires_at", "metadata", "name", "permissions"]
    assert "$ref" not in json.dumps(contract.document).replace('"$ref": "#/', "")


def test_the_least_document_is_a_contract(tmp_path: Path) -> None:
    contract = load(tmp_path, {"openapi": "3.1.0", "paths": {"/a": {"get": OK}}})
    operation = only_operation(contract)
    assert (contract.title, contract.version, contract.server, contract.prefix) == ("untitled", "", "/", "")
    assert (operation.id, operation.method, operation.path) == ("get/a", "GET", "/a")
    assert (operation.requires_credential, operation.permission, operation.body) == (False, None, None)
    assert contract.paths.find("/a") is not None


@pytest.mark.parametrize(
    ("servers", "prefix"),
    [
        ([{"url": "https://h/v1/"}], "/v1"),
        ([{"url": "/base/v2"}, {"url": "/other"}], "/base/v2"),
        ([{"url": "https://h"}], ""),
        ([], ""),
        ([{"url": "https://h/{v}", "variables": {"v": {"default": "v9"}}}], "/v9"),
    ],
)
def test_the_path_of_the_first_server_is_the_prefix(tmp_path: Path, servers: Any, prefix: str) -> None:
    contract = load(tmp_path, {**HEAD, "servers": servers, "paths": {"/a": {"get": OK}}})
    assert contract.prefix == prefix
    assert contract.paths.find(f"{prefix}/a") is not None


def test_parameters_of_the_path_item_are_those_of_its_operations(tmp_path: Path) -> None:
    item = {
        "parameters": [
            {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
            {"name": "page", "in": "query", "schema": {"type": "integer", "default": 1}},
        ],
        "get": {
            **OK,
            "parameters": [
                {"$ref": "#/components/parameters/page"},
                {
                    "name": "X-Trace",
                    "in": "header",
                    "schema": {"type": "array", "items": {"type": "integer"}},
                },
            ],
        },
    }
    page = {"name": "page", "in": "query", "required": True, "schema": {"type": "integer"}, "x-account": True}
    contract = load(
        tmp_path, {**HEAD, "paths": {"/a/{id}": item}, "components": {"parameters": {"page": page}}}
    )
    found = {parameter.name: parameter for parameter in only_operation(contract).parameters}
    assert list(found) == ["id", "page", "x-trace"]
    assert (found["id"].required, found["page"].required, found["x-trace"].required) == (True, True, False)
    assert (found["page"].default, set(found["page"].types)) == (None, {"integer"})
    assert found["x-trace"].is_list
    assert found["page"].extensions == {"x-account": True}


def test_an_envelope_is_found_by_status_range_or_default(tmp_path: Path) -> None:
    responses = {status: {"description": status} for status in ("201", "4xx", "404", "default")}
    operation = only_operation(load(tmp_path, {**HEAD, "paths": {"/a": {"get": {"responses": responses}}}}))
    found = {status: operation.envelope(status) for status in (201, 404, 422, 500)}
    assert [envelope and envelope.status for envelope in found.values()] == [
        "201",
        "404",
        "4XX",
        "default",
    ]
    assert operation.statuses == (201, 404)
    operation = only_operation(load(tmp_path, {**HEAD, "paths": {"/a": {"get": OK}}}))
    assert operation.envelope(404) is None


def test_an_example_that_breaks_its_schema_is_left_out_with_a_warning(tmp_path: Path) -> None:
    document = answering({"type": "object", "required": ["a"]})
    content = document["paths"]["/a"]["get"]["responses"]["200"]["content"]["application/json"]
    content["examples"] = {
        "good": {"value": {"a": 1}},
        "bad": {"value": {}},
        "ref": {"$ref": "#/components/examples/e"},
    }
    document["components"] = {"examples": {"e": {"value": {"a": {"$ref": "kept as it is"}}}}}
    contract = load(tmp_path, document)
    envelope = only_operation(contract).envelope(200)
    assert envelope is not None
    assert envelope.examples == {"good": {"a": 1}, "ref": {"a": {"$ref": "kept as it is"}}}
    (warning,) = contract.warnings
    place = SCHEMA.replace("/schema", "/examples/bad/value/a")
    assert (warning.file, warning.pointer) == ("openapi.json", place)
    assert "the example 'bad' breaks its schema" in warning.message


def test_what_is_assumed_is_listed_with_its_source(tmp_path: Path) -> None:
    document = answering({"type": "object", "x-provenance": "inferred", "x-source": "a guess"})
    document["x-rules"] = [
        {"what": "a rule", "x-provenance": "invented", "x-source": "us"},
        {"what": "a fact", "x-provenance": "documented", "x-source": "the page"},
    ]
    found = [(item.what, item.provenance, item.source) for item in load(tmp_path, document).assumptions]
    assert found == [("a rule", "invented", "us"), (SCHEMA, "inferred", "a guess")]


@pytest.mark.parametrize(
    ("security", "is_required"),
    [
        ([{"bearer": []}], True),
        ([{"oauth": ["scope"]}], True),
        ([{"oidc": []}, {"bearer": []}], True),
        ([{"bearer": [], "key": []}], True),
        ([], False),
        ([{}], False),
        ([{"bearer": []}, {}], False),
        ([{"key": []}], True),
        ([{"basic": []}], True),
    ],
)
def test_a_credential_is_required_if_no_alternative_goes_without_one(
    tmp_path: Path, security: Any, is_required: bool
) -> None:
    schemes = {
        "bearer": {"type": "http", "scheme": "BEARER"},
        "oauth": {"type": "oauth2", "flows": {}},
        "oidc": {"type": "openIdConnect", "openIdConnectUrl": "https://x"},
        "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
        "basic": {"type": "http", "scheme": "basic"},
    }
    secured = {"security": security}
    document = {**HEAD, "components": {"securitySchemes": schemes}}
    for whole in (
        {**document, **secured, "paths": {"/a": {"get": OK}}},
        {**document, "paths": {"/a": {"get": {**OK, **secured}}}},
        # That of the operation takes the place of that of the document.
        {**document, "security": [{"bearer": []}], "paths": {"/a": {"get": {**OK, **secured}}}},
    ):
        assert only_operation(load(tmp_path, whole)).requires_credential is is_required


# References


def test_schemas_in_files_are_brought_into_one_document(tmp_path: Path) -> None:
    files = {
        "thing.json": {
            "type": "object",
            "required": ["part"],
            "properties": {"part": {"$ref": "parts/part.json"}},
        },
        "parts/part.json": {
            "$id": "https://example.com/part",
            "$defs": {"n": {"type": "integer"}},
            "type": "object",
            "properties": {
                "n": {"$ref": "#/$defs/n"},
                "own": {"$ref": "part.json"},
                "text": {"$ref": "more.yaml#/texts/short"},
            },
        },
        "parts/more.yaml": "texts:\n  short: {type: string, maxLength: 3}\n",
    }
    contract = load(tmp_path, answering({"$ref": "thing.json"}), **files)
    assert violations(contract, {"part": {"n": 1, "own": {"n": 2, "text": "abc"}}}) == []
    found = violations(contract, {"part": {"n": "x", "own": {"own": {"text": "abcd"}}}})
    assert [(item.pointer, item.keyword) for item in found] == [
        ("/part/n", "type"),
        ("/part/own/own/text", "maxLength"),
    ]
    bundled = json.dumps(contract.document)
    assert ".json" not in bundled
    assert ".yaml" not in bundled
    reloaded = load(tmp_path / "again", contract.document)
    assert violations(reloaded, {"part": {"own": {"n": "x"}}}) == violations(
        contract, {"part": {"own": {"n": "x"}}}
    )


@pytest.mark.parametrize("name", ["default", "4XX", "404"])
def test_a_response_of_any_name_may_refer_to_files(tmp_path: Path, name: str) -> None:
    response = {"description": "", "content": {"application/json": {"schema": {"$ref": "error.json"}}}}
    document = {**HEAD, "paths": {"/a": {"get": {"responses": {name: response}}}}}
    contract = load(tmp_path, document, **{"error.json": {"type": "object", "required": ["error"]}})
    assert [item.pointer for item in violations(contract, {}, 404)] == ["/error"]


@pytest.mark.parametrize(
    "name", ["enum", "const", "default", "example", "examples", "$id", "nullable", "properties"]
)
def test_a_member_may_have_the_name_of_a_keyword(tmp_path: Path, name: str) -> None:
    schema = {"type": "object", "properties": {name: {"$ref": "part.json"}}, "required": [name]}
    for version in ("3.0.3", "3.1.0"):
        document = {**answering(schema), "openapi": version}
        contract = load(tmp_path, document, **{"part.json": {"type": "integer"}})
        assert violations(contract, {name: 5}) == []
        assert [item.pointer for item in violations(contract, {name: "x"})] == [f"/{name}"], version


@pytest.mark.parametrize("key", ["example", "value", "default"])
def test_a_component_may_have_the_name_of_a_keyword(tmp_path: Path, key: str) -> None:
    response = {"description": "", "content": {"application/json": {"schema": {"$ref": "part.json"}}}}
    document = {
        **HEAD,
        "paths": {"/a": {"get": {"responses": {"200": {"$ref": f"#/components/responses/{key}"}}}}},
        "components": {"responses": {key: response}},
    }
    contract = load(tmp_path, document, **{"part.json": {"type": "integer"}})
    assert [item.keyword for item in violations(contract, "x")] == ["type"]


def test_two_files_of_one_name_stay_apart(tmp_path: Path) -> None:
    schema = {
        "properties": {
            "a": {"$ref": "one/x.json"},
            "b": {"$ref": "two/x.json"},
            "c": {"$ref": "#/components/schemas/x"},
        }
    }
    document = answering(schema, components={"schemas": {"x": {"type": "boolean"}}})
    files = {"one/x.json": {"type": "string"}, "two/x.json": {"type": "integer"}}
    contract = load(tmp_path, document, **files)
    assert violations(contract, {"a": "x", "b": 1, "c": True}) == []
    assert [item.pointer for item in violations(contract, {"a": 1, "b": True, "c": "x"})] == [
        "/a",
        "/b",
        "/c",
    ]


@pytest.mark.parametrize("name", ["a b", "List[Item]", "ü", "100%", "a/b", "m~n", "«T»", '"', "a#b"])
def test_names_may_be_such_that_a_reference_must_encode_them(tmp_path: Path, name: str) -> None:
    encoded = quote(name.replace("~", "~0").replace("/", "~1"), safe="~")
    references = {"own": f"#/components/schemas/{encoded}", "file": f"s.json#/{encoded}"}
    schema = {"properties": {key: {"$ref": reference} for key, reference in references.items()}}
    document = answering(schema, components={"schemas": {name: {"type": "integer"}}})
    contract = load(tmp_path, document, **{"s.json": {name: {"type": "boolean"}}})
    assert violations(contract, {"own": 1, "file": True}) == []
    assert [item.pointer for item in violations(contract, {"own": "x", "file": 1})] == ["/file", "/own"]
    api = engine_api(assemble(contract, PlainRules(contract, Settings(), None), Fixtures(), Settings()))
    assert api.send("GET", "/a", json=UNSENT).status == 200


def test_a_file_may_have_a_name_that_a_reference_must_encode(tmp_path: Path) -> None:
    contract = load(
        tmp_path, answering({"$ref": "my%20file%23.json"}), **{"my file#.json": {"type": "integer"}}
    )
    assert [item.keyword for item in violations(contract, "x")] == ["type"]


def test_a_schema_that_contains_itself_is_no_loop(tmp_path: Path) -> None:
    node = {
        "type": "object",
        "properties": {"next": {"$ref": "#/components/schemas/node"}, "n": {"type": "integer"}},
    }
    contract = load(
        tmp_path, answering({"$ref": "#/components/schemas/node"}, components={"schemas": {"node": node}})
    )
    assert violations(contract, {"next": {"next": {"n": 1}}}) == []
    assert violations(contract, {"next": {"next": {"n": "x"}}}) != []


def test_parts_that_are_no_schemas_may_stand_in_files(tmp_path: Path) -> None:
    document = {**HEAD, "paths": {"/a": {"$ref": "paths.yaml#/a"}, "/b": {"$ref": "#/paths/~1a"}}}
    files = {
        "paths.yaml": "a:\n  get:\n    responses:\n      200: {$ref: 'common.json#/ok'}\n",
        "common.json": {
            "ok": {"description": "", "content": {"application/json": {"schema": {"$ref": "s.json"}}}}
        },
        "s.json": {"type": "integer"},
    }
    contract = load(tmp_path, document, **files)
    assert list(contract.operations) == ["get/a", "get/b"]
    envelope = contract.operations["get/b"].envelope(200)
    assert envelope is not None
    assert envelope.schema is not None
    assert not envelope.schema.is_valid("x")


REFUSED_REFERENCES = {
    "http": ("http://example.com/x.json", "not allowed"),
    "https": ("https://example.com/x.json#/a", "not allowed"),
    "file": ("file:///etc/passwd", "not allowed"),
    "other scheme": ("urn:x:y", "not allowed"),
    "no scheme": ("//example.com/x.json", "not allowed"),
    "absolute": ("/etc/passwd", "not allowed"),
    "parent": ("../x.json", "not allowed"),
    "parent, percent-encoded": ("%2e%2e/x.json", "not allowed"),
    "parent in the middle": ("a/../../x.json", "not allowed"),
    "backslash": ("..\\x.json", "not allowed"),
    "drive": ("C:/x.json", "not allowed"),
    "missing": ("#/components/schemas/none", "leads to nothing"),
    "missing in a file": ("good.json#/none", "leads to nothing"),
    "anchor": ("#none", "leads to nothing"),
    "index": ("good.json#/list/7", "leads to nothing"),
}


@pytest.mark.parametrize("reference", REFUSED_REFERENCES)
def test_a_reference_reaches_files_below_the_folder_and_nothing_else(tmp_path: Path, reference: str) -> None:
    text, words = REFUSED_REFERENCES[reference]
    (tmp_path / "x.json").write_text("{}", "utf-8")
    folder = tmp_path / "contract"
    files: dict[str, Any] = {"good.json": {"list": [{}]}}
    (problem,) = refusal(folder, answering({"properties": {"p": {"$ref": text}}}), **files)
    assert (problem.file, problem.pointer) == ("openapi.json", f"{SCHEMA}/properties/p/$ref")
    assert words in problem.message
    document = {**HEAD, "paths": {"/a": {"get": {"responses": {"200": {"$ref": text}}}}}}
    (problem,) = refusal(folder, document, **files)
    assert (problem.file, problem.pointer) == ("openapi.json", "/paths/~1a/get/responses/200/$ref")


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    document = answering({"properties": {"a": {"$ref": "none.json"}, "b": {"$ref": "broken.json"}}})
    problems = refusal(tmp_path, document, **{"broken.json": "{"})
    assert [(problem.file, problem.message.partition(":")[0]) for problem in problems] == [
        ("none.json", "cannot be read"),
        ("broken.json", "is not JSON"),
    ]


def test_a_mistake_in_a_file_is_reported_in_that_file(tmp_path: Path) -> None:
    files = {"deep/s.json": {"$defs": {"x": {"type": "text", "minLength": "1"}}}}
    problems = refusal(tmp_path, answering({"$ref": "deep/s.json#/$defs/x"}), **files)
    assert {(problem.file, problem.pointer) for problem in problems} == {
        ("deep/s.json", "/$defs/x/type"),
        ("deep/s.json", "/$defs/x/minLength"),
    }


def refer(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


@pytest.mark.parametrize(
    "schemas",
    [
        pytest.param({"a": refer("a")}, id="to itself"),
        pytest.param({"a": refer("b"), "b": refer("a")}, id="in a circle"),
        pytest.param({"a": {"allOf": [{"type": "object"}, refer("a")]}}, id="in allOf"),
        pytest.param({"a": {"anyOf": [{"type": "null"}, {"not": refer("a")}]}}, id="in anyOf, not"),
        pytest.param(
            {"a": {"if": {}, "then": {"oneOf": [refer("b")]}}, "b": {"else": refer("a")}}, id="then"
        ),
        pytest.param({"a": {"dependentSchemas": {"x": refer("a")}}}, id="in dependentSchemas"),
    ],
)
def test_a_schema_that_is_applied_to_one_value_without_end_is_refused(
    tmp_path: Path, schemas: dict[str, Any]
) -> None:
    (problem,) = refusal(tmp_path, answering({"items": refer("a")}, components={"schemas": schemas}))
    assert (problem.file, problem.message) == ("openapi.json", "leads back to itself")
    assert problem.pointer.startswith("/components/schemas/")


def test_a_loop_in_a_file_is_reported_in_that_file(tmp_path: Path) -> None:
    files = {"parts/s.json": {"$defs": {"x": {"allOf": [{"$ref": "#/$defs/x"}]}}}}
    (problem,) = refusal(tmp_path, answering({"$ref": "parts/s.json#/$defs/x"}), **files)
    assert (problem.file, problem.pointer) == ("parts/s.json", "/$defs/x")


def test_a_long_chain_of_references_is_followed(tmp_path: Path) -> None:
    chain: dict[str, Any] = {f"s{index}": refer(f"s{index + 1}") for index in range(5_000)}
    document = answering(refer("s0"), components={"schemas": chain | {"s5000": {"type": "integer"}}})
    contract = load(tmp_path, document)
    assert violations(contract, 5) == []
    assert violations(contract, "x") != []
    chain = {f"s{index}": {"$ref": f"#/s{index + 1}"} for index in range(5_000)}
    files = {"c.json": chain | {"s5000": {"type": "integer"}}}
    contract = load(tmp_path, answering({"$ref": "c.json#/s0"}), **files)
    assert violations(contract, 5) == []
    assert violations(contract, "x") != []


def test_mistakes_of_files_schemas_and_operations_come_at_once_and_once_each(tmp_path: Path) -> None:
    operation = {"operationId": "x", "parameters": [{"$ref": "gone.json#/id"}]}
    document = {
        **HEAD,
        "paths": {
            "/a/{id}": {"get": {**operation, "responses": {"200": {"$ref": "#/components/responses/Gone"}}}},
            "/b/{id}": {"get": {"operationId": "x", "responses": {"999": {"description": ""}}}},
            "/c": {
                "get": {
                    "parameters": [{"name": "q"}, {"name": "z", "in": "query", "schema": {"type": 5}}],
                    "responses": {"200": {"description": "", "x-provenance": "guessed"}},
                }
            },
        },
    }
    assert {problem.pointer for problem in refusal(tmp_path, document)} == {
        "",
        "/paths/~1a~1{id}/get/responses/200/$ref",
        "/paths/~1b~1{id}",
        "/paths/~1b~1{id}/get",
        "/paths/~1b~1{id}/get/responses/999",
        "/paths/~1c/get/parameters/0",
        "/paths/~1c/get/parameters/1/schema/type",
        "/paths/~1c/get/responses/200/x-provenance",
    }


def test_references_in_a_circle_outside_schemas_are_refused(tmp_path: Path) -> None:
    document = {
        **HEAD,
        "paths": {"/a": {"get": {"responses": {"200": {"$ref": "#/components/responses/a"}}}}},
        "components": {
            "responses": {
                "a": {"$ref": "#/components/responses/b"},
                "b": {"$ref": "#/components/responses/a"},
            }
        },
    }
    (problem,) = refusal(tmp_path, document)
    assert (problem.file, problem.message) == ("openapi.json", "leads back to itself")
    files = {"one.json": {"x": {"$ref": "two.json#/y"}}, "two.json": {"y": {"$ref": "one.json#/x"}}}
    document["paths"]["/a"]["get"]["responses"]["200"] = {"$ref": "one.json#/x"}  # type: ignore[index]
    assert "leads back to itself" in {problem.message for problem in refusal(tmp_path, document, **files)}


# What is no contract


def operation(**members: Any) -> dict[str, Any]:
    return {**HEAD, "paths": {"/a": {"get": {**OK, **members}}}}


GET = "/paths/~1a/get"
ID = {"name": "id", "in": "path", "required": True}
HEARSAY = {"200": {"description": "", "x-provenance": "hearsay"}}
REFUSED: dict[str, tuple[Any, str, str]] = {
    "a list": ([], "", "must be an object"),
    "nothing": ({}, "/openapi", "is missing"),
    "Swagger without paths": ({"swagger": "2.0"}, "/paths", "must be an object"),
    "Swagger 1": ({"swagger": "1.2"}, "/swagger", "`swagger` must be 2.0"),
    "version 2": ({"openapi": "2.0"}, "/openapi", "must be 3.0.x, 3.1.x or 3.2.x"),
    "version 4": ({"openapi": "4.0.0"}, "/openapi", "must be 3.0.x, 3.1.x or 3.2.x"),
    "version a number": ({"openapi": 2.5}, "/openapi", "must be 3.0.x, 3.1.x or 3.2.x"),
    "version true": ({"openapi": True}, "/openapi", "must be 3.0.x, 3.1.x or 3.2.x"),
    "webhooks only": ({**HEAD, "webhooks": {"made": {"post": OK}}}, "/paths", "webhooks and no paths"),
    "no paths": (HEAD, "/paths", "must be an object"),
    "paths a list": ({**HEAD, "paths": []}, "/paths", "must be an object"),
    "no operation": ({**HEAD, "paths": {}}, "/paths", "no operation"),
    "a path without a slash": ({**HEAD, "paths": {"a": {"get": OK}}}, "/paths/a", "must start with '/'"),
    "a path item that is a text": ({**HEAD, "paths": {"/a": "x"}}, "/paths/~1a", "must be an object"),
    "an operation that is null": ({**HEAD, "paths": {"/a": {"get": None}}}, GET, "must be an object"),
    "a brace that is not closed": (
        {**HEAD, "paths": {"/a-{id": {"get": OK}}}, "/paths/~1a-{id", "is not closed"
    ),
    "an undeclared parameter": (
        {**HEAD, "paths": {"/{id}": {"get": OK}}}, "/paths/~1{id}/get", "not declared"
    ),
    "no responses": ({**HEAD, "paths": {"/a": {"get": {}}}}, f"{GET}/responses", "must be an object"),
    "status 99": (operation(responses={"99": {"description": ""}}), f"{GET}/responses/99", "is no status"),
    "status 600": (operation(responses={"600": {"description": ""}}), f"{GET}/responses/600", "is no status"),
    "status ok": (operation(responses={"ok": {"description": ""}}), f"{GET}/responses/ok", "is no status"),
    "a response a text": (operation(responses={"200": "x"}), f"{GET}/responses/200", "must be an object"),
    "parameters an object": (operation(parameters={}), f"{GET}/parameters", "must be an array"),
    "a nameless parameter": (operation(parameters=[{"in": "query"}]), f"{GET}/parameters/0", "needs a name"),
    "a placeless parameter": (operation(parameters=[{"name": "a"}]), f"{GET}/parameters/0", "needs a name"),
    "a parameter in the body": (
        operation(parameters=[{"name": "a", "in": "body"}]), f"{GET}/parameters/0", "needs a name"
    ),
    "security an object": (operation(security={}), f"{GET}/security", "must be an array"),
    "an unknown provenance": (
        operation(responses=HEARSAY), f"{GET}/responses/200/x-provenance", "documented, inferred, invented"
    ),
    "a schema that is a text": (answering("x"), SCHEMA, "a schema must be an object or a boolean"),
    "a schema that is a list": (answering([]), SCHEMA, "a schema must be an object or a boolean"),
    "an unknown type": (answering({"type": "text"}), f"{SCHEMA}/type", "'text'"),
    "a negative length": (answering({"minLength": -1}), f"{SCHEMA}/minLength", "-1"),
}  # fmt: skip


@pytest.mark.parametrize("document", REFUSED)
def test_what_is_no_contract_is_refused_with_file_and_place(tmp_path: Path, document: str) -> None:
    content, pointer, words = REFUSED[document]
    problems = refusal(tmp_path, content)
    assert [(problem.pointer, Path(problem.file or "").name) for problem in problems] == [
        (pointer, "openapi.json")
    ]
    assert words in problems[0].message


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    document = {
        **HEAD,
        "paths": {
            "/a": {"get": {"operationId": "x", "responses": {"ok": {}}}},
            "b": {},
            "/c/{id}": {"post": {"operationId": "x", **OK, "parameters": [{"name": "a"}]}},
        },
    }
    assert {(problem.pointer, problem.file) for problem in refusal(tmp_path, document)} == {
        ("/paths/~1a/get/responses/ok", "openapi.json"),
        ("/paths/b", "openapi.json"),
        ("/paths/~1c~1{id}/post", "openapi.json"),
        ("/paths/~1c~1{id}/post/parameters/0", "openapi.json"),
        ("/paths/~1c~1{id}", "openapi.json"),
    }
    schema = {"properties": {"a": {"type": "x"}, "b": {"$ref": "../b.json"}, "c": {"minimum": "1"}}}
    assert len(refusal(tmp_path, answering(schema))) == 3


@pytest.mark.parametrize(
    ("first", "second"),
    [("/a/{x}", "/a/{y}"), ("/a b", "/a%20b"), ("/a/{x}/b", "/a/{y}/b"), ("/{x}.json", "/{y}.json")],
)
def test_two_paths_of_one_shape_are_refused(tmp_path: Path, first: str, second: str) -> None:
    def item(path: str) -> dict[str, Any]:
        names = list_names(path)
        parameters = [{"name": name, "in": "path", "required": True, "schema": {}} for name in names]
        return {"parameters": parameters, "get": OK}

    (problem,) = refusal(tmp_path, {**HEAD, "paths": {first: item(first), second: item(second)}})
    assert problem.pointer == "/paths/" + second.replace("/", "~1")
    assert "has the same shape as another path" in problem.message


def test_two_operations_of_one_id_are_refused(tmp_path: Path) -> None:
    named = {**OK, "operationId": "same"}
    (problem,) = refusal(tmp_path, {**HEAD, "paths": {"/a": {"get": named, "post": named}}})
    assert problem.message == "operationId 'same' is used twice"


# OpenAPI 3.0


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        ({"type": "string", "nullable": True}, ["x", None], [5]),
        ({"type": "string", "nullable": False}, ["x"], [None]),
        ({"type": "string", "enum": ["a"], "nullable": True}, ["a", None], ["b"]),
        ({"type": "integer", "minimum": 5, "exclusiveMinimum": True}, [6], [5]),
        ({"type": "integer", "minimum": 5, "exclusiveMinimum": False}, [5], [4]),
        ({"type": "number", "maximum": 5, "exclusiveMaximum": True}, [4.9], [5]),
        ({"allOf": [{"type": "integer", "nullable": True}]}, [1, None], ["x"]),
        ({"type": "array", "items": {"type": "string", "nullable": True}}, [[None, "x"]], [[1]]),
        ({"properties": {"a": {"type": "integer", "nullable": True}}}, [{"a": None}], [{"a": "x"}]),
        ({"$ref": "#/components/schemas/n", "nullable": True}, [1], [None]),
        ({"type": "object", "example": {"nullable": True, "exclusiveMinimum": True}}, [{}], [1]),
    ],
)  # fmt: skip
def test_a_schema_of_openapi_3_0_is_brought_up_to_date(
    tmp_path: Path, schema: Any, right: list[Any], wrong: list[Any]
) -> None:
    components = {"schemas": {"n": {"type": "integer"}}}
    contract = load(tmp_path, {**answering(schema, components=components), "openapi": "3.0.3"})
    assert contract.document["openapi"].startswith("3.1")
    for value in right:
        assert violations(contract, value) == []
    for value in wrong:
        assert violations(contract, value) != []


# YAML


def test_a_contract_may_be_yaml(tmp_path: Path) -> None:
    text = """
openapi: 3.1.0
info: {title: Countries, version: 1.10}
paths:
  /countries/{code}:
    get:
      operationId: getCountry
      parameters:
        - name: code
          in: path
          required: true
          schema: {enum: [NO, SE, on, 1.10, "1.10", ~, null, 0x1F, 1_0, 12:30]}
      responses:
        200:
          description: fine
          content:
            application/json:
              schema: {type: object, properties: {yes: {type: string}, 2026-01-01: {type: string}}}
              example: {yes: 2026-01-01, 2026-01-01: no}
"""
    contract = load_contract(write_files(tmp_path, {"openapi.yaml": text}) / "openapi.yaml")
    operation = only_operation(contract)
    assert (contract.version, operation.statuses) == ("1.1", (200,))
    envelope = operation.envelope(200)
    assert envelope is not None
    assert envelope.examples == {"example": {"yes": "2026-01-01", "2026-01-01": "no"}}
    code = operation.parameters[0].schema
    assert all(code.is_valid(value) for value in ("NO", "on", 1.1, "1.10", None, "0x1F", "1_0", "12:30"))
    assert not any(code.is_valid(value) for value in (False, True, 31, 10, 750))


def test_operations_are_hinted_at_by_likeness(contract: Contract) -> None:
    for method, path, id in (
        ("POST", "/v1/apikeys", "createApiKey"),
        ("DELETE", "/v1/api-keys/x/", "deleteApiKey"),
        ("POST", "/api-keys/x/regenrate", "regenerateManagedApiKey"),
    ):
        nearest = contract.find_nearest(method, path)
        assert nearest is not None
        assert nearest.id == id
