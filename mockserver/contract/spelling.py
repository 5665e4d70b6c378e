"""Members of a contract whose names are nearly those of OpenAPI: what a typo leaves out without a word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mockserver.contract.pointers import SCHEMA_LISTS, SCHEMA_MAPS, SCHEMA_PARTS
from mockserver.json_codec import escape_pointer
from mockserver.suggestions import find_nearest
from mockserver.types import Json, JsonObject

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
_SCHEMA = frozenset({
    "$anchor", "$comment", "$defs", "$dynamicAnchor", "$dynamicRef", "$id", "$ref", "$schema", "$vocabulary",
    "additionalItems", "additionalProperties", "allOf", "anyOf", "const", "contains", "contentEncoding",
    "contentMediaType", "contentSchema", "default", "definitions", "dependencies", "dependentRequired",
    "dependentSchemas", "deprecated", "description", "discriminator", "else", "enum", "example", "examples",
    "exclusiveMaximum", "exclusiveMinimum", "externalDocs", "format", "id", "if", "items", "maxContains",
    "maxItems", "maxLength", "maxProperties", "maximum", "minContains", "minItems", "minLength",
    "minProperties", "minimum", "multipleOf", "not", "nullable", "oneOf", "pattern", "patternProperties",
    "prefixItems", "properties", "propertyNames", "readOnly", "required", "then", "title", "type",
    "unevaluatedItems", "unevaluatedProperties", "uniqueItems", "writeOnly", "xml",
})  # fmt: skip
# The members of each object, with what their values are: an object's name, `[…]` a list, `{…}` a map of it.
_OBJECTS: Mapping[str, Mapping[str, str]] = {
    "document": {
        "openapi": "", "info": "info", "jsonSchemaDialect": "", "servers": "", "paths": "{path item}",
        "webhooks": "{path item}", "components": "components", "security": "", "tags": "", "externalDocs": "",
        "$self": "",
    },
    "info": dict.fromkeys(
        ("title", "summary", "description", "termsOfService", "contact", "license", "version"), ""
    ),
    "components": {
        "schemas": "{schema}", "responses": "{response}", "parameters": "{parameter}",
        "examples": "{example}", "requestBodies": "{request body}", "headers": "{header}",
        "securitySchemes": "", "links": "",
        "callbacks": "", "pathItems": "{path item}", "mediaTypes": "{media type}",
    },
    "path item": {
        "$ref": "", "summary": "", "description": "", "servers": "", "parameters": "[parameter]",
        "additionalOperations": "{operation}", **dict.fromkeys(sorted(METHODS), "operation"),
    },
    "operation": {
        "tags": "", "summary": "", "description": "", "externalDocs": "", "operationId": "",
        "parameters": "[parameter]", "requestBody": "request body", "responses": "{response}",
        "callbacks": "", "deprecated": "", "security": "", "servers": "", "consumes": "", "produces": "",
        "schemes": "",
    },
    "parameter": {
        "name": "", "in": "", "description": "", "required": "", "deprecated": "", "allowEmptyValue": "",
        "style": "", "explode": "", "allowReserved": "", "schema": "schema", "example": "",
        "examples": "{example}", "content": "{media type}",
    },
    "header": {
        "description": "", "required": "", "deprecated": "", "allowEmptyValue": "", "style": "",
        "explode": "", "schema": "schema", "example": "", "examples": "{example}", "content": "{media type}",
    },
    "request body": {"description": "", "content": "{media type}", "required": ""},
    "media type": {
        "schema": "schema", "itemSchema": "schema", "example": "", "examples": "{example}", "encoding": "",
        "prefixEncoding": "", "itemEncoding": "",
    },
    "response": {
        "summary": "", "description": "", "headers": "{header}", "content": "{media type}", "links": "",
    },
    "example": dict.fromkeys(
        ("summary", "description", "value", "externalValue", "dataValue", "serializedValue"), ""
    ),
}  # fmt: skip
EXTENSIONS = frozenset(
    {"x-account", "x-mockserver", "x-permission", "x-provenance", "x-reasons", "x-rules", "x-source"}
)


def find_misspellings(document: JsonObject) -> Iterator[tuple[str, str]]:
    """Message and pointer of each member whose name is unknown and near to a known one."""
    seen: dict[tuple[str, str], str | None] = {}
    names: dict[str, str] = {}
    for kind, name, pointer in _list_members(document):
        if name.startswith("x-"):
            names.setdefault(name, pointer)
        else:
            if (kind, name) not in seen:
                known = _SCHEMA if kind == "schema" else _OBJECTS[kind]
                # A name of two letters is near to everything.
                near = find_nearest(name, known) if len(name) > 2 else []
                seen[kind, name] = near[0] if near else None
            if near_name := seen[kind, name]:
                article = "an" if kind[0] in "aeiou" else "a"
                yield f"{name!r} is no member of {article} {kind}; did you mean {near_name!r}?", pointer
    for name, pointer in names.items():
        near = find_nearest(name, EXTENSIONS)
        # An extension of others, unless this document uses ours.
        if name not in EXTENSIONS and near and near[0] in names:
            yield f"{name!r} is not known; did you mean {near[0]!r}?", pointer


def _list_members(document: JsonObject) -> Iterator[tuple[str, str, str]]:
    """Kind of the owner, name and pointer of each member that is an extension or not known."""
    waiting: list[tuple[str, Json, str]] = [("document", document, "")]
    while waiting:
        kind, value, pointer = waiting.pop()
        if kind[:1] == "{" and isinstance(value, dict):
            waiting += [
                (kind[1:-1], item, f"{pointer}/{escape_pointer(name)}")
                for name, item in value.items()
                if not name.startswith("x-")
            ]
        elif kind[:1] == "[" and isinstance(value, list):
            waiting += [(kind[1:-1], item, f"{pointer}/{index}") for index, item in enumerate(value)]
        elif isinstance(value, dict) and kind[:1] not in ("", "{", "["):
            known: Mapping[str, str] | frozenset[str] = _SCHEMA if kind == "schema" else _OBJECTS[kind]
            if "$ref" in value and kind not in ("schema", "path item"):
                continue
            for name, item in value.items():
                place = f"{pointer}/{escape_pointer(name)}"
                if name not in known:
                    yield kind, name, place
                elif isinstance(known, Mapping):
                    waiting.append((known[name], item, place))
                elif name in SCHEMA_MAPS:
                    waiting.append(("{schema}", item, place))
                elif name in SCHEMA_PARTS or name in SCHEMA_LISTS:
                    waiting.append(("[schema]" if isinstance(item, list) else "schema", item, place))
