"""The loader: an OpenAPI document, with the files beside it, becomes a Contract.

`bundling` reads all files into one document of today's form, `_Reader` turns that document into operations,
and every mistake met on the way is collected, so that a user sees all of them at once. Schemas are compiled
when they are first needed, unless the document is small.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import chain, count, product
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from mockserver.contract.bundling import Bundle, bundle
from mockserver.contract.examples import Examples, PlacedExample
from mockserver.contract.media_types import NAME, Encoding, MediaType, announce, essence_of, find_form
from mockserver.contract.nearest import NearestFinder
from mockserver.contract.operations import (
    Assumption,
    Contract,
    Envelope,
    Operation,
    Parameter,
    ParameterPlace,
    PathItem,
    RequestBody,
    Requirement,
    ResponseHeader,
    Soundness,
)
from mockserver.contract.parameters import (
    IGNORED_HEADERS,
    STYLES,
    Shape,
    Style,
    decode_text,
    read_pairs,
)
from mockserver.contract.path_templates import PathTemplates, list_names
from mockserver.contract.pointers import find_pointer, list_at, object_at, read_fragment
from mockserver.contract.problems import BROKEN, Problems
from mockserver.contract.schema_registry import CompiledSchema, SchemaRegistry, compile_schema
from mockserver.contract.security import read_requirements, read_schemes
from mockserver.contract.spelling import METHODS, find_misspellings
from mockserver.exceptions import ContractError, MalformedJson, Problem
from mockserver.json_codec import escape_pointer, loads
from mockserver.types import Json, JsonObject

PROVENANCES = ("documented", "inferred", "invented")
# Of a document with more operations, schemas and examples are read when they are first needed.
EAGER_OPERATIONS = 100
# So many URLs may the variables of one server stand for.
_MAX_ADDRESSES = 20


def load_contract(path: Path | str, *, is_lenient: bool = False) -> Contract:
    """Read the OpenAPI document at a path, or at an `http` or `https` URL.

    `$ref` reaches files in the document's folder and below it, and nothing else. Raises ContractError with
    every problem, each with its file and JSON pointer; a lenient reading raises it only where no operation is
    left that can be served, and keeps the problems in the contract.
    """
    try:
        contract = _Reader(bundle(path)).read()
    except RecursionError:
        text = "references or schemas are nested too deeply"
        raise ContractError([Problem(text, file=Path(path).name)]) from None
    is_served = any(operation.problem is None for operation in contract.operations.values())
    if contract.problems and not (is_lenient and is_served):
        raise ContractError(contract.problems)
    return contract


class _Reader:
    """Turns a bundled document into a Contract."""

    def __init__(self, bundled: Bundle) -> None:
        self._document = bundled.document
        self._folder = bundled.folder
        self._origins = bundled.origins
        self._problems = bundled.problems
        self._warnings = bundled.warnings
        # Some parts are stand-ins then.
        self._has_gaps = bool(len(bundled.problems))
        self.answers = SchemaRegistry(self._document, "writeOnly")
        self.requests = SchemaRegistry(self._document, "readOnly")
        # Why the operation that is being read cannot be served.
        self._breaking: str | None = None
        self._is_eager = False

    def read(self) -> Contract:
        server, prefixes = self._servers(self._document, "") or ("/", [""])
        items = list(self._path_items())
        self._is_eager = sum(method in item for _, item, _ in items for method in METHODS) <= EAGER_OPERATIONS
        self._read_schemes()
        rules = self._rules()
        for message, pointer in find_misspellings(self._document):
            self._warning(message, pointer)
        operations: dict[str, Operation] = {}
        shapes: dict[str, list[tuple[dict[str, Operation], str, str]]] = {}
        for path, item, pointer in items:
            _, here = self._servers(item, pointer) or (server, prefixes)
            found = self._operations(path, item, pointer, tuple(here))
            for method, operation in found.items():
                if operation.id in operations:
                    self._problem(f"operationId {operation.id!r} is used twice", pointer)
                    found[method] = operation = replace(operation, id=_free_id(operation, operations))
                operations[operation.id] = operation
            shapes.setdefault(_write_shape(_split_path(path)[0]), []).append((found, path, pointer))
        paths = self._lay_paths(shapes)
        if not operations and not len(self._problems):
            text = "the contract has no operation"
            if isinstance(self._document.get("webhooks"), dict) and self._document["webhooks"]:
                text = "the document has webhooks and no paths: calls that its API makes, and none to it"
            self._problem(text, "/paths")
        info = object_at(self._document, "info")
        return Contract(
            title=str(info.get("title", "untitled")),
            version=str(info.get("version", "")),
            server=server,
            prefix=prefixes[0],
            operations=operations,
            paths=paths,
            document=self._document,
            schemas=self.answers,
            request_schemas=self.requests,
            assumptions=tuple(_find_assumptions(self._document)),
            problems=tuple(self._problems),
            warnings=tuple(self._warnings),
            security_schemes=self._schemes,
            rules=rules,
            nearest=NearestFinder([f"{each.method} {each.path}" for each in operations.values()]),
        )

    # Servers and paths.

    def _servers(self, owner: JsonObject, pointer: str) -> tuple[str, list[str]] | None:
        """The URL of the first server of a document, a path item or an operation, and the paths of all; None
        where it names none."""
        urls: list[str] = []
        for index, server in enumerate(list_at(owner, "servers")):
            if isinstance(server, dict):
                urls += self._addresses(server, f"{pointer}/servers/{index}")
        if not urls:
            return None
        return urls[0], list(dict.fromkeys(_path_of(url) for url in urls))

    def _addresses(self, server: JsonObject, pointer: str) -> Iterator[str]:
        """The URLs of a server: with the default of each variable, then with its other values."""
        url = str(server.get("url", "/"))
        choices: list[list[tuple[str, str]]] = []
        for name, variable in object_at(server, "variables").items():
            if isinstance(variable, dict) and f"{{{name}}}" in url:
                values = (variable.get("default", ""), *list_at(variable, "enum"))
                texts = dict.fromkeys(map(str, values))
                choices.append([(name, text) for text in texts])
        for _, chosen in zip(range(_MAX_ADDRESSES), product(*choices), strict=False):
            address = url
            for name, text in chosen:
                address = address.replace(f"{{{name}}}", text)
            try:
                urlsplit(address)
            except ValueError as error:
                self._problem(f"{address!r} is no URL: {error}", f"{pointer}/url")
                continue
            yield address

    def _path_items(self) -> Iterator[tuple[str, JsonObject, str]]:
        paths = self._document.get("paths", {} if self._document.get("webhooks") else None)
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

    def _lay_paths(
        self, shapes: Mapping[str, list[tuple[dict[str, Operation], str, str]]]
    ) -> PathTemplates[PathItem]:
        """The templates of all paths. Those of one shape share their methods, whatever their parameters are
        called."""
        paths: PathTemplates[PathItem] = PathTemplates()
        for alike in shapes.values():
            together: dict[str, Operation] = {}
            others: dict[str, tuple[Operation, ...]] = {}
            for operations, path, pointer in alike:
                for method, operation in operations.items():
                    first = together.setdefault(method, operation)
                    known = (first, *others.get(method, ()))
                    if first is operation:
                        continue
                    if all(operation.conditions != other.conditions for other in known):
                        others[method] = (*others.get(method, ()), operation)
                    else:
                        text = (
                            f"the path {path!r} has the same shape as another path with the method {method}"
                        )
                        self._problem(text, pointer)
            for method, operation in together.items():
                pointer = next(pointer for operations, _, pointer in alike if method in operations)
                for prefix in operation.prefixes:
                    template = prefix + operation.path
                    try:
                        paths.add(template, PathItem(template, together, others), method)
                    except ValueError as error:
                        self._problem(f"the path {operation.path!r} {error}", pointer)
                        break
        return paths

    def _operations(
        self, path: str, item: JsonObject, pointer: str, prefixes: tuple[str, ...]
    ) -> dict[str, Operation]:
        found = {
            method.upper(): (item[method], f"{pointer}/{method}") for method in METHODS if method in item
        }
        for method, raw in object_at(item, "additionalOperations").items():
            found.setdefault(
                method.upper(), (raw, f"{pointer}/additionalOperations/{escape_pointer(method)}")
            )
        return {
            method: self._operation(path, method, item, raw, place, pointer, prefixes)
            for method, (raw, place) in found.items()
        }

    def _operation(
        self,
        path: str,
        method: str,
        item: JsonObject,
        given: Json,
        pointer: str,
        item_pointer: str,
        prefixes: tuple[str, ...],
    ) -> Operation:
        self._breaking = None
        found = self._object(given, pointer)
        raw, pointer = found or ({}, pointer)
        written = path
        path, conditions = _split_path(path)
        parameters = self._parameters(item, item_pointer) | self._parameters(raw, pointer)
        parameters = {
            key: replace(parameter, place="query", style="form", is_exploded=True)
            if parameter.place == "path" and parameter.name in conditions
            else parameter
            for key, parameter in parameters.items()
        }
        if "#" in written:
            conditions |= _find_marks(parameters.values())
        if found:
            self._check_path(path, parameters, pointer)
        security = self._security
        if "security" not in raw:
            self._breaking = self._breaking or self._security_problem
        else:
            security = self._read_requirements(raw["security"], f"{pointer}/security")
        permission = raw.get("x-permission")
        if not isinstance(permission, str | None):
            self._problem("must be text such as account:api:key:create", f"{pointer}/x-permission")
            permission = None
        body = self._body(raw, pointer)
        envelopes = self._envelopes(raw, pointer) if found else {}
        statuses = tuple(sorted(int(status) for status in envelopes if status.isdecimal()))
        own = self._servers(raw, pointer)
        schemas = [parameter.schema for parameter in parameters.values()]
        schemas += [media.schema for media in body.content.values() if media.schema] if body else []
        schemas += [
            media.schema
            for envelope in envelopes.values()
            for media in envelope.content.values()
            if media.schema is not None
        ]
        is_known = self._is_eager or self._breaking is not None
        return Operation(
            id=str(raw.get("operationId") or f"{method.lower()}{written}"),
            method=method,
            path=path,
            summary=str(raw.get("summary", "")),
            parameters=tuple(parameters.values()),
            header_parameters=tuple(p for p in parameters.values() if p.place in ("header", "cookie")),
            body=body,
            envelopes=envelopes,
            permission=permission,
            security=security,
            statuses=statuses,
            success_statuses=_find_successes(envelopes, statuses),
            prefixes=prefixes if own is None else tuple(own[1]),
            soundness=Soundness(self._breaking, None if is_known else lambda: _find_problem(schemas)),
            conditions=conditions,
        )

    def _check_path(self, path: str, parameters: Mapping[tuple[str, str], Parameter], pointer: str) -> None:
        named = {name for name, place in parameters if place == "path"}
        for name in list_names(path):
            # One that could not be read may be it.
            if name not in named and not (self._has_gaps and self._breaking):
                self._problem(f"the path parameter {{{name}}} is not declared", pointer)

    def _read_schemes(self) -> None:
        """Read the security schemes, and the requirements of operations that name none."""
        declared: dict[str, tuple[JsonObject, str]] = {}
        components = object_at(self._document, "components")
        for name, item in object_at(components, "securitySchemes").items():
            found = self._object(item, f"/components/securitySchemes/{escape_pointer(name)}")
            if found:
                declared[name] = found
        self._scheme_names = declared
        self._schemes = read_schemes(declared, self._problem, self._warning)
        self._breaking = None
        self._security = self._read_requirements(self._document.get("security", []), "/security")
        self._security_problem = self._breaking

    def _read_requirements(self, raw: Json, pointer: str) -> tuple[Requirement, ...]:
        """Requirements of which none may be left out: an operation would let in what its API refuses."""
        found = read_requirements(raw, self._scheme_names, self._schemes, pointer, self._break)
        for choice in raw if isinstance(raw, list) else ():
            for name in choice if isinstance(choice, dict) else ():
                if name in self._scheme_names and name not in self._schemes:
                    text = f"the security scheme {name!r} cannot be read"
                    self._breaking = self._breaking or text
        return found

    def _rules(self) -> str | None:
        """The name of the rules that the document asks for at its root."""
        own = self._document.get("x-mockserver", {})
        name = own.get("rules") if isinstance(own, dict) else None
        if not isinstance(own, dict) or not isinstance(name, str | None):
            self._problem('must be an object such as {"rules": "<name>"}', "/x-mockserver")
            # Nobody can say how an operation of it behaves.
            raise ContractError(self._problems)
        return name

    # Parameters.

    def _parameters(self, owner: JsonObject, pointer: str) -> dict[tuple[str, str], Parameter]:
        parameters: dict[tuple[str, str], Parameter] = {}
        raw_list = owner.get("parameters", [])
        if not isinstance(raw_list, list):
            self._break("must be an array", f"{pointer}/parameters")
            return parameters
        for index, raw_item in enumerate(raw_list):
            found = self._object(raw_item, f"{pointer}/parameters/{index}")
            if found and (parameter := self._parameter(*found)):
                parameters[parameter.name, parameter.place] = parameter
        return parameters

    def _parameter(self, raw: JsonObject, pointer: str) -> Parameter | None:
        name, place = raw.get("name"), raw.get("in")
        if place == "querystring" and not isinstance(name, str):
            name = ""
        if not isinstance(name, str) or not isinstance(place, str) or place not in STYLES:
            self._break("a parameter needs a name and a place (in: query, path, header or cookie)", pointer)
            return None
        if place == "header" and name.lower() in IGNORED_HEADERS:
            return None
        styles = STYLES[place]
        style = cast(Style, raw.get("style", styles[0]))
        schema_pointer = f"{pointer}/schema"
        content = raw.get("content")
        if isinstance(content, dict) and content:
            media, item = next(iter(content.items()))
            style = "content"
            schema_pointer = f"{pointer}/content/{escape_pointer(media)}/schema"
            raw = {**raw, "schema": item["schema"]} if isinstance(item, dict) and "schema" in item else raw
        elif style not in styles:
            self._break(
                f"{style!r} is no style of a parameter in {place}: {', '.join(styles)}", f"{pointer}/style"
            )
            return None
        if "schema" not in raw:
            schema_pointer = ""
        shape = self._shape(self.requests, schema_pointer)
        exploded = raw.get("explode", style in ("form", "deepObject"))
        return Parameter(
            name=name.lower() if place == "header" else name,
            place=cast(ParameterPlace, place),
            required=raw.get("required") is True or place == "path",
            schema=self._compile(self.requests, schema_pointer),
            shape=shape,
            types=shape.types,
            is_list="array" in shape.types,
            default=shape.default,
            extensions={key: value for key, value in raw.items() if key.startswith("x-")},
            schema_pointer=schema_pointer,
            examples=tuple(example.value for example in self._examples(raw, "json", pointer)),
            style=style,
            is_exploded=exploded is True,
        )

    # Bodies.

    def _body(self, raw: JsonObject, pointer: str) -> RequestBody | None:
        if "requestBody" not in raw:
            return None
        found = self._object(raw["requestBody"], f"{pointer}/requestBody")
        if not found:
            return None
        body, place = found
        content = self._content(self.requests, body, place)
        if not content:
            # It says nothing of the body, so there is nothing to judge.
            return None
        return RequestBody(body.get("required") is True, content, _prefer_json(content))

    def _content(self, schemas: SchemaRegistry, owner: JsonObject, pointer: str) -> dict[str, MediaType]:
        """The media types under `content`, by name as it is written."""
        found: dict[str, MediaType] = {}
        for name, raw in object_at(owner, "content").items():
            place = f"{pointer}/content/{escape_pointer(name)}"
            # It becomes a header as it stands.
            if not NAME.fullmatch(name):
                self._problem(f"{name!r} is no media type", place)
            elif item := self._object(raw, place):
                found[name] = self._media_type(schemas, name, *item)
        return found

    def _media_type(self, schemas: SchemaRegistry, name: str, raw: JsonObject, pointer: str) -> MediaType:
        form = find_form(name)
        keyword = (
            "schema" if "schema" in raw else "itemSchema" if form == "lines" and "itemSchema" in raw else ""
        )
        schema_pointer = f"{pointer}/{keyword}" if keyword else ""
        schema = self._compile(schemas, schema_pointer) if keyword else None
        examples = Examples(
            list(self._examples(raw, form, pointer)),
            # What is not written as JSON is judged by what it stands for, where that is told.
            schema if form == "json" else None,
            self._origins.find,
            _read_json_text,
        )
        if self._is_eager and form == "json" and self._breaking is None:
            try:
                self._warnings.extend(examples.problems)
            except ContractError as error:
                self._break_by(error)
        return MediaType(
            name=name,
            essence=essence_of(name),
            form=form,
            schema=schema,
            schema_pointer=schema_pointer,
            shape=self._shape(schemas, schema_pointer),
            examples=examples,
            encoding=_read_encodings(object_at(raw, "encoding")),
            members=self._members(raw.get(keyword, {})) if keyword else None,
            content_type=announce(name),
        )

    def _members(self, schema: Json) -> frozenset[str] | None:
        resolved = self._resolved(schema)
        closed = "additionalProperties" not in resolved and "patternProperties" not in resolved
        combined = any(key in resolved for key in ("allOf", "anyOf", "oneOf", "if", "$ref", "discriminator"))
        properties = resolved.get("properties")
        return frozenset(properties) if closed and not combined and isinstance(properties, dict) else None

    def _envelopes(self, raw: JsonObject, pointer: str) -> dict[str, Envelope]:
        envelopes: dict[str, Envelope] = {}
        responses = raw.get("responses")
        if not isinstance(responses, dict):
            self._problem("must be an object", f"{pointer}/responses")
            return envelopes
        breaking: dict[str, str] = {}
        before = self._breaking
        for status, item in responses.items():
            place = f"{pointer}/responses/{escape_pointer(status)}"
            if status.startswith("x-"):
                continue
            key = status.upper() if status.upper().endswith("XX") else status
            if key != "default" and not (
                len(key) == 3 and key[0] in "12345" and (key[1:] == "XX" or key.isdecimal())
            ):
                self._problem(f"{status!r} is no status; must be 100 to 599, 1XX to 5XX or default", place)
                continue
            self._breaking = None
            if found := self._object(item, place):
                envelopes[key] = self._envelope(key, *found)
            if self._breaking is not None:
                breaking[key] = self._breaking
                envelopes.pop(key, None)
        # What is wrong with an error alone is told, and leaves the operation to be served.
        needed = [text for key, text in breaking.items() if key[0] == "2" or not envelopes]
        self._breaking = before or (needed[0] if needed else None)
        return envelopes

    def _envelope(self, status: str, raw: JsonObject, pointer: str) -> Envelope:
        content = self._content(self.answers, raw, pointer)
        media = _prefer_json(content)
        provenance = str(raw.get("x-provenance", ""))
        if provenance and provenance not in PROVENANCES:
            self._problem(
                f"{provenance!r} must be one of {', '.join(PROVENANCES)}", f"{pointer}/x-provenance"
            )
        return Envelope(
            status=status,
            media_type=None if media is None else media.name,
            is_json=media is not None and media.is_json,
            content_type=() if media is None else media.content_type,
            schema=None if media is None else media.schema,
            schema_pointer="" if media is None else media.schema_pointer,
            examples={} if media is None else media.examples,
            headers=self._headers(raw, pointer),
            media=media,
            content=content,
        )

    def _headers(self, raw: JsonObject, pointer: str) -> dict[str, ResponseHeader]:
        """The headers of a response, by name in lower case."""
        found: dict[str, ResponseHeader] = {}
        for name, item in object_at(raw, "headers").items():
            place = f"{pointer}/headers/{escape_pointer(name)}"
            if not _HEADER_NAME.fullmatch(name):
                self._problem(f"{name!r} is no name of a header", place)
            elif header := self._object(item, place):
                value, where = header
                is_required = value.get("required") is True
                if content := object_at(value, "content"):
                    media = next(iter(content))
                    where = f"{where}/content/{escape_pointer(media)}"
                    value = object_at(content, media)
                examples = tuple(example.value for example in self._examples(value, "json", where))
                schema_pointer = f"{where}/schema" if "schema" in value else ""
                found[name.lower()] = ResponseHeader(name, examples, schema_pointer, is_required)
        return found

    def _examples(self, item: JsonObject, form: str, pointer: str) -> Iterator[PlacedExample]:
        """The examples of a media type or a header, by name; the single one is called `example`."""
        for name, example in object_at(item, "examples").items():
            place = f"{pointer}/examples/{escape_pointer(name)}"
            if not (found := self._object(example, place)):
                continue
            raw, where = found
            key = next((key for key in ("value", "dataValue", "serializedValue") if key in raw), None)
            if key is not None:
                value = raw[key]
                if key == "serializedValue" and form == "json":
                    value = _read_json_text(value)
                yield PlacedExample(name, value, f"{where}/{key}")
            elif isinstance(file := raw.get("externalValue"), str):
                try:
                    yield PlacedExample(name, self._folder.read_bytes(file), f"{where}/externalValue")
                except ContractError as error:
                    self._warnings.extend(error.problems)
        if "example" in item:
            yield PlacedExample("example", item["example"], f"{pointer}/example")

    # Schemas.

    def _compile(self, schemas: SchemaRegistry, pointer: str) -> CompiledSchema:
        if not pointer:
            return _ANYTHING
        schema = schemas.find(pointer)
        if self._has_gaps and (broken := self._find_broken(find_pointer(self._document, pointer))):
            self._breaking = self._breaking or broken
        elif self._is_eager:
            try:
                schema.load()
            except ContractError as error:
                self._break_by(error)
        return schema

    def _find_broken(self, schema: Json) -> str | None:
        """The problem of a schema or of one that it leads to."""
        seen: set[str] = set()
        waiting = [schema]
        while waiting:
            found = waiting.pop()
            if isinstance(found, list):
                waiting += found
            elif isinstance(found, dict):
                if isinstance(text := found.get(BROKEN), str):
                    return text
                if isinstance(reference := found.get("$ref"), str) and reference not in seen:
                    seen.add(reference)
                    waiting.append(find_pointer(self._document, read_fragment(reference)))
                waiting += [item for item in found.values() if isinstance(item, dict | list)]
        return None

    def _shape(self, schemas: SchemaRegistry, pointer: str) -> Shape:
        def resolve(reference: str) -> Any:
            try:
                return schemas.resolve(reference)
            except ContractError:
                return True

        return Shape(find_pointer(self._document, pointer) if pointer else True, resolve)

    def _resolved(self, schema: Json) -> JsonObject:
        seen: set[str] = set()
        while (
            isinstance(schema, dict)
            and isinstance(reference := schema.get("$ref"), str)
            and len(schema) == 1
            and reference not in seen
        ):
            seen.add(reference)
            schema = find_pointer(self._document, read_fragment(reference))
        return schema if isinstance(schema, dict) else {}

    def _object(self, value: Json, pointer: str) -> tuple[JsonObject, str] | None:
        """The object at a place, with `#/…` references followed, and the place where it really stands."""
        seen: set[str] = set()
        while isinstance(value, Mapping) and isinstance(reference := value.get("$ref"), str):
            if reference in seen:
                self._break("leads back to itself", f"{pointer}/$ref")
                return None
            seen.add(reference)
            found = find_pointer(self._document, read_fragment(reference))
            if found is None:
                self._break(f"{reference!r} leads to nothing", f"{pointer}/$ref")
                return None
            value, pointer = found, read_fragment(reference)
        if not isinstance(value, dict):
            self._break("must be an object", pointer)
            return None
        if isinstance(text := value.get(BROKEN), str):
            self._breaking = self._breaking or text
            return None
        return value, pointer

    # Mistakes.

    def _break(self, message: str, pointer: str) -> None:
        """Tell a mistake for which the operation that is being read cannot be served."""
        broken = self._problem(message, pointer)
        self._breaking = self._breaking or broken

    def _break_by(self, error: ContractError) -> None:
        for problem in error.problems:
            self._break(problem.message, problem.pointer)

    def _problem(self, message: str, pointer: str) -> str:
        file, original = self._origins.find(pointer)
        return str(self._problems.add(message, original, file)[BROKEN])

    def _warning(self, message: str, pointer: str) -> None:
        file, original = self._origins.find(pointer)
        self._warnings.add(message, original, file)


def _prefer_json(content: Mapping[str, MediaType]) -> MediaType | None:
    """The first media type that is JSON, else the first of all."""
    return next((item for item in content.values() if item.is_json), next(iter(content.values()), None))


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


def _find_problem(schemas: Iterable[CompiledSchema]) -> str | None:
    """Why the schemas of an operation cannot be used; None where they can."""
    try:
        for schema in schemas:
            schema.load()
    except ContractError as error:
        return str(error)
    return None


_ANYTHING = compile_schema(True)
# A token (RFC 9110, section 5.6.2).
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~\w-]+", re.ASCII)


def _path_of(url: str) -> str:
    """The path of a server's URL, without a slash at its end."""
    path = urlsplit(url).path.strip("/")
    return f"/{path}" if path else ""


def _split_path(path: str) -> tuple[str, dict[str, str | None]]:
    """`/rest?method=search&page={page}` -> `/rest`, `{"method": "search", "page": None}`.

    OpenAPI has no such paths, but many documents do. What stands behind `#` tells apart paths of a document
    and never reaches a server.
    """
    bare, _, query = path.partition("#")[0].partition("?")
    conditions: dict[str, str | None] = {}
    for name, value in read_pairs(query.replace("?", "&")):
        conditions[decode_text(name)] = None if "{" in value else decode_text(value)
    return bare, conditions


def _find_marks(parameters: Iterable[Parameter]) -> dict[str, str | None]:
    """The parameters of a query that have one value, such as the `Action` of an operation."""
    return {
        parameter.name: parameter.shape.only
        for parameter in parameters
        if parameter.place == "query" and parameter.required and parameter.shape.only is not None
    }


def _write_shape(path: str) -> str:
    """The same text for paths that cannot be told apart but for the names of their parameters."""
    return unquote(re.sub(r"\{[^{}]*\}", "{}", path))


def _free_id(operation: Operation, taken: Mapping[str, Operation]) -> str:
    plain = f"{operation.method.lower()}{operation.path}"
    names = chain([plain], (f"{plain}-{number}" for number in count(2)))
    return next(name for name in names if name not in taken)


def _read_json_text(value: Json) -> Json:
    """JSON that an example has as text; any other value as it is."""
    if isinstance(value, str):
        with suppress(MalformedJson):
            return loads(value.encode("utf-8"))[0]
    return value


def _read_encodings(raw: JsonObject) -> dict[str, Encoding]:
    found: dict[str, Encoding] = {}
    for name, item in raw.items():
        if isinstance(item, dict):
            content_type, style = item.get("contentType"), item.get("style")
            found[name] = Encoding(
                content_type if isinstance(content_type, str) else None,
                style if isinstance(style, str) else None,
                item.get("explode", style in (None, "form")) is True,
            )
    return found


def find_problems(contract: Contract) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """Every problem and every warning, those as well that a large contract tells only when it is asked."""
    problems, warnings = Problems(), Problems()
    problems.extend(contract.problems)
    warnings.extend(contract.warnings)
    for operation in contract.operations.values():
        try:
            for media in operation.media_types:
                if media.schema is not None:
                    media.schema.load()
                if isinstance(media.examples, Examples):
                    warnings.extend(media.examples.problems)
            for parameter in operation.parameters:
                parameter.schema.load()
        except ContractError as error:
            problems.extend(() if contract.problems and operation.problem else error.problems)
    return tuple(problems), tuple(warnings)


def _find_assumptions(document: JsonObject) -> Iterator[Assumption]:
    """Everything in the document with an x-provenance other than `documented`."""
    for rule in list_at(document, "x-rules"):
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
