"""The loader: an OpenAPI 3.0 or 3.1 document, with the files beside it, becomes a Contract.

Three steps: `_Bundler` reads all files into one document without outside references (and brings 3.0 schemas
into 2020-12 form), `_Reader` turns that document into operations, and every mistake met on the way is
collected, so that a user sees all of them at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from mockserver.contract.documents import find_inside, read_document
from mockserver.contract.operations import (
    Assumption,
    Contract,
    Envelope,
    Operation,
    Parameter,
    PathItem,
    Place,
    RequestBody,
    Requirement,
)
from mockserver.contract.path_templates import PathTemplates
from mockserver.contract.schema_registry import (
    DATA_KEYWORDS,
    DIALECT,
    SCHEMA_MAPS,
    CompiledSchema,
    SchemaRegistry,
    check_schema,
    find_loops,
    find_pointer,
    write_fragment,
)
from mockserver.contract.security import read_requirements, read_schemes
from mockserver.exceptions import ContractError, Problem
from mockserver.json_codec import escape_pointer
from mockserver.types import Json, JsonObject

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
PROVENANCES = ("documented", "inferred", "invented")
_MAX_REFERENCES = 10_000
# Members of a document whose own members are named by whoever wrote it.
_MAPS = frozenset({
    "callbacks", "content", "encoding", "examples", "headers", "links", "parameters", "pathItems", "paths",
    "requestBodies", "responses", "securitySchemes", "variables", "webhooks",
})  # fmt: skip
_MEDIA_TYPE = re.compile(r"[!#$%&'*+.^_`|~\w/-]+(?:\s*;[ -~]*)?", re.ASCII)


def load_contract(path: Path) -> Contract:
    """Read the OpenAPI document at `path`.

    `$ref` reaches files in the document's folder and below it, and nothing else. Raises ContractError with
    every problem, each with its file and JSON pointer.
    """
    bundler = _Bundler(path)
    try:
        return _Reader(bundler.bundle(), path.name, bundler.problems).read()
    except RecursionError:
        text = "references or schemas are nested too deeply"
        raise ContractError([Problem(text, file=path.name)]) from None


class _Bundler:
    """Copies a document, replacing references to other files by references into the copy."""

    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        self._root = path.name
        self._files: dict[str, Json] = {}
        self._components: dict[tuple[str, str], str] = {}
        self._schemas: JsonObject = {}
        self._is_old = False
        self._references = 0
        self.problems: list[Problem] = []

    def bundle(self) -> JsonObject:
        document = self._files[self._root] = read_document(self._folder / self._root)
        if not isinstance(document, dict):
            raise ContractError([Problem("an OpenAPI document must be an object", file=self._root)])
        version = document.get("openapi")
        if not isinstance(version, str) or not version.startswith(("3.0", "3.1")):
            given = "is missing" if version is None else f"is {version!r}"
            raise ContractError([Problem(f"{given}; must be 3.0.x or 3.1.x", "/openapi", self._root)])
        self._is_old = version.startswith("3.0")
        components = document.get("components", {})
        if not isinstance(components, dict) or not isinstance(components.get("schemas", {}), dict):
            raise ContractError(
                [Problem("must be an object, and so must its schemas", "/components", self._root)]
            )
        # Taken first, so that a file imported under the same name gives way.
        self._schemas.update(dict.fromkeys(components.get("schemas", {})))
        copy = cast(JsonObject, self._copy(document, self._root, "", ()))
        copy["openapi"] = "3.1.0" if self._is_old else version
        if self._schemas:
            own = copy.setdefault("components", {}).setdefault("schemas", {})
            own.update({name: schema for name, schema in self._schemas.items() if schema is not None})
        if not self.problems:
            for pointer in find_loops(copy):
                self._problem("leads back to itself", *self._find_origin(pointer))
            if self.problems:
                # Whatever else there is would be told of each turn.
                raise ContractError(self.problems)
        return copy

    def _find_origin(self, pointer: str) -> tuple[str, str]:
        """Pointer and file from which a place of the copy was taken."""
        for (file, place), component in self._components.items():
            start = unquote(component.removeprefix("#"))
            if pointer == start or pointer.startswith(f"{start}/"):
                return place + pointer.removeprefix(start), file
        return pointer, self._root

    def _copy(
        self, value: Json, file: str, pointer: str, inlined: tuple[str, ...], *, has_names: bool = False
    ) -> Json:
        """A part of the document that is no schema. `has_names`: its author gave its members their names."""
        if isinstance(value, list):
            return [self._copy(item, file, f"{pointer}/{index}", inlined) for index, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        reference = value.get("$ref")
        if isinstance(reference, str) and not has_names:
            if file == self._root and reference.startswith("#"):
                return {"$ref": reference}
            found = self._follow(reference, file, f"{pointer}/$ref")
            if found is None:
                return {}
            where, place, target = found
            if f"{where}#{place}" in inlined:
                self._problem("leads back to itself", f"{pointer}/$ref", file)
                return {}
            return self._copy(target, where, place, (*inlined, f"{where}#{place}"))
        copy: JsonObject = {}
        for key, item in value.items():
            place = f"{pointer}/{escape_pointer(key)}"
            if has_names:
                copy[key] = self._copy(item, file, place, inlined)
            elif key == "schema":
                copy[key] = self._schema(item, file, place)
            elif place == "/components/schemas" and isinstance(item, dict):
                copy[key] = {
                    name: self._schema(schema, file, f"{place}/{escape_pointer(name)}")
                    for name, schema in item.items()
                }
            elif key in ("example", "value") or key.startswith("x-"):
                copy[key] = item
            else:
                copy[key] = self._copy(item, file, place, inlined, has_names=key in _MAPS)
        return copy

    def _schema(self, schema: Json, file: str, pointer: str) -> Json:
        """A schema, checked as a whole and copied with its references rewritten."""
        upgraded = _upgrade(schema) if self._is_old else schema
        for problem in check_schema(upgraded, pointer):
            self._problem(problem.message, problem.pointer, file)
        return self._schema_part(upgraded, file, pointer)

    def _schema_part(self, value: Json, file: str, pointer: str) -> Json:
        if isinstance(value, list):
            return [self._schema_part(item, file, f"{pointer}/{index}") for index, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        copy: JsonObject = {}
        for key, item in value.items():
            place = f"{pointer}/{escape_pointer(key)}"
            if key in SCHEMA_MAPS and isinstance(item, dict):
                copy[key] = {
                    name: self._schema_part(part, file, f"{place}/{escape_pointer(name)}")
                    for name, part in item.items()
                }
            elif key in ("$ref", "$dynamicRef") and isinstance(item, str):
                copy["$ref"] = self._schema_reference(item, file, place)
            elif key in ("$id", "$schema", "$anchor", "$dynamicAnchor") and isinstance(item, str):
                # Places are by file and pointer here; a second address would only confuse a validator.
                continue
            elif key in DATA_KEYWORDS:
                copy[key] = item
            else:
                copy[key] = self._schema_part(item, file, place)
        return copy

    def _schema_reference(self, reference: str, file: str, pointer: str) -> str:
        found = self._follow(reference, file, pointer)
        if found is None:
            return "#"
        where, place, target = found
        if where == self._root:
            return f"#{write_fragment(place)}"
        if (where, place) not in self._components:
            name = self._free_name(where, place)
            fragment = write_fragment(f"/components/schemas/{escape_pointer(name)}")
            self._components[where, place] = f"#{fragment}"
            self._schemas[name] = {}
            self._schemas[name] = self._schema(target, where, place)
        return self._components[where, place]

    def _free_name(self, file: str, pointer: str) -> str:
        stem = pointer.rpartition("/")[2] if pointer else Path(file).name.rpartition(".")[0]
        name, number = stem, 2
        while name in self._schemas:
            name, number = f"{stem}-{number}", number + 1
        return name

    def _follow(self, reference: str, file: str, pointer: str) -> tuple[str, str, Json] | None:
        """File, pointer and value that a reference in `file` names; None, with a problem, if it may not or
        leads nowhere."""
        self._references += 1
        if self._references > _MAX_REFERENCES:
            raise ContractError([Problem(f"more than {_MAX_REFERENCES} references", pointer, file)])
        address, _, fragment = reference.partition("#")
        where = file
        if address:
            path = find_inside(self._folder, str(Path(file).parent / unquote(address)))
            if path is None or urlsplit(address).scheme:
                text = f"{reference!r} is not allowed: a $ref reaches files below the contract's folder only"
                self._problem(text, pointer, file)
                return None
            where = path.relative_to(self._folder.resolve()).as_posix()
            if where not in self._files:
                try:
                    self._files[where] = read_document(path, shown=where)
                except ContractError as error:
                    self.problems.extend(error.problems)
                    self._files[where] = {}
        place = unquote(fragment)
        target = find_pointer(self._files[where], place) if not place or place.startswith("/") else None
        if target is None:
            self._problem(f"{reference!r} leads to nothing", pointer, file)
            return None
        return where, place, target

    def _problem(self, message: str, pointer: str, file: str) -> None:
        problem = Problem(message, pointer, file)
        if problem not in self.problems:
            self.problems.append(problem)


def _upgrade(schema: Json) -> Json:
    """An OpenAPI 3.0 schema in JSON Schema 2020-12 form (OpenAPI 3.1.0, "Migrating from 3.0")."""
    if isinstance(schema, list):
        return [_upgrade(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("$ref"), str):
        return {"$ref": schema["$ref"]}
    copy: JsonObject = {}
    for key, item in schema.items():
        if key in SCHEMA_MAPS and isinstance(item, dict):
            copy[key] = {name: _upgrade(part) for name, part in item.items()}
        else:
            copy[key] = item if key in DATA_KEYWORDS else _upgrade(item)
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(copy.get(exclusive), bool) and copy.pop(exclusive) and bound in copy:
            copy[exclusive] = copy.pop(bound)
    if copy.pop("nullable", False) is True:
        if isinstance(copy.get("type"), str):
            copy["type"] = [copy["type"], "null"]
        if isinstance(copy.get("enum"), list) and None not in copy["enum"]:
            copy["enum"] = [*copy["enum"], None]
    return copy


def _find_successes(envelopes: Mapping[str, Envelope], statuses: tuple[int, ...]) -> tuple[int, ...]:
    """The statuses that an operation succeeds with, ascending: the documented 2xx; 200 where there is only a
    range or a default; where no success is documented, the first response, whatever that is."""
    documented = tuple(status for status in statuses if 200 <= status < 300)
    if documented:
        return documented
    names = [name for name in envelopes if name not in ("2XX", "default")]
    if not names or len(names) < len(envelopes):
        return (200,)
    return (int(names[0].replace("X", "0")),)


class _Reader:
    """Turns a bundled document into a Contract.

    `problems` were found while it was bundled. If there are any, it is read for further ones only, and its
    schemas are left alone: what is wrong with them is told.
    """

    def __init__(self, document: JsonObject, file: str, problems: list[Problem]) -> None:
        self._document = document
        self._file = file
        self._is_sound = not problems
        # Where something is missing that the document names.
        self._gaps = tuple(problem.pointer for problem in problems if problem.file == file)
        self._schemas = SchemaRegistry(document if self._is_sound else {})
        self._problems = problems
        self._warnings: list[Problem] = []

    def read(self) -> Contract:
        server, prefix = self._server()
        self._read_schemes()
        operations: dict[str, Operation] = {}
        paths: PathTemplates[PathItem] = PathTemplates()
        for path, item, pointer in self._path_items():
            here = self._operations(path, item, pointer)
            for operation in here.values():
                if operation.id in operations:
                    self._problem(f"operationId {operation.id!r} is used twice", pointer)
                operations[operation.id] = operation
            allow = ", ".join(sorted(here)).encode("ascii")
            try:
                paths.add(prefix + path, PathItem(prefix + path, here, allow))
            except ValueError as error:
                self._problem(f"the path {path!r} {error}", pointer)
        if not operations and not self._problems:
            self._problem("the contract has no operation", "/paths")
        rules = self._rules()
        if self._problems:
            raise ContractError(self._problems)
        info = self._document.get("info")
        info = info if isinstance(info, dict) else {}
        return Contract(
            title=str(info.get("title", "untitled")),
            version=str(info.get("version", "")),
            server=server,
            prefix=prefix,
            operations=operations,
            paths=paths,
            document=self._document,
            schemas=self._schemas,
            assumptions=tuple(_find_assumptions(self._document)),
            warnings=tuple(self._warnings),
            security_schemes=self._schemes,
            rules=rules,
        )

    def _server(self) -> tuple[str, str]:
        """The URL of the first server, and its path."""
        servers = self._document.get("servers")
        url = "/"
        if isinstance(servers, list) and servers and isinstance(servers[0], dict):
            url = str(servers[0].get("url", "/"))
            variables = servers[0].get("variables")
            for name, variable in (variables if isinstance(variables, dict) else {}).items():
                if isinstance(variable, dict):
                    url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
        try:
            return url, urlsplit(url).path.rstrip("/")
        except ValueError as error:
            self._problem(f"{url!r} is no URL: {error}", "/servers/0/url")
            return url, ""

    def _path_items(self) -> Iterator[tuple[str, JsonObject, str]]:
        paths = self._document.get("paths")
        if not isinstance(paths, dict):
            self._problem("must be an object", "/paths")
            return
        for path, item in paths.items():
            if path.startswith("x-"):
                continue
            pointer = f"/paths/{escape_pointer(path)}"
            if not path.startswith("/"):
                self._problem(f"the path {path!r} must start with '/'", pointer)
            elif found := self._object(item, pointer):
                yield path, *found

    def _operations(self, path: str, item: JsonObject, pointer: str) -> dict[str, Operation]:
        operations: dict[str, Operation] = {}
        for method in METHODS:
            if method in item and (found := self._object(item[method], f"{pointer}/{method}")):
                operations[method.upper()] = self._operation(path, method, item, *found, pointer)
        return operations

    def _operation(
        self, path: str, method: str, item: JsonObject, raw: JsonObject, pointer: str, item_pointer: str
    ) -> Operation:
        parameters = self._parameters(item, item_pointer) | self._parameters(raw, pointer)
        named = {name for name, place in parameters if place == "path"}
        has_gaps = self._has_gap(f"{item_pointer}/parameters") or self._has_gap(f"{pointer}/parameters")
        for segment in path.split("/"):
            if segment.startswith("{") and segment[1:-1] not in named and not has_gaps:
                self._problem(f"the path parameter {segment} is not declared", pointer)
        security = self._security
        if "security" in raw:
            security = self._read_requirements(raw["security"], f"{pointer}/security")
        permission = raw.get("x-permission")
        if not isinstance(permission, str | None):
            self._problem("must be text such as account:api:key:create", f"{pointer}/x-permission")
        envelopes = self._envelopes(raw, pointer)
        statuses = tuple(sorted(int(status) for status in envelopes if status.isdecimal()))
        return Operation(
            id=str(raw.get("operationId") or f"{method}{path}"),
            method=method.upper(),
            path=path,
            summary=str(raw.get("summary", "")),
            parameters=tuple(parameters.values()),
            header_parameters=tuple(p for p in parameters.values() if p.place in ("header", "cookie")),
            body=self._body(raw, pointer),
            envelopes=envelopes,
            permission=permission,
            security=security,
            statuses=statuses,
            success_statuses=_find_successes(envelopes, statuses),
        )

    def _read_schemes(self) -> None:
        """Read the security schemes, and the requirements of operations that name none."""
        declared: dict[str, tuple[JsonObject, str]] = {}
        raw = find_pointer(self._document, "/components/securitySchemes")
        for name, item in (raw if isinstance(raw, dict) else {}).items():
            found = self._object(item, f"/components/securitySchemes/{escape_pointer(name)}")
            if found:
                declared[name] = found
        self._scheme_names = declared
        self._schemes = read_schemes(declared, self._problem, self._warning)
        self._security = self._read_requirements(self._document.get("security", []), "/security")

    def _read_requirements(self, raw: Json, pointer: str) -> tuple[Requirement, ...]:
        return read_requirements(raw, self._scheme_names, self._schemes, pointer, self._problem)

    def _rules(self) -> str | None:
        """The name of the rules that the document asks for at its root."""
        own = self._document.get("x-mockserver", {})
        name = own.get("rules") if isinstance(own, dict) else None
        if not isinstance(own, dict) or not isinstance(name, str | None):
            self._problem('must be an object such as {"rules": "<name>"}', "/x-mockserver")
            return None
        return name

    def _parameters(self, owner: JsonObject, pointer: str) -> dict[tuple[str, str], Parameter]:
        parameters: dict[tuple[str, str], Parameter] = {}
        raw_list = owner.get("parameters", [])
        if not isinstance(raw_list, list):
            self._problem("must be an array", f"{pointer}/parameters")
            return parameters
        for index, raw_item in enumerate(raw_list):
            found = self._object(raw_item, f"{pointer}/parameters/{index}")
            if found and (parameter := self._parameter(*found)):
                parameters[parameter.name, parameter.place] = parameter
        return parameters

    def _parameter(self, raw: JsonObject, pointer: str) -> Parameter | None:
        if not raw and self._has_gap(pointer):
            return None
        name, place = raw.get("name"), raw.get("in")
        if not isinstance(name, str) or place not in ("query", "path", "header", "cookie"):
            self._problem("a parameter needs a name and a place (in: query, path, header or cookie)", pointer)
            return None
        schema_pointer = f"{pointer}/schema"
        compiled = self._compile(raw.get("schema", True), schema_pointer if "schema" in raw else None)
        if compiled is None:
            return None
        schema = self._resolved(raw.get("schema", {})) if self._is_sound else {}
        types = schema.get("type", [])
        kinds = frozenset([types] if isinstance(types, str) else types)
        if "array" in kinds:
            items = self._resolved(schema.get("items", {})).get("type", [])
            kinds = frozenset(["array", *([items] if isinstance(items, str) else items)])
        return Parameter(
            name=name.lower() if place == "header" else name,
            place=cast(Place, place),
            required=raw.get("required") is True or place == "path",
            schema=compiled,
            types=kinds,
            is_list="array" in kinds,
            default=schema.get("default"),
            extensions={key: value for key, value in raw.items() if key.startswith("x-")},
        )

    def _body(self, raw: JsonObject, pointer: str) -> RequestBody | None:
        if "requestBody" not in raw:
            return None
        found = self._object(raw["requestBody"], f"{pointer}/requestBody")
        if not found:
            return None
        body, place = found
        schemas: dict[str, CompiledSchema] = {}
        members: frozenset[str] | None = None
        examples: dict[str, Json] = {}
        schema_pointer = ""
        content = body.get("content")
        for media, item in (content if isinstance(content, dict) else {}).items():
            if not isinstance(item, dict):
                self._problem("must be an object", f"{place}/content/{escape_pointer(media)}")
                continue
            schema_pointer = f"{place}/content/{escape_pointer(media)}/schema"
            compiled = self._compile(item.get("schema", True), schema_pointer if "schema" in item else None)
            if compiled is not None:
                schemas[media.lower()] = compiled
                members = self._members(item.get("schema", {}))
                examples = dict(self._examples(item, compiled, f"{place}/content/{escape_pointer(media)}"))
        return RequestBody(body.get("required") is True, schemas, members, examples, schema_pointer)

    def _members(self, schema: Json) -> frozenset[str] | None:
        resolved = self._resolved(schema)
        closed = "additionalProperties" not in resolved and "patternProperties" not in resolved
        combined = any(key in resolved for key in ("allOf", "anyOf", "oneOf", "if", "$dynamicRef"))
        properties = resolved.get("properties")
        return frozenset(properties) if closed and not combined and isinstance(properties, dict) else None

    def _envelopes(self, raw: JsonObject, pointer: str) -> dict[str, Envelope]:
        envelopes: dict[str, Envelope] = {}
        responses = raw.get("responses")
        if not isinstance(responses, dict):
            self._problem("must be an object", f"{pointer}/responses")
            return envelopes
        for status, item in responses.items():
            place = f"{pointer}/responses/{escape_pointer(status)}"
            if status.startswith("x-"):
                continue
            key = status.upper() if status.upper().endswith("XX") else status
            if key != "default" and not (
                len(key) == 3 and key[0] in "12345" and (key[1:] == "XX" or key.isdecimal())
            ):
                self._problem(f"{status!r} is no status; must be 100 to 599, 1XX to 5XX or default", place)
            elif found := self._object(item, place):
                envelopes[key] = self._envelope(key, *found)
        return envelopes

    def _envelope(self, status: str, raw: JsonObject, pointer: str) -> Envelope:
        content = raw.get("content")
        content = content if isinstance(content, dict) else {}
        for name in content:
            # It becomes a header as it stands.
            if not _MEDIA_TYPE.fullmatch(name):
                self._problem(f"{name!r} is no media type", f"{pointer}/content/{escape_pointer(name)}")
        media = next((name for name in content if "json" in name), next(iter(content), None))
        item = content[media] if media is not None and isinstance(content[media], dict) else {}
        place = f"{pointer}/content/{escape_pointer(media or '')}"
        schema = self._compile(item["schema"], f"{place}/schema") if "schema" in item else None
        provenance = str(raw.get("x-provenance", ""))
        if provenance and provenance not in PROVENANCES:
            self._problem(
                f"{provenance!r} must be one of {', '.join(PROVENANCES)}", f"{pointer}/x-provenance"
            )
        headers = raw.get("headers")
        return Envelope(
            status=status,
            media_type=media,
            is_json=media is not None and "json" in media,
            content_type=((b"content-type", media.encode("latin-1")),) if media is not None else (),
            schema=schema,
            schema_pointer=f"{place}/schema" if "schema" in item else "",
            examples=dict(self._examples(item, schema, place)),
            headers=headers if isinstance(headers, dict) else {},
            description=str(raw.get("description", "")),
            provenance=provenance,
            source=str(raw.get("x-source", "")),
        )

    def _examples(
        self, item: JsonObject, schema: CompiledSchema | None, pointer: str
    ) -> Iterator[tuple[str, Json]]:
        """Named examples that keep their schema; the others are warned about and left out."""
        named: list[tuple[str, Json, str]] = []
        examples = item.get("examples")
        for name, example in (examples if isinstance(examples, dict) else {}).items():
            place = f"{pointer}/examples/{escape_pointer(name)}"
            if (found := self._object(example, place)) and "value" in found[0]:
                named.append((name, found[0]["value"], f"{found[1]}/value"))
        if "example" in item:
            named.append(("example", item["example"], f"{pointer}/example"))
        for name, value, place in named:
            violations = schema.violations(value) if schema else ()
            for violation in violations:
                text = (
                    f"the example {name!r} breaks its schema: {violation.pointer or 'it'} {violation.message}"
                )
                self._warnings.append(Problem(text, f"{place}{violation.pointer}", self._file))
            if not violations:
                yield name, value

    def _compile(self, schema: Json, pointer: str | None) -> CompiledSchema | None:
        if pointer is None or not self._is_sound:
            return _anything()
        try:
            return self._schemas.compile(pointer)
        except ContractError as error:
            for problem in error.problems:
                self._problem(problem.message, problem.pointer)
            return None

    def _resolved(self, schema: Json) -> JsonObject:
        seen: set[str] = set()
        while (
            isinstance(schema, dict)
            and isinstance(reference := schema.get("$ref"), str)
            and reference not in seen
        ):
            seen.add(reference)
            schema = find_pointer(self._document, unquote(reference.removeprefix("#")))
        return schema if isinstance(schema, dict) else {}

    def _object(self, value: Json, pointer: str) -> tuple[JsonObject, str] | None:
        """The object at a place, with `#/…` references followed, and the place where it really stands."""
        seen: set[str] = set()
        while isinstance(value, Mapping) and isinstance(reference := value.get("$ref"), str):
            if reference in seen:
                self._problem("leads back to itself", f"{pointer}/$ref")
                return None
            seen.add(reference)
            found = find_pointer(self._document, unquote(reference.removeprefix("#")))
            if found is None:
                self._problem(f"{reference!r} leads to nothing", f"{pointer}/$ref")
                return None
            value, pointer = found, unquote(reference.removeprefix("#"))
        if not isinstance(value, dict):
            self._problem("must be an object", pointer)
            return None
        return value, pointer

    def _has_gap(self, pointer: str) -> bool:
        """Whether something is missing at a place or below it."""
        return any(gap.startswith(f"{pointer}/") for gap in self._gaps)

    def _warning(self, message: str, pointer: str) -> None:
        self._warnings.append(Problem(message, pointer, self._file))

    def _problem(self, message: str, pointer: str) -> None:
        problem = Problem(message, pointer, self._file)
        if problem not in self._problems:
            self._problems.append(problem)


def _anything() -> CompiledSchema:
    return SchemaRegistry({"schema": {"$schema": DIALECT}}).compile("/schema")


def _find_assumptions(document: JsonObject) -> Iterator[Assumption]:
    """Everything in the document with an x-provenance other than `documented`."""
    rules = document.get("x-rules")
    for rule in rules if isinstance(rules, list) else ():
        if isinstance(rule, dict) and rule.get("x-provenance") in PROVENANCES[1:]:
            yield Assumption(str(rule.get("what")), rule["x-provenance"], str(rule.get("x-source", "")))
    seen: set[tuple[str, str, str]] = set()

    def walk(value: Any, pointer: str) -> Iterator[Assumption]:
        if isinstance(value, dict):
            provenance = value.get("x-provenance")
            if provenance in PROVENANCES[1:]:
                fact = (pointer, str(provenance), str(value.get("x-source", "")))
                if fact not in seen:
                    seen.add(fact)
                    yield Assumption(*fact)
            for key, item in value.items():
                if key not in ("x-rules", "example", "examples", "default", "const", "enum"):
                    yield from walk(item, f"{pointer}/{escape_pointer(key)}")
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from walk(item, f"{pointer}/{index}")

    yield from walk(document, "")
