"""Recorded calls as a pact: what a consumer expects of a provider (Pact specification, version 4).

A pact holds the example that was seen and rules for whatever else will do. The rules are the contract's own:
by type, by pattern, by the listed values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qs

from mockserver.contract import Contract, Operation
from mockserver.contract.media_types import find_media_type
from mockserver.contract.patterns import translate
from mockserver.contract.schema_registry import SchemaRegistry, compile_pattern
from mockserver.contract.views import ORIGINAL
from mockserver.exports.replay import VARIABLE, Server, kept_headers, write_url
from mockserver.journal.call import Call, write_body
from mockserver.types import Json, JsonObject, Schema
from mockserver.variants.places import expand
from mockserver.version import VERSION

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
# What the engine of verifiers cannot run.
_LOOKS_AROUND = re.compile(r"\(\?(?:[=!]|<[=!])|\\[1-9]|\\k<")


def write_pact(interactions: list[Json], consumer: str, provider: str) -> JsonObject:
    """A pact of interactions that `write_interaction` gave."""
    return {
        "consumer": {"name": consumer},
        "provider": {"name": provider},
        "interactions": interactions,
        "metadata": {
            "pactSpecification": {"version": "4.0"},
            "mockserver": {"version": VERSION},
        },
    }


def can_be_agreed(call: Call) -> bool:
    """Whether a call is one that a pact can tell of: it got a whole answer."""
    return call.status is not None and call.state == "answered" and not call.response_truncated


def write_interaction(call: Call, contract: Contract, server: Server) -> JsonObject:
    """One call as an interaction. What only its owner knows is replaced by what this server lets in."""
    operation = contract.operations.get(call.operation or "")
    title = f"{call.operation or f'{call.head.method} {call.head.path}'} answers {call.status}"
    interaction: JsonObject = {
        "type": "Synchronous/HTTP",
        "key": call.id,
        "description": f"call {call.number}: {title} ({call.reason})",
        "pending": False,
        "request": _write_request(call, contract, operation, server),
        "response": _write_response(call, contract, operation),
    }
    if call.stub is not None or (operation is not None and "{" in operation.path):
        interaction["providerStates"] = [{"name": title}]
    return interaction


def read_state(name: str) -> tuple[str, int] | None:
    """Operation and status of a provider state that an interaction names; None for any other name."""
    match = re.fullmatch(r"(\S+) answers ([1-5]\d\d)", name)
    return None if match is None else (match[1], int(match[2]))


def _write_request(call: Call, contract: Contract, operation: Operation | None, server: Server) -> JsonObject:
    shown = server.show_credential(call, call.namespace)
    if any(VARIABLE in each.value for each in shown):
        shown = server.show_usual(operation, call.namespace)
    request: JsonObject = {"method": call.head.method, "path": call.head.path}
    _, _, query = write_url(call, "", shown).partition("?")
    if query:
        request["query"] = parse_qs(query, keep_blank_values=True)
    headers: dict[str, list[str]] = {}
    for name, value in kept_headers(call, shown):
        headers.setdefault(name, []).append(value)
    request["headers"] = headers
    if call.body:
        content_type = next(iter(headers.get("Content-Type", ())), "")
        body = write_body(call.body)
        request["body"] = _write_content(body, content_type)
        media = (
            None
            if operation is None or operation.body is None
            else (find_media_type(operation.body.content, content_type))
        )
        # Of a wrong request just this one is meant.
        if media is not None and media.is_json and media.schema_pointer and not call.violations:
            rules = BodyRules(contract.request_schemas)
            rules.read([contract.request_schemas.at(media.schema_pointer)], body, "$")
            request["matchingRules"] = {"body": rules.found}
    return request


def _write_response(call: Call, contract: Contract, operation: Operation | None) -> JsonObject:
    response: JsonObject = {"status": call.status}
    content_type = dict(call.response_headers).get(b"content-type", b"").decode("latin-1")
    if content_type:
        response["headers"] = {"Content-Type": [content_type]}
    if not call.response_body:
        return response
    body = write_body(call.response_body)
    envelope = None if operation is None or call.status is None else operation.envelope(call.status)
    media = None if envelope is None else find_media_type(envelope.content, content_type)
    if media is not None and media.is_json and media.schema_pointer:
        rules = BodyRules(contract.schemas)
        body = rules.read([contract.schemas.at(media.schema_pointer)], body, "$")
        response["matchingRules"] = {"body": rules.found}
    response["body"] = _write_content(body, content_type)
    return response


def _write_content(body: Json, content_type: str) -> JsonObject:
    return {"content": body, "contentType": content_type or "text/plain", "encoded": False}


class BodyRules:
    """Matching rules of a body, by JSONPath. `found` grows with each place that is read."""

    def __init__(self, schemas: SchemaRegistry) -> None:
        self._schemas = schemas
        self.found: dict[str, JsonObject] = {}

    def read(self, applying: Iterable[Schema], value: Json, path: str) -> Json:
        """Note the rules of a place and of all below it.

        Returns the value as it is expected: a null is left out where something else may stand there; of a
        list one item stands for all.
        """
        layers = expand(applying, self._schemas.resolve)
        if isinstance(value, dict):
            if not value:
                self._add(path, "type")
            kept: JsonObject = {}
            for name, item in value.items():
                below = [layer["properties"][name] for layer in layers if name in layer.get("properties", {})]
                if not below:
                    extra = (layer.get("additionalProperties") for layer in layers)
                    below = [each for each in extra if isinstance(each, dict)]
                if item is not None or not self._may_be_other(below):
                    kept[name] = self.read(below, item, path + _write_step(name))
            return kept
        if isinstance(value, list):
            self._add(path, "type", min=max([layer.get("minItems", 0) for layer in layers], default=0))
            below = [layer["items"] for layer in layers if "items" in layer]
            return [self.read(below, item, f"{path}[*]") for item in value[:1]]
        self._read_leaf(layers, value, path)
        return value

    def _may_be_other(self, below: list[Schema]) -> bool:
        layers = expand(below, self._schemas.resolve)
        types = [layer["type"] for layer in layers if "type" in layer]
        return not types or any(kind != "null" for kind in types)

    def _read_leaf(self, layers: Iterable[Mapping[str, Json]], value: Json, path: str) -> None:
        if value is None:
            return self._add(path, "null")
        if isinstance(value, bool):
            const = next((layer["const"] for layer in layers if "const" in layer), None)
            return self._add(path, "equality" if const is value else "boolean")
        if isinstance(value, str):
            regex = _find_regex(layers, value)
            return self._add(path, "type") if regex is None else self._add(path, "regex", regex=regex)
        return self._add(path, "integer" if isinstance(value, int) else "number")

    def _add(self, path: str, match: str, **more: Json) -> None:
        self.found.setdefault(path, {"combine": "AND", "matchers": [{"match": match, **more}]})


def _find_regex(layers: Iterable[Mapping[str, Json]], value: str) -> str | None:
    """A pattern that the schemas give for a text, and that it matches: it may have been hidden."""
    for layer in layers:
        values = [layer["const"]] if "const" in layer else layer.get("enum", ())
        texts = [each for each in values if isinstance(each, str)]
        if value in texts:
            return f"^(?:{'|'.join(map(re.escape, texts))})$"
        pattern = layer.get(ORIGINAL, layer.get("pattern"))
        is_common = isinstance(pattern, str) and not _LOOKS_AROUND.search(pattern)
        if is_common and compile_pattern(translate(pattern)).search(value):
            return str(pattern)
    return None


def _write_step(name: str) -> str:
    if _NAME.fullmatch(name):
        return f".{name}"
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"['{quoted}']"
