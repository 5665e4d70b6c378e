"""Older documents in today's form: Swagger 2.0 and OpenAPI 3.0 as 3.1, older JSON Schema as 2020-12."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import unquote

from mockserver.contract.pointers import list_at, object_at
from mockserver.contract.problems import Origins
from mockserver.json_codec import escape_pointer
from mockserver.types import Json, JsonObject

_COMBINED = ("allOf", "anyOf", "oneOf", "not", "if", "$ref")


def upgrade_schema(schema: JsonObject) -> JsonObject:
    """One schema object of OpenAPI 3.0 or Swagger 2.0 in 2020-12 form; its parts are upgraded already.

    As OpenAPI's guide "Migrating from 3.0 to 3.1" says. `nullable` beside a combination lets null through as
    well, since that is how people write "this reference or null".
    """
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(schema.get(exclusive), bool) and schema.pop(exclusive) and bound in schema:
            schema[exclusive] = schema.pop(bound)
    if schema.get("type") == "file":
        schema |= {"type": "string", "format": "binary"}
    if isinstance(schema.get("discriminator"), str):
        schema["discriminator"] = {"propertyName": schema["discriminator"]}
    is_nullable = schema.pop("nullable", None)
    if (schema.get("x-nullable") if is_nullable is None else is_nullable) is True:
        return _let_null_through(schema)
    return schema


def _let_null_through(schema: JsonObject) -> JsonObject:
    if any(key in schema for key in _COMBINED):
        beside = ("description", "title", "default", "example")
        notes: JsonObject = {key: schema.pop(key) for key in beside if key in schema}
        return notes | {"anyOf": [schema, {"type": "null"}]}
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
    return schema


def upgrade_draft(schema: JsonObject) -> JsonObject:
    """One schema object of JSON Schema draft 4 to 2019-09 in 2020-12 form; its parts are upgraded already."""
    schema = upgrade_schema(schema)
    if isinstance(schema.get("items"), list):
        schema["prefixItems"] = schema.pop("items")
        if "additionalItems" in schema:
            schema["items"] = schema.pop("additionalItems")
    for name, rule in object_at(schema, "dependencies").items():
        kind = "dependentRequired" if isinstance(rule, list) else "dependentSchemas"
        schema.setdefault(kind, {})[name] = rule
    schema.pop("dependencies", None)
    return schema


def is_older_draft(schema: JsonObject) -> bool:
    """Whether `$schema` names a draft before 2020-12."""
    dialect = schema.get("$schema")
    return isinstance(dialect, str) and any(
        f"/{draft}/schema" in dialect for draft in ("draft-03", "draft-04", "draft-06", "draft-07", "2019-09")
    )


# Swagger 2.0

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_SCHEMA_KEYS = (
    "type", "format", "items", "default", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum",
    "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "enum", "multipleOf",
    "x-nullable", "x-example",
)  # fmt: skip
_STYLES: dict[str, tuple[str, bool]] = {
    "csv": ("form", False), "ssv": ("spaceDelimited", False), "pipes": ("pipeDelimited", False),
    "multi": ("form", True),
}  # fmt: skip
_MOVED = {
    "#/definitions/": "#/components/schemas/",
    "#/parameters/": "#/components/parameters/",
    "#/responses/": "#/components/responses/",
}


def upgrade_swagger(document: JsonObject, origins: Origins) -> JsonObject:
    """A bundled Swagger 2.0 document as OpenAPI 3.1. `origins` learns where each part has gone."""
    return _Swagger(document, origins).upgrade()


class _Swagger:
    def __init__(self, document: JsonObject, origins: Origins) -> None:
        self._document = document
        self._origins = origins
        self._shared = object_at(document, "parameters")

    def upgrade(self) -> JsonObject:
        document = self._document
        kept = ("info", "tags", "externalDocs", "security")
        new: JsonObject = {"openapi": "3.1.0", **{key: document[key] for key in kept if key in document}}
        new |= {key: item for key, item in document.items() if key.startswith("x-")}
        new["servers"] = list(self._servers())
        components: JsonObject = {}
        for old, name in (("definitions", "schemas"), ("securityDefinitions", "securitySchemes")):
            if isinstance(document.get(old), dict):
                components[name] = document[old]
                self._move(f"/components/{name}", f"/{old}")
        for name, scheme in components.get("securitySchemes", {}).items():
            components["securitySchemes"][name] = _security_scheme(scheme)
        produces = document.get("produces")
        responses = document.get("responses")
        if isinstance(responses, dict):
            self._move("/components/responses", "/responses")
            change = partial(self._response, produces)
            components["responses"] = _change_each(responses, "/components/responses", change)
        parameters = {
            name: self._parameter(parameter, f"/components/parameters/{escape_pointer(name)}")
            for name, parameter in self._shared.items()
            if isinstance(parameter, dict) and parameter.get("in") not in ("body", "formData")
        }
        if parameters:
            self._move("/components/parameters", "/parameters")
            components["parameters"] = parameters
        new["components"] = components
        if "paths" in document:
            new["paths"] = _change_each(document["paths"], "/paths", self._path_item)
        moved: JsonObject = _move_references(new)
        return moved

    def _move(self, new: str, old: str) -> None:
        file, original = self._origins.find(old)
        self._origins.add(new, file, original)

    def _servers(self) -> Iterator[JsonObject]:
        document = self._document
        host, base = document.get("host"), document.get("basePath", "")
        base = base if isinstance(base, str) else ""
        schemes = document.get("schemes")
        for scheme in schemes if isinstance(schemes, list) and schemes else ["https"]:
            yield {"url": f"{scheme}://{host}{base}" if isinstance(host, str) else base or "/"}

    def _path_item(self, item: Json, pointer: str) -> Json:
        if not isinstance(item, dict):
            return item
        shared = item.get("parameters")
        above = list_at(item, "parameters")
        new = {key: part for key, part in item.items() if key not in (*_METHODS, "parameters")}
        for method in _METHODS:
            if method in item:
                new[method] = self._operation(item[method], above, f"{pointer}/{method}", pointer)
        if "parameters" in item:
            new["parameters"] = (
                [
                    self._parameter(part, f"{pointer}/parameters/{index}")
                    for index, part in enumerate(above)
                    if not self._is_body(part)
                ]
                if isinstance(shared, list)
                else shared
            )
        return new

    def _operation(self, raw: Json, above: list[Json], pointer: str, item_pointer: str) -> Json:
        if not isinstance(raw, dict):
            return raw
        moved = ("parameters", "responses", "consumes", "produces", "schemes")
        new = {key: part for key, part in raw.items() if key not in moved}
        if "parameters" in raw and not isinstance(raw["parameters"], list):
            new["parameters"] = raw["parameters"]
        places = [(part, f"{item_pointer}/parameters/{index}") for index, part in enumerate(above)]
        own_places = [
            (part, f"{pointer}/parameters/{index}") for index, part in enumerate(list_at(raw, "parameters"))
        ]
        body = [
            (self._followed(part), place) for part, place in (*places, *own_places) if self._is_body(part)
        ]
        kept = [(part, place) for part, place in own_places if not self._is_body(part)]
        if kept:
            new["parameters"] = [
                self._parameter(part, f"{pointer}/parameters/{index}", place)
                for index, (part, place) in enumerate(kept)
            ]
        if body:
            consumes = raw.get("consumes", self._document.get("consumes"))
            new["requestBody"] = self._body(body, consumes, f"{pointer}/requestBody")
        if "responses" in raw:
            produces = raw.get("produces", self._document.get("produces"))
            change = partial(self._response, produces)
            new["responses"] = _change_each(raw["responses"], f"{pointer}/responses", change)
        return new

    def _followed(self, part: Json) -> Json:
        if isinstance(part, dict) and isinstance(reference := part.get("$ref"), str):
            name = unquote(reference.rpartition("/")[2]).replace("~1", "/").replace("~0", "~")
            return self._shared.get(name, part) if reference.startswith("#/parameters/") else part
        return part

    def _is_body(self, part: Json) -> bool:
        found = self._followed(part)
        return isinstance(found, dict) and found.get("in") in ("body", "formData")

    def _parameter(self, raw: Json, pointer: str, old: str | None = None) -> Json:
        if old is not None and old != pointer:
            self._move(pointer, old)
        if not isinstance(raw, dict) or "$ref" in raw:
            return raw
        new = {
            key: part for key, part in raw.items() if key not in _SCHEMA_KEYS and key != "collectionFormat"
        }
        # What is wrong with it is told at its new place.
        self._move(f"{pointer}/schema", old or pointer)
        new["schema"] = _schema_of(raw)
        style = _STYLES.get(str(raw.get("collectionFormat", "csv")))
        if raw.get("type") == "array" and style is not None:
            name, is_exploded = style
            if raw.get("in") in ("query", "formData"):
                new |= {"style": name, "explode": is_exploded}
        return new

    def _body(self, parts: list[tuple[Any, str]], consumes: Json, pointer: str) -> JsonObject:
        types = [name for name in consumes if isinstance(name, str)] if isinstance(consumes, list) else []
        whole = next(((part, place) for part, place in parts if part.get("in") == "body"), None)
        if whole is not None:
            part, place = whole
            content = {}
            for name in types or ["application/json"]:
                self._move(f"{pointer}/content/{escape_pointer(name)}/schema", f"{place}/schema")
                content[name] = {"schema": part["schema"]} if "schema" in part else {}
            return {
                "content": content,
                "required": part.get("required") is True,
                "description": part.get("description", ""),
            }
        properties: JsonObject = {}
        encoding: JsonObject = {}
        required = []
        for part, _ in parts:
            name = str(part.get("name"))
            properties[name] = _schema_of(part)
            if "description" in part:
                properties[name]["description"] = part["description"]
            if part.get("required") is True:
                required.append(name)
            if part.get("type") == "array" and part.get("collectionFormat") != "multi":
                style, is_exploded = _STYLES.get(str(part.get("collectionFormat", "csv")), ("form", False))
                encoding[name] = {"style": style, "explode": is_exploded}
        schema: JsonObject = {"type": "object", "properties": properties}
        if required:
            schema["required"] = required
        has_file = any(part.get("type") == "file" for part, _ in parts)
        forms = [
            name for name in types if name in ("application/x-www-form-urlencoded", "multipart/form-data")
        ]
        default = "multipart/form-data" if has_file else "application/x-www-form-urlencoded"
        media = {"schema": schema, "encoding": encoding} if encoding else {"schema": schema}
        for name in forms or [default]:
            self._move(f"{pointer}/content/{escape_pointer(name)}/schema", parts[0][1])
        return {"content": dict.fromkeys(forms or [default], media), "required": bool(required)}

    def _response(self, produces: Json, raw: Json, pointer: str) -> Json:
        if not isinstance(raw, dict) or "$ref" in raw:
            return raw
        new = {key: part for key, part in raw.items() if key not in ("schema", "examples", "headers")}
        examples = object_at(raw, "examples")
        types = [name for name in produces if isinstance(name, str)] if isinstance(produces, list) else []
        if "schema" in raw or examples:
            names = list(dict.fromkeys((*(types or ([] if examples else ["application/json"])), *examples)))
            content = {}
            for name in names:
                if "schema" in raw:
                    self._move(f"{pointer}/content/{escape_pointer(name)}/schema", f"{pointer}/schema")
                    content[name] = {"schema": raw["schema"]}
                else:
                    content[name] = {}
                if name in examples:
                    content[name]["example"] = examples[name]
            new["content"] = content
        headers = raw.get("headers")
        if isinstance(headers, dict):
            new["headers"] = {
                name: {"schema": _schema_of(header), "description": header.get("description", "")}
                for name, header in headers.items()
                if isinstance(header, dict)
            }
        return new


def _change_each(owner: Json, pointer: str, change: Callable[[Json, str], Json]) -> Json:
    """The members of an object, each as `change` makes it by its pointer; what is no object as it is."""
    if not isinstance(owner, dict):
        return owner
    return {name: change(item, f"{pointer}/{escape_pointer(name)}") for name, item in owner.items()}


def _schema_of(raw: JsonObject) -> JsonObject:
    """The schema that a parameter or a header of Swagger 2.0 has among its own members."""
    schema = {key: raw[key] for key in _SCHEMA_KEYS if key in raw}
    if isinstance(schema.get("items"), dict):
        schema["items"] = _schema_of(schema["items"]) if "$ref" not in schema["items"] else schema["items"]
    if "x-example" in schema:
        schema["example"] = schema.pop("x-example")
    return upgrade_schema(schema)


def _security_scheme(scheme: Json) -> Json:
    if not isinstance(scheme, dict):
        return scheme
    if scheme.get("type") == "basic":
        return {"type": "http", "scheme": "basic", "description": scheme.get("description", "")}
    if scheme.get("type") == "oauth2":
        flows = {"application": "clientCredentials", "accessCode": "authorizationCode"}
        flow = str(scheme.get("flow", "implicit"))
        kept = {
            key: scheme[key] for key in ("authorizationUrl", "tokenUrl") if isinstance(scheme.get(key), str)
        }
        return {
            "type": "oauth2",
            "description": scheme.get("description", ""),
            "flows": {flows.get(flow, flow): {**kept, "scopes": scheme.get("scopes", {})}},
        }
    return scheme


def _move_references(value: Json) -> Json:
    """The same value, with references to where things have gone."""
    if isinstance(value, list):
        return [_move_references(item) for item in value]
    if not isinstance(value, dict):
        return value
    copy = {key: _move_references(item) for key, item in value.items()}
    reference = copy.get("$ref")
    for old, new in _MOVED.items():
        if isinstance(reference, str) and reference.startswith(old):
            copy["$ref"] = new + reference.removeprefix(old)
    return copy
