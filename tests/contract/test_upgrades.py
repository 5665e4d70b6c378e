"""Older documents are read as the newest: Swagger 2.0, OpenAPI 3.0, drafts of JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mockserver.contract import Contract, load_contract
from mockserver.contract.upgrades import is_older_draft, upgrade_draft, upgrade_schema


def swagger(folder: Path, paths: Any, **more: Any) -> Contract:
    document = {"swagger": "2.0", "info": {"title": "old", "version": "1"}, "paths": paths, **more}
    path = folder / "swagger.json"
    path.write_text(json.dumps(document), "utf-8")
    return load_contract(path)


def part(contract: Contract, *way: str) -> Any:
    value: Any = contract.document
    for step in way:
        value = value[step]
    return value


OK: dict[str, Any] = {"200": {"description": ""}}


@pytest.mark.parametrize(
    ("more", "prefixes"),
    [
        ({"host": "api.example.com", "basePath": "/v2", "schemes": ["http", "https"]}, ("/v2",)),
        ({"host": "api.example.com"}, ("",)),
        ({"basePath": "/v2"}, ("/v2",)),
        ({"basePath": 5}, ("",)),
        ({}, ("",)),
    ],
)
def test_host_and_base_path_are_servers(
    tmp_path: Path, more: dict[str, Any], prefixes: tuple[str, ...]
) -> None:
    contract = swagger(tmp_path, {"/a": {"get": {"operationId": "a", "responses": OK}}}, **more)
    assert contract.operations["a"].prefixes == prefixes


def test_bodies_and_forms_are_request_bodies(tmp_path: Path) -> None:
    paths = {
        "/json": {
            "parameters": [
                {"$ref": "#/parameters/page"},
                {"name": "b", "in": "body", "schema": {"type": "object"}},
            ],
            "post": {"operationId": "json", "consumes": ["application/json", "text/json"], "responses": OK},
        },
        "/form": {
            "post": {
                "operationId": "form",
                "parameters": [
                    {"name": "n", "in": "formData", "type": "integer", "required": True,
                     "description": "count"},
                    {"name": "tags", "in": "formData", "type": "array", "items": {"type": "string"},
                     "collectionFormat": "pipes"},
                ],
                "responses": OK,
            }
        },
        "/file": {
            "post": {
                "operationId": "file",
                "consumes": ["multipart/form-data"],
                "parameters": [{"name": "f", "in": "formData", "type": "file", "required": True}],
                "responses": OK,
            }
        },
        "/shared": {
            "post": {
                "operationId": "shared",
                "parameters": [{"$ref": "#/parameters/whole"}, {"name": "q", "in": "query", "type": "array",
                               "items": {"type": "integer"}, "collectionFormat": "multi"}],
                "responses": OK,
            }
        },
    }  # fmt: skip
    parameters = {
        "page": {"name": "page", "in": "query", "type": "integer", "x-example": 3},
        "whole": {
            "name": "b",
            "in": "body",
            "required": True,
            "schema": {"type": "string"},
            "description": "all",
        },
    }
    contract = swagger(tmp_path, paths, parameters=parameters)
    bodies = {name: item.body for name, item in contract.operations.items()}
    assert bodies["json"] is not None
    assert list(bodies["json"].content) == ["application/json", "text/json"]
    assert bodies["form"] is not None
    assert list(bodies["form"].content) == ["application/x-www-form-urlencoded"]
    assert bodies["file"] is not None
    assert list(bodies["file"].content) == ["multipart/form-data"]
    assert bodies["shared"] is not None
    assert bodies["shared"].required
    (page,) = contract.operations["json"].parameters
    assert (page.name, set(page.types)) == ("page", {"integer"})
    (query,) = contract.operations["shared"].parameters
    assert (query.style, query.is_exploded) == ("form", True)


def test_answers_have_the_media_types_that_are_produced(tmp_path: Path) -> None:
    responses = {
        "200": {
            "description": "",
            "schema": {"$ref": "#/definitions/Thing"},
            "examples": {"application/json": {"id": 1}},
            "headers": {"X-Page": {"type": "integer", "description": "which"}},
        },
        "404": {"$ref": "#/responses/Gone"},
        "410": {"description": "", "examples": {"text/plain": "gone"}},
    }
    contract = swagger(
        tmp_path,
        {
            "/a": {
                "get": {
                    "operationId": "a",
                    "produces": ["application/json", "text/csv"],
                    "responses": responses,
                }
            }
        },
        definitions={"Thing": {"type": "object", "x-nullable": True, "discriminator": "kind"}},
        responses={"Gone": {"description": "gone", "schema": {"type": "string"}}},
    )
    content = part(contract, "paths", "/a", "get", "responses", "200", "content")
    assert list(content) == ["application/json", "text/csv"]
    assert content["application/json"]["example"] == {"id": 1}
    assert list(part(contract, "paths", "/a", "get", "responses", "200", "headers")) == ["X-Page"]
    assert list(part(contract, "components", "responses", "Gone", "content")) == ["application/json"]
    assert contract.operations["a"].statuses == (200, 404, 410)


def test_security_definitions_are_schemes(tmp_path: Path) -> None:
    definitions = {
        "basic": {"type": "basic"},
        "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
        "code": {
            "type": "oauth2", "flow": "accessCode", "authorizationUrl": "https://a.example",
            "scopes": {"read": "r"},
        },
    }  # fmt: skip
    contract = swagger(
        tmp_path,
        {"/a": {"get": {"operationId": "a", "responses": OK}}},
        securityDefinitions=definitions,
        security=[{"basic": []}],
    )
    kinds = {name: scheme.kind for name, scheme in contract.security_schemes.items()}
    assert kinds == {"basic": "basic", "key": "apiKey", "code": "oauth2"}
    assert list(part(contract, "components", "securitySchemes", "code", "flows")) == ["authorizationCode"]
    assert contract.operations["a"].requires_credential


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
        ({"maximum": 1, "exclusiveMaximum": False}, {"maximum": 1}),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"enum": ["a"], "nullable": True}, {"enum": ["a", None]}),
        ({"enum": ["a", None], "nullable": True}, {"enum": ["a", None]}),
        (
            {"$ref": "#/x", "nullable": True, "title": "t"},
            {"title": "t", "anyOf": [{"$ref": "#/x"}, {"type": "null"}]},
        ),
        ({"type": "file"}, {"type": "string", "format": "binary"}),
        ({"discriminator": "kind"}, {"discriminator": {"propertyName": "kind"}}),
        ({"type": "string", "nullable": False, "x-nullable": True}, {"type": "string", "x-nullable": True}),
    ],
)
def test_a_schema_of_openapi_3_0_says_the_same_in_today_s_words(old: Any, new: Any) -> None:
    assert upgrade_schema(dict(old)) == new


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"items": [{"type": "string"}]}, {"prefixItems": [{"type": "string"}]}),
        ({"items": [True], "additionalItems": False}, {"prefixItems": [True], "items": False}),
        (
            {"dependencies": {"a": ["b"], "c": True}},
            {"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"c": True}},
        ),
    ],
)
def test_a_schema_of_an_older_draft_says_the_same_in_today_s_words(old: Any, new: Any) -> None:
    assert upgrade_draft(dict(old)) == new


def test_older_drafts_are_known_by_their_name() -> None:
    names = {
        "http://json-schema.org/draft-07/schema#": True,
        "https://json-schema.org/draft/2020-12/schema": False,
    }
    assert {name: is_older_draft({"$schema": name}) for name in names} == names
    assert not is_older_draft({})


@pytest.mark.parametrize(
    "paths",
    [
        5,
        {"/a": 5},
        {"/a": {"get": 5}},
        {"/a": {"get": {"parameters": 5, "responses": OK}}},
        {"/a": {"parameters": 5, "get": {"responses": OK}}},
        {"/a": {"get": {"responses": 5}}},
        {"/a": {"get": {"responses": {"200": 5}}}},
        {"/a": {"get": {"parameters": [5], "responses": OK}}},
    ],
)
def test_what_is_no_operation_is_told_and_never_a_traceback(tmp_path: Path, paths: Any) -> None:
    try:
        contract = swagger(tmp_path, paths)
    except Exception as error:
        assert type(error).__name__ == "ContractError", error
        assert str(error).startswith("swagger.json#/paths") or "swagger.json" in str(error)
    else:
        assert contract.problems
